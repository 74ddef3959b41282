"""Strokes of a scan by `nonzero`: which pixels belong together, and what each stroke is like. Only the pixels that are not empty are
looked at: one in twenty of this page.

    KERAS_BACKEND=kvino python strokes.py [PICTURE.png]
"""

import pathlib
import sys

import keras
import matplotlib
import numpy as np
from keras import ops

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

SCAN = pathlib.Path(__file__).resolve().parent / "digits" / "scan.npy"


def page() -> np.ndarray:
    """The scan of a digit, turned and put down in twelve places."""
    scan, sheet, rng = np.load(SCAN), np.zeros((96, 128), "uint8"), np.random.default_rng(3)
    for i in range(12):
        y, x = 32 * (i // 4) + rng.integers(0, 16), 32 * (i % 4) + rng.integers(0, 16)
        sheet[y:y + 16, x:x + 16] = np.rot90(scan, int(rng.integers(0, 4)))
    return sheet


def label(ink: np.ndarray) -> tuple[keras.KerasTensor, keras.KerasTensor, np.ndarray]:
    """Rows, columns and a label of every pixel with ink: the smallest number among those that touch it, again and again."""
    rows, columns = ops.nonzero(ink)
    n = ops.shape(rows)[0]
    number = ops.scatter(ops.stack([rows + 1, columns + 1], 1), ops.arange(1, n + 1), (ink.shape[0] + 2, ink.shape[1] + 2))
    around = [(dy, dx) for dy in (0, 1, 2) for dx in (0, 1, 2)]
    near = ops.stack([number[dy:, dx:][:ink.shape[0], :ink.shape[1]][rows, columns] for dy, dx in around], 1)
    near = ops.where(near == 0, ops.arange(1, n + 1)[:, None], near) - 1  # [n, 9]: pixels that touch each
    labels = ops.arange(n)
    while True:
        smallest = ops.min(ops.take(labels, near), axis=1)
        smallest = ops.take(smallest, smallest)  # the label of a label: paths halve in each turn
        if ops.all(smallest == labels):
            return rows, columns, np.asarray(labels)
        labels = smallest


def main() -> None:
    sheet = page()
    rows, columns, labels = label(sheet > 3)
    names, stroke = np.unique(labels, return_inverse=True)
    strokes = len(names)
    ink = ops.cast(sheet[np.asarray(rows), np.asarray(columns)], "float32")
    mass = ops.segment_sum(ink, stroke, num_segments=strokes)
    y = ops.segment_sum(ink * ops.cast(rows, "float32"), stroke, num_segments=strokes) / mass
    x = ops.segment_sum(ink * ops.cast(columns, "float32"), stroke, num_segments=strokes) / mass
    print(f"{len(labels)} of {sheet.size} pixels have ink; {strokes} strokes")
    print("stroke  pixels  ink   middle")
    for i in range(min(strokes, 5)):
        print(f"{i:6} {int((stroke == i).sum()):7} {float(mass[i]):5.0f}   ({float(y[i]):.1f}, {float(x[i]):.1f})")

    colours = np.zeros((*sheet.shape, 3))
    colours[np.asarray(rows), np.asarray(columns)] = plt.get_cmap("tab20")(stroke % 20)[:, :3]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    axes[0].imshow(sheet, cmap="gray")
    axes[1].imshow(colours)
    axes[1].plot(np.asarray(x), np.asarray(y), "w+")
    for axis, title in zip(axes, ("the page", "its strokes and their middles")):
        axis.set_title(title)
        axis.axis("off")
    figure.savefig(sys.argv[1] if len(sys.argv) > 1 else "strokes.png", dpi=80)


if __name__ == "__main__":
    main()
