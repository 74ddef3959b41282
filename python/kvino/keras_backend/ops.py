"""The modules of operators, and what Keras 3.16 takes from their package as a whole."""

from kvino.keras_backend import core  # noqa: F401
from kvino.keras_backend import image  # noqa: F401
from kvino.keras_backend import linalg  # noqa: F401
from kvino.keras_backend import math  # noqa: F401
from kvino.keras_backend import nn  # noqa: F401
from kvino.keras_backend import numpy  # noqa: F401
from kvino.keras_backend.core import *  # noqa: F403
from kvino.keras_backend.tensors import saturating_cast as cast  # noqa: F401
