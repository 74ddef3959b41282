"""keras.ops.linalg: the table's operators, and those whose signature or results Keras has otherwise."""

from kvino.keras_backend.derivatives import jvp  # noqa: F401
from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators

_table = operators("linalg")
globals().update(_table)
__getattr__ = missing("linalg")


def svd(x, full_matrices=True, compute_uv=True):
    parts = _table["svd"](x, full_matrices, compute_uv)
    return parts if compute_uv else parts[0]
