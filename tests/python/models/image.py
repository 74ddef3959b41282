"""Changes of images that are made in predict, too, and some that are not."""

import numpy as np


def alone(shape, layer, dtype="float32", range=(0, 255)):
    """Images that use the whole range, one channel of the first of them of a single value."""

    def case(keras):
        x = np.random.default_rng(4).uniform(*range, (2, *[n or 9 for n in shape]))
        x[0, ..., 0] = x[0].flat[0]
        model = keras.Sequential([keras.Input(shape, dtype=dtype), layer(keras.layers)])
        return model, [x.astype(dtype)]

    return case


def of_both(layer):
    """A layer that does nothing in predict, of floats and of bytes."""

    def case(keras):
        inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3), dtype="uint8")]
        return keras.Model(inputs, [layer(keras.layers)(x) for x in inputs])

    return case


CLAHE = "ContrastLimitedAdaptiveHistogramEqualization"

CASES = {
    "auto_contrast": alone((6, 5, 3), lambda k: k.AutoContrast()),
    "auto_contrast_open": alone((None, None, 3), lambda k: k.AutoContrast((0, 1)), range=(0.2, 0.7)),
    "auto_contrast_bytes": alone((6, 5, 3), lambda k: k.AutoContrast(), "uint8"),
    "clahe": alone((32, 24, 3), lambda k: getattr(k, CLAHE)(tile_grid_size=(4, 3))),
    "clahe_padded": alone((30, 25, 3), lambda k: getattr(k, CLAHE)((0.0, 1.0), 2.0, (4, 4)), range=(0, 1)),
    "clahe_unlimited": alone((20, 20, 1), lambda k: getattr(k, CLAHE)(clip_limit=0, tile_grid_size=(2, 2))),
    "clahe_bytes": alone((16, 16, 2), lambda k: getattr(k, CLAHE)(tile_grid_size=(2, 2)), "uint8"),
    "solarization": of_both(lambda k: k.Solarization(0.1, 0.2)),
    "same": alone((6, 5, 3), lambda k: k.Rescaling(1.0)),
    "max_boxes": of_both(lambda k: k.MaxNumBoundingBoxes(4)),
}


def resized(axis):
    def change(layer):
        layer["class_name"] = f"Random{axis}"
        layer["config"] = {"name": layer["config"]["name"], "trainable": True, "dtype": "float32", "factor": [-0.2, 0.3], "interpolation": "bilinear", "seed": None}

    return change


OLD = {"random_height": ("same", resized("Height")), "random_width": ("same", resized("Width"))}
