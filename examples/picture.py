"""What is in a picture, by a model of keras.applications.

    KERAS_BACKEND=kvino python picture.py [PICTURE] [--weights imagenet|none|FILE] [--alpha 1.0]

Without a picture it draws one. `imagenet` takes the weights that Keras downloads once; with `none` the scores are those of chance,
and the times are real.
"""

import argparse
import time

import keras
import numpy as np

SIDE = 224


def draw() -> np.ndarray:
    """A bright ball on a dark ground."""
    y, x = np.mgrid[:SIDE, :SIDE]
    ball = np.clip(1 - np.hypot(x - 112, y - 112) / 70, 0, 1)
    return np.stack([255 * ball, 160 * ball, 20 + 40 * ball], -1).astype("float32")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--alpha", type=float, default=1.0)
    given = parser.parse_args()

    weights = None if given.weights == "none" else given.weights
    model = keras.applications.MobileNetV2(input_shape=(SIDE, SIDE, 3), alpha=given.alpha, weights=weights)
    picture = keras.utils.load_img(given.picture, target_size=(SIDE, SIDE)) if given.picture else draw()
    batch = keras.applications.mobilenet_v2.preprocess_input(np.array(picture, "float32")[None])

    start = time.perf_counter()
    model.predict(batch, verbose=0)
    compiled = time.perf_counter() - start
    start = time.perf_counter()
    scores = model.predict_on_batch(batch)[0]
    print(f"first call {compiled:.1f} s, next one {1e3 * (time.perf_counter() - start):.1f} ms")
    if weights == "imagenet":
        for _, name, score in keras.applications.mobilenet_v2.decode_predictions(scores[None], top=5)[0]:
            print(f"{score:6.3f} {name}")
    else:
        for i in np.argsort(scores)[::-1][:5]:
            print(f"{scores[i]:6.3f} class {i}")


if __name__ == "__main__":
    main()
