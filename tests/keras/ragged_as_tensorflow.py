"""What Keras's tests make ragged tensors with: they know those of TensorFlow, and get kvino's for them."""

import contextlib

import kvino


def constant(rows, dtype=None, **options):
    import tensorflow as tf

    return kvino.RaggedTensor.constant(rows, dtype) if isinstance(rows, (list, tuple)) else tf.constant(rows, dtype)


def _ones_like(ones_like):
    return lambda x, *args, **kwargs: kvino.ops.ones_like(x) if isinstance(x, kvino.RaggedTensor) else ones_like(x, *args, **kwargs)


@contextlib.contextmanager
def in_place():
    """Whoever makes a ragged tensor of TensorFlow's meanwhile gets kvino's."""
    import tensorflow as tf

    saved = tf.RaggedTensor, tf.ragged.constant, tf.ones_like
    tf.RaggedTensor, tf.ragged.constant, tf.ones_like = kvino.RaggedTensor, constant, _ones_like(tf.ones_like)
    try:
        yield
    finally:
        tf.RaggedTensor, tf.ragged.constant, tf.ones_like = saved
