"""Makes Keras use kvino: the modules of Keras's backend named "openvino" are served by kvino.keras_backend.

Keras knows a fixed list of backend names, and inside it this backend is called "openvino": Keras 3.15 imports it as
`keras.src.backend.openvino`, Keras 3.16 as the package `keras_openvino`. A finder in front of sys.meta_path answers for both.
No file or text of Keras is changed, and KERAS_BACKEND=openvino without kvino stays with Keras's own.

`install()` is called at start-up where KERAS_BACKEND is kvino (kvino_keras_switch.pth), or by `import kvino` before Keras.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import types

VARIABLE = "KERAS_BACKEND"
NAME = "kvino"
NAME_IN_KERAS = "openvino"
BACKEND = "kvino.keras_backend"
PREFIXES = ("keras.src.backend.openvino", "keras_openvino.src")


def _target(name):
    """The module that stands for `name`, or None."""
    for prefix in PREFIXES:
        if name == prefix:
            return BACKEND
        if name.startswith(prefix + "."):
            found = importlib.util.find_spec(f"{BACKEND}.{name[len(prefix) + 1 :]}")
            return found and found.name
    return None


class _Loader(importlib.abc.Loader):
    def __init__(self, target):
        self.target = target

    def create_module(self, spec):
        if self.target is None:  # keras_openvino itself: only its part `src` is used
            module = types.ModuleType(spec.name)
            module.__version__ = importlib.import_module(NAME).__version__
            return module
        self.module = importlib.import_module(self.target)
        self.spec = self.module.__spec__
        return self.module

    def exec_module(self, module):
        if self.target is not None:
            module.__spec__ = self.spec  # the module keeps its own name
        if os.environ.get(VARIABLE) == NAME_IN_KERAS:
            os.environ[VARIABLE] = NAME  # what child processes shall see


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname, path=None, target=None):
        if fullname == "keras":
            os.environ[VARIABLE] = NAME_IN_KERAS  # while Keras reads its configuration
            return None
        if fullname == "keras_openvino":
            return importlib.machinery.ModuleSpec(fullname, _Loader(None), is_package=True)
        found = _target(fullname)
        if found is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(found), is_package=fullname in PREFIXES)


def install():
    """Puts the finder in place, once. RuntimeError where Keras is loaded already."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if "keras" in sys.modules:
        raise RuntimeError("kvino must be imported before keras, or KERAS_BACKEND=kvino must be set")
    os.environ[VARIABLE] = NAME
    sys.meta_path.insert(0, _Finder())


def install_if_wanted():
    """What `import kvino` does: switches, unless Keras is loaded or another backend was asked for."""
    if "keras" not in sys.modules and os.environ.get(VARIABLE, NAME) == NAME:
        install()
