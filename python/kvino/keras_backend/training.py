"""keras.Model's fit: one step (forward, derivatives, optimizer, metrics) is traced once per input signature and compiled as
one graph. The values of all variables go in and the new ones come out."""

import collections
import warnings

from keras.src import callbacks as callbacks_module
from keras.src import optimizers as optimizers_module
from keras.src import tree
from keras.src.backend import config as keras_config
from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.trainers.data_adapters import array_slicing
from keras.src.trainers.data_adapters import data_adapter_utils
from keras.src.trainers.epoch_iterator import EpochIterator
from keras.src.utils import traceback_utils
from keras.src.utils.python_utils import pythonify_logs

from kvino import _core
from kvino._core import Tensor
from kvino.keras_backend.derivatives import is_inexact

# Signatures of one model that get a compiled step each; the oldest goes out.
MOST_SIGNATURES = 8


def batch_size_of(x):
    """The length of the first input that is given."""
    return next(i for i in tree.flatten(x) if i is not None).shape[0]


class CompiledStep:
    """A step of a model, compiled. `assigned` are the variables that it gives new values."""

    def __init__(self, step, data, tensors, variables, device):
        graph = _core.Graph()
        inputs = iter([graph.parameter(x.shape, x.dtype) for x in tensors])
        values = [graph.parameter(v.shape, v.dtype) for v in variables]
        data = tree.map_structure(lambda x: x if x is None else next(inputs), data)
        with StatelessScope(list(zip(variables, values)), collect_losses=True) as scope:
            logs = step(data)
        after = [scope.get_current_value(v) for v in variables]
        self.variables = variables
        self.assigned = [v for v, before, now in zip(variables, values, after) if now is not before]
        self.logs = logs
        for x in tree.flatten(logs):
            if isinstance(x, Tensor):
                graph.result(x)
        for before, now in zip(values, after):
            if now is not before:
                graph.result(now)
        self.executable = graph.compile(device=device)

    def __call__(self, tensors):
        results = iter(self.executable(*tensors, *(v._value for v in self.variables)))
        logs = tree.map_structure(lambda x: next(results) if isinstance(x, Tensor) else x, self.logs)
        for variable, value in zip(self.assigned, results):
            variable._value = value
        return logs


class Training:
    """The half of the trainer that changes a model."""

    _kvino_state = None  # the variables of a step, and what tells one state of the model from another

    def _kvino_variables(self):
        """All variables that a step may read or assign, each once."""
        groups = [self.trainable_variables, self.non_trainable_variables, self.metrics_variables]
        if self.optimizer is not None:
            groups.insert(1, self.optimizer.variables)
        return list({id(v): v for group in groups for v in group}.values())

    def train_step(self, data):
        """One step on symbolic data; variables are assigned in the scope of the trace."""
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        weights = [v for v in self.trainable_variables if is_inexact(v)]
        sources = tuple(v.value for v in weights)
        y_pred = self(x, training=True) if self._call_has_training_arg else self(x)
        loss = self._compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
        self._loss_tracker.update_state(loss, sample_weight=batch_size_of(x))
        if not weights:
            warnings.warn("The model does not have any trainable weights.")
        elif self.optimizer is not None:
            loss = self.optimizer.scale_loss(loss)
            self.optimizer.apply(list(_core.gradients((loss,), (None,), sources)), weights)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _kvino_train(self, data):
        tensors = [_core.convert_to_tensor(x, copy=False) for x in tree.flatten(data) if x is not None]
        if self._kvino_state is None:  # the same for all steps of a call of fit
            variables = self._kvino_variables()
            # Not as an attribute: Keras would take the variables for weights of the model.
            self.__dict__["_kvino_state"] = variables, tuple((id(v), v.trainable) for v in variables)
        variables, state = self._kvino_state
        if self.run_eagerly:  # Python's part runs each time
            return CompiledStep(self.train_step, data, tensors, variables, "native")(tensors)
        device = _core.config.device
        key = (
            device,
            str(tree.map_structure(lambda x: x is None, data)),
            tuple((t.dtype, t.shape) for t in tensors),
            state,
        )
        steps = self.__dict__.setdefault("_kvino_steps", collections.OrderedDict())
        step = steps.pop(key, None)
        if step is None:
            step = CompiledStep(self.train_step, data, tensors, variables, device)
        steps[key] = step
        if len(steps) > MOST_SIGNATURES:
            steps.popitem(last=False)
        return step(tensors)

    def make_train_function(self, force=False):
        self.__dict__["_kvino_state"] = None
        if force:
            self.__dict__.pop("_kvino_steps", None)
        if self.train_function is not None and not force:
            return self.train_function

        def train_function(batches):
            for batch in batches:
                logs = self._kvino_train(batch)
            return logs

        self.train_function = train_function
        return train_function

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
        most = keras_config.max_epochs()
        if most and most < epochs:
            warnings.warn(f"Limiting epochs to {most}")
            epochs = most
        self._eval_epoch_iterator = None
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = array_slicing.train_validation_split(
                (x, y, sample_weight), validation_split=validation_split
            )
        iterator = EpochIterator(
            x=x, y=y, sample_weight=sample_weight, batch_size=batch_size, steps_per_epoch=steps_per_epoch,
            shuffle=shuffle, class_weight=class_weight, steps_per_execution=self.steps_per_execution,
        )
        self._symbolic_build(iterator=iterator)
        iterator.reset()
        if not isinstance(callbacks, callbacks_module.CallbackList):
            callbacks = callbacks_module.CallbackList(
                callbacks, add_history=True, add_progbar=verbose != 0, verbose=verbose, epochs=epochs,
                steps=iterator.num_batches, model=self,
            )
        step = self.make_train_function()
        self.stop_training = False
        logs = {}
        callbacks.on_train_begin()
        for epoch in range(self._initial_epoch or initial_epoch, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            logs = self._kvino_epoch(iterator, step, callbacks)
            if validation_data is not None and self._should_eval(epoch, validation_freq):
                logs.update(
                    self._kvino_validate(
                        validation_data, callbacks, validation_batch_size or batch_size, validation_steps
                    )
                )
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if isinstance(self.optimizer, optimizers_module.Optimizer) and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        self._eval_epoch_iterator = None
        callbacks.on_train_end(logs=logs)
        return self.history

    def _kvino_epoch(self, iterator, step, callbacks):
        logs = {}
        for begin, end, batches in iterator:
            callbacks.on_train_batch_begin(begin)
            logs = step(batches)
            callbacks.on_train_batch_end(end, logs)
            if self.stop_training:
                break
        return dict(pythonify_logs(self._get_metrics_result_or_logs(logs)))

    def _kvino_validate(self, data, callbacks, batch_size, steps):
        x, y, sample_weight = data_adapter_utils.unpack_x_y_sample_weight(data)
        if self._eval_epoch_iterator is None:
            self._eval_epoch_iterator = EpochIterator(
                x=x, y=y, sample_weight=sample_weight, batch_size=batch_size, steps_per_epoch=steps, shuffle=False,
                steps_per_execution=self.steps_per_execution,
            )
        logs = self.evaluate(
            x=x, y=y, sample_weight=sample_weight, batch_size=batch_size, steps=steps, callbacks=callbacks,
            return_dict=True, _use_cached_eval_dataset=True,
        )
        return {f"val_{name}": value for name, value in logs.items()}

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
        step = self.make_train_function()
        self.reset_metrics()
        logs = pythonify_logs(step([data]))
        return logs if return_dict else self._flatten_metrics_in_order(logs)
