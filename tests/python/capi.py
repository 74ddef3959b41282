"""The C library through ctypes: primitives by name, natively and compiled, for comparison with NumPy."""

import ctypes as C
import importlib.util
import os

import ml_dtypes
import numpy as np

NAMES = ["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float8_e4m3fn",
         "float8_e5m2", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"]  # kvino_dtype's order
EXTENDED = {"float8_e4m3fn": ml_dtypes.float8_e4m3fn, "float8_e5m2": ml_dtypes.float8_e5m2, "bfloat16": ml_dtypes.bfloat16}
IR = dict(zip(NAMES, ["boolean", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f8e4m3", "f8e5m2", "f16", "bf16",
                      "f32", "f64", "complex64", "complex128"]))


def dtype(name):
    return np.dtype(EXTENDED.get(name, name))


def name_of(number):
    """Of a kvino_dtype; the last one is that of strings, which most of what is here has nothing to do with."""
    return (NAMES + ["string"])[number]


class Error(C.Structure):
    _fields_ = [("status", C.c_int), ("text", C.c_char * 1024)]


class Tensors(C.Structure):
    _fields_ = [("n", C.c_size_t), ("v", C.POINTER(C.c_void_p))]


class Property(C.Structure):
    _fields_ = [("name", C.c_char_p), ("value", C.c_char_p)]


class KvinoError(Exception):
    def __init__(self, error):
        super().__init__(error.text.decode())
        self.status = error.status


def _load():
    here = os.path.dirname(os.path.abspath(__file__))
    path = os.environ.get("KVINO_LIBRARY") or os.path.join(here, "..", "..", "build", "release", "libkvino.so")
    lib = C.CDLL(path)
    for name in ("kvino_tensor_shape", "kvino_tensor_strides", "kvino_tensor_data", "kvino_primitive_name"):
        getattr(lib, name).restype = C.c_void_p
    lib.kvino_primitive_name.restype = C.c_char_p
    lib.kvino_primitive_count.restype = C.c_size_t
    package = importlib.util.find_spec("openvino")  # the copy of this environment
    if package:
        libs = os.path.join(os.path.dirname(package.origin), "libs")
        lib.kvino_openvino_add_hint(libs.encode(), None)
    return lib


lib = _load()


def check(status, error):
    if status:
        raise KvinoError(error)


def wrap(array):
    """A tensor over the array's memory, whatever its strides. The array must outlive it."""
    array = np.asanyarray(array)
    if array.dtype.kind in "USO":
        return strings(array)
    out, error = C.c_void_p(), Error()
    shape = (C.c_int64 * array.ndim)(*array.shape)
    strides = (C.c_int64 * array.ndim)(*array.strides)
    check(lib.kvino_tensor_wrap(NAMES.index(array.dtype.name), array.ndim, shape, strides, C.c_void_p(array.ctypes.data),
                                None, None, C.byref(out), C.byref(error)), error)
    return out


def copy(array):
    """A tensor of the same elements, for constants: a compiled model in the cache outlives the array."""
    array = np.asanyarray(array)
    array = np.ascontiguousarray(array).reshape(array.shape)  # which would make a 0-d array 1-d
    out, error, shape = C.c_void_p(), Error(), (C.c_int64 * array.ndim)(*array.shape)
    check(lib.kvino_tensor_new(NAMES.index(array.dtype.name), array.ndim, shape, C.c_void_p(array.ctypes.data), C.byref(out),
                               C.byref(error)), error)
    return out


def strings(array):
    """A tensor of the array's str or bytes."""
    leaves = [x.encode("utf-8", "surrogatepass") if isinstance(x, str) else x for x in array.ravel().tolist()]
    out, error, n = C.c_void_p(), Error(), len(leaves)
    shape, lengths = (C.c_int64 * array.ndim)(*array.shape), (C.c_size_t * n)(*map(len, leaves))
    texts = (C.c_char_p * n)(*leaves)
    check(lib.kvino_strings_new(array.ndim, shape, texts, lengths, C.byref(out), C.byref(error)), error)
    return out


def unwrap(t):
    """A NumPy copy of a concrete tensor."""
    t = C.c_void_p(t) if not isinstance(t, C.c_void_p) else t
    c, error = C.c_void_p(), Error()
    check(lib.kvino_tensor_contiguous(t, C.byref(c), C.byref(error)), error)
    rank = lib.kvino_tensor_rank(c)
    shape = (C.c_int64 * rank).from_address(lib.kvino_tensor_shape(c)) if rank else ()
    name = name_of(lib.kvino_tensor_dtype(c))
    if name == "string":
        n = int(np.prod(tuple(shape), dtype=np.int64))
        pairs = (C.c_uint64 * (2 * n)).from_address(lib.kvino_tensor_data(c)) if n else ()
        values = np.array([C.string_at(pairs[2 * i], pairs[2 * i + 1]).decode() for i in range(n)], "U").reshape(tuple(shape))
        lib.kvino_tensor_release(c)
        return values
    kind = dtype(name)
    n = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    data = C.string_at(lib.kvino_tensor_data(c), n) if n else b""
    lib.kvino_tensor_release(c)
    return np.frombuffer(data, kind).reshape(tuple(shape)).copy()


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return IR.get(value, str(value)) if isinstance(value, str) else repr(value)


def properties(values):
    pairs = [(name.replace("__", "-").encode(), _text(value).encode()) for name, value in values.items()]
    return len(pairs), (Property * len(pairs))(*pairs)


def _take(out):
    results = [unwrap(out.v[i]) for i in range(out.n)]
    lib.kvino_tensors_clear(C.byref(out))
    return results[0] if len(results) == 1 else results


def _call(name, tensors, attributes):
    out, error = Tensors(), Error()
    array = (C.c_void_p * len(tensors))(*tensors)
    n, pairs = properties(attributes)
    check(lib.kvino_primitive_call(name.encode(), C.c_size_t(len(tensors)), array, C.c_size_t(n), pairs, C.byref(out),
                                   C.byref(error)), error)
    return out


def prim(name, *arrays, **attributes):
    """The native result; a list where there are several outputs. `__` in an attribute's name stands for `-`."""
    arrays = [np.asanyarray(a) for a in arrays]
    tensors = [wrap(a) for a in arrays]
    try:
        return _take(_call(name, tensors, attributes))
    finally:
        for t in tensors:
            lib.kvino_tensor_release(t)


def compiled(name, *arrays, device="CPU", dynamic=False, constants=(), describe=False, **attributes):
    """The result of a graph of this one primitive. Operands whose positions are in `constants` become constants (axes,
    shapes); `dynamic` leaves every dimension of the others unknown (True), or of those at the positions in it."""
    arrays = [np.asanyarray(a) for a in arrays]
    graph, executable, error, text = C.c_void_p(), C.c_void_p(), Error(), C.c_char_p()
    check(lib.kvino_graph_new(C.byref(graph), C.byref(error)), error)
    operands, inputs = [], []
    out = Tensors()
    try:
        for i, a in enumerate(arrays):
            if i in constants:
                operands.append(copy(a))
                continue
            t = C.c_void_p()
            unknown = dynamic if isinstance(dynamic, bool) else i in dynamic
            shape = (C.c_int64 * a.ndim)(*([-1] * a.ndim if unknown else a.shape))
            check(lib.kvino_graph_parameter(graph, NAMES.index(a.dtype.name), a.ndim, shape, None, C.byref(t),
                                            C.byref(error)), error)
            operands.append(t)
            inputs.append(wrap(a))
        symbolic = _call(name, operands, attributes)
        for i in range(symbolic.n):
            check(lib.kvino_graph_result(graph, C.c_void_p(symbolic.v[i]), None, C.byref(error)), error)
        lib.kvino_tensors_clear(C.byref(symbolic))
        check(lib.kvino_compile(graph, device.encode(), C.c_size_t(0), None, C.byref(executable), C.byref(error)), error)
        if describe:
            check(lib.kvino_executable_describe(executable, C.byref(text), C.byref(error)), error)
            print(text.value.decode())
            lib.kvino_text_free(text)
        array = (C.c_void_p * len(inputs))(*inputs)
        check(lib.kvino_executable_run(executable, C.c_size_t(len(inputs)), array, C.byref(out), C.byref(error)), error)
        return _take(out)
    finally:
        for t in operands + inputs:
            lib.kvino_tensor_release(t)
        if executable:
            lib.kvino_executable_release(executable)
        lib.kvino_graph_release(graph)


class Graph:
    """A graph of several primitives:

        g = Graph()
        x = g.parameter("float32", [-1, 4])
        g.result(g.call("Add", x, np.float32(1)))
        f = g.compile("CPU")
        f(array)  # the result; a list where there are several
    """

    def __init__(self):
        self.handle, self.kept = C.c_void_p(), []
        error = Error()
        check(lib.kvino_graph_new(C.byref(self.handle), C.byref(error)), error)

    def __del__(self):
        for t in self.kept:
            lib.kvino_tensor_release(t)
        lib.kvino_graph_release(self.handle)

    def parameter(self, dtype, shape, name=None):
        t, error = C.c_void_p(), Error()
        dims = (C.c_int64 * len(shape))(*shape)
        check(lib.kvino_graph_parameter(self.handle, NAMES.index(dtype), len(shape), dims, name and name.encode(),
                                        C.byref(t), C.byref(error)), error)
        self.kept.append(t)
        return t

    def constant(self, value):
        t = copy(value)
        self.kept.append(t)
        return t

    def call(self, name, *operands, **attributes):
        """The output, or a list of outputs; operands are what these gave, or arrays."""
        operands = [a if isinstance(a, C.c_void_p) else self.constant(a) for a in operands]
        out = _call(name, operands, attributes)
        tensors = [C.c_void_p(out.v[i]) for i in range(out.n)]
        for t in tensors:
            lib.kvino_tensor_retain(t)
            self.kept.append(t)
        lib.kvino_tensors_clear(C.byref(out))
        return tensors[0] if len(tensors) == 1 else tensors

    def result(self, *values):
        error = Error()
        for v in values:
            check(lib.kvino_graph_result(self.handle, v, None, C.byref(error)), error)

    def compile(self, device="CPU", **config):
        return Executable(self, device, config)


class Executable:
    def __init__(self, graph, device, config):
        self.handle, error = C.c_void_p(), Error()
        n, pairs = properties(config)
        check(lib.kvino_compile(graph.handle, device.encode(), C.c_size_t(n), pairs, C.byref(self.handle),
                                C.byref(error)), error)

    def __del__(self):
        if self.handle:
            lib.kvino_executable_release(self.handle)

    def __call__(self, *arrays):
        arrays = [np.asanyarray(a) for a in arrays]
        tensors = [wrap(a) for a in arrays]
        out, error = Tensors(), Error()
        try:
            check(lib.kvino_executable_run(self.handle, C.c_size_t(len(tensors)), (C.c_void_p * len(tensors))(*tensors),
                                           C.byref(out), C.byref(error)), error)
            return _take(out)
        finally:
            for t in tensors:
                lib.kvino_tensor_release(t)

    def describe(self):
        text, error = C.c_char_p(), Error()
        check(lib.kvino_executable_describe(self.handle, C.byref(text), C.byref(error)), error)
        try:
            return text.value.decode()
        finally:
            lib.kvino_text_free(text)


def primitives():
    """The names of all primitives."""
    return [lib.kvino_primitive_name(C.c_size_t(i)).decode() for i in range(lib.kvino_primitive_count())]


class Port(C.Structure):
    _fields_ = [("name", C.c_char_p), ("dtype", C.c_int), ("rank", C.c_int), ("shape", C.POINTER(C.c_int64))]

    def value(self):
        shape = tuple(None if n < 0 else n for n in self.shape[: self.rank])
        return self.name.decode(), name_of(self.dtype), shape


class ModelOptions(C.Structure):
    _fields_ = [("device", C.c_char_p), ("n_properties", C.c_size_t), ("properties", C.POINTER(Property)),
                ("weights", C.c_char_p), ("n_outputs", C.c_size_t),
                ("outputs", C.POINTER(C.c_char_p)), ("n_custom", C.c_size_t), ("custom", C.c_void_p)]


lib.kvino_model_input_count.restype = lib.kvino_model_output_count.restype = C.c_size_t
lib.kvino_model_layer_count.restype = lib.kvino_layer_class_count.restype = C.c_size_t
lib.kvino_layer_class_name.restype = C.c_char_p


class Model:
    """A model's file (a path, or its bytes), read and run by the library alone."""

    def __init__(self, source, device=None, weights=None, outputs=()):
        self.handle, error = C.c_void_p(), Error()
        options = ModelOptions(device and device.encode(), 0, None, weights and os.fsencode(weights),
                               len(outputs), (C.c_char_p * len(outputs))(*[name.encode() for name in outputs]))
        if isinstance(source, bytes):
            status = lib.kvino_model_parse(source, C.c_size_t(len(source)), b"bytes", C.byref(options), C.byref(self.handle),
                                           C.byref(error))
        else:
            status = lib.kvino_model_load(os.fsencode(source), C.byref(options), C.byref(self.handle), C.byref(error))
        check(status, error)

    def __del__(self):
        if lib:  # gone where the interpreter ends
            lib.kvino_model_release(self.handle)

    def _ports(self, kind):
        count, get = getattr(lib, f"kvino_model_{kind}_count"), getattr(lib, f"kvino_model_{kind}")
        ports, error = [], Error()
        for i in range(count(self.handle)):
            port = Port()
            check(get(self.handle, C.c_size_t(i), C.byref(port), C.byref(error)), error)
            ports.append(port.value())
        return ports

    @property
    def inputs(self):
        return self._ports("input")

    @property
    def outputs(self):
        return self._ports("output")

    def get_weight(self, layer, weight):
        out, error = C.c_void_p(), Error()
        check(lib.kvino_model_get_weight(self.handle, layer.encode(), weight.encode(), C.byref(out), C.byref(error)), error)
        try:
            return unwrap(out)
        finally:
            lib.kvino_tensor_release(out)

    def set_weight(self, layer, weight, value):
        value, error = copy(value), Error()
        try:
            check(lib.kvino_model_set_weight(self.handle, layer.encode(), weight.encode(), value, C.byref(error)), error)
        finally:
            lib.kvino_tensor_release(value)

    def set_trainable(self, layer, trainable):
        error = Error()
        check(lib.kvino_model_set_trainable(self.handle, layer and layer.encode(), trainable, C.byref(error)), error)

    def save(self, path):
        error = Error()
        check(lib.kvino_model_save(self.handle, os.fsencode(path), C.byref(error)), error)

    def run_into(self, x, y):
        """The one result for one input, written into the array y."""
        t, error = wrap(x), Error()
        data, room = (C.c_void_p * 1)(y.ctypes.data), (C.c_size_t * 1)(y.nbytes)
        try:
            check(lib.kvino_model_run_into(self.handle, C.c_size_t(1), (C.c_void_p * 1)(t), C.c_size_t(1), data, room, C.byref(error)), error)
        finally:
            lib.kvino_tensor_release(t)

    def reset_states(self):
        lib.kvino_model_reset_states(self.handle)

    def summary(self):
        text, error = C.c_char_p(), Error()
        check(lib.kvino_model_summary(self.handle, C.byref(text), C.byref(error)), error)
        try:
            return text.value.decode()
        finally:
            lib.kvino_text_free(text)

    def __call__(self, *arrays):
        """The result; a list where there are several."""
        arrays = [np.asanyarray(a) for a in arrays]
        tensors = [wrap(a) for a in arrays]
        out, error = Tensors(), Error()
        try:
            check(lib.kvino_model_run(self.handle, C.c_size_t(len(tensors)), (C.c_void_p * len(tensors))(*tensors),
                                      C.byref(out), C.byref(error)), error)
            return _take(out)
        finally:
            for t in tensors:
                lib.kvino_tensor_release(t)


class Loss(C.Structure):
    _fields_ = [("name", C.c_char_p), ("n_settings", C.c_size_t), ("settings", C.POINTER(Property)), ("weight", C.c_double)]


class TrainerOptions(C.Structure):
    _fields_ = [("optimizer", C.c_char_p), ("n_settings", C.c_size_t), ("settings", C.POINTER(Property)), ("n_losses", C.c_size_t),
                ("losses", C.POINTER(Loss)), ("n_layers", C.c_size_t), ("layers", C.POINTER(C.c_char_p)), ("seed", C.c_uint64)]


lib.kvino_trainer_learning_rate.restype = C.c_double
lib.kvino_trainer_iterations.restype = C.c_int64


def settings(values):
    pairs = [(name.encode(), value.encode() if isinstance(value, str) else repr(value).encode()) for name, value in values.items()]
    return len(pairs), (Property * len(pairs))(*pairs)


class Trainer:
    """losses: a name, or (name, arguments), or (name, arguments, weight); or a list of these."""

    def __init__(self, model, optimizer=None, losses=(), layers=(), seed=0, **arguments):
        losses = [losses] if isinstance(losses, (str, tuple)) and losses else losses
        given = [(x, {}, 0) if isinstance(x, str) else (*x, 0)[:3] for x in losses]
        kept = [Loss(name.encode(), *settings(values), weight) for name, values, weight in given]
        self.model, self.handle, error = model, C.c_void_p(), Error()
        options = TrainerOptions(optimizer and optimizer.encode(), *settings(arguments), len(kept), (Loss * len(kept))(*kept), len(layers),
                                 (C.c_char_p * len(layers))(*[name.encode() for name in layers]), seed)
        check(lib.kvino_trainer_new(model.handle, C.byref(options), C.byref(self.handle), C.byref(error)), error)

    def __del__(self):
        if lib:
            lib.kvino_trainer_release(self.handle)

    def _run(self, function, x, y, weights):
        lists = [[np.asanyarray(a) for a in (v if isinstance(v, (list, tuple)) else [v])] for v in (x, y, weights)]
        tensors = [[wrap(a) for a in arrays] for arrays in lists]
        loss, error, arguments = C.c_double(), Error(), []
        for some in tensors:
            arguments += [C.c_size_t(len(some)), (C.c_void_p * len(some))(*some)]
        try:
            check(function(self.handle, *arguments, C.byref(loss), C.byref(error)), error)
        finally:
            for t in [t for some in tensors for t in some]:
                lib.kvino_tensor_release(t)
        return loss.value

    def step(self, x, y, weights=()):
        return self._run(lib.kvino_trainer_step, x, y, weights)

    def evaluate(self, x, y, weights=()):
        return self._run(lib.kvino_trainer_evaluate, x, y, weights)

    @property
    def learning_rate(self):
        return lib.kvino_trainer_learning_rate(self.handle)

    @learning_rate.setter
    def learning_rate(self, rate):
        error = Error()
        check(lib.kvino_trainer_set_learning_rate(self.handle, C.c_double(rate), C.byref(error)), error)

    @property
    def iterations(self):
        return lib.kvino_trainer_iterations(self.handle)

    def save(self, path):
        error = Error()
        check(lib.kvino_trainer_save(self.handle, os.fsencode(path), C.byref(error)), error)
