"""Quantized layers, in every mode that Keras has, and layers with LoRA."""

import functools

WIDTH, UNITS, WORDS = 10, 7, 9  # odd numbers of units leave half a byte

LAYERS = {
    "dense": (lambda k: k.Dense(UNITS, "relu"), (3, WIDTH)),
    "heads": (lambda k: k.EinsumDense("abc,cde->abde", (None, 3, 5), bias_axes="de"), (2, WIDTH)),
    "join": (lambda k: k.EinsumDense("abcd,cde->abe", (None, UNITS), bias_axes="e"), (2, 3, 4)),
    "elided": (lambda k: k.EinsumDense("...b,bc->...c", UNITS), (2, 3, WIDTH)),
    "swapped": (lambda k: k.EinsumDense("abc,cd->adb", (UNITS, 3)), (3, WIDTH)),
    "embedding": (lambda k: k.Embedding(WORDS, WIDTH - 1), ()),
    "tied": (lambda k: k.ReversibleEmbedding(WORDS, WIDTH, logit_soft_cap=3.0), ()),
    "untied": (lambda k: k.ReversibleEmbedding(WORDS, WIDTH - 1, tie_weights=False), ()),
}

EVERY = ("dense", "heads", "join", "swapped", "embedding", "tied", "untied")

# The mode, its configuration, and the layers that it is tried with. Keras 3.15 quantizes no equation with "...", and its GPTQ
# and AWQ read the first dimension of a kernel alone.
MODES = {
    "int8": ("int8", lambda q: None, EVERY),
    "int8_weights": ("int8", lambda q: q.Int8QuantizationConfig(activation_quantizer=None), ("dense", "heads", "tied")),
    "int8_range": ("int8", lambda q: q.Int8QuantizationConfig(activation_quantizer=q.AbsMaxQuantizer(value_range=(-60, 60), epsilon=0.5)), ("dense", "untied")),
    "int4": ("int4", lambda q: q.Int4QuantizationConfig(block_size=4), EVERY),
    "int4_one_group": ("int4", lambda q: None, ("dense",)),
    "int4_columns": ("int4", lambda q: q.Int4QuantizationConfig(block_size=-1), ("dense", "join", "embedding", "untied")),
    "int4_activations": ("int4", lambda q: q.Int4QuantizationConfig(block_size=-1, activation_quantizer=q.AbsMaxQuantizer()), ("dense", "swapped", "tied")),
    "float8": ("float8", lambda q: None, ("dense", "elided")),
    "gptq": ("gptq", lambda q: q.GPTQConfig(dataset=None, tokenizer=None, weight_bits=4, group_size=4), ("dense", "heads")),
    "gptq_order": ("gptq", lambda q: q.GPTQConfig(dataset=None, tokenizer=None, weight_bits=4, group_size=4, activation_order=True), ("dense",)),
    "gptq_8bit": ("gptq", lambda q: q.GPTQConfig(dataset=None, tokenizer=None, weight_bits=8, group_size=-1), ("heads",)),
    "awq": ("awq", lambda q: q.AWQConfig(dataset=None, tokenizer=None, group_size=4, num_grid_points=4), ("dense", "heads")),
}


def build(name, policy, keras):
    make, shape = LAYERS[name]
    x = keras.Input(shape or (4,), dtype="float32" if shape else "int32")
    layer = make(keras.layers)
    layer.dtype_policy = policy
    y = layer(x)
    if isinstance(layer, keras.layers.ReversibleEmbedding):
        y = layer(y, reverse=True)
    return keras.Model(x, y if policy == "float32" else keras.ops.cast(y, "float32"))


def quantize(mode, keras, model):
    import numpy as np
    from keras.src.quantizers.awq import AWQ
    from keras.src.quantizers.gptq import GPTQ

    mode, config, _ = MODES[mode]
    config = config(keras.quantizers)
    if mode not in ("gptq", "awq"):
        return model.quantize(mode, config=config)
    layer = model.layers[1]
    layer.quantize(mode, config=config)
    data = np.random.default_rng(1).normal(size=(40, WIDTH)).astype("float32") * np.linspace(0.2, 3, WIDTH, dtype="float32")
    tool = GPTQ(layer, config) if mode == "gptq" else AWQ(layer, config)
    if mode == "gptq":
        tool.update_hessian_with_batch(data)
        tool.quantize_and_correct_layer()
    else:
        tool.update_activation_magnitudes(data)
        tool.quantize_layer()
    tool.free()
    # Keras 3.15 leaves the zero points out of the file, and then cannot read it.
    layer._get_kernel_with_merged_lora = lambda: (None, None, layer.kernel_zero)


def adapt(keras, model, mode=None):
    """LoRA's factors, which are a part of the kernel in a .keras file, and weights of their own in a .h5 file."""
    if mode:
        model.quantize(mode)
    layer = model.layers[1]
    layer.enable_lora(2, lora_alpha=3)
    for variable in layer.weights:
        if "lora" in variable.path:
            variable.assign(keras.random.uniform(variable.shape, -0.5, 0.5, seed=3))


def case(layer, change, policy="float32"):
    model = functools.partial(build, layer, policy)
    model.change = change
    return model


CASES = {f"{mode}_{layer}": case(layer, functools.partial(quantize, mode)) for mode in MODES for layer in MODES[mode][2]}
# (Not of int8: a bfloat16 that is rounded elsewhere is another of its few numbers.)
CASES["int4_bfloat16"] = case("dense", functools.partial(quantize, "int4"), "mixed_bfloat16")
for layer in ("dense", "heads", "embedding"):
    CASES[f"lora_{layer}"] = case(layer, adapt)
    CASES[f"lora_int8_{layer}"] = case(layer, functools.partial(adapt, mode="int8"))
    CASES[f"lora_int8_{layer}"].archive = False  # where the sum is quantized anew


def convolution(keras):
    x = keras.Input((6, 5, 2))
    return keras.Model(x, keras.layers.Conv2D(3, 2)(x))


convolution.change = adapt
CASES["lora_convolution"] = convolution
