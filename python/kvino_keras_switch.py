"""Makes Keras use kvino: the modules of Keras's backend named "openvino" are served by kvino.keras_backend.

Keras knows a fixed list of backend names, and inside it this backend is called "openvino": Keras 3.15 imports it as
`keras.src.backend.openvino`, Keras 3.16 as the package `keras_openvino`. A finder in front of sys.meta_path answers for both.
No file or text of Keras is changed, and KERAS_BACKEND=openvino without kvino stays with Keras's own.

`watch()` is called whenever Python starts (kvino_keras_switch.pth): when Keras is imported, the finder looks whether kvino is
wanted, by KERAS_BACKEND or by Keras's keras.json. `import kvino` before Keras wants it, too. What is not needed for that is
imported where it is used, as every program pays for it.
"""

import os
import sys

VARIABLE = "KERAS_BACKEND"
NAME = "kvino"
NAME_IN_KERAS = "openvino"
BACKEND = "kvino.keras_backend"
PREFIXES = ("keras.src.backend.openvino", "keras_openvino.src")
# What Keras and KerasHub write for Keras's own OpenVINO backend outside of it.
MODULES = {
    "keras.src.export.openvino": f"{BACKEND}.openvino_export",
    "keras_hub.src.utils.openvino_utils": f"{BACKEND}.generation",
}


def _configured():
    """The backend that keras.json names, where there is one (compare keras/src/backend/config.py)."""
    import json

    home = os.path.expanduser("~")
    folder = os.environ.get("KERAS_HOME") or os.path.join(home if os.access(home, os.W_OK) else "/tmp", ".keras")
    try:
        with open(os.path.expanduser(os.path.join(folder, "keras.json"))) as file:
            return json.load(file).get("backend")
    except (OSError, ValueError, AttributeError):
        return None


def _target(name):
    """The module that stands for `name`, or None."""
    if name in MODULES:
        return MODULES[name]
    for prefix in PREFIXES:
        if name == prefix:
            return BACKEND
        if name.startswith(prefix + "."):
            import importlib.util

            found = importlib.util.find_spec(f"{BACKEND}.{name[len(prefix) + 1 :]}")
            return found and found.name
    return None


class _Loader:
    def __init__(self, target):
        self.target = target

    def create_module(self, spec):
        import importlib
        import types

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


class _Finder:
    """serves: whether Keras, which is being imported or has been, is to have kvino."""

    def __init__(self):
        self.serves = False

    def find_spec(self, fullname, path=None, target=None):
        if fullname == "keras":
            self.serves = NAME == (os.environ.get(VARIABLE) or _configured())
            if self.serves:
                os.environ[VARIABLE] = NAME_IN_KERAS  # while Keras reads its configuration
            return None
        if fullname == BACKEND and "keras" not in sys.modules:  # asked for first: it is a part of Keras, which loads it
            import importlib

            importlib.import_module("keras")
            if fullname in sys.modules:
                from importlib.machinery import ModuleSpec

                return ModuleSpec(fullname, _Loader(BACKEND), is_package=True)
        if not self.serves:
            return None
        found = None if fullname == "keras_openvino" else _target(fullname)
        if found is None and fullname != "keras_openvino":
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(fullname, _Loader(found), is_package=found in (None, BACKEND))


def watch():
    """Puts the finder in place, once."""
    finder = next((finder for finder in sys.meta_path if isinstance(finder, _Finder)), None)
    if finder is None:
        finder = _Finder()
        sys.meta_path.insert(0, finder)
    return finder


def install():
    """The Keras that will be imported gets kvino. RuntimeError where one is loaded that has not."""
    finder = watch()
    if finder.serves:
        return
    if "keras" in sys.modules:
        raise RuntimeError("kvino must be imported before keras, or KERAS_BACKEND=kvino must be set")
    os.environ[VARIABLE] = NAME


def install_if_wanted():
    """What `import kvino` does: switches, unless another backend was asked for. Where Keras is loaded with another one, it is
    too late, and that is said."""
    finder = watch()
    if finder.serves:
        return
    if "keras" in sys.modules:
        import warnings

        backend = sys.modules.get("keras.src.backend.config")
        name = backend.backend() if backend else "another one"
        warnings.warn(
            f"Keras was imported before kvino and uses the backend {name!r}. For kvino set KERAS_BACKEND=kvino, or import "
            "kvino before keras.",
            stacklevel=3,
        )
    elif os.environ.get(VARIABLE, NAME) == NAME:
        install()
