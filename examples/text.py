"""Tells complaints from praise: words, an embedding, a mean.

    KERAS_BACKEND=kvino python text.py
"""

import keras
import numpy as np

GOOD = "great lovely fast warm excellent friendly fresh perfect".split()
BAD = "awful slow cold rude terrible stale broken late".split()
OTHER = "the food service room was and very our a it in with staff today".split()
LENGTH = 12


def sentences(n: int, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    labels = rng.integers(0, 2, n)
    texts = []
    for label in labels:
        words = list(rng.choice(OTHER, rng.integers(4, LENGTH - 2))) + list(rng.choice(GOOD if label else BAD, 2))
        rng.shuffle(words)
        texts.append(" ".join(words))
    return texts, labels


def ids(texts: list[str], vocabulary: dict[str, int]) -> np.ndarray:
    """Padded with 0; words that are not known are 1."""
    rows = np.zeros((len(texts), LENGTH), "int32")
    for row, text in zip(rows, texts):
        words = [vocabulary.get(word, 1) for word in text.lower().split()][:LENGTH]
        row[: len(words)] = words
    return rows


def main() -> None:
    rng = np.random.default_rng(0)
    texts, labels = sentences(600, rng)
    vocabulary = {word: i for i, word in enumerate(sorted({w for text in texts for w in text.split()}), 2)}
    x = ids(texts, vocabulary)

    keras.utils.set_random_seed(0)
    model = keras.Sequential([
        keras.Input((LENGTH,), dtype="int32"),
        keras.layers.Embedding(len(vocabulary) + 2, 16, mask_zero=True),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(1, "sigmoid"),
    ])
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x[:500], labels[:500], epochs=8, verbose=0)
    print(f"accuracy on new sentences: {model.evaluate(x[500:], labels[500:], verbose=0, return_dict=True)['accuracy']:.2f}")

    for text in ("the staff was friendly and the food excellent", "our room was cold and the service late today"):
        score = float(model.predict(ids([text], vocabulary), verbose=0)[0, 0])
        print(f"{score:.2f}  {text}")


if __name__ == "__main__":
    main()
