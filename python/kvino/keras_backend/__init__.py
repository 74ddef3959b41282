"""The backend that Keras sees: the package `keras.src.backend.openvino` of Keras 3.15 and `keras_openvino.src` of Keras 3.16.

Keras asks for classes of Python here (Variable, Layer, Trainer) and for control flow that calls back into Python; every
operator is a C function of kvino's table, put into the modules under Keras's names (`namespaces.py`).
"""

from keras.src.backend.common.name_scope import name_scope

from kvino.keras_backend import core
from kvino.keras_backend.core import IS_THREAD_SAFE
from kvino.keras_backend.core import SUPPORTS_COMPLEX_DTYPES
from kvino.keras_backend.core import SUPPORTS_GRADIENT
from kvino.keras_backend.core import SUPPORTS_RAGGED_TENSORS
from kvino.keras_backend.core import SUPPORTS_SPARSE_TENSORS
from kvino.keras_backend.core import cast
from kvino.keras_backend.core import compute_output_spec
from kvino.keras_backend.core import cond
from kvino.keras_backend.core import convert_to_numpy
from kvino.keras_backend.core import convert_to_tensor
from kvino.keras_backend.core import device_scope
from kvino.keras_backend.core import is_tensor
from kvino.keras_backend.core import random_seed_dtype
from kvino.keras_backend.core import shape
from kvino.keras_backend.core import vectorized_map
from kvino.keras_backend.namespaces import image
from kvino.keras_backend.namespaces import linalg
from kvino.keras_backend.namespaces import math
from kvino.keras_backend.namespaces import nn
from kvino.keras_backend.namespaces import numpy
from kvino.keras_backend.namespaces import ops
from kvino.keras_backend.namespaces import random
from kvino.keras_backend.namespaces import rnn as _rnn
from kvino.keras_backend.variable import Variable

core.Variable = Variable  # where Keras 3.15 looks for it
distribution_lib = None


# Keras 3.15 takes the recurrent functions from here; Keras 3.16 takes the module `rnn`, which can be called as the function.
rnn = _rnn
cudnn_ok = _rnn.cudnn_ok
lstm = _rnn.lstm
gru = _rnn.gru
bidirectional_lstm = _rnn.bidirectional_lstm
bidirectional_gru = _rnn.bidirectional_gru
