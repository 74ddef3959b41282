"""kvino.config: settings of the process, of threads, of the environment, and what is compiled under them."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import kvino

X = np.random.default_rng(1).normal(size=(300, 300)).astype("float32")


@pytest.fixture(autouse=True)
def as_before():
    yield
    for name in ("device", "precision", "performance_hint", "threads", "streams", "cache_dir", *kvino.properties()):
        if name in dict(kvino.config.properties) or name == "device":
            (setattr(kvino.config, name, None) if hasattr(kvino.config, name) else kvino.config.properties.__delitem__(name))


def python(code, **environment):
    """The lines that a Python of its own prints."""
    run = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_settings_of_the_process():
    config = kvino.config
    assert config.precision == "f32" and config.streams is None and config.cache_dir is None and not len(config.properties)
    config.precision, config.streams, config.performance_hint = "BF16", 2, "throughput"
    config.properties["KV_CACHE_PRECISION"] = "u8"
    config.properties.update({"pinning": False})
    assert config.precision == "bf16" and config.streams == 2
    assert dict(config.properties) == {"performance_hint": "THROUGHPUT", "precision": "bf16", "streams": 2, "pinning": "NO",
                                       "kv_cache_precision": "u8"}
    assert "bf16" in repr(config) and config.properties["pinning"] == "NO" and "pinning" in list(config.properties)
    del config.properties["pinning"]
    with pytest.raises(KeyError):
        config.properties["pinning"]
    config.precision = None
    assert config.precision == "f32"


@pytest.mark.parametrize("value, error, words", [
    ({"a": 1}, TypeError, "a text, a number or a path, not {'a': 1}"),
    (b"x", TypeError, "not b'x'"),
    ([1], TypeError, "not \\[1\\]"),
    ("yes\0no", ValueError, "null character"),
])
@pytest.mark.parametrize("name", ["cache_dir", "pinning"])
def test_values_that_are_no_text(name, value, error, words):
    for setting in (lambda: kvino.config(**{name: value}).__enter__(), lambda: kvino.config.properties.__setitem__(name, value),
                    lambda: kvino.function(lambda x: x + 1, **{name: value})(X)):
        with pytest.raises(error, match=words):
            setting()


def test_a_cache_directory_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match="'cache_dir': .*Not a directory"):
            kvino.function(lambda x: x + 1, cache_dir=path)(X)
    kvino.function(lambda x: x + 1, cache_dir=tmp_path / "new" / "one")(X)
    assert (tmp_path / "new" / "one").is_dir()


@pytest.mark.parametrize("name, value, words", [
    ("precision", "bf61", "it takes f32|f16|bf16|dynamic"),
    ("performance_hint", "fast", "it takes latency|throughput|cumulative_throughput"),
    ("streams", -1, "it takes a number|auto|numa"),
    ("threads", 1.5, "it takes a number"),
    ("cache_dir", "", "it takes a text"),
    ("device", "CPU,,", "devices are written CPU"),
])
def test_values_that_make_no_sense(name, value, words):
    with pytest.raises(ValueError) as error:
        setattr(kvino.config, name, value)
    assert words in str(error.value)
    with pytest.raises(ValueError) as error:
        kvino.config(**{name: value})
    assert words in str(error.value)


def test_names_that_there_are_not():
    for wrong in (lambda: kvino.config(speed=1), lambda: kvino.config.properties.update({"speed": 1})):
        with pytest.raises(ValueError, match="unknown property 'speed'; there are: performance_hint, precision"):
            wrong()
    with pytest.raises(AttributeError):
        kvino.config.speed = 1
    with pytest.raises(AttributeError, match="None takes it back"):
        del kvino.config.precision
    with pytest.raises(TypeError):
        kvino.config.properties[1] = 2
    with pytest.raises(TypeError, match="keyword"):
        kvino.config("bf16")
    with pytest.raises(ValueError, match="given twice"):
        kvino.config(precision="f16", INFERENCE_PRECISION_HINT="bf16")


def test_settings_of_a_thread():
    kvino.config.streams = 1
    seen = []
    with kvino.config(precision="bf16", threads=1, device="native"):
        with kvino.config(precision="f16", device=None, streams=None):
            assert (kvino.config.precision, kvino.config.threads, kvino.config.device, kvino.config.streams) == ("f16", 1, None, None)
        assert (kvino.config.precision, kvino.config.device, kvino.config.streams) == ("bf16", "native", 1)
        thread = threading.Thread(target=lambda: seen.append((kvino.config.precision, kvino.config.device)))
        thread.start()
        thread.join()
    assert seen == [("f32", None)] and kvino.config.precision == "f32"
    scope = kvino.config(precision="bf16")
    with scope:
        with pytest.raises(RuntimeError, match="entered already"):
            scope.__enter__()
    with scope:  # again
        assert kvino.config.precision == "bf16"
    with pytest.raises(RuntimeError, match="the thread that entered it"):
        scope.__exit__()


def test_what_is_compiled_goes_by_them():
    f = kvino.function(lambda x: x @ x)
    exact = np.asarray(f(X))
    assert "PRECISION" not in f.describe(X)
    with kvino.config(precision="bf16", streams=1):
        assert "INFERENCE_PRECISION_HINT=bf16|NUM_STREAMS=1" in f.describe(X)
        rounded = np.asarray(f(X))
    assert np.abs(rounded - exact).max() > 1e-3
    np.testing.assert_array_equal(f(X), exact)  # what was compiled before
    assert f.signatures == 2
    kvino.config.precision = "bf16"
    assert kvino.function(lambda x: x @ x, precision="f32")(X).numpy().tolist() == exact.tolist()  # the call comes first
    assert "f32" in kvino.function(lambda x: x @ x, INFERENCE_PRECISION_HINT="f32").describe(X)
    assert "bf16" in kvino.function(lambda x: x @ x, precision=None).describe(X)


def test_float16_is_rounded_where_f32_is_said():
    """The default said in words computes as the default does."""
    x = np.float16([1000, 3])
    f = kvino.function(lambda x: x * x / x)
    for settings in ({}, {"precision": "f32"}):
        with kvino.config(**settings):
            assert np.asarray(f(x)).tolist() == [np.inf, 3]


def test_settings_without_use(tmp_path):
    f = kvino.function(lambda x: x + 1, device="native")
    with kvino.config(precision="bf16", streams=2, threads=1):
        with pytest.warns(UserWarning, match="'native' makes no use of the settings: precision, streams$"):
            f(X)
        f.clear()
        f(X)  # an error here, were it said twice
    with pytest.raises(ValueError, match="device 'CPU' does not know property 'priority' .the setting 'priority'"):
        with kvino.config(priority="low"):
            kvino.function(lambda x: x + 1)(X)
    with pytest.raises(ValueError, match="'cache_mode' is of the cache on disk, and there is no 'cache_dir'"):
        kvino.function(lambda x: x + 1, cache_mode="optimize_speed")(X)
    for settings in ({"cache_mode": "optimize_size"}, {"weightless": True}):
        with pytest.raises(ValueError, match="finds those of a model from memory nowhere"):
            kvino.function(lambda x: x + 1, cache_dir=str(tmp_path), **settings)(X)


def test_threads_are_not_bound_where_they_are_fewer(monkeypatch):
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor cannot be divided")
    f = kvino.function(lambda x: x @ x)
    with kvino.config(threads=1):
        assert "ENABLE_CPU_PINNING=NO|INFERENCE_NUM_THREADS=1" in f.describe(X)
    with kvino.config(threads=1, pinning=True):
        assert "ENABLE_CPU_PINNING=YES|INFERENCE_NUM_THREADS=1" in f.describe(X)
    assert "PINNING" not in f.describe(X)


def test_environment(tmp_path):
    code = """
import kvino, numpy as np
f = kvino.function(lambda x: x @ x)
print(kvino.config.precision, kvino.config.threads, kvino.config.streams, kvino.config.performance_hint, kvino.config.device)
print(f.describe(np.ones((300, 300), "float32")).split(",")[0])
kvino.config.precision = None
print(kvino.config.precision)"""
    lines = python(code, KVINO_PRECISION="bf16", KVINO_THREADS="1", KVINO_STREAMS="1", KVINO_PERFORMANCE_HINT="latency",
                   KVINO_CACHE_DIR=str(tmp_path), KVINO_DEVICE="cpu", KVINO_PINNING="")
    assert lines[0] == "bf16 1 1 LATENCY CPU" and lines[2] == "f32"
    for part in (f"CACHE_DIR={tmp_path}", "THREADS=1", "HINT=bf16", "NUM_STREAMS=1", "PERFORMANCE_HINT=LATENCY"):
        assert part in lines[1]
    code = """
import kvino, numpy as np
for use in (lambda: kvino.function(lambda x: x + 1)(np.ones(3)), lambda: kvino.config.precision):
    try:
        use()
    except ValueError as error:
        print(error)"""
    assert python(code, KVINO_PRECISION="b16") == [
        "environment variable KVINO_PRECISION: property 'precision' does not take 'b16'; it takes f32|f16|bf16|dynamic"] * 2


@pytest.mark.parametrize("properties", [{}, {"cache_mode": "optimize_speed", "weightless": False}])
def test_the_second_start_compiles_nothing(properties, tmp_path):
    """A model of several segments, one of them with large constants."""
    code = f"""
import kvino, numpy as np
from kvino import ops
kvino.config.cache_dir = {str(tmp_path)!r}
kvino.config.properties.update({properties!r})
w = ops.reshape(ops.arange(90000, dtype="float32"), (300, 300)) / 1e5

@kvino.function
def f(x):
    y = ops.cast(ops.tanh(ops.matmul(x, w)), "float64") + 1
    return ops.matmul(ops.cast(y, "float32"), w)

y = np.asarray(f(np.ones((4, 300), "float32")))
found = kvino.info()["openvino"]
print(found["compiled"], found["loaded"], y.sum())"""
    first, second = python(code), python(code)
    assert first[0].split()[:2] == ["2", "0"]
    assert second[0].split()[:2] == ["0", "2"] and second[0].split()[2] == first[0].split()[2]
