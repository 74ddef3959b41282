"""keras.random: the table's operators take a seed of two integers; Keras draws it from a generator, an integer or None."""

from keras.src.random.seed_generator import SeedGenerator  # noqa: F401
from keras.src.random.seed_generator import draw_seed
from keras.src.random.seed_generator import make_default_seed  # noqa: F401

from kvino.keras_backend.core import shape as shape_of
from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators

_table = operators("random")
__getattr__ = missing("random")


def uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    return _table["uniform"](draw_seed(seed), shape, minval, maxval, dtype)


def normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _table["normal"](draw_seed(seed), shape, mean, stddev, dtype)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    return _table["truncated_normal"](draw_seed(seed), shape, mean, stddev, dtype)


def randint(shape, minval, maxval, dtype="int32", seed=None):
    return _table["randint"](draw_seed(seed), shape, minval, maxval, dtype)


def gamma(shape, alpha, dtype=None, seed=None):
    return _table["gamma"](draw_seed(seed), shape, alpha, dtype)


def beta(shape, alpha, beta, dtype=None, seed=None):
    return _table["beta"](draw_seed(seed), shape, alpha, beta, dtype)


def binomial(shape, counts, probabilities, dtype=None, seed=None):
    return _table["binomial"](draw_seed(seed), shape, counts, probabilities, dtype)


def categorical(logits, num_samples, dtype="int64", seed=None):
    return _table["categorical"](draw_seed(seed), logits, num_samples, dtype)


def shuffle(x, axis=0, seed=None):
    return _table["shuffle"](draw_seed(seed), x, axis)


def dropout(inputs, rate, noise_shape=None, seed=None):
    if noise_shape is not None:
        lengths = shape_of(inputs)
        noise_shape = [lengths[i] if n is None else n for i, n in enumerate(noise_shape)]
    return _table["dropout"](draw_seed(seed), inputs, rate, noise_shape)
