"""kvino.export(model, folder, "openvino_genai"): KerasHub's causal language models in the form that openvino-genai's LLMPipeline reads.

KerasHub's `call_with_cache` takes a cache of keys and values and gives the next one. In the exported model that cache is a state
of the inference request: OpenVINO's MakeStateful makes it of the pair of input and output. Inputs and output have the names
that openvino-genai knows: input_ids, attention_mask, position_ids, beam_idx; logits."""

import json
import os
import tempfile

import numpy as np
from keras.src import tree
from keras.src.utils import io_utils

from kvino import _core
from kvino.keras_backend.openvino_export import refusal
from kvino.keras_backend.recording import Recording


def export_openvino_genai(model, filepath, max_length=None, verbose=None, compress_to_f16=False):
    """Writes openvino_model.xml and .bin, generation_config.json and config.json into the folder `filepath`.

    max_length: how many tokens a prompt and its continuation have at most (the state has room for so many); by default the
    preprocessor's sequence_length. compress_to_f16: float32 weights are written as float16."""
    if not callable(getattr(model, "call_with_cache", None)) or not callable(getattr(model, "_build_cache", None)):
        raise ValueError(
            f"{model.name} cannot be exported for openvino-genai: it is no causal language model of KerasHub, which has "
            "call_with_cache(token_ids, cache, cache_update_index). model.export(path, format='openvino') writes any model."
        )
    preprocessor = getattr(model, "preprocessor", None)
    max_length = getattr(preprocessor, "sequence_length", None) if max_length is None else max_length
    if not isinstance(max_length, int) or max_length < 2:
        raise ValueError(f"max_length must be the greatest number of tokens, at least 2. Received: {max_length}")
    try:
        import openvino
    except ImportError as error:
        raise ImportError("the export for openvino-genai needs the package openvino: pip install openvino") from error
    os.makedirs(filepath, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "step.xml")
        _step(model, max_length).save_ir(path)
        stateful = _stateful(openvino, path, type(model).__name__)
        openvino.save_model(stateful, os.path.join(filepath, "openvino_model.xml"), compress_to_fp16=compress_to_f16)
    tokenizer = getattr(preprocessor, "tokenizer", None)
    tokens = {f"{name}_token_id": getattr(tokenizer, f"{own}_token_id", None)
              for name, own in (("bos", "start"), ("eos", "end"), ("pad", "pad"))}
    known = {name: int(token) for name, token in tokens.items() if token is not None}
    _write(filepath, "generation_config.json", {**known, "max_length": max_length})
    _write(filepath, "config.json", {**known, "model_type": type(model).__name__, "max_position_embeddings": max_length})
    if verbose is None or verbose:
        io_utils.print_msg(f"Saved a stateful OpenVINO model at '{filepath}'.")


def _write(folder, name, values):
    with open(os.path.join(folder, name), "w") as file:
        json.dump(values, file, indent=2)


def _step(model, max_length):
    """The graph of one call with a cache: token_ids, cache, index; logits, next_cache. Its weights are constants."""
    with Recording(_core.Graph()) as scope:
        cache = tree.flatten(model._build_cache(scope.graph.parameter((1, max_length), "int32", "token_ids")))[-1]
    graph = _core.Graph()
    tokens, index = graph.parameter((1, None), "int32", "token_ids"), graph.parameter((), "int32", "index")
    past = graph.parameter(cache.shape, cache.dtype, "cache")
    try:
        with Recording(graph) as scope:
            logits, _, after = model.call_with_cache(tokens, past, index)
    except Exception as error:
        raise refusal(model, error) from error
    graph.result(logits, "logits")
    graph.result(after, "next_cache")
    return graph.bind((None, None, None, *(variable._value for variable, _ in scope.read.values())))


def _stateful(openvino, path, name):
    """The model with the cache as its state, and the inputs that openvino-genai sets."""
    from openvino import opset13 as op
    from openvino._offline_transformations import apply_make_stateful_transformation

    model = openvino.Core().read_model(path)
    by_name = {parameter.output(0).any_name: parameter for parameter in model.get_parameters()}

    def parameter(name, shape, dtype):
        made = op.parameter(shape, dtype, name=name)
        made.output(0).set_names({name})
        return made

    ids, mask, positions = (parameter(n, [1, -1], openvino.Type.i64) for n in ("input_ids", "attention_mask", "position_ids"))
    beams = parameter("beam_idx", [-1], openvino.Type.i32)
    zero = op.constant(np.array(0, "int64"))
    first = op.squeeze(op.gather(positions, zero, op.constant(np.array(1, "int64"))), zero)
    instead = {"token_ids": op.convert(ids, "i32"), "index": op.convert(first, "i32"), "cache": op.gather(by_name["cache"], beams, zero)}
    for name_of, node in instead.items():
        for user in by_name[name_of].output(0).get_target_inputs():
            if user.get_node() != node:
                user.replace_source_output(node.output(0))
    whole = openvino.Model(model.get_results(), [ids, mask, positions, beams, by_name["cache"]], name)
    apply_make_stateful_transformation(whole, {"cache": "next_cache"})
    return whole
