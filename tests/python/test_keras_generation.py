"""KerasHub's generate on kvino: tokens, samplers, stop tokens, lengths, memory, errors."""

import os
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import generation  # noqa: E402
import keras  # noqa: E402

import kvino  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def by_jax(tmp_path_factory):
    """The tokens of every model by Keras on JAX."""
    path = tmp_path_factory.mktemp("jax") / "tokens.npz"
    environment = dict(os.environ, KERAS_BACKEND="jax", XLA_FLAGS="--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")
    subprocess.run([sys.executable, str(HERE / "generation.py"), str(path)], check=True, env=environment, capture_output=True)
    with np.load(path) as tokens:
        return dict(tokens)


@pytest.fixture(scope="module")
def gpt2():
    return generation.model("gpt2")


@pytest.mark.parametrize("name", generation.MODELS)
def test_greedy_tokens_are_those_of_jax(by_jax, name):
    tokens = generation.generated(generation.model(name), generation.prompt(name))["token_ids"]
    np.testing.assert_array_equal(tokens, by_jax[name])
    assert len(set(tokens[:, 5:].ravel())) > 1


def greedily(model, inputs):
    """The same without a cache: the whole model for each token."""
    tokens, mask = inputs["token_ids"].copy(), inputs["padding_mask"]
    for i in range(mask.sum(1).min(), tokens.shape[1]):
        scores = model.predict({"token_ids": tokens, "padding_mask": np.ones_like(mask)}, verbose=0)
        tokens[:, i] = np.where(mask[:, i], tokens[:, i], scores[:, i - 1].argmax(-1))
    return tokens


@pytest.mark.parametrize("lengths, length", [((4,), 9), ((1, 2, 7), 11), ((8, 8), 8), ((2,), 16)])
def test_batches_and_lengths(gpt2, lengths, length):
    gpt2.compile(sampler="greedy")
    inputs = generation.prompt("gpt2", lengths, length, seed=3)
    np.testing.assert_array_equal(generation.generated(gpt2, inputs)["token_ids"], greedily(gpt2, inputs))


def test_one_graph_for_prompts_of_every_length(gpt2, monkeypatch):
    from kvino.keras_backend import steps

    traces = []
    original = steps.Trace.__init__
    monkeypatch.setattr(steps.Trace, "__init__", lambda self, *a: (traces.append(1), original(self, *a))[1])
    gpt2.compile(sampler="greedy")
    for lengths, length in [((2, 3), 8), ((4, 4), 8), ((3, 1), 12), ((7, 9), 16)]:
        generation.generated(gpt2, generation.prompt("gpt2", lengths, length))
    assert len(traces) == 1


@pytest.mark.parametrize("name", ["greedy", "top_k", "top_p", "random", "beam", "contrastive"])
def test_samplers(gpt2, name):
    from keras_hub import samplers

    seeded = {"top_k": {"seed": 11}, "top_p": {"seed": 11, "p": 0.9}, "random": {"seed": 11}}.get(name, {})
    tokens = []
    for _ in range(2):
        gpt2.compile(sampler=samplers.get({"class_name": name, "config": seeded}) if seeded else name)
        inputs = generation.prompt("gpt2")
        tokens.append(generation.generated(gpt2, inputs)["token_ids"])
        np.testing.assert_array_equal(tokens[-1][inputs["padding_mask"]], inputs["token_ids"][inputs["padding_mask"]])
        assert ((tokens[-1] >= 0) & (tokens[-1] < generation.VOCABULARY)).all()
    np.testing.assert_array_equal(*tokens)
    again = generation.generated(gpt2, inputs)["token_ids"]
    assert np.array_equal(again, tokens[0]) != bool(seeded)  # a sampler's state goes on


def test_a_beam_is_at_least_as_likely_as_greedy_tokens(gpt2):
    inputs = generation.prompt("gpt2")

    def likelihood(sampler):
        gpt2.compile(sampler=sampler)
        tokens = generation.generated(gpt2, inputs)["token_ids"]
        scores = gpt2.predict({"token_ids": tokens, "padding_mask": np.ones_like(inputs["padding_mask"])}, verbose=0)
        logs = np.log(np.exp(scores[:, :-1]) / np.exp(scores[:, :-1]).sum(-1, keepdims=True))
        chosen = np.take_along_axis(logs, tokens[:, 1:, None], 2)[:, :, 0]
        return np.where(inputs["padding_mask"][:, 1:], 0, chosen).sum()

    assert likelihood("beam") >= likelihood("greedy") - 1e-4


def test_stop_tokens(gpt2):
    gpt2.compile(sampler="greedy")
    inputs = generation.prompt("gpt2")
    free = generation.generated(gpt2, inputs)["token_ids"]
    stop = int(free[0, 6])
    stopped = generation.generated(gpt2, inputs, (stop,))
    for row, mask, tokens, all_tokens in zip(inputs["padding_mask"], stopped["padding_mask"], stopped["token_ids"], free):
        ends = np.flatnonzero((all_tokens == stop) & ~row)
        end = ends[0] if len(ends) else len(all_tokens) - 1
        assert mask[: end + 1].all() and not mask[end + 1 :].any()
        np.testing.assert_array_equal(tokens[: end + 1], all_tokens[: end + 1])
    np.testing.assert_array_equal(generation.generated(gpt2, inputs, [-1])["token_ids"], free)


def test_settings_and_weights_that_change(gpt2):
    from keras_hub import samplers

    inputs = generation.prompt("gpt2")
    sampler = samplers.RandomSampler(seed=3, temperature=1e-4)
    gpt2.compile(sampler=sampler)
    cold = generation.generated(gpt2, inputs)["token_ids"]
    np.testing.assert_array_equal(cold, greedily(gpt2, inputs))
    sampler.temperature = 100.0
    assert not np.array_equal(generation.generated(gpt2, inputs)["token_ids"], cold)
    gpt2.compile(sampler="greedy")
    before = generation.generated(gpt2, inputs)["token_ids"]
    kernel = gpt2.backbone.token_embedding.embeddings
    old = np.array(kernel)
    kernel.assign(old[::-1])
    after = generation.generated(gpt2, inputs)["token_ids"]
    np.testing.assert_array_equal(after, greedily(gpt2, inputs))
    kernel.assign(old)
    assert not np.array_equal(before, after)


def test_bfloat16_weights():
    from keras_hub import models

    backbone = models.GPT2Backbone(generation.VOCABULARY, num_layers=1, num_heads=2, hidden_dim=128, intermediate_dim=256,
                                   max_sequence_length=16, dtype="bfloat16")
    model = models.GPT2CausalLM(backbone, preprocessor=None, dtype="bfloat16")
    model.compile(sampler="greedy")
    inputs = generation.prompt("gpt2")
    tokens = generation.generated(model, inputs)["token_ids"]
    np.testing.assert_array_equal(tokens[:, :3], inputs["token_ids"][:, :3])
    assert backbone.token_embedding.embeddings.dtype == "bfloat16"


def test_errors_say_what_to_do(gpt2):
    gpt2.compile(sampler="greedy")
    inputs = generation.prompt("gpt2")
    with pytest.raises(TypeError, match="generate\\(\\) takes a dict of arrays"):
        gpt2.generate([1, 2, 3], stop_token_ids=None)
    with pytest.raises(TypeError, match="`stop_token_ids` must be None"):
        gpt2.generate(inputs, stop_token_ids=3)
    with pytest.raises(ValueError, match="needs the input 'padding_mask'"):
        gpt2.generate({"token_ids": inputs["token_ids"]}, stop_token_ids=None)
    with pytest.raises(ValueError, match="must be of shape \\(batch_size, length\\)"):
        gpt2.generate({key: x[0] for key, x in inputs.items()}, stop_token_ids=None)
    with pytest.raises(ValueError, match="must be of one shape"):
        gpt2.generate({**inputs, "padding_mask": inputs["padding_mask"][:, :5]}, stop_token_ids=None)
    with pytest.raises(ValueError, match="must begin with a token"):
        gpt2.generate(generation.prompt("gpt2", (0, 3)), stop_token_ids=None)
    with pytest.raises(Exception, match="out of (bounds|range)"):
        gpt2.generate({**inputs, "token_ids": inputs["token_ids"] + generation.VOCABULARY}, stop_token_ids=None)

    from keras_hub import models

    model = models.CausalLM(backbone=gpt2.backbone, preprocessor=None, inputs=gpt2.inputs, outputs=gpt2.outputs)
    model.compile(sampler="greedy")
    with pytest.raises(NotImplementedError, match="CausalLM cannot generate: it has no `generate_step`"):
        model.generate(inputs, stop_token_ids=None)


def test_a_loop_that_belongs_where_it_runs_is_not_warned_about(gpt2):
    gpt2.compile(sampler="greedy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(10):
            generation.generated(gpt2, generation.prompt("gpt2", length=16))


def pieces(x, i):
    """A cache of layers, of keys and values in each, updated as KerasHub does."""
    layers = []
    for layer in range(x.shape[1]):
        key, value = x[:, layer, 0], x[:, layer, 1]
        new = keras.ops.sum(key, axis=1, keepdims=True) + layer
        key = keras.ops.slice_update(key, [0, i, 0], new)
        value = keras.ops.slice_update(value, [0, i, 0], new - keras.ops.mean(key))
        layers.append(keras.ops.stack([key, value + 0 * key if layer == 5 else value], axis=1))
    return keras.ops.stack(layers, axis=1)


def first_kept(x, i):
    """A part that stays, and one that is read as it was and as it becomes."""
    before = x[:, 1]
    after = keras.ops.slice_update(before, [0, 0, i, 0], before[:, :1, :1] + x[:, 0, :1, :1])
    after = keras.ops.where(keras.ops.sum(after) > 1e9, before, after) if x.shape[1] == 9 else after
    return keras.ops.concatenate([x[:, :1], keras.ops.expand_dims(after, 1)], 1)


def swapped(x, i):
    """Parts that are put together in another order are no update of the whole."""
    parts = [keras.ops.slice_update(x[:, k], [0, 0, i, 0], x[:, k, :, :1] * 0.5 + k) for k in range(2)]
    return keras.ops.stack(parts[::-1], axis=1)


def read_again(x, i):
    """The value as it was is needed after the update."""
    y = keras.ops.stack([keras.ops.slice_update(x[:, k], [0, 0, i, 0], x[:, k, :, :1] + 1) for k in range(2)], axis=1)
    return y + 0.5 * x


@pytest.mark.parametrize("device", ["CPU", "native"])
@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("body", [pieces, first_kept, swapped, read_again])
def test_loops_that_update_parts_of_what_they_carry(body, batch, device):
    x = np.random.default_rng(1).random((batch, 2, 2, 6, 3), "float32")
    begin = np.int32(1)
    expected = keras.ops.convert_to_tensor(x)
    for i in range(begin, 5):
        expected = body(expected, i)

    @kvino.function(device=device)
    def loop(x, begin):
        return keras.ops.while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, body(x, i)), (begin, x))[1]

    for _ in range(2):
        given = kvino.convert_to_tensor(x)
        np.testing.assert_allclose(loop(given, kvino.convert_to_tensor(begin)), expected, rtol=2e-6)
        np.testing.assert_array_equal(given, x)  # what was given is not updated


@pytest.mark.parametrize("rows", [1, 3, 4, 7, 16, 17])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_products_of_few_rows(rows, dtype):
    rng = np.random.default_rng(rows)
    a, b = rng.normal(size=(2, rows, 131)), rng.normal(size=(131, 257))
    a, b = (kvino.convert_to_tensor(x.astype("float32")) for x in (a, b))
    a, b = kvino.ops.cast(a, dtype), kvino.ops.cast(b, dtype)
    wanted = np.asarray(kvino.ops.cast(a, "float64")) @ np.asarray(kvino.ops.cast(b, "float64"))
    turned = kvino.ops.transpose(kvino.ops.copy(kvino.ops.transpose(b)))
    assert rows != 1 or kvino.ops.matmul(a[0, 0], b).shape == (257,)
    for right in (b, turned):
        got = np.asarray(kvino.ops.cast(kvino.ops.matmul(a, right), "float64"))
        near = 1e-5 if dtype == "float32" else 2**-8
        np.testing.assert_allclose(got, wanted, rtol=near, atol=20 * 1e-6)


def test_the_page():
    """docs/generation.md runs as it stands."""
    text = (HERE.parents[1] / "docs" / "generation.md").read_text()
    names = {}
    for page in re.findall(r"```python\n(.*?)```", text, re.S):
        exec(compile(page, "docs/generation.md", "exec"), names)
    assert names["tokens"].shape == (2, 24)
    assert kvino.__version__ and keras.config.backend() == "openvino"
