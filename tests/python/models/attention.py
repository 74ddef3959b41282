"""Attention."""

TOKENS = [[[1, 2, 3, 4, 0, 0], [2, 1, 0, 0, 0, 0]]]


def self_attention(keras):
    x = keras.Input((5, 6))
    return keras.Model(x, keras.layers.MultiHeadAttention(2, 3)(x, x))


def of_all(keras):
    k = keras.layers
    q, v, m = keras.Input((5, 6)), keras.Input((7, 4)), keras.Input((5, 7), dtype="bool")
    return keras.Model([q, v, m], k.MultiHeadAttention(2, 3, value_dim=4, use_bias=False, output_shape=5)(q, v, attention_mask=m))


def masked_and_causal(keras):
    k = keras.layers
    x = keras.Input((6,), dtype="int32")
    e = k.Embedding(5, 4, mask_zero=True)(x)
    return keras.Model(x, k.MultiHeadAttention(2, 3)(e, e, use_causal_mask=True)), TOKENS


def on(shape, layer, masked=False, **call):
    """A layer of query and value, of one input or behind an Embedding with a mask."""

    def case(keras):
        k = keras.layers
        x = keras.Input((6,), dtype="int32") if masked else keras.Input(shape)
        y = k.Embedding(5, 4, mask_zero=True)(x) if masked else x
        model = keras.Model(x, layer(k)(y, y, **call))
        return (model, TOKENS) if masked else model

    return case


def of_list(layer, masked=False, n=2, **call):
    def case(keras):
        k = keras.layers
        x = keras.Input((6,), dtype="int32") if masked else keras.Input((6, 4))
        y = k.Embedding(5, 4, mask_zero=True)(x) if masked else x
        model = keras.Model(x, layer(k)([y] * n, **call))
        return (model, TOKENS) if masked else model

    return case


CASES = {
    "self": self_attention,
    "of_all": of_all,
    "masked_and_causal": masked_and_causal,
    "key": lambda keras: (lambda q, v: keras.Model([q, v], keras.layers.MultiHeadAttention(2, 3)(q, v, v)))(
        keras.Input((None, 4)), keras.Input((5, 4))),
    "scores": on((5, 6), lambda k: k.MultiHeadAttention(2, 3), return_attention_scores=True),
    "scores_causal": on((5, 6), lambda k: k.MultiHeadAttention(2, 3, dropout=0.5), masked=True, return_attention_scores=True,
                        use_causal_mask=True),
    "two_axes": on((3, 4, 5), lambda k: k.MultiHeadAttention(2, 3)),
    "one_of_two_axes": on((3, 4, 5), lambda k: k.MultiHeadAttention(2, 3, attention_axes=(2,))),
    "first_of_two_axes": on((3, 4, 5), lambda k: k.MultiHeadAttention(2, 3, attention_axes=1, use_bias=False)),
    "gate": on((5, 6), lambda k: k.MultiHeadAttention(2, 3, use_gate=True)),
    "window": on((9, 6), lambda k: k.MultiHeadAttention(2, 3, sliding_window=2)),
    "window_causal": on((9, 6), lambda k: k.MultiHeadAttention(2, 3, sliding_window=3), use_causal_mask=True),
    "grouped": on((5, 6), lambda k: k.GroupQueryAttention(3, 4, 2)),
    "grouped_gate": on((None, 6), lambda k: k.GroupQueryAttention(3, 4, 1, use_gate=True, use_bias=False), use_causal_mask=True),
    "grouped_masked": on(None, lambda k: k.GroupQueryAttention(3, 2, 2, sliding_window=2), masked=True),
    "grouped_scores": on((5, 6), lambda k: k.GroupQueryAttention(3, 4, 2), return_attention_scores=True),
    "plain": of_list(lambda k: k.Attention()),
    "plain_masked": of_list(lambda k: k.Attention(use_scale=True), masked=True, use_causal_mask=True),
    "plain_concat": of_list(lambda k: k.Attention(score_mode="concat"), n=3),
    "plain_concat_scale": of_list(lambda k: k.Attention(score_mode="concat", use_scale=True), return_attention_scores=True),
    "additive": of_list(lambda k: k.AdditiveAttention()),
    "additive_masked": of_list(lambda k: k.AdditiveAttention(use_scale=False), masked=True, n=3),
}
