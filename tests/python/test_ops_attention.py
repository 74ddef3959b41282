"""keras.ops.nn.dot_product_attention against NumPy."""

import numpy as np
import pytest

import kvino
from opcheck import case, cast, make_tests, result_float, values, wide


def dot_product_attention(
    query,
    key,
    value,
    bias=None,
    mask=None,
    scale=None,
    is_causal=False,
    flash_attention=None,
    attn_logits_soft_cap=None,
):
    name = result_float(query, key, value)
    q, k, v = (wide(cast(x, name)).transpose(0, 2, 1, 3) for x in (query, key, value))
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], 1) for x in (k, v))
    logits = q @ k.swapaxes(-1, -2) * (1 / np.sqrt(k.shape[-1]) if scale is None else scale)
    if attn_logits_soft_cap is not None:
        logits = logits / (1 + np.abs(logits) / attn_logits_soft_cap)
    if bias is not None:
        logits = logits + wide(bias)
    seen = np.ones(logits.shape, bool) if mask is None else np.broadcast_to(mask, logits.shape)
    if is_causal:
        seen = seen & np.tril(np.ones(logits.shape[-2:], bool))
    logits = np.where(seen, logits, -2e38)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return cast((p / p.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3), name)


def operands(batch, time, source, heads, kv_heads, depth, name="float32", other=None):
    kv = (batch, source, kv_heads, depth)
    return [values(name, (batch, time, heads, depth), 1), values(other or name, kv, 2), values(other or name, kv, 3)]


def attention(*args, name="float32", **kwargs):
    tolerance = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-6, "float64": 1e-14}[name]
    rtol = 1e-12 if name == "float64" else max(tolerance, 1e-5)
    return case(*args, expect=dot_product_attention, rtol=rtol, atol=tolerance, device_rtol=1e-4, **kwargs)


BIAS = values("float32", (2, 4, 3, 5), 4)
MASK = values("bool", (2, 4, 3, 5), 5)
MASK[0, 1, 2] = False  # a query that sees nothing

CASES = {
    "dot_product_attention": [
        attention(*operands(2, 3, 5, 4, 4, 8)),
        attention(*operands(1, 1, 1, 1, 1, 1)),
        attention(*operands(2, 3, 5, 4, 4, 8), BIAS),
        attention(*operands(2, 3, 5, 4, 4, 8), BIAS[:1, :1]),
        attention(*operands(2, 3, 5, 4, 4, 8), None, MASK),
        attention(*operands(2, 3, 5, 4, 4, 8), None, MASK[:, :1]),
        attention(*operands(2, 3, 5, 4, 4, 8), BIAS, MASK, is_causal=True),
        attention(*operands(2, 5, 5, 4, 4, 8), is_causal=True),
        attention(*operands(2, 3, 5, 4, 4, 8), is_causal=True),
        attention(*operands(2, 5, 3, 4, 4, 8), is_causal=True),
        attention(*operands(2, 3, 5, 4, 4, 8), scale=0.7),
        attention(*operands(2, 3, 5, 4, 4, 8), scale=1),
        attention(*operands(2, 3, 5, 4, 4, 8), flash_attention=True),
        attention(*operands(2, 3, 5, 4, 4, 8), BIAS, attn_logits_soft_cap=2.0),
        attention(*operands(2, 3, 5, 4, 2, 8), weights=(0, 1, 2)),
        attention(*operands(2, 3, 5, 4, 1, 8), BIAS, MASK, is_causal=True, weights=(0, 1, 2)),
        attention(*operands(2, 3, 5, 6, 3, 8), weights=(0, 1, 2)),
        attention(*operands(2, 3, 5, 4, 4, 8, "float16"), name="float16", compile=False),
        attention(*operands(2, 3, 5, 4, 4, 8, "bfloat16"), name="bfloat16", compile=False),
        attention(*operands(2, 3, 5, 4, 4, 8, "float64"), name="float64"),
        attention(*operands(2, 3, 5, 4, 4, 8, "float16", "float32"), compile=False),
        attention(*operands(0, 3, 5, 4, 4, 8), compile=False),
        attention(*operands(2, 0, 5, 4, 4, 8), compile=False),
    ]
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


def test_large_numbers_do_not_overflow():
    q, k, v = operands(1, 3, 4, 2, 2, 8, "float16")
    y = kvino.ops.dot_product_attention(q * 100, k * 100, v)  # logits beyond float16
    assert np.isfinite(np.asarray(y)).all()


ERRORS = {
    "rank": (([2, 3, 4], [2, 3, 4], [2, 3, 4]), "only supports 4D inputs"),
    "heads": (([2, 3, 4, 8], [2, 5, 3, 8], [2, 5, 3, 8]), "multiple of the number of key and value heads"),
    "value heads": (([2, 3, 4, 8], [2, 5, 4, 8], [2, 5, 2, 8]), "multiple of the number of key and value heads"),
    "depth": (([2, 3, 4, 8], [2, 5, 4, 7], [2, 5, 4, 7]), "mismatch|match|dimension"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    shapes, words = ERRORS[name]
    with pytest.raises(ValueError, match=words):
        kvino.ops.dot_product_attention(*(np.zeros(s, "f") for s in shapes))


@pytest.mark.parametrize("device", ["native", "CPU"])
def test_attention_of_no_heads_of_unknown_lengths(device):
    graph = kvino.Graph()
    graph.result(kvino.ops.dot_product_attention(*(graph.parameter((None,) * 4, "float32") for _ in range(3))))
    compiled = graph.compile(device)
    for query, key in (((1, 2, 4, 4), (1, 3, 2, 4)), ((0, 2, 0, 4), (0, 4, 0, 4)), ((1, 2, 0, 4), (1, 4, 0, 4)), ((1, 2, 2, 4), (1, 4, 1, 4))):
        q, k = np.ones(query, "float32"), np.ones(key, "float32")
        np.testing.assert_allclose(np.asarray(compiled(q, k, k)[0]), np.asarray(kvino.ops.dot_product_attention(q, k, k)), strict=True)
