"""Trains the digit classifier of this example and writes the files that run.py reads.

    python train.py [--out DIR] [--epochs N]

Writes digits.keras (the model), reference.npz (the held-out images, plain and shifted, their labels and the outputs of
the training backend called eagerly) and scan.npy (one real scan on its canvas). Needs scikit-learn, whose `load_digits`
holds the 1797 scans, and a Keras backend that can train; TensorFlow unless KERAS_BACKEND says otherwise.
"""

import argparse
import os
import pathlib
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from layers import CropToStrokes

SEED = 20
SCAN = 8  # the scans are 8x8, of 17 grey levels
CANVAS = 16
LEVELS = 16.0
HELD_OUT = 0.2


def place(scans, tops, lefts):
    """Puts every scan on a blank canvas with its upper left corner at (top, left)."""
    canvas = np.zeros((len(scans), CANVAS, CANVAS), scans.dtype)
    for image, scan, top, left in zip(canvas, scans, tops, lefts, strict=True):
        image[top : top + SCAN, left : left + SCAN] = scan
    return canvas


def as_input(canvas):
    """Grey levels as the model takes them; exact in float32."""
    return (canvas.astype(np.float32) / np.float32(LEVELS))[..., None]


def classifier():
    layers = keras.layers

    def convolution(filters, x):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.Activation("relu")(x)

    image = keras.Input((CANVAS, CANVAS, 1), name="image")
    x = CropToStrokes(SCAN, name="crop")(image)
    x = convolution(32, x)
    x = convolution(32, x)
    x = layers.MaxPooling2D(2)(x)
    x = convolution(64, x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(64, activation="relu")(x)
    x = layers.Dropout(0.3)(x)
    x = layers.Dense(10, activation="softmax")(x)
    return keras.Model(image, x, name="digits")


def train(x, y, epochs, batch=64):
    model = classifier()
    steps = epochs * -(-len(x) // batch)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=batch, epochs=epochs, verbose=2)
    # A copy that was never compiled: the file then holds the weights alone, without the optimizer's moments.
    weights = model.get_weights()
    keras.utils.clear_session()  # so that the layers' numbers start anew
    plain = classifier()
    plain.set_weights(weights)
    return plain


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()

    start = time.perf_counter()
    keras.utils.set_random_seed(SEED)
    if keras.backend.backend() == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()

    scans, labels = load_digits(return_X_y=True)
    scans = scans.reshape(-1, SCAN, SCAN).astype(np.uint8)
    x_train, x_held, y_train, y_held = train_test_split(
        scans, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels
    )
    generator = np.random.default_rng(SEED)

    def shifts(count):
        return generator.integers(0, CANVAS - SCAN + 1, (2, count))

    model = train(as_input(place(x_train, *shifts(len(x_train)))), y_train, arguments.epochs)

    middle = np.full((2, len(x_held)), (CANVAS - SCAN) // 2)
    reference = {"labels": y_held.astype(np.uint8)}
    for name, where in (("plain", middle), ("shifted", shifts(len(x_held)))):
        canvas = place(x_held, *where)
        outputs = keras.ops.convert_to_numpy(model(as_input(canvas), training=False))
        reference[f"{name}_images"] = canvas
        reference[f"{name}_outputs"] = outputs
        print(f"held-out accuracy, {name}: {np.mean(outputs.argmax(1) == y_held):.4f} of {len(y_held)}")

    arguments.out.mkdir(parents=True, exist_ok=True)
    model.save(arguments.out / "digits.keras")
    np.savez_compressed(arguments.out / "reference.npz", **reference)
    np.save(arguments.out / "scan.npy", reference["shifted_images"][0])
    for name in ("digits.keras", "reference.npz", "scan.npy"):
        print(f"{name}: {(arguments.out / name).stat().st_size} bytes")
    print(f"trained on {keras.backend.backend()} in {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
