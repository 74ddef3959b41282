"""Text generation with KerasHub: what stands for its module keras_hub.src.utils.openvino_utils.

Where a backend is named "openvino", KerasHub's CausalLM.generate calls `ov_infer` of that module with the function of one batch,
prompt, loop and all. It is a step like those of fit and predict (steps.py): traced once for a batch size, compiled for prompts
of any length. The loop runs natively: it reads the weights where Keras's variables have them, and updates its cache in place."""

import inspect

import numpy as np
from keras.src import tree

from kvino.keras_backend.steps import StepFunction


class _GenerateFunction(StepFunction):
    def _for_all_lengths(self, known, tensors):
        """Token ids and masks, [batch, length], are of any length."""
        return tuple((t.shape[0], None) if t.ndim == 2 and "float" not in t.dtype else t.shape for t in tensors)


def _check(inputs, stop_token_ids):
    if not isinstance(inputs, dict):
        raise TypeError(
            "Without a preprocessor, generate() takes a dict of arrays, such as "
            f'{{"token_ids": ..., "padding_mask": ...}}. Received: inputs={inputs} (of type {type(inputs)})'
        )
    if stop_token_ids is not None and not isinstance(stop_token_ids, (list, tuple)):
        raise TypeError(
            f'`stop_token_ids` must be None, "auto", or a list or tuple of token ids. Received: stop_token_ids={stop_token_ids}'
        )
    shapes = {name: np.shape(x) for name, x in inputs.items() if name.endswith(("token_ids", "padding_mask"))}
    for name, shape in shapes.items():
        if len(shape) != 2:
            raise ValueError(f"`{name}` must be of shape (batch_size, length). Received: shape={shape}")
        prompt = name.removesuffix("padding_mask")
        if not name.endswith("padding_mask") or prompt + "token_ids" not in shapes:
            continue
        if shapes[prompt + "token_ids"] != shape:
            raise ValueError(
                f"`{prompt}token_ids` and `{name}` must be of one shape. Received: {shapes[prompt + 'token_ids']} and {shape}"
            )
        if not np.asarray(inputs[name]).astype(bool)[:, :1].all():
            raise ValueError(f"Every prompt must begin with a token: `{name}` is False at the first place of a row.")


def _takes(fn, *arguments):
    try:
        inspect.signature(fn).bind(*arguments)
    except TypeError:
        return False
    return True


def _function(model, stop_token_ids, fn):
    """The compiled function. It belongs to the model, the sampler with its settings, and the tokens to stop at."""
    sampler = getattr(model, "sampler", None)
    settings = repr(sampler.get_config()) if hasattr(sampler, "get_config") else None
    key = id(sampler), settings, None if stop_token_ids is None else tuple(stop_token_ids)
    functions = model.__dict__.setdefault("_kvino_generate_functions", {})
    if functions and next(iter(functions))[0] != id(sampler):  # another sampler: another compile()
        functions.clear()
    if key not in functions:
        functions[key] = _GenerateFunction(model, lambda inputs: fn(inputs, stop_token_ids), bind="at once")
    return functions[key]


def ov_infer(model, inputs, stop_token_ids, fn):
    if not _takes(fn, inputs, stop_token_ids):  # that of the class CausalLM itself
        raise NotImplementedError(
            f"{type(model).__name__} cannot generate: it has no `generate_step` of its own, which keeps a cache of keys and values. "
            "Call the model, or its predict(), for the scores of the next token."
        )
    _check(inputs, stop_token_ids)
    inputs = tree.map_structure(lambda x: x if x is None else np.asarray(x), inputs)
    try:
        return _function(model, stop_token_ids, fn).run(inputs)
    except KeyError as error:
        raise ValueError(
            f"generate() of {model.name} needs the input {error}. Received: {', '.join(map(repr, inputs))}"
        ) from error
