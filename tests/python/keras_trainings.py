"""Trainings whose losses test_keras_steps.py compares between backends: `python keras_trainings.py losses.json` runs all with the
backend of KERAS_BACKEND. Weights and data come from NumPy; nothing is drawn by Keras."""

import json
import sys

import keras
import numpy as np
from keras import layers, ops

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 5)).astype("float32")
Y = RNG.normal(size=(24, 2)).astype("float32")
CLASSES = RNG.integers(0, 3, 24)


def with_weights(model):
    """Variances stay positive."""
    rng = np.random.default_rng(3)
    for v in model.weights:
        if v.trainable:
            v.assign(rng.normal(size=v.shape) * 0.3)
    return model


def sequential(shape, *parts):
    return with_weights(keras.Sequential([keras.Input(shape), *parts]))


def history(model, *data, **options):
    options = {"shuffle": False, "verbose": 0, **options}
    return {name: [float(v) for v in values] for name, values in model.fit(*data, **options).history.items()}


def images():
    """Bars at ten places, with noise: a convolutional network learns which."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 10, 300)
    pictures = rng.normal(size=(300, 12, 12, 1)).astype("float32") * 0.3
    for picture, label in zip(pictures, labels):
        picture[label : label + 3] += 1
    model = sequential(
        (12, 12, 1), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(16, 3, activation="relu"),
        layers.BatchNormalization(), layers.Flatten(), layers.Dense(10, "softmax"),
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return history(model, pictures, labels, epochs=4, batch_size=32, validation_split=0.2)


def sequences():
    """An LSTM that learns the sum of what is not padding."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(120, 9, 2)).astype("float32")
    x[np.arange(9) >= rng.integers(4, 10, (120, 1))] = 0
    model = sequential((9, 2), layers.Masking(), layers.LSTM(8), layers.Dense(1))
    model.compile(keras.optimizers.RMSprop(0.01), "mse")
    return history(model, x, x.sum((1, 2)), epochs=4, batch_size=20)


def transformer():
    rng = np.random.default_rng(4)
    tokens = rng.integers(0, 12, (96, 8))
    inputs = keras.Input((8,), dtype="int32")
    x = layers.Embedding(12, 16)(inputs)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True))
    x = layers.LayerNormalization()(x + layers.Dense(16)(layers.Dense(32, "gelu")(x)))
    model = with_weights(keras.Model(inputs, layers.Dense(12)(x)))
    model.compile(keras.optimizers.AdamW(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return history(model, tokens, np.roll(tokens, 1, 1), epochs=4, batch_size=16)


def weighted_classes_and_averages():
    model = sequential((5,), layers.Dense(3, "softmax"))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=2)
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=True)
    weights = {0: 1.0, 1: 2.0, 2: 0.5}
    return history(
        model, X, CLASSES, epochs=3, batch_size=5, class_weight=weights, callbacks=[swap], validation_data=(X, CLASSES)
    )


def weighted_samples():
    model = sequential((5,), layers.Dense(4, "relu", kernel_regularizer="l2"), layers.Dense(2, activity_regularizer="l1"))
    model.compile("adam", "mse", metrics=["mae"], weighted_metrics=["mse"])
    weights = np.linspace(0, 1, 24).astype("float32")
    return history(model, X, Y, epochs=3, batch_size=7, validation_split=0.25, sample_weight=weights)


def accumulated_and_clipped():
    model = sequential((5,), layers.Dense(2))
    model.compile(keras.optimizers.Adam(0.05, gradient_accumulation_steps=3, clipnorm=0.5, weight_decay=0.01), "mse")
    return history(model, X, Y, epochs=4, batch_size=4)


def schedules_and_early_stopping():
    model = sequential((5,), layers.Dense(2))
    model.compile(keras.optimizers.SGD(0.5), "mse")
    callbacks = [
        keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    ]
    return history(model, X, Y, epochs=30, batch_size=24, validation_data=(X[:5], Y[:5]), callbacks=callbacks)


def several_outputs():
    inputs = keras.Input((5,))
    hidden = layers.Dense(4, "tanh")(inputs)
    outputs = {"a": layers.Dense(2, name="a")(hidden), "b": layers.Dense(3, "softmax", name="b")(hidden)}
    model = with_weights(keras.Model(inputs, outputs))
    losses, y = {"a": "mse", "b": "sparse_categorical_crossentropy"}, {"a": Y, "b": CLASSES}
    model.compile("adam", losses, metrics={"b": ["accuracy"]}, loss_weights={"a": 0.3, "b": 2.0})
    return history(model, X, y, epochs=2, batch_size=9, validation_data=(X, y))


def generator_and_frozen_layers():
    def batches():
        for i in range(6):
            yield X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]

    model = sequential((5,), layers.Dense(4), layers.BatchNormalization(), layers.Dense(2))
    model.compile("sgd", "huber")
    first = history(model, batches(), epochs=3, steps_per_epoch=2)
    model.layers[1].trainable = False
    model.compile("sgd", "huber")
    second = history(model, X, Y, epochs=2, batch_size=8, validation_data=(X, Y), validation_freq=2)
    return {**first, **{f"{name} frozen": values for name, values in second.items()}}


def loss_of_ones_own():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense, self.tracker = layers.Dense(2), keras.metrics.Mean(name="own")
            self.dense.build((None, 5))
            self.built = True

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            loss = ops.mean((y - y_pred) ** 4)
            self.tracker.update_state(loss)
            return loss + (1.0 if training else 0.0)

    model = with_weights(Own())
    model.compile("sgd")
    return history(model, X, Y, epochs=2, batch_size=6, validation_data=(X, Y))


ALL = [
    images, sequences, transformer, weighted_classes_and_averages, weighted_samples, accumulated_and_clipped,
    schedules_and_early_stopping, several_outputs, generator_and_frozen_layers, loss_of_ones_own,
]

if __name__ == "__main__":
    with open(sys.argv[1], "w") as file:
        json.dump({f.__name__: f() for f in ALL}, file)
