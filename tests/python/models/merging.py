"""Merging."""


def of(layer, *shapes):
    def case(keras):
        inputs = [keras.Input(shape) for shape in shapes or ((4, 3),) * 3]
        return keras.Model(inputs, layer(keras.layers)(inputs))

    return case


def masked(layer, both=True):
    """Two embeddings of words with masks of their own (or but one), and an LSTM that shows the mask of the result."""

    def case(keras):
        k = keras.layers
        x, y = keras.Input((6,), dtype="int32"), keras.Input((6,), dtype="int32")
        a, b = k.Embedding(5, 3, mask_zero=True)(x), k.Embedding(5, 3, mask_zero=both)(y)
        merged = layer(k)([a, b])
        return keras.Model([x, y], [merged, k.LSTM(4)(merged)]), [[[1, 2, 0, 4, 0, 0], [2, 1, 0, 0, 0, 3]], [[1, 0, 3, 4, 0, 0], [2, 1, 2, 0, 0, 0]]]

    return case


def nested(keras):
    k = keras.layers
    x = keras.Input((6,), dtype="int32")
    a, b = k.Embedding(5, 3, mask_zero=True)(x), k.Embedding(5, 3, mask_zero=True)(x)
    return keras.Model(x, k.LSTM(4)(k.Concatenate()([k.Add()([a, b]), b])))


ELEMENTWISE = {name.lower(): lambda k, name=name: getattr(k, name)() for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")}
MASKED = {**ELEMENTWISE, "subtract": lambda k: k.Subtract(), "concatenate": lambda k: k.Concatenate(), "concatenate_time": lambda k: k.Concatenate(axis=1)}
CASES = {
    **{name: of(layer) for name, layer in ELEMENTWISE.items()},
    **{f"{name}_of_ranks": of(layer, (4, 3), (3,), (4, 3)) for name, layer in ELEMENTWISE.items()},
    **{f"{name}_masked": masked(layer) for name, layer in MASKED.items()},
    **{f"{name}_half_masked": masked(layer, both=False) for name, layer in MASKED.items()},
    "subtract": of(lambda k: k.Subtract(), (4, 3), (4, 3)),
    "concatenate": of(lambda k: k.Concatenate()),
    "concatenate_axis_1": of(lambda k: k.Concatenate(axis=1), (4, 3), (None, 3)),
    "dot": of(lambda k: k.Dot(axes=1), (4,), (4,)),
    "dot_normalized": of(lambda k: k.Dot(axes=-1, normalize=True), (5,), (5,)),
    "dot_of_matrices": of(lambda k: k.Dot(axes=(2, 1)), (4, 3), (3, 5)),
    "dot_of_first_axes": of(lambda k: k.Dot(axes=(1, 2), normalize=True), (4, 3), (None, 4)),
    "dot_of_vector_and_matrix": of(lambda k: k.Dot(axes=(1, 2)), (4,), (3, 4)),
    "dot_of_matrix_and_vector": of(lambda k: k.Dot(axes=(2, 1)), (3, 4), (4,)),
    "dot_of_images": of(lambda k: k.Dot(axes=(3, 1)), (2, 3, 4), (4, 5)),
    "masked": nested,
}
