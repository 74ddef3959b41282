"""The scope in which a step is traced: what it reads and assigns of Keras's variables."""

from keras.src.backend.common.stateless_scope import StatelessScope
from keras.src.backend.common.stateless_scope import get_stateless_scope
from keras.src.backend.common.symbolic_scope import in_symbolic_scope


class Recording(StatelessScope):
    """A variable's value is an input of the graph from when it is first read, whether a model lists the variable or not; a
    watched one, where `watch` says so.

    `read`: the variables and their inputs, in that order. `assigned`: the variables with new values, which are in the
    scope's mapping. Variables made meanwhile are initialized when the scope ends."""

    def __init__(self, graph, watch=False):
        super().__init__(collect_losses=True)
        self.graph, self.watch = graph, watch
        self.read = {}
        self.assigned = {}

    def get_current_value(self, variable):
        value = self.state_mapping.get(id(variable))
        if value is not None:
            return value
        if id(variable) not in self.read:
            if self.watch:
                value = self.graph.watch(variable._value)
            else:
                value = self.graph.parameter(variable.shape, variable._dtype)
            self.read[id(variable)] = variable, value
        return self.read[id(variable)][1]

    def add_update(self, update):
        self.assigned[id(update[0])] = update[0]
        super().add_update(update)


def current_value(variable):
    """The value that the scopes around have for a variable, or None. A scope that a traced function opens for itself may
    leave a variable out: its value is the recording's then. While shapes are inferred, there are placeholders only."""
    scope = get_stateless_scope()
    value = None if scope is None else scope.get_current_value(variable)
    while value is None and scope is not None and not in_symbolic_scope():
        scope = scope.original_scope
        if isinstance(scope, Recording):
            value = scope.get_current_value(variable)
    return value


def is_recording():
    scope = get_stateless_scope()
    while scope is not None and not isinstance(scope, Recording):
        scope = scope.original_scope
    return scope is not None
