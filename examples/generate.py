"""A small GPT-2 of KerasHub learns one sentence by heart, and goes on with its beginning.

    KERAS_BACKEND=kvino python generate.py
"""

import keras
import keras_hub
import numpy as np

TEXT = "the quick brown fox jumps over the lazy dog and the dog sleeps on. "
LENGTH = 48


def main() -> None:
    keras.utils.set_random_seed(0)
    letters = sorted(set(TEXT))
    ids = np.array([letters.index(c) + 1 for c in TEXT * 8], "int32")  # 0 is padding
    windows = np.lib.stride_tricks.sliding_window_view(ids, LENGTH + 1)[::3]

    backbone = keras_hub.models.GPT2Backbone(
        vocabulary_size=len(letters) + 1, num_layers=2, num_heads=4, hidden_dim=64, intermediate_dim=128, max_sequence_length=LENGTH, dropout=0)
    model = keras_hub.models.GPT2CausalLM(backbone, preprocessor=None)
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True), sampler="greedy")
    x = {"token_ids": windows[:, :-1], "padding_mask": np.ones((len(windows), LENGTH), "bool")}
    history = model.fit(x, windows[:, 1:], epochs=25, batch_size=32, verbose=0).history["loss"]
    print(f"loss: {history[0]:.2f} at first, {history[-1]:.3f} at last")

    start = "the quick "
    tokens = np.zeros((1, LENGTH), "int32")
    tokens[0, : len(start)] = [letters.index(c) + 1 for c in start]
    prompt = {"token_ids": tokens, "padding_mask": np.arange(LENGTH)[None] < len(start)}
    out = model.generate(prompt, stop_token_ids=None)["token_ids"][0]
    print("".join(letters[int(i) - 1] for i in out if i))


if __name__ == "__main__":
    main()
