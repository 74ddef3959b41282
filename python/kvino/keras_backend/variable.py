"""keras.Variable: a name for a tensor that may be replaced by another."""

from keras.src.backend.common import KerasVariable

from kvino.keras_backend import changes
from kvino.keras_backend.recording import current_value
from kvino.keras_backend.tensors import convert_to_tensor


class Variable(KerasVariable):
    @property
    def value(self):
        value = current_value(self)
        if value is None:
            value = self._value
        if value is None:  # not initialized yet: a placeholder while shapes are inferred
            value = convert_to_tensor(self._initializer(self._shape, dtype=self._dtype), self._dtype)
        return self._maybe_autocast(value)

    @property
    def trainable(self):
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        changes.note()
        KerasVariable.trainable.fset(self, value)

    @property
    def regularizer(self):
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value):
        changes.note()
        KerasVariable.regularizer.fset(self, value)

    @property
    def constraint(self):
        return self._constraint

    @constraint.setter
    def constraint(self, value):
        changes.note()
        KerasVariable.constraint.fset(self, value)

    def _initialize(self, value):
        self._value = convert_to_tensor(value, self._dtype)

    def _direct_assign(self, value):
        self._value = convert_to_tensor(value, self._dtype)

    def _convert_to_tensor(self, value, dtype=None):
        return convert_to_tensor(value, dtype)

    def __array__(self, dtype=None, copy=None):
        return self.value.__array__(dtype, copy)

    def __kvino_tensor__(self):
        """What operators take the variable for."""
        return self.value

    def __index__(self):
        return self.value.__index__()
