"""The one engine behind fit, evaluate and predict: a step is a function of Python, traced once for each signature of the data
into one graph.

Every variable that the step reads is an input of the graph, every one that it assigns an output (recording.py). Inputs that
stay the same for a while are bound as constants, which is what makes inference fast, and become inputs again when they move:
what is computed never depends on it."""

import collections
import functools
import linecache
import os
import threading
import traceback
import warnings

import keras
from keras.src import tree
from keras.src.backend.common import KerasVariable
from keras.src.constraints import Constraint
from keras.src.optimizers.base_optimizer import BaseOptimizer
from keras.src.regularizers import Regularizer

from kvino import _core
from kvino._core import Tensor
from kvino.keras_backend import changes
from kvino.keras_backend.recording import Recording
from kvino import ragged
from kvino.ragged import RaggedTensor
from kvino.sparse import SparseTensor
from kvino.sparse import asparse
from kvino.sparse import is_foreign

SIGNATURES = 16  # of one step of a model that are kept compiled; the one used longest ago goes out
STATIC_SHAPES = 4  # shapes that get a graph of their own; for later ones the lengths that differ are unknown to one graph
PATIENCE = 32  # calls in which a variable must not move to become a constant again

WAYS = (
    "kvino: train_step(self, data) takes derivatives by kvino.gradients(values, cotangents, sources), assigns to variables (optimizer.apply) "
    "and returns logs; docs/training.md has examples. Tapes, backward() and steps of (state, data) are other backends'."
)

for _class in (BaseOptimizer, Constraint, Regularizer):
    changes.note_attributes_of(_class)


def _converted(x, copy=None):
    """A leaf of the data as one of ours."""
    if isinstance(x, (Tensor, SparseTensor, RaggedTensor)):
        return x
    if ragged.is_foreign(x):
        return ragged.from_foreign(x)
    return asparse(x) if is_foreign(x) else _core.convert_to_tensor(x, copy=copy)


def _flat(tensors):
    """What a compiled step is given: of sparse and ragged tensors what they are made of."""
    flat = []
    for x in tensors:
        if isinstance(x, RaggedTensor):
            flat += ragged.parts(x)
        else:
            flat += (x.indices, x.values, x.dense_shape) if isinstance(x, SparseTensor) else (x,)
    return flat


def _kind(x):
    """What a graph depends on, besides the shape."""
    if isinstance(x, SparseTensor):
        return x.dtype, x.ndim, x.indices.dtype, x.dense_dims, x.canonical
    if isinstance(x, RaggedTensor):
        return x.dtype, x.ndim, x.ragged_rank
    return x.dtype, x.ndim


class Trace:
    """A recorded call of a step."""

    def __init__(self, step, data, tensors, shapes=None):
        """shapes: those of the tensors, with None where any length will do."""
        self.graph = _core.Graph()
        shapes = shapes or [x.shape for x in tensors]
        inputs = iter([self._input(x, shape) for x, shape in zip(tensors, shapes)])
        data = tree.map_structure(lambda x: x if x is None else next(inputs), data)
        with Recording(self.graph) as scope:
            results = step(data)
            self.results = tree.map_structure(_result, results)
        for x in tree.flatten(self.results):
            for part in _result_parts(x):
                self.graph.result(part)
        self.variables = [variable for variable, _ in scope.read.values()]
        self.assigned = list(scope.assigned.values())
        for variable in self.assigned:
            self.graph.result(scope.state_mapping[id(variable)])
        self.n_tensors = len(_flat(tensors))

    def _input(self, x, shape):
        """A sparse tensor has any number of entries, a ragged one of values."""
        if isinstance(x, RaggedTensor):
            values = self.graph.parameter((None, *shape[1 + x.ragged_rank :]), x.dtype)
            rows = None if shape[0] is None else shape[0] + 1
            return ragged.with_splits(values, [self.graph.parameter((n,), "int64") for n in (rows, *(None,) * (x.ragged_rank - 1))])
        if not isinstance(x, SparseTensor):
            return self.graph.parameter(shape, x.dtype)
        axes = x.indices.shape[1]
        indices = self.graph.parameter((None, axes), x.indices.dtype)
        values = self.graph.parameter((None, *shape[axes:]), x.dtype)
        lengths = self.graph.parameter((len(shape),), "int64")
        shape = [lengths[i] if d is None else d for i, d in enumerate(shape)]
        return SparseTensor(indices, values, shape, x.canonical, check=False)


def _result(x):
    """Results of a step are dense, or ragged."""
    if isinstance(x, SparseTensor):
        return x.todense()
    return x.value if isinstance(x, KerasVariable) else x


def _result_parts(x):
    """The results of a graph that one of a step is."""
    if isinstance(x, RaggedTensor):
        return ragged.parts(x)
    return (x,) if isinstance(x, Tensor) else ()


def _put_together(x, values):
    """A result of a step of those of a graph."""
    if isinstance(x, RaggedTensor):
        flat_values, *splits = [next(values) for _ in ragged.parts(x)]
        return ragged.with_splits(flat_values, splits)
    return next(values) if isinstance(x, Tensor) else x


def _detached(x):
    if isinstance(x, RaggedTensor):
        return ragged.with_splits(x.flat_values.detach(), [splits.detach() for splits in x.nested_row_splits])
    return x.detach() if isinstance(x, Tensor) else x


def _watched(graph, x):
    x = _converted(x)
    if isinstance(x, SparseTensor):
        return x.with_values(graph.watch(x.values.detach()))
    if isinstance(x, RaggedTensor):
        return x.with_flat_values(graph.watch(x.flat_values.detach()))
    return graph.watch(x.detach())


def run_watched(step, data):
    """A call of a step that computes as it goes, and records what it does for derivatives. Variables have their new values
    when it has ended well."""
    graph = _core.Graph()
    data = tree.map_structure(lambda x: x if x is None else _watched(graph, x), data)
    try:
        with Recording(graph, watch=True) as scope:
            results = tree.map_structure(_result, step(data))
    finally:
        graph.close()
    for variable in scope.assigned.values():
        variable._value = scope.state_mapping[id(variable)].detach()
    return tree.map_structure(_detached, results)


class Executable:
    """A trace compiled with some of its variables as constants."""

    def __init__(self, trace, bound, device):
        """bound: {place in trace.variables: the value}"""
        self.bound = [(trace.variables[i], value) for i, value in bound.items()]
        self.inputs = [v for i, v in enumerate(trace.variables) if i not in bound]
        # What is assigned has no use for the value before: its memory may become that of the new one.
        assigned = {id(v) for v in trace.assigned}
        self.over = tuple(trace.n_tensors + i for i, v in enumerate(self.inputs) if id(v) in assigned and len(v.shape))
        graph = trace.graph
        if bound:
            places = range(len(trace.variables))
            graph = graph.bind((None,) * trace.n_tensors + tuple(bound.get(i) for i in places))
        self.executable = graph.compile(device)
        if trace.assigned:  # a step of fit or evaluate: nobody chose its derivatives
            self.executable._advise(False)

    def is_current(self):
        return all(variable._value is value for variable, value in self.bound)

    def __call__(self, tensors):
        values = (*tensors, *[v._value for v in self.inputs])
        return self.executable._run_over(values, self.over)


class CompiledStep:
    """A step for one signature."""

    def __init__(self, trace, device, bind):
        self.trace, self.device, self.patience = trace, device, PATIENCE
        assigned = {id(v) for v in trace.assigned}
        # A number is not worth a constant; it may be a learning rate, or a counter.
        candidates = enumerate(trace.variables) if bind != "never" else ()
        self.steady = [i for i, v in candidates if id(v) not in assigned and len(v.shape)]
        self.general = None  # the executable with the fewest constants so far
        self.executable = self._compile(self.steady if bind == "at once" else [])
        self._look()
        self.lock = threading.Lock()  # threads predict while one trains

    def _compile(self, places):
        values = {i: self.trace.variables[i]._value for i in places}
        executable = Executable(self.trace, values, self.device)
        if self.general is None or len(executable.bound) < len(self.general.bound):
            self.general = executable
        return executable

    def _look(self):
        """What the variables are that might become constants. Only whether they move is asked: identities will do."""
        bound = {id(v) for v, _ in self.executable.bound}
        self.loose = [self.trace.variables[i] for i in self.steady if id(self.trace.variables[i]) not in bound]
        self.seen, self.quiet = [id(v._value) for v in self.loose], 0

    def _current(self):
        executable = self.executable
        if not executable.is_current():
            if executable is not self.general:  # constants again, and too soon
                self.patience *= 2
                executable = self.general
            if not executable.is_current():
                still = {id(v) for v, value in executable.bound if v._value is value}
                self.general = None
                executable = self._compile([i for i in self.steady if id(self.trace.variables[i]) in still])
            self.executable = executable
            self._look()
        elif self.loose:
            now = [id(v._value) for v in self.loose]
            self.quiet = self.quiet + 1 if now == self.seen else 0
            self.seen = now
            if self.quiet == self.patience:
                executable = self.executable = self._compile(self.steady)
                self._look()
        return executable

    def __call__(self, tensors):
        with self.lock:
            executable = self._current()
        results = iter(executable(tensors))
        values = tree.map_structure(lambda x: _put_together(x, results), self.trace.results)
        for variable, value in zip(self.trace.assigned, results):
            variable._value = value
        return values


def _merged(shapes, others):
    """The lengths that are the same in both, None for the rest."""
    return tuple(tuple(d if d == e else None for d, e in zip(a, b)) for a, b in zip(shapes, others))


def _given(data):
    """Of (x, y, sample_weight) what is there: train_on_batch gives a None where fit gives nothing, and predict x for (x,)."""
    while isinstance(data, tuple) and len(data) > 1 and data[-1] is None:
        data = data[:-1]
    alone = isinstance(data, tuple) and len(data) == 1 and not isinstance(data[0], (tuple, list))
    return data[0] if alone else data


def _outline(data):
    """What a structure is besides its tensors; hashable."""
    if isinstance(data, (tuple, list)):
        return (type(data), *[_outline(x) for x in data])
    if isinstance(data, dict):
        return (type(data), *[(name, _outline(x)) for name, x in data.items()])
    return data is None


class StepFunction:
    """What Keras calls train_function, test_function and predict_function: given a list of batches, what `step` gives for
    each. Keras drops it, and what is compiled with it, when the model is compiled or a function is made by force.

    bind: when variables become constants: "at once", "later" or "never". differentiates: the step takes derivatives. generalizes:
    whether a few shapes are followed by a graph for all lengths."""

    def __init__(self, model, step, bind, differentiates=False, generalizes=False):
        self.model, self.step = model, step
        self.bind, self.differentiates, self.generalizes = bind, differentiates, generalizes
        self.compiled = collections.OrderedDict()
        self.general = {}  # by signature, the shapes of the graph for all lengths; () where there can be none
        self.changes = self.structure = None
        self.warned = set()
        self.lock = threading.RLock()

    def __call__(self, batches):
        return [self.run(batch) for batch in batches]

    def start(self, batches):
        """A call in two parts: this one copies the data and finds what is compiled for it, the function that it gives computes, in
        whatever thread. None where something is not compiled."""
        if self.model.run_eagerly:
            return None
        calls = []
        for data in batches:
            tensors = [_converted(x) for x in tree.flatten(data) if x is not None]
            with self.lock:
                calls.append((self._find(data, tensors), _flat(tensors)))
        if not all(isinstance(compiled, CompiledStep) for compiled, _ in calls):
            return None
        return lambda: [compiled(tensors) for compiled, tensors in calls]

    def run(self, data):
        if self.model.run_eagerly:
            return self._eagerly(data)
        # The data is read during the call only: its memory is shared, not copied.
        tensors = [
            x if isinstance(x, Tensor) else _converted(x, copy=False)
            for x in tree.flatten(data)
            if x is not None  # an optional input that is not given
        ]
        with self.lock:
            compiled = self._find(data, tensors)
        if isinstance(compiled, CompiledStep):
            return compiled(_flat(tensors))
        results = self._eagerly(data)
        self._warn(compiled)  # the error is not the model's own: it gives results
        return results

    def _eagerly(self, data):
        if not self.differentiates:
            return self.step(tree.map_structure(lambda x: x if x is None else _converted(x), data))
        try:
            return run_watched(self.step, data)
        except (AttributeError, TypeError) as error:
            if not self.step.__module__.startswith(__package__):  # as where it is written for another backend
                error.add_note(WAYS)
            raise

    # ---- what is compiled ----

    def _forget_what_changed(self):
        if self.changes != changes.last():
            structure = changes.structure(self.model, BaseOptimizer if self.differentiates else None)
            if structure != self.structure:
                self.compiled.clear()
            self.changes, self.structure = changes.last(), structure

    def _find(self, data, tensors):
        """The compiled step, or the error that prevents tracing."""
        self._forget_what_changed()
        signature = (
            _core.config._key,
            _core.config.floatx,
            _outline(_given(data)),
            tuple(map(_kind, tensors)),
        )
        shapes = tuple(t.shape for t in tensors)
        general = self.general.get(signature)
        for key in ((signature, shapes), (signature, general)):
            if key in self.compiled and _merged(key[1], shapes) == key[1]:
                self.compiled.move_to_end(key)
                return self.compiled[key]
        known = [key[1] for key, step in self.compiled.items() if key[0] == signature and isinstance(step, CompiledStep)]
        trace = None
        wanted = self._for_all_lengths(known, tensors) if general != () else None
        if wanted is not None:
            general = wanted
            trace = self._trace(data, tensors, general)
            self.general[signature] = general if isinstance(trace, Trace) else ()  # not with unknown lengths
        if not isinstance(trace, Trace):
            general, trace = shapes, self._trace(data, tensors, shapes)
        compiled = CompiledStep(trace, None, self.bind) if isinstance(trace, Trace) else trace
        self._forget_what_changed()  # tracing may build a part of the model
        self.compiled[signature, general] = compiled
        if len(self.compiled) > SIGNATURES:
            self.compiled.popitem(last=False)
        return compiled

    def _for_all_lengths(self, known, tensors):
        """The shapes of a graph that serves these and others, where it is time for one; None: one for them alone. A length
        is left open where it differs among shapes that the model has taken: another one is for the model to refuse."""
        if not self.generalizes or len(known) < STATIC_SHAPES:
            return None
        wanted = functools.reduce(_merged, known)
        return wanted if _merged(wanted, tuple(t.shape for t in tensors)) == wanted else None

    def _trace(self, data, tensors, shapes):
        """A Trace, or the error that prevents it."""
        try:
            return Trace(self.step, data, tensors, shapes)
        except Exception as error:
            return error

    def _warn(self, error):
        place, text = _where(error)
        if place not in self.warned:
            self.warned.add(place)
            warnings.warn(
                f"kvino: {self.model.name} runs eagerly, which is slow: it cannot be traced because of {place} "
                f"({text}): {type(error).__name__}: {error}",
                stacklevel=2,
            )


LIBRARIES = tuple(os.path.dirname(module.__file__) + os.sep for module in (keras, _core))


def _where(error):
    """(file:line, the line's text) of the user's code that raised the error; else of whatever code did."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not frame.filename.startswith(LIBRARIES)]
    frame = (ours or frames)[-1]
    return f"{frame.filename}:{frame.lineno}", linecache.getline(frame.filename, frame.lineno).strip()
