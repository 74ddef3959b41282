"""Quantized models that test_keras_quantization.py compares between backends: `python keras_quantized.py FOLDER` writes each as a
.keras file and what it gives for 1 and 64 rows, with the backend of KERAS_BACKEND. Weights and data come from NumPy."""

import sys

import keras
import numpy as np
from keras import layers, quantizers
from keras.src.quantizers.awq import AWQ
from keras.src.quantizers.gptq import GPTQ

WORDS, WIDTH = 320, 256


# Layer, its input, and whether GPTQ and AWQ take it.
LAYERS = {
    "dense": (lambda: layers.Dense(WORDS, "relu"), (WIDTH,), True),
    "dense_odd": (lambda: layers.Dense(301, use_bias=False), (WIDTH,), True),
    "heads": (lambda: layers.EinsumDense("abc,cde->abde", (None, 8, 40), bias_axes="de"), (2, WIDTH), True),
    "join": (lambda: layers.EinsumDense("abcd,cde->abe", (None, WORDS), bias_axes="e"), (2, 8, WIDTH // 8), True),
    "embedding": (lambda: layers.Embedding(WORDS, WIDTH), (3,), False),
    "tied": (lambda: layers.ReversibleEmbedding(WORDS, WIDTH), (3,), False),
    "untied": (lambda: layers.ReversibleEmbedding(WORDS, WIDTH, tie_weights=False), (3,), False),
}


def calibrated(bits=4, **options):
    return quantizers.GPTQConfig(dataset=None, tokenizer=None, weight_bits=bits, **options)


MODES = {
    "int8": ("int8", lambda: None),
    "int8_weights": ("int8", lambda: quantizers.Int8QuantizationConfig(activation_quantizer=None)),
    "int4": ("int4", lambda: None),
    "int4_columns": ("int4", lambda: quantizers.Int4QuantizationConfig(block_size=-1)),
    "int4_activations": ("int4", lambda: quantizers.Int4QuantizationConfig(block_size=-1, activation_quantizer=quantizers.AbsMaxQuantizer())),
    "float8": ("float8", lambda: None),
    "gptq": ("gptq", lambda: calibrated(group_size=64)),
    "gptq_order": ("gptq", lambda: calibrated(group_size=64, activation_order=True)),
    "gptq_8bit": ("gptq", lambda: calibrated(8, group_size=64)),
    "awq": ("awq", lambda: quantizers.AWQConfig(dataset=None, tokenizer=None, group_size=64, num_grid_points=4)),
}


def names():
    for mode in MODES:
        for layer in LAYERS:
            takes = LAYERS[layer][2]
            # Keras's GPTQ and AWQ read the first kernel dimension only, and float8 has no tables.
            if (mode.startswith(("gptq", "awq")) and layer not in ("dense", "dense_odd", "heads")) or (mode == "float8" and not takes):
                continue
            yield f"{mode}-{layer}"


def saves(name):
    """Keras 3.15 writes files of GPTQ and AWQ without their zero points, which it then refuses to load."""
    return not name.startswith(("gptq", "awq"))


def compared():
    """Those that are compared with JAX, which takes seconds to compile each, and minutes for GPTQ."""
    for name in names():
        mode, layer = name.split("-")
        if (layer == "dense" and saves(name)) or (mode in ("int8", "int4") and layer in ("heads", "embedding", "tied")):
            yield name


def inputs(layer, rows):
    rng = np.random.default_rng(rows)
    shape = (rows, *LAYERS[layer][1])
    return rng.normal(size=shape).astype("float32") if LAYERS[layer][2] else rng.integers(0, WORDS, shape).astype("int32")


def build(name):
    """The model of float weights, and the layers to quantize."""
    make, shape, floats = LAYERS[name.split("-")[1]]
    entry = keras.Input(shape, dtype="float32" if floats else "int32")
    layer = make()
    reverse = isinstance(layer, layers.ReversibleEmbedding)  # logits of words
    model = keras.Model(entry, layer(layer(entry), reverse=True) if reverse else layer(entry))
    rng = np.random.default_rng(5)
    for v in model.weights:
        v.assign(rng.normal(size=v.shape) / 16)
    return model, layer


def quantize(name, model, layer):
    mode, config = MODES[name.split("-")[0]]
    config = config()
    if mode not in ("gptq", "awq"):
        model.quantize(mode, config=config)
        return
    layer.quantize(mode, config=config)
    data = inputs(name.split("-")[1], 96) * np.linspace(0.2, 3, WIDTH, dtype="float32")
    if mode == "gptq":
        tool = GPTQ(layer, config)
        tool.update_hessian_with_batch(data)
        tool.quantize_and_correct_layer()
    else:
        tool = AWQ(layer, config)
        tool.update_activation_magnitudes(data)
        tool.quantize_layer()
    tool.free()


def main(folder):
    for name in compared():
        model, layer = build(name)
        quantize(name, model, layer)
        if saves(name):
            model.save(f"{folder}/{name}.keras")
        results = {f"rows{rows}": keras.ops.convert_to_numpy(model(inputs(name.split("-")[1], rows))) for rows in (1, 64)}
        weights = {f"weight{i}": keras.ops.convert_to_numpy(v) for i, v in enumerate(model.weights)}
        np.savez(f"{folder}/{name}.npz", **results, **weights)


if __name__ == "__main__":
    main(sys.argv[1])
