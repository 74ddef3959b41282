"""The custom layer of the digits example: crop every image of a batch to the box around its strokes.

It is written with `keras.ops` only, so it runs on any Keras backend that has `nonzero` and `segment_max`.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="digits")
class CropToStrokes(keras.layers.Layer):
    """Moves the strokes of each image to the top left corner of a `size` x `size` image.

    A stroke is a pixel above `threshold` in any channel. The box around an image's strokes goes to the corner; what
    lies outside of the box becomes 0. A box larger than `size` loses its lower and right parts; a blank image stays
    blank. Shifting the strokes in the input does not change one bit of the output.

    Input: `(batch, height, width, channels)`, channels last; only `batch` may be unknown.
    Output: `(batch, size, size, channels)`.
    """

    def __init__(self, size, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        self.size = int(size)
        self.threshold = float(threshold)
        if self.size < 1:
            raise ValueError(f"`size` must be at least 1. Received: size={size}")
        # The number of index vectors' elements depends on the data: XLA cannot compile that. Keras then runs the
        # model uncompiled on JAX and as an ordinary graph on TensorFlow.
        self.supports_jit = False

    def build(self, input_shape):
        if len(input_shape) != 4 or None in input_shape[1:]:
            raise ValueError(
                "CropToStrokes expects (batch, height, width, channels) with only the batch unknown. "
                f"Received: input_shape={input_shape}"
            )
        self.built = True

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.size, self.size, input_shape[3])

    def call(self, inputs):
        height, width, channels = inputs.shape[1:]
        batch = ops.shape(inputs)[0]
        image, row, column, _ = ops.nonzero(inputs > self.threshold)

        rows, row_inside = self._window(row, image, batch, height)
        columns, column_inside = self._window(column, image, batch, width)

        # One gather for the whole batch: the position of every output value in its flattened input image.
        pixels = ops.expand_dims(rows * width, 2) + ops.expand_dims(columns, 1)
        values = ops.expand_dims(pixels * channels, 3) + ops.arange(channels, dtype="int32")
        values = ops.reshape(values, (-1, self.size * self.size * channels))
        flat = ops.reshape(inputs, (-1, height * width * channels))
        cropped = ops.reshape(ops.take_along_axis(flat, values, axis=1), (-1, self.size, self.size, channels))

        inside = ops.logical_and(ops.expand_dims(row_inside, 2), ops.expand_dims(column_inside, 1))
        return ops.where(ops.expand_dims(inside, 3), cropped, 0.0)

    def _window(self, index, image, batch, extent):
        """The `size` input indices each image takes along one axis, and which of them lie in its box."""
        # A segment without a member (a blank image) has the type's lowest value, or -inf: the bounds turn that into
        # a box that starts at the last index and ends before the first, so nothing lies inside.
        first = -self._largest(-index, image, batch, 1 - extent)
        last = self._largest(index, image, batch, -1)
        window = ops.expand_dims(first, 1) + ops.arange(self.size, dtype="int32")
        return ops.minimum(window, extent - 1), window <= ops.expand_dims(last, 1)

    @staticmethod
    def _largest(index, image, batch, bound):
        largest = ops.segment_max(index, image, num_segments=batch)
        return ops.cast(ops.maximum(largest, bound), "int32")

    def get_config(self):
        return {**super().get_config(), "size": self.size, "threshold": self.threshold}
