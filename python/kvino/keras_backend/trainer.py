"""keras.Model's predict and evaluate: the model's call is traced once per input signature, compiled and run."""

import collections
import warnings

import numpy as np
from keras.src import callbacks as callbacks_module
from keras.src import tree
from keras.src.backend.common.masking import get_keras_mask
from keras.src.backend.common.masking import set_keras_mask
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.trainers import trainer as base_trainer
from keras.src.trainers.data_adapters import data_adapter_utils
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

from kvino import _core
from kvino._core import Tensor
from kvino.keras_backend.core import convert_to_numpy
from kvino.keras_backend.training import Training
from kvino.keras_backend.training import batch_size_of

# Keras 3.15 calls the base class Trainer, Keras 3.16 BaseTrainer.
_Base = getattr(base_trainer, "BaseTrainer", None) or base_trainer.Trainer

# Batch sizes of one model that get a compiled model of their own; later ones share one with an unknown batch size.
STATIC_BATCHES = 4


class _Compiled:
    """A compiled call of a model. The variables' values are constants in it: `current` says whether they still are.

    Keras hangs masks on outputs: those stand behind the outputs proper, `masked` names the outputs that they belong to."""

    def __init__(self, executable, structure, masked, variables):
        self.executable = executable
        self.structure = structure
        self.masked = masked
        self.variables = variables

    def current(self):
        return all(variable._value is value for variable, value in self.variables)

    def __call__(self, inputs):
        results = list(self.executable(*inputs))
        outputs = results[: len(results) - len(self.masked)]
        for i, mask in zip(self.masked, results[len(outputs) :]):
            set_keras_mask(outputs[i], mask)
        return tree.pack_sequence_as(self.structure, outputs)


def _trace(model, struct, tensors, batch_unknown):
    """The call recorded in a graph: (graph, outputs, variables that the call assigned)."""
    graph = _core.Graph()

    def parameter(x):
        shape = tuple(x.shape)
        if batch_unknown and shape:
            shape = (None,) + shape[1:]
        return graph.parameter(shape, x.dtype)

    parameters = iter([parameter(x) for x in tensors])
    inputs = tree.map_structure(lambda x: x if x is None else next(parameters), struct)
    with StatelessScope() as scope:
        outputs = model(inputs, training=False) if model._call_has_training_arg else model(inputs)
    assigned = [v for v in model.variables if scope.get_current_value(v) is not None]
    return graph, outputs, assigned


class OpenVINOTrainer(Training, _Base):
    def __init__(self):
        super().__init__()
        self.train_function = None
        self.test_function = None
        self.predict_function = None

    # ---- the compiled call ----

    def _kvino_call(self, x):
        """model(x) in inference: compiled, or eagerly where the model asks for it or cannot be traced."""
        if self.run_eagerly or getattr(self, "_kvino_eager", False):
            return self._kvino_call_eagerly(x)
        # The batch is read during the call only: its memory is shared, not copied.
        tensors = [
            item if isinstance(item, Tensor) else _core.convert_to_tensor(item, copy=False)
            for item in tree.flatten(x)
            if item is not None  # an optional input that is not given
        ]
        compiled = self._kvino_compiled(x, tensors)
        return self._kvino_call_eagerly(x) if compiled is None else compiled(tensors)

    def _kvino_call_eagerly(self, x):
        return self(x, training=False) if self._call_has_training_arg else self(x)

    def _kvino_compiled(self, x, tensors):
        cache = self.__dict__.setdefault("_kvino_cache", collections.OrderedDict())
        device = _core.config.device
        given = tuple(item is not None for item in tree.flatten(x))
        rest = given, tuple((t.dtype, t.shape[1:]) for t in tensors)
        batches = tuple(t.shape[:1] for t in tensors)
        for key in ((device, rest, batches), (device, rest, None)):
            compiled = cache.get(key)
            if compiled is not None:
                if compiled.current():
                    return compiled
                cache.clear()  # weights have changed: no compiled call of this model is right any more
        static = sum(1 for key in cache if key[1] == rest) < STATIC_BATCHES
        try:
            graph, outputs, assigned = _trace(self, x, tensors, not static)
        except (TypeError, NotImplementedError) as error:
            warnings.warn(f"kvino: {self.name} cannot be traced and runs eagerly: {error}")
            self._kvino_eager = True
            return None
        if assigned:  # a call with side effects is not a function
            self._kvino_eager = True
            return None
        flat = tree.flatten(outputs)
        masks = [get_keras_mask(output) for output in flat]
        masked = [i for i, mask in enumerate(masks) if mask is not None]
        for result in flat + [masks[i] for i in masked]:
            graph.result(result)
        values = [(v, v._value) for v in self.variables]
        compiled = _Compiled(graph.compile(device=device), outputs, masked, values)
        cache[(device, rest, batches if static else None)] = compiled
        return compiled

    # ---- Keras's steps ----

    def predict_step(self, data):
        x, _, _ = data_adapter_utils.unpack_x_y_sample_weight(data)
        return tree.map_structure(convert_to_numpy, self._kvino_call(x))

    def test_step(self, data):
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self._kvino_call(x)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=batch_size_of(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def make_predict_function(self, force=False):
        if self.predict_function is not None and not force:
            return self.predict_function

        def predict_function(batches):
            outputs = [self.predict_step(batch) for batch in batches]
            if len(outputs) == 1:
                return outputs[0]
            return tree.map_structure(lambda *parts: np.concatenate(parts), *outputs)

        self.predict_function = predict_function
        return predict_function

    def make_test_function(self, force=False):
        if self.test_function is not None and not force:
            return self.test_function

        def test_function(batches):
            for batch in batches:
                logs = self.test_step(batch)
            return logs

        self.test_function = test_function
        return test_function

    # ---- Keras's loops ----

    def _kvino_callbacks(self, callbacks, verbose, iterator):
        if isinstance(callbacks, callbacks_module.CallbackList):
            return callbacks
        return callbacks_module.CallbackList(
            callbacks, add_progbar=verbose != 0, verbose=verbose, epochs=1, steps=iterator.num_batches, model=self
        )

    @traceback_utils.filter_traceback
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        iterator = EpochIterator(
            x=x, batch_size=batch_size, steps_per_epoch=steps, shuffle=False, steps_per_execution=self.steps_per_execution
        )
        callbacks = self._kvino_callbacks(callbacks, verbose, iterator)
        step = self.make_predict_function()
        self.stop_predicting = False
        parts = []
        callbacks.on_predict_begin()
        for begin, end, batches in iterator.enumerate_epoch():
            callbacks.on_predict_batch_begin(begin)
            outputs = step(batches)
            parts.append(outputs)
            callbacks.on_predict_batch_end(end, {"outputs": outputs})
            if self.stop_predicting:
                break
        callbacks.on_predict_end()
        if not parts:
            raise ValueError("Received an empty dataset: there is nothing to predict.")
        if len(parts) == 1:
            return parts[0]
        return tree.map_structure(lambda *pieces: np.concatenate(pieces), *parts)

    @traceback_utils.filter_traceback
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        cached = kwargs.pop("_use_cached_eval_dataset", False)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        self._assert_compile_called("evaluate")
        iterator = self._eval_epoch_iterator if cached else EpochIterator(
            x=x, y=y, sample_weight=sample_weight, batch_size=batch_size, steps_per_epoch=steps, shuffle=False,
            steps_per_execution=self.steps_per_execution,
        )
        if not all(layer.built for layer in self._flatten_layers()):
            for _, _, batches in iterator:
                self._symbolic_build(data_batch=batches[0])
                break
            iterator.reset()
        callbacks = self._kvino_callbacks(callbacks, verbose, iterator)
        step = self.make_test_function()
        self.stop_evaluating = False
        logs = {}
        self.reset_metrics()
        callbacks.on_test_begin()
        for begin, end, batches in iterator:
            callbacks.on_test_batch_begin(begin)
            logs = step(batches)
            callbacks.on_test_batch_end(end, logs)
            if self.stop_evaluating:
                break
        logs = pythonify_logs(self._get_metrics_result_or_logs(logs))
        callbacks.on_test_end(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def predict_on_batch(self, x):
        return self.make_predict_function()([(x,)])

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        self._assert_compile_called("test_on_batch")
        self.reset_metrics()
        logs = pythonify_logs(self.make_test_function()([(x, y, sample_weight)]))
        return logs if return_dict else self._flatten_metrics_in_order(logs)


Trainer = OpenVINOTrainer
