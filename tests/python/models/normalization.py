"""Normalization."""


def alone(shape, layer):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "batch": alone((5, 4, 3), lambda k: k.BatchNormalization()),
    "batch_axis_1": alone((5, 4, 3), lambda k: k.BatchNormalization(axis=1, scale=False, epsilon=0.1)),
    "batch_no_center": alone((3,), lambda k: k.BatchNormalization(center=False)),
    "batch_renorm": alone((5, 3), lambda k: k.BatchNormalization(renorm=True, renorm_clipping={"rmax": 2.0})),
    "layer": alone((5, 4), lambda k: k.LayerNormalization()),
    "layer_two_axes": alone((5, 4, 3), lambda k: k.LayerNormalization(axis=[2, 3], center=False)),
    "layer_rms_scaling": alone((5, 4), lambda k: k.LayerNormalization(rms_scaling=True)),
    "layer_rms_scaling_axes": alone((5, 4, 3), lambda k: k.LayerNormalization(axis=[1, 3], rms_scaling=True, scale=False)),
    "group": alone((5, None, 6), lambda k: k.GroupNormalization(3)),
    "group_axis_1": alone((6, 4, 5), lambda k: k.GroupNormalization(2, axis=1, center=False)),
    "group_of_instances": alone((None, None, 4), lambda k: k.GroupNormalization(-1, scale=False)),
    "group_no_weights": alone((7, 4), lambda k: k.GroupNormalization(1, axis=-1, scale=False, center=False, epsilon=0.1)),
    "rms": alone((5, 4), lambda k: k.RMSNormalization()),
    "rms_epsilon": alone((5, 4, 3), lambda k: k.RMSNormalization(epsilon=0.1)),
    "unit": alone((5, 4), lambda k: k.UnitNormalization()),
    "unit_axes": alone((5, 4), lambda k: k.UnitNormalization(axis=[1, 2])),
    "spectral": alone((7, 6, 3), lambda k: k.SpectralNormalization(k.Conv2D(4, 3, activation="relu"))),
    "spectral_dense": alone((3,), lambda k: k.SpectralNormalization(k.Dense(4), power_iterations=2)),
}
OLD = {"batch_of_keras_2": ("batch", lambda layer: layer.update(class_name="BatchNormalizationV1") or layer["config"].update(axis=[3]))}
