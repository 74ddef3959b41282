"""Merging."""


def of_three(layer, *shapes):
    def case(keras):
        inputs = [keras.Input(shape) for shape in shapes or ((4, 3),) * 3]
        return keras.Model(inputs, layer(keras.layers)(inputs))

    return case


def masked(keras):
    k = keras.layers
    x = keras.Input((6,), dtype="int32")
    a, b = k.Embedding(5, 3, mask_zero=True)(x), k.Embedding(5, 3, mask_zero=True)(x)
    return keras.Model(x, k.LSTM(4)(k.Concatenate()([k.Add()([a, b]), b])))


CASES = {
    "add": of_three(lambda k: k.Add()),
    "add_of_ranks": of_three(lambda k: k.Add(), (4, 3), (3,), (4, 3)),
    "concatenate": of_three(lambda k: k.Concatenate()),
    "concatenate_axis_1": of_three(lambda k: k.Concatenate(axis=1)),
    "masked": masked,
}
