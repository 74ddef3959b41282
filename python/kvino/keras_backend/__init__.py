"""The backend that Keras sees: the package `keras.src.backend.openvino` of Keras 3.15 and `keras_openvino.src` of Keras 3.16.

A module here has the name and the contents of Keras's own (compare keras/src/backend/jax): the operators of kvino's table,
which are C functions, and what Keras requires to be Python: classes (Variable, Layer, Trainer) and functions that call back
into Python.
"""

from keras.src.backend import config as _config

from kvino.keras_backend import core
from kvino.keras_backend import distribution_lib
from kvino.keras_backend import image
from kvino.keras_backend import linalg
from kvino.keras_backend import math
from kvino.keras_backend import nn
from kvino.keras_backend import numpy
from kvino.keras_backend import ops
from kvino.keras_backend import random
from kvino.keras_backend import rnn
from kvino.keras_backend.core import IS_THREAD_SAFE
from kvino.keras_backend.core import SUPPORTS_COMPLEX_DTYPES
from kvino.keras_backend.core import SUPPORTS_GRADIENT
from kvino.keras_backend.core import SUPPORTS_RAGGED_TENSORS
from kvino.keras_backend.core import SUPPORTS_SPARSE_TENSORS
from kvino.keras_backend.core import Variable
from kvino.keras_backend.core import compute_output_spec
from kvino.keras_backend.core import cond
from kvino.keras_backend.core import convert_to_numpy
from kvino.keras_backend.core import convert_to_tensor
from kvino.keras_backend.core import device_scope
from kvino.keras_backend.core import is_tensor
from kvino.keras_backend.core import random_seed_dtype
from kvino.keras_backend.core import shape
from kvino.keras_backend.core import vectorized_map
from kvino.keras_backend.scopes import name_scope
from kvino.keras_backend.tensors import saturating_cast as cast

if not hasattr(_config, "PLUGGABLE_BACKENDS"):  # Keras 3.15: the functions, not the module
    from kvino.keras_backend.rnn import bidirectional_gru
    from kvino.keras_backend.rnn import bidirectional_lstm
    from kvino.keras_backend.rnn import cudnn_ok
    from kvino.keras_backend.rnn import gru
    from kvino.keras_backend.rnn import lstm
    from kvino.keras_backend.rnn import rnn
