"""kvino run: what it reads (arrays, tables, pictures) and what it writes."""

import io
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import types
import zlib

import numpy as np
import pytest

import kvino as package

COMMAND = os.environ.get("KVINO_COMMAND") or str(pathlib.Path(sys.executable).parent / "kvino")
MODELS = pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "corpus" / "model"
K = package.ops


def kvino(*arguments, stdin=b"", binary=False):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([COMMAND, *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    return done.returncode, done.stdout if binary else done.stdout.decode(), done.stderr.decode()


def run(path, *arguments, **how):
    return kvino("run", path, *arguments, "-d", "native", **how)


def saved(path, function, *arrays):
    package.save(function, path, *arrays)
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Names of models: the input itself, with a fixed shape that the name says; one with two outputs."""
    directory = tmp_path_factory.mktemp("models")
    made = {
        "two": saved(directory / "two.kvino", lambda x: {"a": x + 1, "b": x > 2}, np.zeros((2, 3), "float32")),
        "row": saved(directory / "row.kvino", lambda x: {"y": x * 1}, np.zeros(4, "float32")),
        "cube": saved(directory / "cube.kvino", lambda x: {"y": x * 1}, np.zeros((2, 2, 2), "float32")),
        "ints": saved(directory / "ints.kvino", lambda x: {"y": x * 1}, np.zeros((2, 2), "int64")),
        "scores": saved(directory / "scores.kvino", lambda x: {"y": x * 1}, np.zeros((2, 4), "float32")),
        "odd": saved(directory / "odd.kvino", lambda x: {"y": K.stack([x / 0, x * np.nan, -x / 0, x / 3])}, np.ones(1, "float32")),
    }
    for name, shape, dtype in (("rgb", (1, 4, 6, 3), "float32"), ("gray", (1, 4, 6, 1), "float32"), ("first", (1, 3, 4, 6), "float32"),
                               ("plane", (1, 4, 6), "float32"), ("bytes", (1, 2, 3, 3), "uint8"), ("pair", (2, 4, 6, 3), "float32"),
                               ("small", (1, 2, 3, 3), "float32")):
        made[name] = saved(directory / f"{name}.kvino", lambda x: {"y": x * 1}, np.zeros(shape, dtype))
    made["open"] = saved(directory / "open.kvino", lambda x: {"y": x * 1}, types.SimpleNamespace(shape=(None, None, None, 3), dtype="float32"))
    return made


# The command alone is linked to libpng and libjpeg, and can be built without.
INFO = subprocess.run([COMMAND, "info"], capture_output=True, text=True, env={**os.environ, "KVINO_OPENVINO": "/nowhere"}, timeout=60).stdout
READS_PICTURES = re.search("^pictures +libpng", INFO, re.M) is not None
pictures = pytest.mark.skipif(not READS_PICTURES, reason="this kvino was built without libpng and libjpeg")


# ---- tables ----


@pytest.mark.parametrize("text", [
    "1,2,3,4\n5,6,7,8\n", "1,2,3,4\r\n5,6,7,8", 'a,b,"c ""x"", d",d\n1,2,3,4\n5,6,7,8\n', '"1",2,"3",4\n5,6,7,8\n',
    "\ufeff1,2,3,4\n5,6,7,8\n", " 1, 2 ,3,4\n5,6,7,8e0\n", '"a\nb",c,d,e\n1,2,3,4\n5,6,7,8\n',
])
def test_tables(text, models, tmp_path):
    (tmp_path / "x.csv").write_bytes(text.encode())
    assert run(models["scores"], tmp_path / "x.csv", "-o", tmp_path / "y.npy") == (0, "", "")
    assert np.load(tmp_path / "y.npy").tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]


def test_tables_of_other_shapes(models, tmp_path):
    (tmp_path / "any.csv").write_text("1,2\n-3,0.5\n0,1\n")
    assert run(MODELS / "mlp.keras", tmp_path / "any.csv")[1] == "dense: float32 (3, 2)\n"
    (tmp_path / "cube.csv").write_text("1,2,3,4\n5,6,7,8\n")
    assert run(models["cube"], tmp_path / "cube.csv", "-o", tmp_path / "y.npy")[0] == 0
    assert np.load(tmp_path / "y.npy").tolist() == [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]
    (tmp_path / "row.csv").write_text("n\n1\n2\n3\n4\n")
    assert run(models["row"], tmp_path / "row.csv", "-o", tmp_path / "y.npy")[0] == 0
    assert np.load(tmp_path / "y.npy").tolist() == [1, 2, 3, 4]
    (tmp_path / "ints.csv").write_text("9007199254740993,2\n-3,4\n")
    assert run(models["ints"], tmp_path / "ints.csv", "-o", tmp_path / "y.npy")[0] == 0
    assert np.load(tmp_path / "y.npy").tolist() == [[9007199254740993, 2], [-3, 4]]


@pytest.mark.parametrize("name, text, words", [
    ("scores", "1,2,3,4\n5,6,x,8\n", "line 2, field 3: 'x' is not a number"),
    ("scores", "1,2,3,4\n5,6,7\n", "line 2 has 3 fields, not 4"),
    ("scores", '"a\nb",c,d,e\n1,2,3,4\n5,6,7\n', "line 4 has 3 fields, not 4"),
    ("scores", "1,2,x,4\n", "line 1: neither names alone nor numbers alone"),
    ("scores", "1,2,3,4\n\n", "line 2, field 1: '' is not a number"),
    ("scores", "1,2,3,\n", "line 1: neither names"),
    ("scores", "1,2,3,4\n5,6,7,0x8\n", "line 2, field 4: '0x8' is not a number"),
    ("scores", "1,2,3,4\n5,6,7,8\0\n", "line 2, field 4"),
    ("scores", '1,2,3,4\n5,6,7,"8\n', "line 2: a quote that is not closed"),
    ("scores", '1,2,3,4\n5,6,7,"8"8\n', "line 2: something follows a quoted field"),
    ("scores", '1,2,3,4\n5,6,7,8"\n', "line 2: a quote inside of a field"),
    ("scores", "1,2,3,4\r5,6,7,8\n", "line 1: a carriage return without a line feed"),
    ("scores", "", "there are no rows"),
    ("scores", "a,b,c,d\n", "there are no rows"),
    ("ints", "1,2\n3,4.5\n", "line 2, field 2: '4.5' is not a whole number"),
    ("ints", "1,2\n3,9223372036854775808\n", "line 2, field 2"),
    ("cube", "1,2,3\n4,5,6\n", "rows of 3 fields do not fit input 'x' of shape (2, 2, 2)"),
])
def test_bad_tables(name, text, words, models, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode())
    code, out, err = run(models[name], path)
    assert (code, out) == (1, "") and err.startswith(f"kvino run: {path}: ") and words in err


# ---- outputs ----


def test_one_name_holds_one_output(models, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6, dtype="float32").reshape(2, 3))
    for target in ("y.npy", "y", "y.csv", "-"):
        code, out, err = run(models["two"], tmp_path / "x.npy", "-o", tmp_path / target if target != "-" else "-")
        assert (code, out) == (1, "") and "2 outputs" in err and "-o OUT.npz" in err
    assert os.listdir(tmp_path) == ["x.npy"]
    assert run(models["two"], tmp_path / "x.npy", "-o", tmp_path / "y.npz") == (0, "", "")
    with np.load(tmp_path / "y.npz") as y:
        assert y["a"].tolist() == [[1, 2, 3], [4, 5, 6]] and y["b"].sum() == 3


def test_json(models, tmp_path):
    x = np.array([[0.1, 2, 3e30], [-1e-30, 5, 6]], "float32")
    np.save(tmp_path / "x.npy", x)
    assert run(models["two"], tmp_path / "x.npy", "-o", tmp_path / "y.json") == (0, "", "")
    code, out, err = run(models["two"], tmp_path / "x.npy", "--json")
    assert (code, err) == (0, "") and out == (tmp_path / "y.json").read_text()
    a, b = json.loads(out)["outputs"]
    assert (a["name"], a["dtype"], a["shape"]) == ("a", "float32", [2, 3]) and np.array_equal(np.float32(a["values"]), x + 1)
    assert b == {"name": "b", "dtype": "bool", "shape": [2, 3], "values": [[False, False, True], [False, True, True]]}
    np.save(tmp_path / "x.npy", np.ones(1, "float32"))
    values = json.loads(run(models["odd"], tmp_path / "x.npy", "--json")[1])["outputs"][0]["values"]
    np.testing.assert_array_equal(np.float32(values).ravel(), np.float32([np.inf, np.nan, -np.inf, 1 / np.float32(3)]))


def test_csv_and_standard_output(models, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    assert run(models["scores"], tmp_path / "x.npy", "-o", tmp_path / "y.csv") == (0, "", "")
    assert np.array_equal(np.loadtxt(tmp_path / "y.csv", delimiter=",", dtype="float32"), x)
    assert run(models["scores"], tmp_path / "y.csv", "-o", tmp_path / "z.npy")[0] == 0  # and back
    assert np.array_equal(np.load(tmp_path / "z.npy"), x)
    code, out, err = run(models["scores"], tmp_path / "x.npy", "-o", "-", binary=True)
    assert (code, err) == (0, "") and np.array_equal(np.load(io.BytesIO(out)), x)
    code, _, err = run(models["scores"], tmp_path / "x.npy", "-o", tmp_path / "none" / "y.csv")
    assert code == 1 and "No such file" in err


def test_top(models, tmp_path):
    np.save(tmp_path / "x.npy", np.array([[0.25, 0.5, 0.125, 0], [1, 2, 3, 4]], "float32"))
    (tmp_path / "labels.txt").write_text("cat\ndog, big\r\nmouse\nowl\n")
    code, out, err = run(models["scores"], tmp_path / "x.npy", "--top", 2, "--labels", tmp_path / "labels.txt")
    assert (code, err) == (0, "") and [line.split(None, 2) for line in out.splitlines()] == [
        ["y[0]:"], ["1", "0.5", "dog, big"], ["0", "0.25", "cat"], ["y[1]:"], ["3", "4", "owl"], ["2", "3", "mouse"]]
    assert [line.split() for line in run(models["scores"], tmp_path / "x.npy", "--top", 1)[1].splitlines()][1::2] == [["1", "0.5"], ["3", "4"]]
    assert len(run(models["scores"], tmp_path / "x.npy", "--top", 9)[1].splitlines()) == 10  # no more than there are
    shown = json.loads(run(models["scores"], tmp_path / "x.npy", "--top", 1, "--json", "--labels", tmp_path / "labels.txt")[1])["outputs"][0]
    assert shown["top"] == [[{"index": 1, "value": 0.5, "label": "dog, big"}], [{"index": 3, "value": 4, "label": "owl"}]]
    (tmp_path / "labels.txt").write_text("cat\ndog")
    code, out, err = run(models["scores"], tmp_path / "x.npy", "--top", 2, "--labels", tmp_path / "labels.txt")
    assert (code, out) == (1, "") and "2 labels; output 'y' has rows of 4 entries" in err
    code, out, err = run(models["scores"], tmp_path / "x.npy", "--top", 2, "--json", "--labels", tmp_path / "labels.txt")
    assert (code, out) == (1, "") and "2 labels" in err  # no half of an object


@pytest.mark.parametrize("options, words", [
    (["--top", "0"], "--top takes a whole number from 1"), (["--top", "2.5"], "not '2.5'"), (["--labels", "x"], "--labels is of --top"),
    (["-o", "-", "--json"], "one of them"), (["-o", "y.png"], "-o writes .npy, .npz, .csv or .json, not 'y.png'"), (["--mean", "1"], "are of pictures"),
])
def test_wrong_usage(options, words):
    code, out, err = kvino("run", MODELS / "mlp.keras", "x.npy", *options)
    assert (code, out) == (2, "") and words in err


@pytest.mark.parametrize("options, words", [
    (["--resize", "0"], "--resize takes HEIGHTxWIDTH"), (["--resize", "3x"], "not '3x'"), (["--resize", "99999"], "not '99999'"),
    (["--mean", "1,2,3,4"], "one for each of 3 channels"), (["--mean", "1,,2"], "--mean takes a number"), (["--scale", "0"], "--scale takes a number"),
])
def test_wrong_usage_of_pictures(options, words):
    code, out, err = kvino("run", MODELS / "mlp.keras", "x.png", *options)
    assert (code, out) == (2, "") and words in err


# ---- pictures ----

PICTURES = np.random.default_rng(1).integers(0, 256, (4, 6, 3), "uint8")


def write_picture(path, pixels=PICTURES, mode=None, **options):
    image = pytest.importorskip("PIL.Image", reason="Pillow writes the pictures")
    image.fromarray(pixels).convert(mode or image.fromarray(pixels).mode).save(path, **options)
    return image.open(path)


def answer(model, *arguments):
    code, out, err = run(model, *arguments, "-o", "-", binary=True)
    assert (code, err) == (0, "")
    return np.load(io.BytesIO(out))


@pictures
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_png(mode, models, tmp_path):
    path = tmp_path / "x.PNG"
    picture = write_picture(path, mode=mode)
    rgb = np.asarray(picture.convert("RGB"))
    assert np.array_equal(answer(models["rgb"], path)[0], rgb)
    assert np.array_equal(answer(models["first"], path)[0], rgb.transpose(2, 0, 1))
    gray = np.asarray(picture.convert("RGB").convert("L"))
    assert np.array_equal(answer(models["gray"], path)[0, :, :, 0], gray) and np.array_equal(answer(models["plane"], path)[0], gray)


@pictures
@pytest.mark.parametrize("mode, options", [("RGB", {}), ("L", {}), ("RGB", {"progressive": True}), ("RGB", {"subsampling": 0, "quality": 95})])
def test_jpeg(mode, options, models, tmp_path):
    path = tmp_path / "x.jpg"
    picture = write_picture(path, mode=mode, **options)
    # Another release of the same library has written the expected pixels.
    np.testing.assert_allclose(answer(models["rgb"], path)[0], np.asarray(picture.convert("RGB")), atol=2)


@pictures
def test_mean_and_scale(models, tmp_path):
    write_picture(tmp_path / "x.png")
    x = PICTURES.astype("float32")
    found = answer(models["rgb"], tmp_path / "x.png", "--mean", "1,2,3", "--scale", "4,5,6")
    np.testing.assert_allclose(found[0], (x - [1, 2, 3]) / [4, 5, 6], rtol=1e-6)
    found = answer(models["first"], tmp_path / "x.png", "--mean", "127.5", "--scale=127.5")
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), x / 127.5 - 1, rtol=1e-5, atol=1e-6)
    code, _, err = run(models["gray"], tmp_path / "x.png", "--mean", "1,2,3")
    assert code == 1 and "--mean has 3 values; the input has 1 channels" in err


@pictures
def test_resize(models, tmp_path):
    write_picture(tmp_path / "x.png")
    x = PICTURES[None].astype("float32")
    wanted = np.asarray(K.resize(x, (2, 3), interpolation="bilinear", data_format="channels_last"))
    assert np.array_equal(answer(models["small"], tmp_path / "x.png"), wanted)
    rounded = np.asarray(K.resize(PICTURES[None], (2, 3), interpolation="bilinear", data_format="channels_last"))
    found = answer(models["bytes"], tmp_path / "x.png")
    assert found.dtype == np.uint8 and np.array_equal(found, rounded)
    code, out, err = run(models["small"], tmp_path / "x.png", "--resize", "none")
    assert (code, out) == (1, "") and "x.png: 4 x 6 pixels, not 2 x 3 (height x width)" in err
    assert np.array_equal(answer(models["rgb"], tmp_path / "x.png", "--resize", "none")[0], PICTURES)
    code, _, err = run(models["rgb"], tmp_path / "x.png", "--resize", "5x7")
    assert code == 1 and "(1, 4, 6, 3), not (1, 5, 7, 3)" in err


@pictures
def test_an_input_of_any_size(models, tmp_path):
    write_picture(tmp_path / "x.png")
    write_picture(tmp_path / "wide.png", np.zeros((4, 9, 3), "uint8"))
    assert np.array_equal(answer(models["open"], tmp_path / "x.png")[0], PICTURES)
    for size, shape in (("2x3", (1, 2, 3, 3)), ("5", (1, 5, 5, 3))):
        wanted = K.resize(PICTURES[None].astype("float32"), shape[1:3], interpolation="bilinear", data_format="channels_last")
        found = answer(models["open"], tmp_path / "x.png", "--resize", size)
        assert found.shape == shape and np.array_equal(found, np.asarray(wanted))
    assert answer(models["open"], tmp_path / "x.png", tmp_path / "wide.png", "--resize", "8").shape == (2, 8, 8, 3)
    code, out, err = run(models["open"], tmp_path / "x.png", tmp_path / "wide.png")
    assert (code, out) == (1, "") and "wide.png differ in size, and the input leaves it open: --resize" in err


@pictures
def test_pictures_make_a_batch(models, tmp_path):
    write_picture(tmp_path / "x.png")
    write_picture(tmp_path / "y.png", PICTURES[::-1])
    found = answer(models["pair"], tmp_path / "x.png", tmp_path / "y.png")
    assert np.array_equal(found, np.stack([PICTURES, PICTURES[::-1]]))


@pictures
def test_what_takes_no_pictures(models, tmp_path):
    write_picture(tmp_path / "x.png")
    code, out, err = run(MODELS / "mlp.keras", tmp_path / "x.png")
    assert (code, out) == (1, "") and "input 'x' of shape (None, 2) takes no pictures" in err
    (tmp_path / "x.png").write_text("hello, world")
    code, out, err = run(models["rgb"], tmp_path / "x.png")
    assert (code, out) == (1, "") and "neither a PNG nor a JPEG file" in err
    code, out, err = run(models["rgb"], tmp_path / "none.jpg")
    assert (code, out) == (1, "") and "none.jpg: No such file" in err


@pytest.mark.skipif(READS_PICTURES, reason="this kvino reads pictures")
def test_without_libraries_of_pictures(models, tmp_path):
    (tmp_path / "x.png").write_bytes(b"")
    code, out, err = run(models["rgb"], tmp_path / "x.png")
    assert (code, out) == (1, "") and "kvino was built without libpng and libjpeg" in err


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pictures
def test_pictures_that_promise_too_much(models, tmp_path):
    path = tmp_path / "x.png"
    for width, height, words in ((2**31 - 1, 2**31 - 1, "x.png: "), (20000, 20000, "more than the 100 million"), (0, 4, "damaged")):
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))
        code, out, err = run(models["rgb"], path)
        assert (code, out) == (1, "") and words in err
    write_picture(tmp_path / "x.jpg")
    content = bytearray((tmp_path / "x.jpg").read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at:at + 4] = struct.pack(">HH", 65500, 65500)
    (tmp_path / "x.jpg").write_bytes(content)
    code, out, err = run(models["rgb"], tmp_path / "x.jpg")
    assert (code, out) == (1, "") and "more than the 100 million" in err


@pictures
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_damaged_pictures(kind, models, tmp_path):
    """Cut off anywhere: an error. Changed anywhere: an error or a picture, never a crash."""
    write_picture(tmp_path / f"x.{kind}")
    path, content = tmp_path / f"bad.{kind}", (tmp_path / f"x.{kind}").read_bytes()
    for length in (*range(0, len(content) - 12, max(1, len(content) // 16)), len(content) - 12):
        path.write_bytes(content[:length])
        code, out, err = run(models["rgb"], path)
        assert (code, out) == (1, "") and str(path) in err, length
    draw = np.random.default_rng(2)
    for _ in range(40):
        changed = bytearray(content)
        changed[draw.integers(2, len(content))] ^= 1 << draw.integers(8)
        path.write_bytes(changed)
        assert run(models["rgb"], path)[0] in (0, 1)
