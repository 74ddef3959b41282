"""keras.applications: architectures that are small; tests/applications.py tries one of each family as it is."""


def convnext(keras):
    from keras.src.applications import convnext

    return convnext.ConvNeXt([1, 2, 1, 1], [4, 6, 8, 10], 0.2, 0.1, weights=None, input_shape=(32, 32, 3), classes=5, name="convnext")


def scale(keras):
    from keras.src.applications.inception_resnet_v2 import CustomScaleLayer

    a, b = keras.Input((4, 3)), keras.Input((4, 3))
    return keras.Model([a, b], CustomScaleLayer(0.17)([a, b]))


CASES = {
    "convnext": convnext,
    "scale": scale,
    "mobilenet_v2": lambda keras: keras.applications.MobileNetV2((32, 32, 3), alpha=0.35, weights=None, classes=5),
}
