"""Whole networks of keras.applications."""

CASES = {
    "mobilenet_v2": lambda keras: keras.applications.MobileNetV2(input_shape=(64, 64, 3), weights=None, classes=10),
}
