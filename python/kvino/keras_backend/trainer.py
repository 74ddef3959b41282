"""keras.Model's fit, evaluate and predict. The loops are those of Keras's JAX backend (keras/src/backend/jax/trainer.py); a step
is compiled by steps.py."""

import concurrent.futures
import math
import time
import warnings

import numpy as np
from keras.src import callbacks as callbacks_module
from keras.src import optimizers as optimizers_module
from keras.src import tree
from keras.src.backend import config
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.trainers import trainer as base_trainer
from keras.src.trainers.data_adapters import data_adapter_utils
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

from kvino import _core
from kvino import ops
from kvino._core import Tensor
from kvino.keras_backend.batches import Batches
from kvino.keras_backend.batches import train_validation_split
from kvino.keras_backend.core import convert_to_numpy
from kvino.keras_backend.core import convert_to_tensor
from kvino.keras_backend.derivatives import is_inexact
from kvino.keras_backend.steps import StepFunction
from kvino.keras_backend.strings import as_data
from kvino.keras_backend.strings import as_tensors
from kvino.ragged import RaggedTensor

EMPTY = "Received an empty dataset: there is not one batch in it."

# Keras 3.15 calls the base class Trainer, Keras 3.16 BaseTrainer.
_Base = getattr(base_trainer, "BaseTrainer", None) or base_trainer.Trainer


def _batch_size(x):
    """The length of the first input that is given."""
    return next(i for i in tree.flatten(x) if i is not None).shape[0]


def _to_numpy(outputs):
    return tree.map_structure(lambda x: convert_to_numpy(x) if isinstance(x, Tensor) else x, outputs)


def _concatenate(parts):
    if len(parts) == 1:
        return parts[0]

    def joined(*pieces):
        return ops.concatenate(pieces, 0) if isinstance(pieces[0], RaggedTensor) else np.concatenate(pieces)

    return tree.map_structure_up_to(parts[0], joined, *parts)


class ReadAhead:
    """Goes through an iterator; where reading takes long, the next batches are read while the last are computed, in a thread of
    their own, so that generators run where the user called. One item is read ahead, never more."""

    SLOW = 1e-3  # seconds; a thread costs less than a tenth of that

    def __init__(self, iterator):
        self.last = (iterator.num_batches or math.inf) - 1  # there is nothing to read after it
        self.iterator = iter(iterator)
        self.ahead = self.thread = None
        self.is_slow = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.thread:
            self.thread.shutdown()

    def _read(self):
        start = time.perf_counter()
        item = next(self.iterator, None)
        self.is_slow = time.perf_counter() - start > self.SLOW and item and item[1] < self.last
        return item

    def __iter__(self):
        return self

    def __next__(self):
        item = self._read() if self.ahead is None else self.ahead
        self.ahead = None
        if not item:
            raise StopIteration
        return item

    def compute(self, function, batches):
        start = getattr(function, "start", None)  # not of a function that the user made
        run = start(batches) if self.is_slow and start else None
        if run is None:
            return function(batches)
        self.thread = self.thread or concurrent.futures.ThreadPoolExecutor(1)
        results = self.thread.submit(run)
        try:
            self.ahead = self._read() or ()  # (): there is nothing more
        finally:
            outputs = results.result()
        return _concatenate([_to_numpy(x) for x in outputs])


class OpenVINOTrainer(_Base):
    def __init__(self):
        super().__init__()
        self.train_function = None
        self.test_function = None
        self.predict_function = None

    # ---- steps: functions of one batch, which may be traced ----

    def _forward(self, x, training):
        return self(x, training=training) if self._call_has_training_arg else self(x)

    def train_step(self, data):
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        weights = [v for v in self.trainable_variables if is_inexact(v)]
        sources = tuple(v.value for v in weights)
        y_pred = self._forward(x, training=True)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        if not weights:
            warnings.warn("The model does not have any trainable weights.")
        elif self.optimizer is not None:
            gradients = list(_core.gradients((self.optimizer.scale_loss(loss),), (None,), sources))
            for variable, source in zip(weights, sources):
                if variable.value is not source:  # assigned by the call: the step starts from the value before, as in JAX
                    variable.assign(source)
            self.optimizer.apply(gradients, weights)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def test_step(self, data):
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        y_pred = self._forward(x, training=False)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        self._loss_tracker.update_state(loss, sample_weight=_batch_size(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data):
        x, _, _ = data_adapter_utils.unpack_x_y_sample_weight(data)
        return self._forward(x, training=False)

    # ---- functions of the batches of one execution ----

    def make_train_function(self, force=False):
        if self.train_function is None or force:
            step = StepFunction(self, self.train_step, bind="later", differentiates=True)
            self.train_function = lambda batches: step(batches)[-1]
        return self.train_function

    def make_test_function(self, force=False):
        if self.test_function is None or force:
            step = StepFunction(self, self.test_step, bind="at once")
            self.test_function = lambda batches: step(batches)[-1]
        return self.test_function

    def make_predict_function(self, force=False):
        if self.predict_function is None or force:
            step = StepFunction(self, self.predict_step, bind="at once", generalizes=True)

            def predict_function(batches):
                return _concatenate([_to_numpy(outputs) for outputs in step(batches)])

            predict_function.start = step.start
            self.predict_function = predict_function
        return self.predict_function

    # ---- loops ----

    def _symbolic_build(self, iterator=None, data_batch=None):
        """A model that cannot be traced is built by computing a batch."""
        data_batch = as_tensors(data_batch)
        try:
            super()._symbolic_build(iterator=iterator, data_batch=data_batch)
        except RuntimeError:
            batch = next(iter(iterator))[2][0] if data_batch is None else data_batch
            batch = tree.map_structure(lambda x: x if x is None else convert_to_tensor(x), batch)
            x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(batch)
            with StatelessScope():
                y_pred = self._forward(x, training=False)
                self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)
                self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
            super()._symbolic_build(data_batch=batch)

    def _kvino_iterator(self, x, y=None, sample_weight=None, batch_size=None, steps=None, **options):
        if all(leaf is None for leaf in tree.flatten((x, y))):
            raise ValueError(f"There is no data: x={x}")
        batches = Batches(
            x=as_data(x),
            y=y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            steps_per_epoch=steps,
            steps_per_execution=self.steps_per_execution,
            **options,
        )
        if batches.num_batches == 0:
            raise ValueError(EMPTY)
        return batches

    def _kvino_callbacks(self, callbacks, verbose, iterator, epochs=1, **options):
        if isinstance(callbacks, callbacks_module.CallbackList):
            return callbacks
        if not (callbacks or verbose or options):
            return callbacks_module.Callback()  # nobody listens: a list starts a thread all the same, which takes longer than a step
        return callbacks_module.CallbackList(
            callbacks,
            add_progbar=verbose != 0,
            verbose=verbose,
            epochs=epochs,
            steps=iterator.num_batches,
            model=self,
            **options,
        )

    @traceback_utils.filter_traceback
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        self._assert_compile_called("fit")
        most = config.max_epochs()
        if most and most < epochs:
            warnings.warn(f"Limiting epochs to {most}")
            epochs = most
        self._eval_epoch_iterator = None
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = train_validation_split(
                (x, y, sample_weight), validation_split=validation_split
            )
        iterator = self._kvino_iterator(
            x, y, sample_weight, batch_size, steps_per_epoch, shuffle=shuffle, class_weight=class_weight
        )
        self._symbolic_build(iterator=iterator)
        iterator.reset()
        callbacks = self._kvino_callbacks(callbacks, verbose, iterator, epochs, add_history=True)
        self.make_train_function()
        self.stop_training = False
        logs = {}
        finished = False
        callbacks.on_train_begin()
        try:
            for epoch in range(self._initial_epoch or initial_epoch, epochs):
                self.reset_metrics()
                callbacks.on_epoch_begin(epoch)
                logs = self._kvino_epoch(iterator, callbacks)
                if validation_data is not None and self._should_eval(epoch, validation_freq):
                    size = validation_batch_size or batch_size
                    logs.update(self._kvino_validate(validation_data, callbacks, size, validation_steps))
                callbacks.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
            finished = True
        finally:
            if isinstance(self.optimizer, optimizers_module.Optimizer) and epochs > 0:
                self.optimizer.finalize_variable_values(self.trainable_weights)
            self._eval_epoch_iterator = None
            if finished:
                callbacks.on_train_end(logs=logs)
        return self.history

    def _kvino_epoch(self, iterator, callbacks):
        logs = {}
        for begin, end, batches in iterator:
            callbacks.on_train_batch_begin(begin)
            logs = self.train_function(batches)
            callbacks.on_train_batch_end(end, logs)
            if self.stop_training:
                break
        return dict(self._get_metrics_result_or_logs(logs))

    def _kvino_validate(self, data, callbacks, batch_size, steps):
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        if self._eval_epoch_iterator is None:
            self._eval_epoch_iterator = self._kvino_iterator(x, y, sample_weight, batch_size, steps, shuffle=False)
        logs = self.evaluate(
            x=x,
            y=y,
            sample_weight=sample_weight,
            batch_size=batch_size,
            steps=steps,
            callbacks=callbacks,
            return_dict=True,
            _use_cached_eval_dataset=True,
        )
        return {f"val_{name}": value for name, value in logs.items()}

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
        self._assert_compile_called("evaluate")
        cached = kwargs.pop("_use_cached_eval_dataset", False)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        if cached:
            iterator = self._eval_epoch_iterator
        else:
            iterator = self._kvino_iterator(x, y, sample_weight, batch_size, steps, shuffle=False)
        self._symbolic_build(iterator=iterator)
        iterator.reset()
        callbacks = self._kvino_callbacks(callbacks, verbose, iterator)
        self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        logs = {}
        self.reset_metrics()
        for begin, end, batches in iterator:
            callbacks.on_test_batch_begin(begin)
            logs = self.test_function(batches)
            callbacks.on_test_batch_end(end, logs)
            if self.stop_evaluating:
                break
        logs = pythonify_logs(self._get_metrics_result_or_logs(logs))
        callbacks.on_test_end(logs)
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def _kvino_build(self, x):
        """Builds the model with a batch, if it is not built."""
        if not all(layer.built for layer in self._flatten_layers()):
            with StatelessScope():
                self(x)

    @traceback_utils.filter_traceback
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        iterator = self._kvino_iterator(x, batch_size=batch_size, steps=steps, shuffle=False)
        if not all(layer.built for layer in self._flatten_layers()):
            for _, _, batches in iterator:
                self._kvino_build(data_adapter_utils.unpack_x_y_sample_weight(batches[0])[0])
                break
            iterator.reset()
        callbacks = self._kvino_callbacks(callbacks, verbose, iterator)
        self.make_predict_function()
        self.stop_predicting = False
        callbacks.on_predict_begin()
        parts = []
        with ReadAhead(iterator) as reader:
            for begin, end, batches in reader:
                callbacks.on_predict_batch_begin(begin)
                outputs = reader.compute(self.predict_function, batches)
                parts.append(outputs)
                callbacks.on_predict_batch_end(end, {"outputs": outputs})
                if self.stop_predicting:
                    break
        callbacks.on_predict_end()
        if not parts:
            raise ValueError(EMPTY)
        return _concatenate(parts)

    # ---- one batch ----

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        self._assert_compile_called("train_on_batch")
        if class_weight is not None:
            if sample_weight is not None:
                raise ValueError(
                    "Arguments `sample_weight` and `class_weight` cannot be specified at the same time. "
                    f"Received: sample_weight={sample_weight}, class_weight={class_weight}"
                )
            sample_weight = data_adapter_utils.class_weight_to_sample_weights(y, class_weight)
        data = (x, y, sample_weight)
        self._symbolic_build(data_batch=data)
        self.make_train_function()
        self.reset_metrics()
        logs = pythonify_logs(self.train_function([data]))
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        self._assert_compile_called("test_on_batch")
        data = (x, y, sample_weight)
        self._symbolic_build(data_batch=data)
        self.make_test_function()
        self.reset_metrics()
        logs = pythonify_logs(self.test_function([data]))
        return logs if return_dict else self._flatten_metrics_in_order(logs)

    def predict_on_batch(self, x):
        if self.predict_function is None:
            self._kvino_build(x)
            self.make_predict_function()
        return self.predict_function([(x,)])


Trainer = OpenVINOTrainer
