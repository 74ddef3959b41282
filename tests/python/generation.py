"""Tiny language models of KerasHub with weights from a seed, for test_keras_generation.py. As a program, on whatever backend:

    python generation.py FILE.npz

writes the tokens that each generates greedily."""

import os
import sys

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

VOCABULARY, LENGTH = 50, 12


def _gpt2(models):
    backbone = models.GPT2Backbone(VOCABULARY, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16, max_sequence_length=16)
    return models.GPT2CausalLM(backbone, preprocessor=None)


def _llama(models):
    backbone = models.LlamaBackbone(VOCABULARY, num_layers=2, num_query_heads=4, hidden_dim=16, intermediate_dim=16, num_key_value_heads=2)
    return models.LlamaCausalLM(backbone, preprocessor=None)


def _gemma(models):
    backbone = models.GemmaBackbone(VOCABULARY, num_layers=2, num_query_heads=2, num_key_value_heads=1, hidden_dim=8,
                                    intermediate_dim=16, head_dim=4)
    return models.GemmaCausalLM(backbone, preprocessor=None)


def _qwen(models):
    backbone = models.QwenBackbone(VOCABULARY, num_layers=2, num_query_heads=4, num_key_value_heads=2, hidden_dim=16, intermediate_dim=16)
    return models.QwenCausalLM(backbone, preprocessor=None)


def _phi(models):
    backbone = models.Phi3Backbone(VOCABULARY, num_layers=2, hidden_dim=16, intermediate_dim=16, num_query_heads=4, num_key_value_heads=2)
    return models.Phi3CausalLM(backbone, preprocessor=None)


def _bart(models):
    backbone = models.BartBackbone(VOCABULARY, num_layers=2, num_heads=2, hidden_dim=8, intermediate_dim=16, max_sequence_length=16)
    return models.BartSeq2SeqLM(backbone, preprocessor=None)


MODELS = {"gpt2": _gpt2, "llama": _llama, "gemma": _gemma, "qwen": _qwen, "phi": _phi, "bart": _bart}


def model(name):
    from keras_hub import models

    made = MODELS[name](models)
    rng = np.random.default_rng(list(MODELS).index(name))
    for variable in made.weights:
        if len(variable.shape) > 1:
            variable.assign(rng.normal(0, 0.6, variable.shape))
    made.compile(sampler="greedy")
    return made


def prompt(name, lengths=(3, 5), length=LENGTH, seed=0):
    """A batch of prompts, padded to the length."""
    tokens = np.random.default_rng(seed).integers(2, VOCABULARY, (len(lengths), length)).astype("int32")
    mask = np.arange(length) < np.array(lengths)[:, None]
    tokens = tokens * mask
    if name != "bart":
        return {"token_ids": tokens, "padding_mask": mask}
    return {"encoder_token_ids": tokens[:, :6], "encoder_padding_mask": mask[:, :6], "decoder_token_ids": tokens,
            "decoder_padding_mask": mask}


def generated(made, inputs, stop_token_ids=None):
    outputs = made.generate(inputs, stop_token_ids=stop_token_ids)
    return {key.removeprefix("decoder_"): np.asarray(value) for key, value in outputs.items()}


if __name__ == "__main__":
    np.savez(sys.argv[1], **{name: generated(model(name), prompt(name))["token_ids"] for name in MODELS})
