"""What every keras.Layer of this backend inherits: nothing."""


class OpenvinoLayer:
    pass


BackendLayer = OpenvinoLayer
