"""Recurrent layers."""


def alone(layer, shape=(6, 3)):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


def states(keras):
    k = keras.layers
    x, h, c = keras.Input((6, 3)), keras.Input((4,)), keras.Input((4,))
    return keras.Model([x, h, c], k.LSTM(4, return_state=True)(x, initial_state=[h, c]))


def masked(keras):
    k = keras.layers
    x = keras.Input((6,), dtype="int32")
    return keras.Model(x, k.LSTM(4)(k.LSTM(5, return_sequences=True)(k.Embedding(5, 3, mask_zero=True)(x))))


CASES = {
    "lstm": alone(lambda k: k.LSTM(4)),
    "lstm_sequences": alone(lambda k: k.LSTM(4, return_sequences=True, use_bias=False), (None, 3)),
    "lstm_backwards": alone(lambda k: k.LSTM(4, return_sequences=True, go_backwards=True)),
    "lstm_states": states,
    "lstm_masked": masked,
}
