"""Training in C against Keras with the JAX backend, step by step: losses, weights, the optimizer's variables; what is saved is loaded by
Keras, which goes on from there."""

import pathlib

import numpy as np
import pytest

import capi
from keras_process import Keras

MLP = pathlib.Path(__file__).resolve().parents[2] / "fuzz" / "corpus" / "model" / "mlp.keras"
CLASSES = ["SparseCategoricalCrossentropy", {"from_logits": True}, "classes"]


@pytest.fixture(scope="module")
def keras():
    process = Keras("jax")
    yield process
    process.close()


def follow(keras, folder, case, device="CPU", tolerance=1e-5, state=1e-5, rates=(), **arguments):
    """Trains as Keras has, from the file that it wrote."""
    wanted = keras("train", folder=folder, case=case, rates=rates, **arguments)
    data = np.load(folder / "data.npz")
    trainer = capi.Trainer(capi.Model(folder / "before.keras", device))
    got, steps = [], len(wanted) - 1
    for i in range(steps + 1):
        weights = data[f"w{i}"] if "w0" in data.files else ()
        if rates and i < steps:
            trainer.learning_rate = rates[i]
        got.append((trainer.step if i < steps else trainer.evaluate)(data[f"x{i}"], data[f"y{i}"], weights))
    mean = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * mean)
    assert trainer.iterations == steps
    trainer.save(folder / "after.keras")
    of_weights, of_optimizer = keras("compare", folder=folder, path=folder / "after.keras")
    assert of_weights < tolerance and of_optimizer < state
    return trainer, data


@pytest.mark.parametrize("case, device", [("dense", "CPU"), ("conv", "CPU"), ("lstm", "CPU"), ("embedding", "CPU"), ("masked", "CPU"), ("transformer", "CPU"),
                                          ("constrained", "native"), ("conv", "native"), ("lstm", "native")])
def test_models(keras, tmp_path, case, device):
    follow(keras, tmp_path, case, device, optimizer="SGD", arguments={"learning_rate": 0.05, "momentum": 0.9})


@pytest.mark.parametrize("optimizer, arguments", [
    ("SGD", {}), ("SGD", {"momentum": 0.8, "nesterov": True, "weight_decay": 0.02}), ("Adam", {"clipnorm": 0.1}), ("Adam", {"amsgrad": True, "global_clipnorm": 0.5}),
    ("AdamW", {}), ("RMSprop", {"clipvalue": 0.05}), ("RMSprop", {"momentum": 0.5, "centered": True}), ("Adagrad", {"learning_rate": 0.05}),
    ("Adadelta", {"learning_rate": 1.0}), ("Adamax", {}), ("Nadam", {}), ("Lion", {}), ("Lamb", {}),
    ("Ftrl", {"learning_rate": 0.05, "l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02, "beta": 0.1})])
def test_optimizers(keras, tmp_path, optimizer, arguments):
    follow(keras, tmp_path, "dense", "native", optimizer=optimizer, arguments=arguments)


@pytest.mark.parametrize("loss", [
    ["MeanSquaredError", {}], ["MeanAbsoluteError", {"reduction": "sum"}], ["Huber", {}], ["LogCosh", {}], ["CosineSimilarity", {}],
    ["MeanAbsolutePercentageError", {}, "positive"], ["MeanSquaredLogarithmicError", {}, "positive"], ["KLDivergence", {}, "parts"],
    ["Hinge", {}, "bits"], ["SquaredHinge", {}, "bits"], ["CategoricalHinge", {}, "parts"], ["Dice", {}, "bits"], ["Tversky", {"alpha": 0.3}, "bits"],
    ["BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, "bits"], ["BinaryFocalCrossentropy", {"from_logits": True, "apply_class_balancing": True}, "bits"],
    ["CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.2}, "parts"], ["CategoricalFocalCrossentropy", {"from_logits": True}, "parts"],
    CLASSES, ["SparseCategoricalCrossentropy", {"from_logits": True, "ignore_class": 1}, "classes"]], ids=lambda loss: loss[0])
def test_losses(keras, tmp_path, loss):
    weighted = loss[0] not in ("Dice", "Tversky")  # which give one number
    follow(keras, tmp_path, "dense", "native", loss=loss, steps=3, weighted=weighted, arguments={"learning_rate": 0.02}, tolerance=2e-5)


def test_a_schedule_and_frozen_layers(keras, tmp_path):
    rates = [0.1, 0.05, 0.02, 0.01]
    follow(keras, tmp_path, "conv", "native", steps=4, rates=rates, frozen=["conv2d", "batch_normalization"], arguments={"momentum": 0.9})


def test_keras_goes_on_and_so_do_we(keras, tmp_path):
    trainer, data = follow(keras, tmp_path, "dense", "native", optimizer="Adam", steps=5)
    last = 5
    wanted = trainer.step(data[f"x{last}"], data[f"y{last}"])
    again = capi.Trainer(capi.Model(tmp_path / "after.keras", "native"))
    assert again.iterations == 5
    assert again.step(data[f"x{last}"], data[f"y{last}"]) == pytest.approx(wanted, abs=1e-6)
    assert keras("go_on", path=tmp_path / "after.keras", data=tmp_path / "data.npz", i=last) == pytest.approx(wanted, abs=1e-5)
    np.testing.assert_allclose(again.model.get_weight("first", "kernel"), trainer.model.get_weight("first", "kernel"), atol=1e-7)


def batch(seed=0):
    rng = np.random.default_rng(seed)
    model = capi.Model(MLP, "native")
    return model, rng.normal(size=(8, 2)).astype("float32"), rng.random((8, model.outputs[0][2][1])).astype("float32")


def test_the_model_has_the_weights_at_once():
    model, x, y = batch()
    trainer = capi.Trainer(model, "adam", ("mse", {}), learning_rate=0.05)
    before = model(x)
    losses = [trainer.step(x, y) for _ in range(20)]
    assert losses[-1] < 0.7 * losses[0] and not np.allclose(model(x), before)
    assert trainer.evaluate(x, y) == pytest.approx(np.mean((model(x) - y) ** 2), rel=1e-4)


def test_named_layers_move_alone(keras, tmp_path):
    keras("train", folder=tmp_path, case="dense", steps=1)
    data, model = np.load(tmp_path / "data.npz"), capi.Model(tmp_path / "before.keras", "native")
    x, y = data["x0"], data["y0"]
    kernels = {name: model.get_weight(name, "kernel") for name in ("first", "second")}
    trainer = capi.Trainer(model, "sgd", "mse", layers=["second"], learning_rate=0.1)
    trainer.step(x, y)
    assert np.array_equal(model.get_weight("first", "kernel"), kernels["first"])
    assert not np.array_equal(model.get_weight("second", "kernel"), kernels["second"])
    before = trainer.evaluate(x, y)
    model.set_weight("first", "kernel", 2 * kernels["first"])  # a constant of the step: it is compiled anew
    assert abs(trainer.evaluate(x, y) - before) > 1e-3
    model.set_trainable("first", True)
    trainer.step(x, y)
    assert not np.array_equal(model.get_weight("first", "kernel"), 2 * kernels["first"])


def test_huber_has_its_delta():
    """Keras's files leave it out."""
    model, x, y = batch()
    error = np.abs(model(x) - y)
    wanted = np.mean(np.where(error <= 0.2, error**2 / 2, 0.2 * error - 0.02))
    assert capi.Trainer(model, "sgd", ("huber", {"delta": 0.2})).evaluate(x, y) == pytest.approx(wanted, rel=1e-5)


def test_dropout_draws_anew_in_each_step_and_never_in_evaluation(keras, tmp_path):
    keras("train", folder=tmp_path, case="dropout", steps=1)
    data, model = np.load(tmp_path / "data.npz"), capi.Model(tmp_path / "before.keras", "native")
    trainer = capi.Trainer(model, "sgd", "mse", learning_rate=0.0, seed=3)
    x, zero = np.ones((4, 500), "float32"), np.zeros((4, 500), "float32")
    losses = [trainer.step(x, zero) for _ in range(4)]
    assert len(set(losses)) == 4 and np.mean(losses) == pytest.approx(1 / 0.75, abs=0.05)  # the mean of (1 / keep)^2 where kept
    assert trainer.evaluate(x, zero) == pytest.approx(1)
    again = capi.Trainer(capi.Model(tmp_path / "before.keras", "native"), "sgd", "mse", learning_rate=0.0, seed=3)
    assert [again.step(x, zero) for _ in range(4)] == losses
    assert data["x0"].shape == (4, 500)


def test_what_is_refused(tmp_path):
    model, x, y = batch()
    for make, text in ((lambda: capi.Trainer(model, losses="mse"), "does not say which optimizer"), (lambda: capi.Trainer(model, "sgd"), "does not say which loss"),
                       (lambda: capi.Trainer(model, "sgdd", "mse"), "Could not interpret optimizer identifier: sgdd"),
                       (lambda: capi.Trainer(model, "sgd", "mze"), "Could not interpret loss identifier: mze"),
                       (lambda: capi.Trainer(model, "sgd", "mse", beta_1=0.5), "Argument.s. not recognized: {'beta_1'}"),
                       (lambda: capi.Trainer(model, "sgd", ("mse", {"from_logits": True})), "not recognized"),
                       (lambda: capi.Trainer(model, "sgd", "mse", clipnorm=1, clipvalue=1), "Only one of"),
                       (lambda: capi.Trainer(model, "sgd", "mse", use_ema=True), "'use_ema' is not supported"),
                       (lambda: capi.Trainer(model, "sgd", "mse", learning_rate="abc"), "learning_rate takes a number, not 'abc'"),
                       (lambda: capi.Trainer(model, "sgd", "mse", layers=["nowhere"]), "No such layer: nowhere"),
                       (lambda: capi.Trainer(model, "sgd", "mse").step(x[:, :1], y), "must have the shape"),
                       (lambda: capi.Trainer(model, "sgd", "mse").step(x + 0j, y), "takes float32, not complex"),
                       (lambda: capi.Trainer(model, "sgd", "mse").step([x, x], y), "takes 1 inputs, not 2"),
                       (lambda: capi.Trainer(model, "sgd", "mse").step(x, y[:, :1]), "must have the same shape"),
                       (lambda: capi.Trainer(model, "sgd", "mse").save(tmp_path / "x.onnx"), "ends in .keras")):
        with pytest.raises(capi.KvinoError, match=text):
            make()
