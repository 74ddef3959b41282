"""An LSTM learns a wave with noise, and goes on with it; the plot shows how far it can be trusted.

    KERAS_BACKEND=kvino python time_series.py [PICTURE.png]
"""

import sys

import keras
import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

PAST, AHEAD = 40, 80


def main() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(700)
    clean = np.sin(2 * np.pi * t / 25) * (1 + 0.3 * np.sin(2 * np.pi * t / 110))
    series = (clean + rng.normal(0, 0.05, t.size)).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(series[:600], PAST + 1)

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((PAST, 1)), keras.layers.LSTM(24), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    history = model.fit(windows[:, :-1, None], windows[:, -1], epochs=15, batch_size=64, verbose=0).history["loss"]
    print(f"mean squared error: {history[0]:.3f} at first, {history[-1]:.4f} at last (the noise alone: 0.0025)")

    window, ahead = series[600 - PAST:600].copy(), []
    for _ in range(AHEAD):  # what it has said is what it goes on from
        ahead.append(float(model.predict_on_batch(window[None, :, None])[0, 0]))
        window = np.append(window[1:], np.float32(ahead[-1]))
    error = np.abs(np.array(ahead) - clean[600:600 + AHEAD])
    print(f"mean error of the first 20 steps ahead: {error[:20].mean():.2f}, of all {AHEAD}: {error.mean():.2f}")

    figure, axes = plt.subplots(figsize=(8, 2.6), layout="constrained")
    axes.plot(t[520:600], series[520:600], ".", color="0.6", label="measured")
    axes.plot(t[600:600 + AHEAD], clean[600:600 + AHEAD], color="0.75", label="what came")
    axes.plot(t[600:600 + AHEAD], ahead, color="tab:blue", label="what the LSTM said")
    axes.set_ylim(-2, 1.5)
    axes.legend(loc="lower left", ncols=3)
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "time_series.png", dpi=80)


if __name__ == "__main__":
    main()
