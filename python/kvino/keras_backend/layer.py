"""What every keras.Layer of this backend inherits: changes of its attributes are noted."""

from kvino.keras_backend import changes


class OpenvinoLayer:
    def __setattr__(self, name, value):
        changes.note_attribute(self, name, value)
        super().__setattr__(name, value)

    def __delattr__(self, name):
        changes.note_attribute(self, name, None)
        super().__delattr__(name)


BackendLayer = OpenvinoLayer
