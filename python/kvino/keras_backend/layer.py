"""What every keras.Layer of this backend inherits: changes of its attributes are noted, layers of texts and of steps compute with
kvino."""

from keras.src.distribution import distribution_lib as keras_distribution_lib

from kvino.keras_backend import changes
from kvino.keras_backend import distribution_lib
from kvino.keras_backend import strings
from kvino.keras_backend.rnn import takes_ragged

if keras_distribution_lib.distribution_lib is None:  # Keras 3.15 asks three backends only
    keras_distribution_lib.distribution_lib = distribution_lib


class OpenvinoLayer:
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        strings.computes(cls)
        takes_ragged(cls)

    def __setattr__(self, name, value):
        changes.note_attribute(self, name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name):
        changes.note_attribute(self, name, None)
        super().__delattr__(name)


BackendLayer = OpenvinoLayer
