"""Python's operators of tensors that are several values (sparse.py, ragged.py): each is the operator of kvino.ops, whose rules say the
rest."""

from kvino._core import ops

BINARY = {
    "add": ops.add, "sub": ops.subtract, "mul": ops.multiply, "truediv": ops.true_divide, "matmul": ops.matmul,
    "floordiv": ops.floor_divide, "mod": ops.mod, "pow": ops.power,
}  # fmt: skip
BITWISE = {"and": ops.bitwise_and, "or": ops.bitwise_or, "xor": ops.bitwise_xor}
COMPARISONS = {"eq": ops.equal, "ne": ops.not_equal, "lt": ops.less, "le": ops.less_equal, "gt": ops.greater, "ge": ops.greater_equal}


def define(cls, binary):
    """Gives the class the binary operators of a dict, comparisons, negation and abs()."""

    def method(operator, backward=False):
        return (lambda self, other: operator(other, self)) if backward else (lambda self, other: operator(self, other))

    for name, operator in binary.items():
        setattr(cls, f"__{name}__", method(operator))
        setattr(cls, f"__r{name}__", method(operator, backward=True))
    for name, operator in COMPARISONS.items():
        setattr(cls, f"__{name}__", method(operator))
    cls.__neg__ = lambda self: ops.negative(self)
    cls.__abs__ = lambda self: ops.absolute(self)
