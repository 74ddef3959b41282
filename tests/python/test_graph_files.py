"""Graphs as files of kvino's own (docs/files.md): written from Python, read and run by the library alone; and what such a file can have
wrong."""

import io
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import capi
import kvino
from capi import KvinoError

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from graphs import generate  # noqa: E402
from graphs.program import function_of  # noqa: E402

K = kvino.ops
NATIVE = "native"


class Spec:
    def __init__(self, shape, dtype="float32"):
        self.shape, self.dtype = shape, dtype


def saved(path, f, *args, **kwargs):
    kvino.save(f, path / "graph.kvino", *args, **kwargs)
    return path / "graph.kvino"


def same(got, wanted):
    assert got.dtype == wanted.dtype and got.shape == wanted.shape
    if got.dtype.kind == "V" or got.dtype.name.startswith(("bfloat", "float8")):  # NumPy knows no NaN of these
        got, wanted = got.astype("float32"), wanted.astype("float32")
    np.testing.assert_array_equal(got, wanted)  # NaN equals itself


# ---- the same after as before ----


@pytest.mark.parametrize("part, names", [(0, None), (1, None), ("pads", ["pad", "pad", "transpose", "negative"])])
def test_random_graphs_compute_the_same(tmp_path, part, names):
    """Of the generator of tests/graphs: all operators, with known and unknown lengths; and of pads every mode."""
    compared, modes = 0, set()
    for seed in range(40):
        program = generate.generate(f"file:{part}:{seed}", names)[0]
        # Contiguous, as capi hands them on: a product of a view takes another way, and may end in another last bit.
        inputs = [np.array(x, order="C") for x in program.inputs.values()]
        if not program.results or not inputs:
            continue
        for unknown in (False, True):
            graph = kvino.Graph()
            shapes = [[None if unknown else d for d in x.shape] for x in inputs]
            try:
                for y in function_of(program)(*(graph.parameter(s, x.dtype.name) for s, x in zip(shapes, inputs))):
                    graph.result(kvino.convert_to_tensor(y))
                wanted = graph.compile(NATIVE)(*inputs)
            except Exception:  # a program may end in an error, and may need its lengths
                continue
            graph.save(tmp_path / "graph.kvino")
            got = capi.Model(tmp_path / "graph.kvino", NATIVE)(*inputs)
            for a, b in zip(got if isinstance(got, list) else [got], wanted, strict=True):
                same(np.asarray(a), np.asarray(b))
            compared += 1
            modes |= {s.kwargs["mode"] for s in program.steps if s.op == "pad"}
    assert compared > 30 and (not names or modes == {"constant", "edge", "reflect", "symmetric"})


def test_names_shapes_and_dtypes(tmp_path):
    def f(image, options, scale=2.0):
        return {"sum": K.sum(image, axis=1) * scale + options["bias"], "count": K.cast(K.nonzero(image)[0], "int64")}

    path = saved(tmp_path, f, Spec((None, 3)), {"bias": Spec((), "float64")})
    for device in (NATIVE, "CPU"):
        model = capi.Model(path, device)
        assert model.inputs == [("image", "float32", (None, 3)), ("bias", "float64", ())]
        assert model.outputs == [("sum", "float64", (None,)), ("count", "int64", (None,))]
        for n in (1, 4, 0):
            x = np.arange(n * 3, dtype="float32").reshape(n, 3)
            total, count = model(x, np.float64(0.5))
            same(total, x.sum(1) * 2.0 + np.float64(0.5))
            same(count, x.nonzero()[0])


def test_loops_branches_and_refusals(tmp_path):
    from keras.src.backend import core  # kvino's, after an import of kvino

    def f(x, n):
        y = core.fori_loop(0, n, lambda i, v: v * 1.5 + x, x)
        y = core.cond(n > 1, lambda: y + 1, lambda: y * x)
        return y, K.quantile(x, K.cast(n, "float32") / 10)

    model = capi.Model(saved(tmp_path, f, Spec((3,)), Spec((), "int32")), NATIVE)
    x = np.array([1, 2, 3], "float32")
    for n in (1, 2, 5):
        for a, b in zip(model(x, np.int32(n)), f(kvino.Tensor(x), kvino.Tensor(np.int32(n)))):
            same(a, np.asarray(b))
    with pytest.raises(KvinoError, match=r"Quantiles must be in the range"):
        model(x, np.int32(11))


def test_numbers_that_json_has_not(tmp_path):
    path = saved(tmp_path, lambda x: (K.clip(x, -np.inf, np.inf), K.nan_to_num(x, nan=7.0), K.elu(x, alpha=0.1)), Spec((4,)))
    x = np.array([np.inf, np.nan, -np.inf, -2], "float32")
    for a, b in zip(capi.Model(path, NATIVE)(x), (x, np.nan_to_num(x, nan=7.0), np.where(x > 0, x, np.expm1(x) * np.float32(0.1)))):
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float8_e4m3fn", "float8_e5m2",
                                   "float16", "bfloat16", "float32", "float64", "complex64", "complex128"])
def test_constants_of_every_dtype(tmp_path, dtype):
    import ml_dtypes

    d = np.dtype(getattr(ml_dtypes, dtype, dtype))
    c = np.array([[0, 1, 0], [1, 0, 1]]).astype(d)
    for constant in (c, c.T, c[:, ::-1], c[:, :0], c[0, 1]):  # strided ones, none, one
        path = saved(tmp_path, lambda x: K.take(constant.reshape(-1), x, axis=0) if constant.size else K.broadcast_to(x, (1,)), Spec((1,), "int32"))
        got = capi.Model(path, NATIVE)(np.array([0], "int32"))
        if constant.size:
            same(got, np.ascontiguousarray(constant).reshape(-1)[:1])


def test_a_file_is_the_same_again(tmp_path):
    f = lambda x: K.matmul(x, np.ones((100, 100), "float32")) + np.ones((100, 100), "float32")
    a = saved(tmp_path, f, Spec((None, 100))).read_bytes()
    model = capi.Model(a, NATIVE)
    model.save(tmp_path / "again.kvino")
    assert capi.Model((tmp_path / "again.kvino").read_bytes(), NATIVE).outputs == model.outputs
    capi.Model(tmp_path / "again.kvino", NATIVE).save(tmp_path / "third.kvino")
    assert (tmp_path / "again.kvino").read_bytes() == (tmp_path / "third.kvino").read_bytes()


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match="ends in .kvino"):
        kvino.save(lambda x: x, tmp_path / "graph.keras", Spec((2,)))
    with pytest.raises(OSError, match="nowhere"):
        kvino.save(lambda x: x, tmp_path / "nowhere" / "graph.kvino", Spec((2,)))
    with pytest.raises(ValueError, match="without results"):
        kvino.Graph().save(tmp_path / "graph.kvino")
    model = capi.Model(saved(tmp_path, lambda x: x + 1, Spec((2,))), NATIVE)
    for end in (".keras", ".h5", ".weights.h5"):
        with pytest.raises(KvinoError, match="a graph has no layers to save"):
            model.save(tmp_path / f"model{end}")
    with pytest.raises(KvinoError, match="No such layer"):
        model.get_weight("dense", "kernel")
    with pytest.raises(KvinoError, match="a graph has no layers to train"):
        model.set_trainable(None, True)
    with pytest.raises(KvinoError, match="a graph has no layers to choose outputs of"):
        capi.Model(tmp_path / "graph.kvino", NATIVE, outputs=["dense"])
    with pytest.raises(KvinoError, match="takes no weights from another file"):
        capi.Model(tmp_path / "graph.kvino", NATIVE, tmp_path / "graph.kvino")


# ---- the command ----


COMMAND = os.environ.get("KVINO_COMMAND") or str(pathlib.Path(sys.executable).parent / "kvino")


def command(*arguments):
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_the_command(tmp_path):
    path = saved(tmp_path, lambda x, y: {"total": x @ np.eye(3, dtype="float32") + y}, Spec((None, 3)), Spec((3,)))
    x, y = np.arange(6, dtype="float32").reshape(2, 3), np.ones(3, "float32")
    np.save(tmp_path / "x.npy", x), np.save(tmp_path / "y.npy", y)
    np.savez(tmp_path / "in.npz", y=y, x=x), np.savez(tmp_path / "out.npz", total=x + y)
    assert command("run", path, tmp_path / "x.npy", tmp_path / "y.npy", "-o", tmp_path / "z.npy") == (0, "", "")
    same(np.load(tmp_path / "z.npy"), x + y)
    code, out, _ = command("show", path)
    assert code == 0 and "kvino graph" in out and "Input 'y': float32 (3,)" in out and "Total constants: 9" in out
    assert json.loads(command("show", path, "--json")[1])["layers"] == []
    assert command("verify", path, tmp_path / "in.npz", tmp_path / "out.npz")[0] == 0
    np.savez(tmp_path / "out.npz", total=x)
    assert command("verify", path, tmp_path / "in.npz", tmp_path / "out.npz")[0] == 1
    assert "Throughput" in command("bench", path, "-niter", "3", "-d", NATIVE)[1]
    assert command("convert", path, "-o", tmp_path / "model.xml")[0] == 0
    assert command("run", tmp_path / "model.xml", tmp_path / "in.npz", "-o", tmp_path / "w.npy") == (0, "", "")
    same(np.load(tmp_path / "w.npy"), x + y)


# ---- files are hostile ----


def parts(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("graph.json")), archive.read("constants.bin")


def made(graph, constants=b""):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("graph.json", graph if isinstance(graph, (str, bytes)) else json.dumps(graph))
        archive.writestr("constants.bin", constants)
    return out.getvalue()


X = {"dtype": "float32", "shape": [2]}
ABS = {"op": "Abs", "in": [0]}


def graph(nodes=(ABS,), outputs=({"value": 1},), inputs=(X,), constants=(), **more):
    return {"format": "kvino graph", "version": 1, "constants": list(constants),
            "graph": {"inputs": list(inputs), "nodes": list(nodes), "outputs": list(outputs)}, **more}


def test_a_file_by_hand():
    same(capi.Model(made(graph()), NATIVE)(np.array([-1, 2], "float32")), np.array([1, 2], "float32"))


def constant(**changes):
    return graph([{"op": "Constant", "constant": 0}], constants=[{"dtype": "float32", "shape": [2], "offset": 0, **changes}])


WRONG = {
    "format": (graph(format="onnx"), "its format is not 'kvino graph'"),
    "no version": (graph(version="1"), "does not say its version"),
    "a later version": (graph(version=99), "version 99 of the format"),
    "no graph": (graph(graph=[]), "lists of 'inputs', 'nodes' and 'outputs'"),
    "no outputs": (graph(outputs=()), "lists of 'inputs', 'nodes' and 'outputs'"),
    "operation": (graph([{"op": "Frobnicate", "in": [0]}]), "node 0: there is no operation 'Frobnicate'"),
    "a parameter as a node": (graph([{"op": "Parameter", "in": [0]}]), "node 0: there is no operation 'Parameter'"),
    "no operation": (graph([7]), "node 0: there is no operation"),
    "itself": (graph([{"op": "Abs", "in": [1]}]), r"node 0 takes value 1, which does not stand before it"),
    "a later one": (graph([{"op": "Abs", "in": [2]}, ABS]), r"node 0 takes value 2, which does not stand before it"),
    "a negative number": (graph([{"op": "Abs", "in": [-1]}]), "node 0 takes value -1"),
    "an output too many": (graph([{"op": "Abs", "in": [[0, 1]]}]), "node 0 takes output 1 of value 0"),
    "no number": (graph([{"op": "Abs", "in": ["x"]}]), "node 0: what it takes is no value's number"),
    "nothing": (graph([{"op": "Abs", "in": []}]), r"node 0 \(Abs\) takes nothing"),
    "operands": (graph([{"op": "Abs", "in": [0, 0]}]), r"node 0 \(Abs\)"),
    "output": (graph(outputs=[{"value": 5}]), "output 0 takes value 5"),
    "an attribute too many": (graph([{**ABS, "attributes": {"axis": 1}}]), r"node 0 \(Abs\): an attribute is not known"),
    "no attribute": (graph([{"op": "Convert", "in": [0]}]), "attribute 'destination_type' is missing or wrong"),
    "dtype of an attribute": (graph([{"op": "Convert", "in": [0], "attributes": {"destination_type": "f99"}}]), "'destination_type'"),
    "a graph for a number": (graph([{"op": "If", "in": [0], "attributes": {"then_body": 1, "else_body": 2}}]), "'then_body'"),
    "dtype": (graph(inputs=[{"dtype": "float33", "shape": []}]), "input 0: there is no such dtype"),
    "length": (graph(inputs=[{"dtype": "float32", "shape": [-1]}]), "input 0: dimension 0 is no length"),
    "rank": (graph(inputs=[{"dtype": "float32", "shape": [1] * 99}]), "input 0: a shape is a list of at most"),
    "size": (graph(inputs=[{"dtype": "float32", "shape": [1 << 40, 0, 1 << 40]}]), "input 0: its shape is larger than memory can be"),
    "name": (graph(inputs=[{**X, "name": 3}]), "input 0: a name is a text"),
    "scope": (graph([{**ABS, "scope": 3}]), "node 0: a scope is a text"),
    "constants": (graph(constants={}) | {"constants": {}}, "'constants' is no list"),
    "no such constant": (graph([{"op": "Constant", "constant": 3}]), "node 0: there is no such constant; the file has 0"),
    "beyond": (constant(), "constant 0: 8 bytes at 0 go beyond 'constants.bin', which has 4"),
    "offset": (constant(offset=4), "constant 0: its offset is no multiple"),
    "negative offset": (constant(offset=-64), "constant 0: its offset is no multiple"),
    "a far offset": (constant(offset=1 << 62), "constant 0: 8 bytes at"),
    "open": (constant(shape=[None]), "constant 0: dimension 0 is no length"),
    "bool": (constant(dtype="bool"), "constant 0: a bool is a byte of 0 or 1"),
    "text": (constant(dtype="string", shape=[]), "constant 0: 8 bytes at 0 go beyond"),
    "refusal": (graph([{"op": "Require", "in": [0, 0], "attributes": {"refusal": "because", "by": None}}]), "'refusal' is missing or wrong"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name):
    content, words = WRONG[name]
    with pytest.raises(KvinoError, match=words) as error:
        capi.Model(made(content, b"\x02\x02\x02\x02"), NATIVE)
    assert str(error.value).startswith("bytes (member 'graph.json'): ")


def test_texts_that_lie():
    lengths = lambda *n: np.array(n, "uint64").tobytes()
    strings = lambda shape: constant(dtype="string", shape=shape)
    capi.Model(made(strings([2]), lengths(1, 2) + b"abc"), NATIVE)
    for blob, words in ((lengths(1, 3) + b"abc", "text 1 goes beyond"), (lengths(1, 2**64 - 1) + b"abc", "text 1 goes beyond"),
                        (lengths(1, 1) + b"\xff\xff", "constant 0: .*UTF-8")):
        with pytest.raises(KvinoError, match=words):
            capi.Model(made(strings([2]), blob), NATIVE)


def test_graphs_in_graphs_without_end():
    text = json.dumps(graph([{"op": "If", "in": [0], "attributes": "HERE"}]))
    inner = '{"inputs": [], "nodes": [{"op": "If", "in": [0], "attributes": {"then_body": HERE, "else_body": {}}}], "outputs": []}'
    deep = "{}"
    for _ in range(80):
        deep = inner.replace("HERE", deep)
    with pytest.raises(KvinoError, match="node 0|outputs"):
        capi.Model(made(text.replace('"HERE"', '{"then_body": %s, "else_body": {}}' % deep)), NATIVE)


def test_cut_off_at_every_byte(tmp_path):
    whole = saved(tmp_path, lambda x: K.where(x > 0, x, 0.5), Spec((2,))).read_bytes()
    for n in range(len(whole)):
        with pytest.raises(KvinoError):
            capi.Model(whole[:n], NATIVE)


def test_every_byte_of_the_text_changed(tmp_path):
    """Read, or refused in words; what is read runs or is refused."""
    content, constants = parts(saved(tmp_path, lambda x: K.sum(K.reshape(x, (3, 2)) * np.float32(2), axis=0, keepdims=True), Spec((6,))))
    text = json.dumps(content).encode()
    read = 0
    for i in range(len(text)):
        for new in b'0-9"[n':
            try:
                model = capi.Model(made(text[:i] + bytes([new]) + text[i + 1 :], constants), NATIVE)
            except KvinoError as e:
                assert str(e)
                continue
            read += 1
            try:
                model(*(np.zeros([d or 1 for d in shape], dtype) for _, dtype, shape in model.inputs if np.prod([d or 1 for d in shape]) < 1e4))
            except KvinoError:
                pass
    assert read
