"""kvino.profile and kvino.explain: layers by name, engines, times, the table, the page; and the warning about native operations."""

import html.parser
import os
import re
import shutil
import subprocess
import warnings

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
import kvino  # noqa: E402
from keras import layers, ops  # noqa: E402

rng = np.random.default_rng(3)


class Median(layers.Layer):
    """Sorting doubles is kvino's own: OpenVINO has none."""

    def call(self, x):
        return ops.cast(ops.sort(ops.cast(x, "float64"), axis=-1)[:, :16], "float32")


def mixed(width=64):
    x = keras.Input((width,), name="x")
    block = keras.Sequential([keras.Input((16,)), layers.Dense(32, activation="relu", name="inner")], name="block")
    y = layers.Dense(8, name="outer")(block(Median(name="median")(x)))
    return keras.Model(x, y, name="mixed")


@pytest.fixture(scope="module")
def profile():
    return kvino.profile(mixed(), rng.random((32, 64), "float32"), runs=5)


def by_name(profile):
    return {layer["layer"]: layer for layer in profile.layers}


def test_layers_have_the_names_of_keras(profile):
    found = by_name(profile)
    assert {"mixed/median", "mixed/block/inner", "mixed/outer"} <= set(found)
    assert found["mixed/median"]["engine"] == "native"
    assert "OpenVINO has no such operation" in found["mixed/median"]["reason"]
    inner = found["mixed/block/inner"]
    assert inner["engine"] == "CPU" and inner["reason"] is None and inner["precision"] == "f32"
    assert inner["operations"].split(", ")[0] == "MatMul" and inner["weight_bytes"] == 4 * (16 * 32 + 32)
    assert inner["result_bytes"] >= 4 * 32 * 32


def test_times_add_up(profile):
    rows = sum(row["microseconds"] for row in profile.rows)
    assert 0 < rows <= 1.5 * profile.microseconds + 50  # OpenVINO counts in whole microseconds
    assert abs(sum(layer["microseconds"] for layer in profile.layers) - rows) < 1e-6 * rows + 1e-9
    sort = next(row for row in profile.rows if row["operation"] == "Sort")
    assert (sort["layer"], sort["engine"], sort["precision"]) == ("mixed/median", "native", "f64")
    assert sort["microseconds"] > 0 and sort["result_bytes"] == 32 * 64 * 8


def test_the_table(profile):
    text = str(profile)
    lines = text.splitlines()
    assert re.match(r"layer +engine +precision +operations +time +share +weights +results$", lines[0])
    assert any(re.match(r"mixed/block/inner +CPU +f32 +MatMul", line) for line in lines)
    assert re.search(r"^\d+\.\d{3} ms a run \(the mean of 5\): operations \d+\.\d{3} ms, of which native", text, re.M)
    assert "native in mixed/median: OpenVINO has no such operation" in text


def test_larger_work_takes_longer():
    x = keras.Input((256,))
    model = keras.Model(x, layers.Dense(8, name="small")(layers.Dense(2048, name="large")(x)))
    found = by_name(kvino.profile(model, rng.random((256, 256), "float32"), runs=5))
    assert found[f"{model.name}/large"]["microseconds"] > found[f"{model.name}/small"]["microseconds"]
    assert found[f"{model.name}/large"]["weight_bytes"] == 4 * 257 * 2048


def test_precision_of_each_operation():
    x = keras.Input((64,))
    model = keras.Model(x, layers.Dense(64, name="dense")(x), name="one")
    value = rng.random((8, 64), "float32")
    assert by_name(kvino.profile(model, value))["one/dense"]["precision"] == "f32"
    assert by_name(kvino.explain(model))["one/dense"]["precision"] == "f32"
    if "BF16" in next(d for d in kvino.devices() if d.name == "CPU").capabilities:  # else the plugin computes in f32
        assert by_name(kvino.explain(model, precision="bf16"))["one/dense"]["precision"] == "bf16"
        assert by_name(kvino.profile(model, value, precision="bf16"))["one/dense"]["precision"] == "bf16"


def test_explain_runs_nothing_and_needs_no_data():
    explained = kvino.explain(mixed())
    assert explained.microseconds == 0 and all(layer["microseconds"] == 0 for layer in explained.layers)
    assert by_name(explained)["mixed/median"]["reason"] == "float64, which OpenVINO computes as float32"
    assert " time " not in str(explained).splitlines()[0]


def test_functions_and_their_scopes():
    def f(x, more):
        with keras.name_scope("head"):
            y = ops.exp(x)
        return {"y": y, "z": [y + more["n"]]}

    profile = kvino.profile(f, rng.random((4, 4)), {"n": np.float32(1)}, device="native")
    assert {row["layer"] for row in profile.rows} == {"head", ""}
    assert all(row["reason"] is None for row in profile.rows)  # native was asked for
    assert "(no layer)" in str(profile)


def test_training_steps_name_their_derivatives():
    """What fit traces: a derivative is of the layer that it is of."""
    graph = kvino.Graph()
    x = graph.parameter((4, 3), "float32")
    dense = layers.Dense(2, activation="tanh", name="hidden")
    dense.build((4, 3))
    for g in kvino.gradients((dense(x),), (None,), (x,)):
        graph.result(g)
    found = by_name(graph.compile().explain())
    assert set(found) == {"hidden"} and found["hidden"]["n_operations"] > 3


def test_names_are_no_part_of_a_model():
    """Two models that differ in names alone are compiled once, and keep their own names."""
    value = rng.random((2, 4), "float32")
    weights = None
    for name in ("first", "second"):
        x = keras.Input((4,))
        model = keras.Model(x, layers.Dense(3, name=name)(x), name="m")
        weights = weights or model.get_weights()
        model.set_weights(weights)
        assert f"m/{name}" in by_name(kvino.profile(model, value)) and f"m/{name}" in by_name(kvino.explain(model))


def test_bad_calls():
    model = mixed()
    with pytest.raises(ValueError, match="at least once"):
        kvino.profile(model, rng.random((2, 64), "float32"), runs=0)
    graph = kvino.Graph()
    graph.result(graph.parameter((2,)) + 1)
    with pytest.raises(ValueError, match="profiling=yes"):
        graph.compile("CPU").profile((np.ones(2, "float32"),))
    with pytest.raises(ValueError, match="takes 1"):
        graph.compile("native").profile(())
    with pytest.raises(TypeError):
        kvino.Profile()
    with pytest.raises(TypeError, match="a Keras model or a function of tensors is expected here, not int"):
        kvino.profile(42)
    for call in (kvino.profile, kvino.explain):  # what the model says to such a call anywhere
        with pytest.raises(ValueError, match="^Input 0 .*expected shape=.*found shape=.*65"):
            call(model, rng.random((2, 65), "float32"))

    class InNumPy(keras.layers.Layer):
        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

        def call(self, x):
            return np.asarray(x) * 2

    x = keras.Input((3,))
    for call, what in ((lambda m: kvino.profile(m, np.ones((1, 3), "float32")), "profiled"), (lambda m: kvino.save(m, "x.kvino"), "saved")):
        with pytest.raises(ValueError, match=f"(?s)cannot be {what}: .*test_keras_profile.py"):
            call(keras.Model(x, InNumPy()(x)))


# ---- the page ----


class Page(html.parser.HTMLParser):
    """Checks that elements are closed in order, and collects text by element."""

    EMPTY = {"meta", "br"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.cells, self.urls, self.count = [], [], [], {}
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        self.urls += [v for k, v in attributes if k in ("src", "href", "xlink:href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


def test_the_page_is_sound_and_needs_nothing_else(profile, tmp_path):
    text = profile.html(tmp_path / "profile.html")
    assert (tmp_path / "profile.html").read_text(encoding="utf-8") == text
    page = Page(text)
    assert not page.urls and "script" not in page.count and "@import" not in text and "url(" not in text
    assert page.count["circle"] == len(profile.layers) and page.count["path"] >= len(profile.layers) - 1
    assert {"mixed/median", "mixed/block/inner", "Sort", "native"} <= set(page.cells)


def test_names_cannot_break_the_page():
    def f(x):
        with keras.name_scope('<script>alert("x")&'):
            return ops.exp(x)

    page = Page(kvino.explain(f, np.ones(3)).html())
    assert "script" not in page.count and '<script>alert("x")&' in page.cells


BROWSER = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")
def test_a_browser_shows_the_page(profile, tmp_path):
    profile.html(tmp_path / "profile.html")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'user'}"]
    url = (tmp_path / "profile.html").as_uri()
    shown = subprocess.run([*command, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=True).stdout
    page = Page(re.sub(r"<(/?)tbody>", "", shown))
    assert "mixed/block/inner" in page.cells and page.count["rect"] >= len(profile.layers)
    picture = tmp_path / "page.png"
    subprocess.run([*command, f"--screenshot={picture}", "--window-size=1200,800", url], check=True, timeout=120, capture_output=True)
    assert picture.stat().st_size > 10_000  # a blank page of that size has less


# ---- the warning ----


def test_what_is_native_and_slow_is_said_once():
    model, x = mixed(4096), rng.random((64, 4096), "float32")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(10):
            model.predict_on_batch(x)
    said = [str(w.message) for w in caught if "own kernels" in str(w.message)]
    assert len(said) == 1 and "Sort of float64 in mixed/median" in said[0] and "no such operation" in said[0]


def test_nothing_is_said_where_it_was_asked_for_or_is_quick():
    quick, x = mixed(), rng.random((2, 64), "float32")
    slow = kvino.function(lambda x: kvino.ops.sort(kvino.ops.cast(x, "float64")), device="native")
    large = rng.random((64, 4096), "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(10):
            quick.predict_on_batch(x)
            slow(large)


def test_steps_of_training_are_left_alone():
    model, x = mixed(4096), rng.random((640, 4096), "float32")
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, rng.random((640, 8), "float32"), batch_size=64, verbose=0)


def test_the_warning_may_be_an_error():
    graph = kvino.Graph()
    graph.result(kvino.ops.sort(graph.parameter((64, 4096), "float64")))
    run, x = graph.compile("CPU"), rng.random((64, 4096))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="own kernels"):
            for _ in range(10):
                run(x)
    assert np.array_equal(np.asarray(run(x)[0]), np.sort(x))


def test_the_examples_of_the_documentation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "profiling.md")) as file:
        blocks = re.findall(r"^```python\n(.*?)^```", file.read(), re.M | re.S)
    assert blocks
    names = {}
    for block in blocks:
        exec(block, names)
    assert (tmp_path / "profile.html").exists()
