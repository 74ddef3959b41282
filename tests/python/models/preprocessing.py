"""Preprocessing."""


def alone(shape, layer, dtype="float32"):
    return lambda keras: keras.Sequential([keras.Input(shape, dtype=dtype), layer(keras.layers)])


RANDOM = {
    "brightness": lambda k: k.RandomBrightness(0.2), "color_degeneration": lambda k: k.RandomColorDegeneration(0.2),
    "color_jitter": lambda k: k.RandomColorJitter(), "contrast": lambda k: k.RandomContrast(0.2),
    "crop": lambda k: k.RandomCrop(4, 4), "grayscale": lambda k: k.RandomGrayscale(), "hue": lambda k: k.RandomHue(0.2),
    "invert": lambda k: k.RandomInvert(), "posterization": lambda k: k.RandomPosterization(3),
    "saturation": lambda k: k.RandomSaturation(0.2), "mix_up": lambda k: k.MixUp(), "aug_mix": lambda k: k.AugMix(),
    "cut_mix": lambda k: k.CutMix(), "rand_augment": lambda k: k.RandAugment(),
    "elastic": lambda k: k.RandomElasticTransform(), "erasing": lambda k: k.RandomErasing(),
    "flip": lambda k: k.RandomFlip("horizontal"), "blur": lambda k: k.RandomGaussianBlur(),
    "perspective": lambda k: k.RandomPerspective(), "rotation": lambda k: k.RandomRotation(0.2),
    "sharpness": lambda k: k.RandomSharpness(0.2), "shear": lambda k: k.RandomShear(0.1, 0.1),
    "translation": lambda k: k.RandomTranslation(0.2, 0.2), "zoom": lambda k: k.RandomZoom(0.2),
}


def augmented(dtype):
    """All of them on one input, each an output."""

    def case(keras):
        x = keras.Input((8, 8, 3), dtype=dtype)
        return keras.Model(x, [layer(keras.layers)(x) for layer in RANDOM.values()])

    return case


def weighted_counts(keras):
    x, w = keras.Input((4,), dtype="int32"), keras.Input((4,))
    return keras.Model([x, w], keras.layers.CategoryEncoding(5, output_mode="count")(x, count_weights=w))


CASES = {
    "rescaling": alone((4, 3), lambda k: k.Rescaling(1 / 255, offset=-1)),
    "rescaling_by_channel": alone((4, 4, 3), lambda k: k.Rescaling([0.1, 0.2, 0.3], offset=[1.0, 2.0, 3.0])),
    "rescaling_bytes": alone((4, 3), lambda k: k.Rescaling(1 / 255), "uint8"),
    "normalization": alone((4, 3), lambda k: k.Normalization()),
    "normalization_two_axes": alone((4, 3), lambda k: k.Normalization(axis=(1, 2))),
    "normalization_scalar": alone((4, 3), lambda k: k.Normalization(axis=None)),
    "normalization_given": alone((4, 3), lambda k: k.Normalization(mean=[1.0, 2, 3], variance=[4.0, 1, 0])),
    "normalization_given_scalar": alone((None, 3), lambda k: k.Normalization(axis=None, mean=2.0, variance=4.0, invert=True)),
    "normalization_bytes": alone((4, 3), lambda k: k.Normalization(axis=1, invert=True), "uint8"),
    "rescaling_of_bytes": alone((4, 4, 3), lambda k: k.Rescaling(1 / 255), "uint8"),
    "normalization_axes": alone((4, 5, 3), lambda k: k.Normalization(axis=(1, 3))),
    "normalization_of_all": alone((4, 3), lambda k: k.Normalization(axis=None)),
    "normalization_given_number": alone((4, 3), lambda k: k.Normalization(axis=(1, 2), mean=1.0, variance=4.0), "int32"),
    "normalization_inverted": alone((4, 3), lambda k: k.Normalization(mean=[1.0, 2, 3], variance=[1.0, 4, 0], invert=True)),
    "resizing": alone((7, 5, 3), lambda k: k.Resizing(4, 6)),
    "resizing_nearest": alone((7, 5, 3), lambda k: k.Resizing(9, 6, interpolation="nearest", crop_to_aspect_ratio=True)),
    "resizing_pad": alone((7, 5, 3), lambda k: k.Resizing(9, 6, interpolation="bicubic", pad_to_aspect_ratio=True, fill_value=2)),
    "resizing_antialias": alone((16, 12, 3), lambda k: k.Resizing(4, 6, interpolation="lanczos3", antialias=True)),
    "center_crop": alone((9, 8, 3), lambda k: k.CenterCrop(4, 3)),
    "center_crop_small": alone((3, 8, 3), lambda k: k.CenterCrop(4, 3)),
    "center_crop_bytes": alone((9, 8, 3), lambda k: k.CenterCrop(9, 3), "uint8"),
    "discretization": alone((6,), lambda k: k.Discretization([-0.5, 0.0, 0.5])),
    "discretization_one_hot": alone((1,), lambda k: k.Discretization([-0.5, 0.0, 0.5], output_mode="one_hot")),
    "discretization_multi_hot": alone((6,), lambda k: k.Discretization([-0.5, 0.0, 0.5], output_mode="multi_hot")),
    "discretization_count": alone((6,), lambda k: k.Discretization([-0.5, 0.0, 0.5], output_mode="count")),
    "category_multi_hot": alone((4,), lambda k: k.CategoryEncoding(5), "int32"),
    "category_one_hot": alone((1,), lambda k: k.CategoryEncoding(5, output_mode="one_hot"), "int64"),
    "category_one_hot_rows": alone((3,), lambda k: k.CategoryEncoding(5, output_mode="one_hot"), "int32"),
    "category_count": alone((4,), lambda k: k.CategoryEncoding(6, output_mode="count"), "int32"),
    "category_weighted": weighted_counts,
    "augmented": augmented("float32"),
    "augmented_bytes": augmented("uint8"),
}
