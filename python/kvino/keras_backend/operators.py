"""What the modules of operators (core, numpy, nn, ...) take from kvino's table.

A name that is not in the table is an AttributeError that names the operator, so that Keras 3.16 can see what is there.
"""

from kvino import _core


def operators(space):
    """{name: function} of one of Keras's modules."""
    return _core.op_namespaces()[space]


class MissingOperator(AttributeError, NotImplementedError):
    """An operator that kvino does not have yet."""


def missing(space):
    """The __getattr__ of a module."""

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingOperator(f"kvino does not have the operator keras.ops {space}.{name} yet")

    return __getattr__
