"""The recurrent operators have their tests in test_recurrent.py: here are their names, for the table."""

OPS = {"lstm_sequence", "gru_sequence", "rnn_sequence"}
