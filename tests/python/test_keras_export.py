"""model.export(format="openvino"): a plain OpenVINO reads what kvino writes, and computes the same."""

import importlib.util
import os
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

if os.environ.get("KERAS_BACKEND") != "kvino":
    pytest.skip("these tests run in a process of their own with KERAS_BACKEND=kvino", allow_module_level=True)

import keras  # noqa: E402
import keras_cases  # noqa: E402
import kvino  # noqa: E402
from keras import layers  # noqa: E402

pytestmark = pytest.mark.filterwarnings("error:kvino")
rng = np.random.default_rng(7)


@pytest.fixture(scope="module")
def core():
    import openvino

    return openvino.Core()


def load(core, path):
    """On processors with AMX the plugin's own choice is bfloat16."""
    return core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def export(model, path, **kwargs):
    model.export(path, format="openvino", verbose=False, **kwargs)


def results(model, x):
    return [np.asarray(y) for y in keras.tree.flatten(model(x, training=False))]


def same(compiled, model, x, rtol=2e-5, atol=2e-6):
    """The plain model gives what Keras's gives, output for output."""
    out = compiled(keras.tree.flatten(x))
    for i, y in enumerate(results(model, x)):
        np.testing.assert_allclose(out[i], y, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", sorted(keras_cases.cases().keys() - {"linalg"}))  # OpenVINO solves no equations
def test_layer(core, tmp_path, name):
    model = keras_cases.build(name)
    export(model, tmp_path / "model.xml")
    compiled = load(core, tmp_path / "model.xml")
    assert compiled.input(0).partial_shape[0].is_dynamic
    for batch in (2, 3):
        x = rng.normal(size=(batch,) + model.input_shape[1:]).astype("float32")
        same(compiled, model, x)


def test_attention_of_any_length(core, tmp_path):
    x = keras.Input((None, 16), name="tokens")
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True))
    model = keras.Model(x, layers.Dense(16, activation="gelu", name="mixed")(y))
    export(model, tmp_path / "model.xml")
    compiled = load(core, tmp_path / "model.xml")
    assert compiled.input("tokens").partial_shape.to_string() == "[?,?,16]" and compiled.output("mixed")
    for shape in ((2, 7, 16), (1, 3, 16)):
        same(compiled, model, rng.normal(size=shape).astype("float32"))


def test_sequences_of_any_length(core, tmp_path):
    x = keras.Input((None, 4))
    model = keras.Model(x, [layers.GRU(5)(x), layers.SimpleRNN(3, return_sequences=True)(x)])
    export(model, tmp_path / "model.xml")
    compiled = load(core, tmp_path / "model.xml")
    for shape in ((2, 7, 4), (3, 2, 4)):
        same(compiled, model, rng.normal(size=shape).astype("float32"))


@pytest.mark.parametrize("cell", [layers.GRU, layers.LSTM, layers.SimpleRNN], ids=lambda c: c.__name__)
def test_masked_sequences_of_any_length(core, tmp_path, cell):
    """The plugin's last state is that of the last step, masked or not: the exported graph takes it from the outputs."""
    x = keras.Input((None, 3))
    y = layers.Masking()(x)
    model = keras.Model(x, [cell(5)(y), layers.Bidirectional(cell(4))(y), cell(2, return_sequences=True, go_backwards=True)(y)])
    with pytest.warns(UserWarning, match="sequences of different lengths"):
        export(model, tmp_path / "model.xml")
    compiled = load(core, tmp_path / "model.xml")
    for batch, steps in ((2, 7), (3, 2), (1, 12)):
        x = rng.normal(size=(batch, steps, 3)).astype("float32")
        x[0, -1] = x[-1, 0] = 0
        same(compiled, model, x)


def two_inputs():
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    return keras.Model({"a": a, "b": b}, {"sum": a + b, "product": layers.Dense(3)(a * b)})


def test_names_are_the_keys_of_dicts(core, tmp_path):
    model = two_inputs()
    export(model, tmp_path / "model.xml")
    compiled = load(core, tmp_path / "model.xml")
    x = {k: rng.normal(size=(4, 5)).astype("float32") for k in "ab"}
    got = compiled({"b": x["b"], "a": x["a"]})
    want = model(x)
    for name in ("sum", "product"):
        np.testing.assert_allclose(got[compiled.output(name)], np.asarray(want[name]), rtol=1e-5, atol=1e-6)


def test_names_of_layers_and_an_input_that_is_an_output(core, tmp_path):
    a = keras.Input((5,), name='a,"<b>&\\')
    model = keras.Model([a], [layers.Dense(3, name="first")(a), a, a])
    export(model, tmp_path / "model.xml")
    compiled = load(core, tmp_path / "model.xml")
    assert compiled.input(0).names == {'a,"<b>&\\'}
    assert compiled.output("first") == compiled.output(0)
    same(compiled, model, [rng.normal(size=(2, 5)).astype("float32")])


class Sum(keras.Model):
    def build(self, x_shape, y_shape):
        self.built = True

    def call(self, x, y):
        return keras.ops.add(x, y)


def test_subclassed_model_of_two_arguments(core, tmp_path):
    model = Sum()
    x, y = rng.normal(size=(2, 3, 4)).astype("float32")
    model(x, y)
    export(model, tmp_path / "model.xml")
    np.testing.assert_allclose(load(core, tmp_path / "model.xml")([x, y])[0], x + y, rtol=1e-6)


def test_fixed_shapes(core, tmp_path):
    model = keras_cases.build("dense")
    shape = (3,) + model.input_shape[1:]
    export(model, tmp_path / "model.xml", input_signature=[keras.InputSpec(shape=shape, dtype="float32")])
    compiled = load(core, tmp_path / "model.xml")
    assert tuple(compiled.input(0).shape) == shape and compiled.output(0).partial_shape.is_static
    same(compiled, model, rng.normal(size=shape).astype("float32"))


def test_weights_of_16_bits(core, tmp_path):
    model = keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten(), layers.Dense(8)])
    for name, half in (("full", False), ("half", True)):
        export(model, tmp_path / f"{name}.xml", compress_to_f16=half)
    full, half = (os.path.getsize(tmp_path / f"{name}.bin") for name in ("full", "half"))
    assert 4 * model.count_params() <= full < 4.01 * model.count_params() + 1000 and half < 0.51 * full
    same(load(core, tmp_path / "half.xml"), model, rng.normal(size=(2, 32, 32, 3)).astype("float32"), rtol=5e-3, atol=5e-3)
    # 70000 is no float16: such weights stay as they are
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8, kernel_initializer=keras.initializers.Constant(70000.0))])
    export(model, tmp_path / "large.xml", compress_to_f16=True)
    same(load(core, tmp_path / "large.xml"), model, rng.normal(size=(2, 8)).astype("float32"))


def test_half_precision_models(core, tmp_path):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation="relu"), layers.Dense(4)])
    half = keras.Sequential([keras.Input((8,)), layers.Dense(8, activation="relu", dtype="mixed_bfloat16"),
                             layers.Dense(4, dtype="mixed_float16")])
    half.set_weights(model.get_weights())
    export(half, tmp_path / "model.xml")
    x = rng.normal(size=(2, 8)).astype("float32")
    out = load(core, tmp_path / "model.xml")(x)[0]
    assert out.dtype == np.float16
    np.testing.assert_allclose(out, np.asarray(model(x)), rtol=0.05, atol=0.05)


def test_control_flow(core, tmp_path):
    class Doubling(layers.Layer):
        def call(self, x):
            steps = keras.ops.cast(keras.ops.sum(keras.ops.cast(x > 0, "int32")), "int32")
            return keras.ops.cond(steps > 2, lambda: keras.ops.fori_loop(0, 3, lambda i, y: y * 2, x), lambda: -x)

    x = keras.Input((4,))
    model = keras.Model(x, Doubling()(x))
    export(model, tmp_path / "model.xml")
    compiled = load(core, tmp_path / "model.xml")
    for value in (np.ones((1, 4), "float32"), -np.ones((1, 4), "float32")):
        same(compiled, model, value)


# ---- what plain OpenVINO has not ----


class Apply(layers.Layer):
    def __init__(self, f, **kwargs):
        super().__init__(**kwargs)
        self.f = f

    def call(self, x):
        return self.f(x)


def of(f, shape, dtype="float32"):
    x = keras.Input(shape, dtype=dtype)
    return keras.Model(x, Apply(f)(x))


def test_what_is_native_here_is_written_as_openvino_has_it(core, tmp_path):
    model = of(lambda x: keras.ops.cast(keras.ops.cast(x, "float64") * 3.0, "float32"), (4,))
    with pytest.warns(UserWarning, match="float64, which OpenVINO computes as float32"):
        export(model, tmp_path / "model.xml")
    same(load(core, tmp_path / "model.xml"), model, rng.normal(size=(2, 4)).astype("float32"))
    model = of(lambda x: keras.ops.rfft(x)[0], (12,))
    with pytest.warns(UserWarning, match="real lines"):
        export(model, tmp_path / "model.xml")
    same(load(core, tmp_path / "model.xml"), model, rng.normal(size=(2, 12)).astype("float32"), rtol=1e-4, atol=1e-4)


def test_what_openvino_has_not_is_an_error_that_names_it(tmp_path):
    with pytest.raises(NotImplementedError, match="Cholesky of float32"):
        export(of(lambda x: keras.ops.cholesky(x), (3, 3)), tmp_path / "model.xml")
    with pytest.raises(NotImplementedError, match="Solve of float32"):
        export(keras_cases.build("linalg"), tmp_path / "model.xml")
    with pytest.raises(NotImplementedError, match="complex64"):
        export(of(lambda x: keras.ops.angle(keras.ops.cast(x, "complex64")), (3,)), tmp_path / "model.xml")
    assert not list(tmp_path.iterdir())


def test_a_layer_in_numpy_is_an_error_that_says_where(tmp_path):
    class InNumpy(layers.Layer):
        def call(self, x):
            return keras.ops.convert_to_tensor(np.sort(np.asarray(x)))

        def compute_output_spec(self, x):
            return keras.KerasTensor(x.shape, x.dtype)

    x = keras.Input((3,))
    model = keras.Model(x, InNumpy()(x))
    with pytest.raises(ValueError, match=r"(?s)cannot be exported: .*test_keras_export.py:\d+ .*keras.ops"):
        export(model, tmp_path / "model.xml")
    assert not list(tmp_path.iterdir())


def test_bad_calls(tmp_path):
    model = keras_cases.build("dense")
    with pytest.raises(ValueError, match="end with '.xml'"):
        export(model, tmp_path / "model.bin")
    with pytest.raises(ValueError, match="takes compress_to_f16"):
        export(model, tmp_path / "model.xml", opset=3)
    with pytest.raises(OSError, match="nowhere"):
        export(model, tmp_path / "nowhere" / "model.xml")
    with pytest.raises(ValueError, match="built"):
        export(keras.Sequential([layers.Dense(2)]), tmp_path / "model.xml")
    with pytest.raises(ValueError, match="ends in .xml"):
        kvino.Graph().save_ir(tmp_path / "model")


def test_random_numbers_are_named(tmp_path):
    class Noise(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed = keras.random.SeedGenerator(3, name="noise")

        def call(self, x):
            return x + keras.random.uniform((4,), seed=self.seed)

    x = keras.Input((4,))
    with pytest.warns(UserWarning, match="changes .*noise"):
        try:
            export(keras.Model(x, Noise()(x)), tmp_path / "model.xml")
        except NotImplementedError as error:
            assert re.search("Random", str(error))  # the generator is kvino's own


def test_the_text_is_xml_with_dimensions(tmp_path):
    export(two_inputs(), tmp_path / "model.xml")
    net = ET.parse(tmp_path / "model.xml").getroot()
    ports = [port for port in net.iter("port") if port.get("names")]
    assert sorted(port.get("names") for port in ports) == ["a", "b", "product", "sum"]
    named = {layer.get("type"): layer.get("name") for layer in net.iter("layer")}
    assert re.fullmatch(r"functional(_\d+)?/dense(_\d+)?/MatMul_\d+", named["MatMul"])  # Keras's names are in those of layers
    assert [[d.text for d in port] for port in ports if port.get("names") == "product"] == [["-1", "3"]]


def test_graphs_of_ones_own(core, tmp_path):
    graph = kvino.Graph()
    x = graph.parameter((None, 2), "int64", "x")
    graph.result(x + 1, "y")
    graph.result(kvino.convert_to_tensor([1, 2]), "constant")
    assert graph.save_ir(tmp_path / "model.xml") == ""
    compiled = load(core, tmp_path / "model.xml")
    got = compiled({"x": np.array([[1, 2]])})
    assert got["y"].tolist() == [[2, 3]] and got["constant"].tolist() == [1, 2]


@pytest.mark.parametrize("shape, updates, start", [((2, 8, 3), (2, None, 3), (0, 5, 0)), ((2, 8, 3), (2, 1, 3), (0, -1, 0)),
                                                   ((4, 5, 6), (2, None, 1), (1, 2, 5))])
def test_a_box_written_at_a_computed_place(core, tmp_path, shape, updates, start):
    graph = kvino.Graph()
    x, u, at = (graph.parameter(*p) for p in ((shape, "float32", "x"), (updates, "float32", "u"), ((3,), "int32", "at")))
    graph.result(kvino.ops.slice_update(x, at, u), "y")
    graph.save_ir(tmp_path / "model.xml")
    values = [rng.normal(size=[n or 2 for n in s]).astype("float32") for s in (shape, updates)] + [np.array(start, "int32")]
    want = kvino.ops.slice_update(values[0], values[2], values[1])
    np.testing.assert_array_equal(load(core, tmp_path / "model.xml")(values)["y"], want)


# ---- for openvino-genai ----


def tokenizer(openvino, folder):
    """One that openvino-genai loads, for prompts that are tokens already."""
    from openvino import opset13 as op

    text = op.parameter([-1], openvino.Type.string, name="text")
    shape = op.concat([op.shape_of(text), op.constant(np.array([1]))], 0)
    ones = [op.result(op.convert(op.broadcast(op.constant(np.array([[n]], "int32")), shape), "i64")) for n in (1, 2)]
    for one, name in zip(ones, ("input_ids", "attention_mask"), strict=True):
        one.output(0).set_names({name})
    openvino.save_model(openvino.Model(ones, [text], "tokenizer"), folder / "openvino_tokenizer.xml")


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma"])
def test_openvino_genai_generates_the_same_tokens(tmp_path, name):
    genai = pytest.importorskip("openvino_genai", reason="the package that reads what is exported")
    pytest.importorskip("keras_hub", reason="its models are exported")
    import generation
    import openvino

    model, length = generation.model(name), 16
    kvino.export(model, tmp_path, "openvino_genai", max_length=length, verbose=False)
    tokenizer(openvino, tmp_path)
    pipeline = genai.LLMPipeline(tmp_path, genai.Tokenizer(tmp_path), "CPU", ATTENTION_BACKEND="SDPA", INFERENCE_PRECISION_HINT="f32")
    settings = genai.GenerationConfig(max_length=length, ignore_eos=True, eos_token_id=0)
    for prompt in ([[3, 4, 5]], [[7, 2, 9, 1, 6]]):  # the second begins anew
        tokens = np.zeros((1, length), "int32")
        tokens[:, : len(prompt[0])] = prompt
        want = model.generate({"token_ids": tokens, "padding_mask": tokens > 0}, stop_token_ids=None)["token_ids"]
        assert pipeline.generate(openvino.Tensor(np.array(prompt)), settings).tokens[0] == want[0, len(prompt[0]) :].tolist()


def test_what_openvino_genai_cannot_read(tmp_path):
    with pytest.raises(ValueError, match="no causal language model"):
        kvino.export(two_inputs(), tmp_path, "openvino_genai", max_length=8)


# ---- what TensorFlow writes ----


def test_saved_model(tmp_path):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow writes SavedModels")
    model = two_inputs()
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False)
    x = {k: rng.normal(size=(4, 5)).astype("float32") for k in "ab"}
    loaded = tf.saved_model.load(str(tmp_path / "saved"))  # kept: its variables go with it
    got, want = loaded.serve({k: tf.constant(v) for k, v in x.items()}), model(x)
    for name in ("sum", "product"):
        np.testing.assert_allclose(np.asarray(got[name]), np.asarray(want[name]), rtol=1e-5, atol=1e-6)


class Unknown(layers.Layer):
    """Not importable by name in another process: no such module is there."""

    __module__ = "nowhere"

    def call(self, x):
        return x


def test_what_tensorflow_says_is_passed_on(tmp_path):
    pytest.importorskip("tensorflow", reason="TensorFlow writes LiteRT's files")
    x = keras.Input((3,))
    with pytest.raises(RuntimeError, match="(?s)cannot be exported as litert: Keras's TensorFlow backend.*Unknown"):
        kvino.export(keras.Model(x, Unknown()(x)), tmp_path / "model.tflite", "litert", verbose=False)
    assert not list(tmp_path.iterdir())


def test_without_tensorflow_the_error_names_the_ways(tmp_path, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotImplementedError, match="kvino: .*cannot be exported.*KERAS_BACKEND=tensorflow.*openvino"):
        model = keras_cases.build("dense")
        model.export(tmp_path / "saved", format="tf_saved_model")


def test_an_archive_holds_calls_of_one_model(tmp_path):
    model, archive = keras_cases.build("dense"), keras.export.ExportArchive()
    with pytest.raises(ValueError, match="No endpoints"):
        archive.write_out(tmp_path / "saved")
    archive.add_endpoint("call", model.call)
    archive.track_and_add_endpoint("serve", model, [keras.InputSpec(shape=(1,) + model.input_shape[1:], dtype="float32")])
    assert [(name, signature[0].shape[0]) for name, signature in archive.endpoints] == [("call", None), ("serve", 1)]
    with pytest.raises(ValueError, match="already taken"):
        archive.add_endpoint("serve", model)
    for wrong in (lambda x: model(x), layers.Dense(2), keras_cases.build("dense").call):
        with pytest.raises(NotImplementedError, match="KERAS_BACKEND=tensorflow"):
            archive.add_endpoint("other", wrong)
    with pytest.raises(NotImplementedError, match="KERAS_BACKEND=tensorflow"):
        archive.add_variable_collection("weights", model.variables)


def test_the_examples_of_the_documentation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "export.md")
    with open(page) as file:
        blocks = re.findall(r"^( *)```python\n(.*?)^ *```", file.read(), re.M | re.S)
    assert blocks
    names = {}
    for indent, block in blocks:
        if "keras_hub" in block and not importlib.util.find_spec("keras_hub"):
            continue
        exec(re.sub(f"^{indent}", "", block, flags=re.M), names)
