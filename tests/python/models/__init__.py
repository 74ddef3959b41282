"""Models that are saved by Keras and read in C, a file per family of layers: CASES maps a name to a function of the module
`keras` that gives a model, or a model and a list of its inputs (otherwise these are drawn).
A case's attribute `change` is called with `keras` and the model when its weights are drawn.
OLD maps a name to one of CASES and a change of its last layer's configuration into what an older Keras writes.

`python -m models` (with another backend of Keras's) reads lines "FAMILY FOLDER": it builds a family's models, with weights
that are all drawn, and writes each as NAME.keras, NAME.h5 where Keras can, and NAME.npz with inputs, outputs and the classes
of its layers, and NAME.h5 of OLD as if Keras 2 had; its answer is a line that begins with DONE or FAILED.
"""

import importlib
import os
import pkgutil

FAMILIES = sorted(module.name for module in pkgutil.iter_modules([os.path.dirname(__file__)]) if module.name != "__main__")


def cases(family):
    return importlib.import_module(f"models.{family}").CASES


def backend(family):
    """Keras's backend that saves them."""
    return getattr(importlib.import_module(f"models.{family}"), "BACKEND", "numpy")


def old(family):
    return getattr(importlib.import_module(f"models.{family}"), "OLD", {})
