"""A pytest plugin for Keras's own tests: they see the backend's name as "kvino".

Keras itself believes that its backend is openvino. Its tests skip what that backend cannot do by asking for the name; asked
from a test's file the name is kvino here, so that nothing is skipped for the sake of another implementation. From any other
file the answer stays what Keras needs.
"""

import os
import sys

import keras.src.backend  # noqa: F401
from keras.src.backend import config

_backend = config.backend


# Other answers, by (file, function).
BY_NAME = {
    ("openvino_test.py", "<module>"): _backend(),  # it asks whether the backend can export for OpenVINO
    ("trainer_test.py", "<module>"): _backend(),  # it imports the backend's trainer by this name
    ("trainer_test.py", "__getitem__"): "jax",  # it looks up how the processor is called: "cpu:0", as here
}


def backend():
    caller = sys._getframe(1).f_code
    file = os.path.basename(caller.co_filename)
    if not file.endswith("_test.py"):
        return _backend()
    return BY_NAME.get((file, caller.co_name), "kvino")


for _module in list(sys.modules.values()):
    if getattr(_module, "__name__", "").startswith("keras") and _module.__dict__.get("backend") is _backend:
        _module.backend = backend

_tests = 0


def pytest_runtest_teardown():
    """Many tests ask JAX for the expected dtype; what it compiles for that is gigabytes in the end."""
    global _tests
    _tests += 1
    jax = sys.modules.get("jax")
    if jax and _tests % 500 == 0:
        jax.clear_caches()
