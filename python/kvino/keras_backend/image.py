"""keras.ops.image: the table's operators, with the data format that Keras is set to where none is given."""

import functools

from keras.src.backend.config import standardize_data_format
from keras.src.random.seed_generator import draw_seed

from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators

_stack = operators("numpy")["stack"]
_table = operators("image")
globals().update(_table)
__getattr__ = missing("image")


def _with_data_format(name, position):
    """An operator with data_format as its last parameter, at this position."""
    op = _table[name]

    @functools.wraps(op)
    def on_images(*args, **kwargs):
        if len(args) <= position:
            kwargs["data_format"] = standardize_data_format(kwargs.get("data_format"))
        return op(*args, **kwargs)

    return on_images


rgb_to_grayscale = _with_data_format("rgb_to_grayscale", 1)
rgb_to_hsv = _with_data_format("rgb_to_hsv", 1)
hsv_to_rgb = _with_data_format("hsv_to_rgb", 1)
sobel_edges = _with_data_format("sobel_edges", 1)
resize = _with_data_format("resize", 8)
affine_transform = _with_data_format("affine_transform", 5)
perspective_transform = _with_data_format("perspective_transform", 5)


def map_coordinates(inputs, coordinates, order, fill_mode="constant", fill_value=0.0):
    if isinstance(coordinates, (list, tuple)):
        coordinates = _stack(coordinates)
    return _table["map_coordinates"](inputs, coordinates, order, fill_mode, fill_value)


def gaussian_blur(images, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None):
    if isinstance(sigma, (list, tuple)):
        sigma = _stack(sigma)
    return _table["gaussian_blur"](images, tuple(kernel_size), sigma, standardize_data_format(data_format))


def elastic_transform(
    images,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
):
    data_format = standardize_data_format(data_format)
    return _table["elastic_transform"](
        draw_seed(seed), images, alpha, sigma, interpolation, fill_mode, fill_value, data_format
    )
