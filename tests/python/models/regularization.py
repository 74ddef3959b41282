"""Regularization: nothing of it acts when a model runs."""


def alone(layer, shape=(5, 4)):
    return lambda keras: keras.Sequential([keras.Input(shape), layer(keras.layers)])


CASES = {
    "dropout": alone(lambda k: k.Dropout(0.4, noise_shape=(None, 1, 4), seed=3)),
    "spatial_dropout_1d": alone(lambda k: k.SpatialDropout1D(0.4)),
    "spatial_dropout_2d": alone(lambda k: k.SpatialDropout2D(0.4, data_format="channels_first"), (3, 4, 5)),
    "spatial_dropout_3d": alone(lambda k: k.SpatialDropout3D(0.4), (3, 4, 5, 2)),
    "alpha_dropout": alone(lambda k: k.AlphaDropout(0.4, noise_shape=(None, 1, 4))),
    "gaussian_dropout": alone(lambda k: k.GaussianDropout(0.4)),
    "gaussian_noise": alone(lambda k: k.GaussianNoise(0.4)),
    "activity": alone(lambda k: k.ActivityRegularization(l1=0.1, l2=0.2)),
}
