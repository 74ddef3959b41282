"""kvino: Keras 3 on OpenVINO, in C. Tensors, operators and compiled functions; all of it is kvino._core."""

from kvino._core import *  # noqa: F403
from kvino._core import __version__, ops  # noqa: F401
from kvino._core import __all__ as _core_names
from kvino.profiling import explain, profile
from kvino.ragged import RaggedTensor
from kvino.saving import save
from kvino.sparse import SparseTensor

import kvino_keras_switch as _switch

__all__ = [*_core_names, "RaggedTensor", "SparseTensor", "explain", "export", "profile", "save", "get_include", "get_cmake_dir"]


def _path(*names):
    import os

    return os.path.join(os.path.dirname(os.path.abspath(__file__)), *names)


def export(model, filepath, format, **options):
    """model.export for every format of Keras's TensorFlow backend, which writes "tf_saved_model", "litert" and "onnx" in a
    process of its own (docs/export.md), and for "openvino"; "openvino_genai" writes a folder for openvino-genai's LLMPipeline."""
    if format == "openvino":
        return model.export(filepath, format=format, **options)
    if format == "openvino_genai":
        from kvino.keras_backend.stateful_export import export_openvino_genai

        return export_openvino_genai(model, filepath, **options)
    from kvino.keras_backend.export import export

    return export(model, filepath, format, **options)


def get_include():
    """The directory of kvino's C headers: `cc -I`."""
    return _path("include")


def get_cmake_dir():
    """The directory of kvino's CMake package: `cmake -Dkvino_DIR=`; pkg-config's is beside it."""
    return _path("lib", "cmake", "kvino")


_switch.install_if_wanted()
