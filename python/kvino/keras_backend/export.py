"""SavedModel, ONNX and LiteRT: Keras's own exporters for TensorFlow write these, in a process of their own that loads the model."""

import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile

from keras.src import tree
from keras.src.export.export_utils import get_input_signature
from keras.src.export.export_utils import make_input_spec
from keras.src.utils import io_utils

# What the other process runs: argument 1 is a file with a dict.
SCRIPT = """
import pickle, sys
import keras
with open(sys.argv[1], "rb") as file:
    job = pickle.load(file)
model = keras.models.load_model(job["model"], compile=False, safe_mode=job["safe_mode"])
if job["format"] is None:
    archive = keras.export.ExportArchive()
    for name, signature in job["endpoints"]:
        archive.track_and_add_endpoint(name, model, signature)
    archive.write_out(job["path"], verbose=False)
else:
    model.export(job["path"], format=job["format"], verbose=False, input_signature=job["signature"], **job["options"])
"""


def export(model, filepath, format, input_signature=None, verbose=None, safe_mode=True, **options):
    """Writes the model as "tf_saved_model", "litert" or "onnx" by Keras's TensorFlow backend: the model is saved, and a process with
    that backend loads and exports it. Custom layers must be importable there, by the module that they are registered with.
    options: what Keras's exporter of the format takes."""
    signature = _specs(get_input_signature(model) if input_signature is None else input_signature)
    _run(model, filepath, format, safe_mode, signature=signature, options=options)
    if verbose is None or verbose:
        io_utils.print_msg(f"Saved artifact at '{filepath}'.")


def _specs(signature):
    return tree.map_structure(make_input_spec, signature)


def _run(model, filepath, format, safe_mode=True, **job):
    if importlib.util.find_spec("tensorflow") is None:
        raise NotImplementedError(
            f"kvino: {model.name} cannot be exported as {format or 'tf_saved_model'}, which TensorFlow writes: install it (pip "
            "install tensorflow-cpu), or save the model (model.save) and export it where TensorFlow is, with "
            "KERAS_BACKEND=tensorflow. model.export(path, format='openvino') needs nothing."
        )
    with tempfile.TemporaryDirectory() as folder:
        saved, description = os.path.join(folder, "model.keras"), os.path.join(folder, "job")
        model.save(saved)
        with open(description, "wb") as file:
            pickle.dump({"model": saved, "path": os.path.abspath(filepath), "format": format, "safe_mode": safe_mode, **job}, file)
        environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
                       "TF_CPP_MIN_LOG_LEVEL": "2"}
        done = subprocess.run([sys.executable, "-c", SCRIPT, description], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"kvino: {model.name} cannot be exported as {format or 'tf_saved_model'}: Keras's TensorFlow backend, which writes it "
            f"in a process of its own, says:\n{done.stderr.strip()[-2000:]}"
        )


class OpenvinoExportArchive:
    """keras.export.ExportArchive for models: the endpoints are calls of one model, which the other process loads."""

    def __init__(self):
        self.model, self.endpoints = None, []

    def track(self, resource):
        if not hasattr(resource, "save"):
            raise NotImplementedError(f"kvino: an export archive holds a keras.Model, not {type(resource).__name__}. {WAY}")
        if self.model not in (None, resource):
            raise NotImplementedError(f"kvino: an export archive holds one model. {WAY}")
        if not resource.built:
            raise ValueError("The layer provided has not yet been built. It must be built before export.")
        self.model = resource

    def add_endpoint(self, name, fn, input_signature=None, **kwargs):
        model = fn if hasattr(fn, "save") else getattr(fn, "__self__", None)
        if model is None or not hasattr(model, "save") or fn not in (model, model.call, model.__call__):
            raise NotImplementedError(f"kvino: an endpoint is a model or its call, not any other function. {WAY}")
        if name in [known for known, _ in self.endpoints]:
            raise ValueError(f"Endpoint name '{name}' is already taken.")
        if kwargs:
            raise ValueError(f"add_endpoint() takes no {sorted(kwargs)} here")
        self.track(model)
        self.endpoints.append((name, _specs(get_input_signature(model) if input_signature is None else input_signature)))

    def track_and_add_endpoint(self, name, resource, input_signature, **kwargs):
        self.add_endpoint(name, resource, input_signature, **kwargs)

    def add_variable_collection(self, name, variables):
        raise NotImplementedError(f"kvino: an export archive has no collections of variables. {WAY}")

    def write_out(self, filepath, options=None, verbose=True):
        if not self.endpoints:
            raise ValueError("No endpoints have been set yet. Call add_endpoint().")
        if options is not None:
            raise NotImplementedError(f"kvino: options of TensorFlow's are not passed on. {WAY}")
        _run(self.model, filepath, None, endpoints=self.endpoints)
        if verbose:
            names = ", ".join(name for name, _ in self.endpoints)
            io_utils.print_msg(f"Saved artifact at '{filepath}', with the endpoints: {names}.")


WAY = "Save the model (model.save) and use keras.export.ExportArchive in a process with KERAS_BACKEND=tensorflow."
SavedModelExportArchive = OpenvinoExportArchive
