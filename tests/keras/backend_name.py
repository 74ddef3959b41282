"""A pytest plugin for Keras's own tests: they see the backend's name as "kvino", and files that import PyTorch are read without it.

Keras itself believes that its backend is openvino. Its tests skip what that backend cannot do by asking for the name; asked
from a test's file the name is kvino here, so that nothing is skipped for the sake of another implementation. From any other
file the answer stays what Keras needs.

Where they make sparse tensors, they know TensorFlow and JAX: the name is "jax" there (SPARSE), and sparse_as_jax.py gives them kvino's.
Ragged ones they know of TensorFlow alone: RAGGED and ragged_as_tensorflow.py are the same for these.

Some files, as those of the data adapters, import PyTorch for one case in four. It is not installed (the package index has it with
gigabytes of CUDA alone): while such a file is read, an empty module stands for it, and a test that wants more of it is skipped.
"""

import contextlib
import importlib.util
import os
import re
import sys
import types

import keras.src.backend  # noqa: F401
import pytest
import ragged_as_tensorflow
import sparse_as_jax
from keras.src.backend import config

_backend = config.backend


# Other answers, by (file, function).
BY_NAME = {
    ("openvino_test.py", "<module>"): _backend(),  # it asks whether the backend can export for OpenVINO
    ("trainer_test.py", "<module>"): _backend(),  # it imports the backend's trainer by this name
    ("trainer_test.py", "test_fit_sparse"): "jax",  # it looks for TensorFlow's class of sparse gradients
    ("trainer_test.py", "__getitem__"): "jax",  # it looks up how the processor is called: "cpu:0", as here
}

# Functions that make sparse tensors, or ask whether one is.
SPARSE = {
    ("core_test.py", "test_convert_to_tensor_sparse"),
    ("core_test.py", "test_shape_sparse"),
    ("dense_test.py", "test_dense_sparse"),
    ("embedding_test.py", "test_correctness_sparse"),
    ("flatten_test.py", "test_flatten"),
    ("merging_test.py", "test_sparse"),
    ("numpy_test.py", "create_indexed_slices"),
    ("numpy_test.py", "create_sparse_tensor"),
    ("numpy_test.py", "test_bincount"),
    ("numpy_test.py", "test_concatenate_sparse"),
    ("numpy_test.py", "test_matmul_sparse"),
    ("numpy_test.py", "test_take_sparse"),
    ("optimizer_sparse_test.py", "test_sparse_correctness"),
    ("optimizer_sparse_test.py", "test_sparse_gradients"),
    ("permute_test.py", "test_permute"),
    ("reshape_test.py", "test_reshape"),
    ("test_case.py", "assertSparse"),
    ("test_case.py", "create_eager_tensors"),
}

# Where they get kvino's sparse tensors; layers make them, and look at them, in test_case.py.
SPARSE_FILES = {file for file, _ in SPARSE} | {"category_encoding_test.py", "discretization_test.py", "identity_test.py", "nn_test.py"}

# Tests of ragged tensors, and functions for them; of those that are skipped unless the backend is TensorFlow, the reason.
RAGGED = {
    ("core_test.py", "test_convert_to_tensor_ragged"),
    ("core_test.py", "test_shape_ragged"),
    ("embedding_test.py", "test_ragged"),
    ("numpy_test.py", "test_ndim_tf_ragged"),
    ("numpy_test.py", "test_take_ragged"),
    ("test_case.py", "assertRagged"),
    ("test_case.py", "create_eager_tensors"),
    ("trainer_test.py", "test_trainer_with_raggeds"),
    ("validation_test.py", "test_densify_ragged_bounding_boxes_batched"),
    ("validation_test.py", "test_densify_ragged_bounding_boxes_unbatched"),
}
# Tests of texts that Keras runs on TensorFlow alone.
TEXTS = {
    ("feature_space_test.py", "test_functional_api_sync_processing"),
    ("hashing_test.py", "test_saving"),
    ("index_lookup_test.py", "test_saving"),
    ("string_lookup_test.py", "test_invert_lookup_basic"),
    ("text_vectorization_test.py", "test_one_hot_output"),
    ("text_vectorization_test.py", "test_save_load_tf_idf_mode"),
    ("text_vectorization_test.py", "test_save_load_with_ngrams_flow"),
    ("text_vectorization_test.py", "test_tf_as_first_sequential_layer"),
}
ASKS_FOR_TENSORFLOW = ("Only test tensorflow backend", "Only tensorflow supports raggeds", "The test targets TensorFlow-specific ragged")


def backend():
    frame = sys._getframe(1)
    caller = frame.f_code
    file = os.path.basename(caller.co_filename)
    if (file, caller.co_name) in RAGGED and frame.f_locals.get("ragged", True):
        return "tensorflow"
    if (file, caller.co_name) in SPARSE:
        return "jax"
    if not file.endswith("_test.py"):
        return _backend()
    return BY_NAME.get((file, caller.co_name), "kvino")


for _module in list(sys.modules.values()):
    if getattr(_module, "__name__", "").startswith("keras") and _module.__dict__.get("backend") is _backend:
        _module.backend = backend


class NoTorch(types.ModuleType):
    """Nothing is an instance of its Tensor."""

    def __init__(self, name):
        super().__init__(name)
        self.Tensor = self.Dataset = type("Tensor", (), {})

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        pytest.skip("PyTorch is not installed")


NO_TORCH = {name: NoTorch(name) for name in ("torch", "torch.utils", "torch.utils.data")}


def is_in(item, tests):
    """Of cases, whose names have numbers behind, too."""
    return any(item.path.name == file and item.name.startswith(name) for file, name in tests)


def asks_for_tensorflow(mark, reasons):
    return mark.name == "skipif" and str(mark.kwargs.get("reason")).startswith(reasons)


def pytest_collection_modifyitems(items):
    """Names with addresses in them would be others in every process. Tests of ragged tensors, and of texts, are run."""
    for item in items:
        reasons = ASKS_FOR_TENSORFLOW if is_in(item, RAGGED) else "" if is_in(item, TEXTS) else None
        for node in item.listchain() if reasons is not None else ():
            node.own_markers = [mark for mark in node.own_markers if not asks_for_tensorflow(mark, reasons)]
        name = re.sub(r"0x[0-9a-f]+", "0x", item.nodeid)
        if name != item.nodeid:
            item._id = name


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    is_file = isinstance(collector, pytest.Module)
    needed = is_file and importlib.util.find_spec("torch") is None and "\nimport torch\n" in collector.path.read_text()
    if needed:
        sys.modules.update(NO_TORCH)
    try:
        with sparse_as_jax.in_place() if is_file and collector.path.name in SPARSE_FILES else contextlib.nullcontext():
            return (yield)
    finally:
        for name in NO_TORCH if needed else ():
            del sys.modules[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    # (Functions for bounding boxes take TensorFlow's own on every backend.)
    ours = is_in(item, RAGGED) and item.path.name != "validation_test.py"
    ragged = ragged_as_tensorflow.in_place() if ours else contextlib.nullcontext()
    with ragged, sparse_as_jax.in_place() if item.path.name in SPARSE_FILES else contextlib.nullcontext():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that imports PyTorch, itself or by Keras, is skipped."""
    report = yield
    error = call.excinfo and call.excinfo.value
    if isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] == "torch":
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, "Skipped: PyTorch is not installed")
    return report


_tests = 0


def pytest_runtest_teardown():
    """Many tests ask JAX for the expected dtype; what it compiles for that is gigabytes in the end."""
    global _tests
    _tests += 1
    jax = sys.modules.get("jax")
    if jax and _tests % 500 == 0:
        jax.clear_caches()
