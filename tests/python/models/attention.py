"""Attention."""


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
    return keras.Model(x, k.MultiHeadAttention(2, 3)(e, e, use_causal_mask=True)), [[[1, 2, 3, 4, 0, 0], [2, 1, 0, 0, 0, 0]]]


CASES = {"self": self_attention, "of_all": of_all, "masked_and_causal": masked_and_causal}
