"""Recurrent layers."""

TOKENS = [[[1, 2, 3, 0, 4, 0], [2, 0, 0, 0, 0, 0], [0, 0, 1, 2, 3, 4]]]


def alone(layer, shape=(6, 3)):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


def with_states(layer, n):
    def case(keras):
        x, states = keras.Input((6, 3)), [keras.Input((4,)) for _ in range(n)]
        return keras.Model([x, *states], layer(keras.layers)(x, initial_state=states))

    return case


def masked(*layers):
    """Layers behind an Embedding whose mask leaves out steps at the end, in the middle and at the beginning."""

    def case(keras):
        x = keras.Input((6,), dtype="int32")
        y = keras.layers.Embedding(5, 3, mask_zero=True)(x)
        for layer in layers:
            y = layer(keras.layers)(y)
        return keras.Model(x, y), TOKENS

    return case


def directions(mode, **keywords):
    return alone(lambda k: k.Bidirectional(k.LSTM(4, **keywords), merge_mode=mode))


def two_layers(keras):
    k = keras.layers
    return keras.Sequential([keras.Input((6, 3)), k.Bidirectional(
        k.GRU(4, return_sequences=True), backward_layer=k.SimpleRNN(4, return_sequences=True, go_backwards=True))])


CASES = {
    "lstm": alone(lambda k: k.LSTM(4)),
    "lstm_sequences": alone(lambda k: k.LSTM(4, return_sequences=True, use_bias=False), (None, 3)),
    "lstm_backwards": alone(lambda k: k.LSTM(4, return_sequences=True, go_backwards=True)),
    "lstm_states": with_states(lambda k: k.LSTM(4, return_state=True), 2),
    "lstm_masked": masked(lambda k: k.LSTM(5, return_sequences=True), lambda k: k.LSTM(4)),
    "lstm_masked_zero": masked(lambda k: k.LSTM(5, return_sequences=True, zero_output_for_mask=True), lambda k: k.LSTM(4)),
    "lstm_masked_zero_last": masked(lambda k: k.LSTM(5, zero_output_for_mask=True)),
    "lstm_activations": alone(lambda k: k.LSTM(4, activation="relu", recurrent_activation="hard_sigmoid")),
    "lstm_activations_masked": masked(
        lambda k: k.LSTM(4, activation="softsign", return_sequences=True, go_backwards=True, return_state=True)),
    "lstm_activations_zero": masked(
        lambda k: k.LSTM(4, activation="softsign", return_sequences=True, zero_output_for_mask=True)),
    "gru": alone(lambda k: k.GRU(4), (None, 3)),
    "gru_before": alone(lambda k: k.GRU(4, reset_after=False, return_sequences=True)),
    "gru_no_bias": alone(lambda k: k.GRU(4, use_bias=False, go_backwards=True)),
    "gru_states": with_states(lambda k: k.GRU(4, return_state=True, return_sequences=True), 1),
    "gru_masked": masked(lambda k: k.GRU(4)),
    "gru_activations": alone(lambda k: k.GRU(4, activation="elu", recurrent_activation="hard_sigmoid")),
    "gru_before_activations": alone(lambda k: k.GRU(4, activation="elu", reset_after=False, return_sequences=True)),
    "simple": alone(lambda k: k.SimpleRNN(4)),
    "simple_relu": alone(lambda k: k.SimpleRNN(4, activation="relu", return_sequences=True)),
    "simple_linear": alone(lambda k: k.SimpleRNN(4, activation=None, use_bias=False), (None, 3)),
    "simple_masked": masked(lambda k: k.SimpleRNN(4, return_state=True)),
    "conv_1d": alone(lambda k: k.ConvLSTM1D(2, 3), (4, 8, 3)),
    "conv_2d": alone(lambda k: k.ConvLSTM2D(2, 3, padding="same", strides=2, return_sequences=True), (None, 6, 6, 3)),
    "conv_2d_backwards": alone(
        lambda k: k.ConvLSTM2D(2, (2, 3), go_backwards=True, use_bias=False, activation="relu"), (3, 6, 6, 2)),
    "conv_3d": alone(lambda k: k.ConvLSTM3D(2, 2, return_state=True), (2, 4, 4, 4, 2)),
    "rnn_lstm": alone(lambda k: k.RNN(k.LSTMCell(4), return_sequences=True)),
    "rnn_gru": alone(lambda k: k.RNN(k.GRUCell(4, reset_after=False), return_state=True), (None, 3)),
    "rnn_simple_masked": masked(lambda k: k.RNN(k.SimpleRNNCell(4), return_sequences=True, go_backwards=True)),
    "rnn_stacked": alone(lambda k: k.RNN([k.LSTMCell(4), k.GRUCell(5), k.SimpleRNNCell(3)])),
    "rnn_stacked_states": alone(lambda k: k.RNN(k.StackedRNNCells([k.GRUCell(5), k.LSTMCell(4)]), return_state=True)),
    "concat": directions("concat"),
    "sum": directions("sum", return_sequences=True),
    "ave": directions("ave"),
    "mul": directions("mul", return_sequences=True),
    "lists": directions(None, return_sequences=True),
    "both_states": directions("concat", return_state=True),
    "both_masked": masked(lambda k: k.Bidirectional(k.LSTM(4, return_sequences=True)), lambda k: k.Bidirectional(k.GRU(3))),
    "both_given_states": with_states(lambda k: k.Bidirectional(k.LSTM(4)), 4),
    "backward_layer": two_layers,
    "both_rnn": alone(lambda k: k.Bidirectional(k.RNN(k.LSTMCell(3), return_sequences=True))),
}
