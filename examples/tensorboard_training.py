"""Trains from scratch, with curves for TensorBoard (which needs TensorFlow for its files).

    KERAS_BACKEND=kvino python tensorboard_training.py [DIRECTORY]
    tensorboard --logdir DIRECTORY
"""

import pathlib
import sys

import keras
import numpy as np


def shapes(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of discs (0), squares (1) and crosses (2) somewhere, with noise."""
    y, x = np.mgrid[:16, :16]
    labels, pictures = rng.integers(0, 3, n), rng.normal(0, 0.2, (n, 16, 16, 1)).astype("float32")
    for picture, kind in zip(pictures, labels):
        dy, dx, r = y - rng.integers(5, 11), x - rng.integers(5, 11), rng.integers(3, 5)
        bars = (abs(dy) <= 1) & (abs(dx) <= r) | (abs(dx) <= 1) & (abs(dy) <= r)
        inside = [np.hypot(dy, dx) <= r, np.maximum(abs(dy), abs(dx)) <= r, bars]
        picture[inside[kind]] += 1
    return pictures, labels


def main() -> None:
    directory = sys.argv[1] if len(sys.argv) > 1 else "logs"
    rng = np.random.default_rng(0)
    x, y = shapes(1024, rng)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((16, 16, 1)),
        keras.layers.Conv2D(8, 3, activation="relu"),
        keras.layers.MaxPooling2D(),
        keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dense(3, activation="softmax"),
    ])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    curves = keras.callbacks.TensorBoard(directory, histogram_freq=2)
    model.fit(x, y, epochs=6, validation_split=0.2, verbose=0, callbacks=[curves])
    new, truth = shapes(256, rng)
    print(f"accuracy on new pictures: {model.evaluate(new, truth, verbose=0, return_dict=True)['accuracy']:.2f}")
    print(f"{len(list(pathlib.Path(directory).rglob('events*')))} files of events in {directory}")


if __name__ == "__main__":
    main()
