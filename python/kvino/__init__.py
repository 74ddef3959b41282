"""kvino: Keras 3 on OpenVINO, in C. Tensors, operators and compiled functions; all of it is kvino._core."""

from kvino._core import *  # noqa: F403
from kvino._core import __all__, __version__, ops  # noqa: F401

import kvino_keras_switch as _switch

_switch.install_if_wanted()
