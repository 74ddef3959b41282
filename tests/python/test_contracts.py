"""What every public function promises, found in the headers so that a new one is tried, too: NULL is answered, not followed; an
error record is filled on failure and left alone on success; what a call would give is left alone where it fails.

Each function is called with sound arguments and with each pointer NULL in turn, in a process of its own, so that a crash is a failure
that names the call."""

import ctypes as C
import os
import pathlib
import re
import sys

import numpy as np
import pytest

import capi

HEADERS = pathlib.Path(__file__).resolve().parents[2] / "include" / "kvino"
lib = capi.lib
SENTINEL = 0x5A5A5A5A5A5A


class Ints(C.Structure):
    _fields_ = [("n", C.c_int64), ("v", C.POINTER(C.c_int64)), ("symbolic", C.c_void_p), ("list", C.c_bool)]


class Bound(C.Structure):
    _fields_ = [("value", C.c_int64), ("tensor", C.c_void_p)]


class Item(C.Structure):
    _fields_ = [("kind", C.c_int), ("integer", C.c_int64), ("start", Bound), ("stop", Bound), ("step", Bound), ("tensor", C.c_void_p)]


def declarations():
    """[(name, result, [type of each parameter])] of the plain headers and of the tables of operators."""
    found = []
    for path in sorted(HEADERS.glob("*.h")):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        text = re.sub(r"^#.*(?:\\\n.*)*$", "", text, flags=re.M)
        for result, name, parameters in re.findall(r"KVINO_API\s+([\w\s*]+?)\b(kvino_\w+)\(((?:[^()]|\([^()]*\))*)\)", text):
            types = []
            for p in re.split(r",(?![^()]*\))", parameters):
                p = " ".join(p.split())
                types.append("callback" if "(*" in p else re.sub(r"\b\w+$", "", p).strip() if p != "void" else None)
            found.append((name, result.strip(), [t for t in types if t]))
    for path in sorted((HEADERS / "ops").glob("*.def")):
        for kind, name, kinds in re.findall(r"^OP(|_LIST)\(\w+, (\w+), \(([^)]*)\)", path.read_text(), re.M):
            types = [k.strip() for k in kinds.split(",")]
            found.append((f"kvino_{name}", "kvino_status", [*types, "kvino_tensors *" if kind else "kvino_tensor **", "kvino_error *"]))
    return found


# ---- sound values: made anew for each call, as some calls take them over ----

def tensor():
    return capi.copy(np.arange(1, 5, dtype="float32").reshape(2, 2)).value


def symbolic():
    out, g = C.c_void_p(), graph()
    lib.kvino_graph_parameter(C.c_void_p(g), 13, 2, (C.c_int64 * 2)(2, 2), None, C.byref(out), None)
    return out.value


def graph():
    out = C.c_void_p()
    lib.kvino_graph_new(C.byref(out), None)
    return out.value


def executable():
    g, x, e = C.c_void_p(graph()), C.c_void_p(), C.c_void_p()
    lib.kvino_graph_parameter(g, 13, 2, (C.c_int64 * 2)(2, 2), None, C.byref(x), None)
    lib.kvino_graph_result(g, x, None, None)
    lib.kvino_compile(g, b"native", C.c_size_t(0), None, C.byref(e), None)
    return e.value


def profile():
    p = C.c_void_p()
    lib.kvino_executable_explain(C.c_void_p(executable()), C.byref(p), None)
    return p.value


kept = []


def keep(value):
    kept.append(value)
    return value


def tensors(n=1):
    return keep((C.c_void_p * n)(*[tensor() for _ in range(n)]))


def by_value():
    return capi.Tensors(1, C.cast(tensors(), C.POINTER(C.c_void_p)))


def op():
    lib.kvino_op_find.restype = C.c_void_p
    return lib.kvino_op_find(None, b"square")


def model():
    path = HEADERS.parents[1] / "fuzz" / "corpus" / "model" / "mlp.keras"
    out, options = C.c_void_p(), capi.ModelOptions(b"native")
    lib.kvino_model_load(os.fsencode(path), C.byref(options), C.byref(out), None)
    return out.value


def trainer():
    out = C.c_void_p()
    loss, options = capi.Loss(b"mse"), capi.TrainerOptions(b"sgd")
    options.n_losses, options.losses = 1, C.pointer(loss)
    lib.kvino_trainer_new(C.c_void_p(model()), C.byref(options), C.byref(out), None)
    return out.value


def temporaries():
    out = C.c_void_p()
    lib.kvino_temporaries_new(C.byref(out), None)
    return out.value


OUT = object()  # a place for a result, which a failure leaves alone
VALUES = {
    "kvino_error *": None, "size_t": lambda: C.c_size_t(1), "int": lambda: 1, "bool": lambda: True, "double": lambda: C.c_double(1),
    "int64_t": lambda: C.c_int64(1), "kvino_dtype": lambda: 13, "kvino_status": lambda: 1, "const char *": lambda: b"1",
    "kvino_tensor *": lambda: C.c_void_p(tensor()), "const kvino_tensor *": lambda: C.c_void_p(tensor()),
    "kvino_tensor *const *": tensors, "const int64_t *": lambda: keep((C.c_int64 * 4)(2, 2, 1, 1)),
    "const void *": lambda: keep(C.create_string_buffer(64)), "void *": lambda: keep(C.create_string_buffer(64)), "callback": lambda: None,
    "const kvino_property *": lambda: keep((capi.Property * 1)(capi.Property(b"streams", b"1"))),
    "kvino_graph *": lambda: C.c_void_p(graph()), "const kvino_graph *": lambda: C.c_void_p(graph()),
    "kvino_executable *": lambda: C.c_void_p(executable()), "const kvino_executable *": lambda: C.c_void_p(executable()),
    "const kvino_profile *": lambda: C.c_void_p(profile()), "kvino_profile **": OUT,
    "const kvino_item *": lambda: keep((Item * 1)(Item(kind=2))), "const kvino_op *": lambda: C.c_void_p(op()),
    "const kvino_arg *": lambda: keep((C.c_void_p * 8)(tensor())), "const char *const *": lambda: keep((C.c_char_p * 4)(*[b"x"] * 4)),
    "const uint8_t *": lambda: keep((C.c_uint8 * 8)()),
    "const size_t *": lambda: keep((C.c_size_t * 4)(1, 1, 1, 1)),
    "kvino_model *": lambda: C.c_void_p(model()), "const kvino_model *": lambda: C.c_void_p(model()),
    "const kvino_model_options *": lambda: C.byref(keep(capi.ModelOptions(b"native"))),
    "kvino_model **": OUT, "kvino_port *": OUT, "kvino_layer *": OUT, "const char **": OUT,
    "kvino_trainer *": lambda: C.c_void_p(trainer()), "const kvino_trainer *": lambda: C.c_void_p(trainer()), "kvino_trainer **": OUT,
    "const kvino_trainer_options *": lambda: C.byref(keep(capi.TrainerOptions(b"sgd"))), "double *": OUT,
    "void *const *": tensors, "kvino_temporaries *": lambda: C.c_void_p(temporaries()), "kvino_temporaries **": OUT,
    # what is given back: only what the library gave
    "char *": lambda: None, "kvino_device *": lambda: None, "kvino_profile *": lambda: None,
    "kvino_tensor **": OUT, "kvino_tensors *": OUT, "kvino_graph **": OUT, "kvino_executable **": OUT, "kvino_settings **": OUT, "char **": OUT, "char ***": OUT, "size_t *": OUT,
    "kvino_device **": OUT, "kvino_dtype *": OUT, "kvino_openvino_info *": OUT, "kvino_info *": OUT,
    # parameters of operators
    "tensor": lambda: C.c_void_p(tensor()), "maybe": lambda: C.c_void_p(tensor()), "tensors": by_value, "integer": lambda: C.c_int64(1),
    "number": lambda: C.c_double(1), "flag": lambda: True, "text": lambda: b"same", "order": lambda: b"2", "dtype": lambda: 13,
    "kvino_settings *": lambda: None,  # what kvino_settings_enter gave a thread without settings
    "ints": lambda: Ints(1, (C.c_int64 * 1)(1), None, False),
}
LISTS = {"kvino_tensor *const *", "const char *const *", "tensors", "const kvino_property *"}
POINTERS = {"tensor", "maybe", "text", "order", "callback"}
SPECIAL = {  # the few for which any value of the type will not do
    ("kvino_devices_free", 1): lambda: C.c_size_t(0), ("kvino_names_free", 0): lambda: None, ("kvino_names_free", 1): lambda: C.c_size_t(0),
    ("kvino_tensors_clear", 0): lambda: C.byref(keep(capi.Tensors(0, None))),
    ("kvino_graph_save_ir", 1): lambda: b"/nowhere/x.xml",
    ("kvino_body_enter", 0): lambda: None,  # a graph that is no body
    ("kvino_openvino_add_hint", 0): lambda: b"/nowhere", ("kvino_compile", 1): lambda: b"native", ("kvino_npy_read", 0): lambda: b"/nowhere/x",
    ("kvino_npz_read", 0): lambda: b"/nowhere/x", ("kvino_npy_write", 0): lambda: b"/nowhere/x", ("kvino_npz_write", 0): lambda: b"/nowhere/x",
}
FUNCTIONS = declarations()
REACHES_OPENVINO = {"kvino_openvino_get_info", "kvino_devices_list", "kvino_device_check", "kvino_properties_check"}


def attempt(name, result, types, null):
    """Calls with parameter `null` NULL (-1: none; -2 - i: a list i of NULL), and checks the promises; a text where one is broken."""
    error, before = capi.Error(status=-7, text=b"untouched"), None
    arguments, outs = [], []
    for i, t in enumerate(types):
        if t == "kvino_error *":
            arguments.append(None if i == null else C.byref(error))
        elif i == null:
            arguments.append(capi.Tensors(1, None) if t == "tensors" else None)
        elif i == -2 - null and t in LISTS:  # a list that holds a NULL
            arguments.append(keep((C.c_void_p * 4)()) if t != "tensors" else capi.Tensors(1, C.cast(keep((C.c_void_p * 1)()), C.POINTER(C.c_void_p))))
        elif (name, i) in SPECIAL:
            arguments.append(SPECIAL[name, i]())
        elif VALUES[t] is OUT:
            place = keep((C.c_int64 * 64)(*[SENTINEL] * 64))
            outs.append(place)
            arguments.append(place)
        else:
            arguments.append(VALUES[t]())
    function = getattr(lib, name)
    function.restype = C.c_int if result in ("kvino_status", "kvino_dtype", "int") else C.c_void_p
    before = [list(o) for o in outs]
    status = function(*arguments)
    given = "kvino_error *" in types and types.index("kvino_error *") != null
    if result != "kvino_status":
        return None
    if not status:
        return None if not given or (error.status == -7 and error.text == b"untouched") else "success touched the error record"
    if given and (error.status != status or not error.text or error.text == b"untouched"):
        return f"status {status} with the record {error.status}: {error.text!r}"
    return None if [list(o) for o in outs] == before else "a failure wrote its result"


def nulls(name, types):
    inside = [-2 - i for i, t in enumerate(types) if t in LISTS]
    return [-1, *inside, *[i for i, t in enumerate(types) if "*" in t or t in POINTERS or t == "tensors"]]


def in_child(name, result, types):
    """The text of what is wrong, or "" ."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        try:
            for null in nulls(name, types):
                os.write(write, f"\n{name} with argument {null} NULL: ".encode())
                wrong = attempt(name, result, types, null)
                os.write(write, (wrong or "").encode())
        except BaseException as e:  # noqa: BLE001 the child must end here
            os.write(write, repr(e).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as f:
        lines = f.read().strip().split("\n")
    _, status = os.waitpid(child, 0)
    wrong = [line for line in lines if not line.endswith("NULL:") and not line.endswith("NULL: ")]
    return "\n".join(wrong + ([f"{lines[-1]} signal {os.WTERMSIG(status)}"] if os.WIFSIGNALED(status) else []))


def test_the_headers_are_read():
    lib.kvino_op_count.restype = C.c_size_t
    text = "".join(path.read_text() for path in HEADERS.glob("*.h") if path.name != "ops.h")
    assert len(FUNCTIONS) == lib.kvino_op_count() + len(re.findall(r"^KVINO_API ", text, re.M))
    assert {t for _, _, types in FUNCTIONS for t in types} <= set(VALUES), "a type of which there is no value"


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
@pytest.mark.parametrize("part", range(8))
def test_promises(part):
    wrong = [in_child(*f) for f in FUNCTIONS[part::8] if f[0] not in REACHES_OPENVINO]
    assert not [w for w in wrong if w], "\n".join(w for w in wrong if w)


@pytest.mark.parametrize("name", sorted(REACHES_OPENVINO))
def test_promises_of_what_opens_openvino(name):
    assert not in_child(*next(f for f in FUNCTIONS if f[0] == name))


def test_a_formula_that_is_called_twice_leaves_the_record_alone():
    """Of a large operand the first attempt of some formulas fails, and the second does not."""
    x, out, error = capi.copy(np.arange(1 << 20, dtype="int32")), C.c_void_p(), capi.Error(status=-7, text=b"untouched")
    none = C.c_void_p()
    assert not lib.kvino_bincount(x, none, C.c_int64(0), False, C.byref(out), C.byref(error))
    assert (error.status, error.text) == (-7, b"untouched")
    lib.kvino_tensor_release(out)


def test_a_run_that_is_made_natively_leaves_the_record_alone():
    """OpenVINO fails on the shapes, the native kernels compute them."""
    g, x, y, e = C.c_void_p(graph()), C.c_void_p(), C.c_void_p(), C.c_void_p()
    lib.kvino_graph_parameter(g, 13, 1, (C.c_int64 * 1)(-1), None, C.byref(x), None)
    assert not lib.kvino_sum(x, Ints(-1, None, None, False), False, C.byref(y), None)
    lib.kvino_graph_result(g, y, None, None)
    assert not lib.kvino_compile(g, b"CPU", C.c_size_t(0), None, C.byref(e), None)
    for n in (0, 3):
        out, error = capi.Tensors(), capi.Error(status=-7, text=b"untouched")
        value = capi.copy(np.ones(n, "float32"))
        assert not lib.kvino_executable_run(e, C.c_size_t(1), (C.c_void_p * 1)(value), C.byref(out), C.byref(error))
        assert (error.status, error.text) == (-7, b"untouched")
        assert capi._take(out) == n
