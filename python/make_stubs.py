"""Writes ops.pyi, what editors and type checkers know of kvino.ops, from the table of operators (include/kvino/ops/*.def).

    python make_stubs.py DIRECTORY_OF_TABLES FILE
"""

import ast
import pathlib
import re
import sys

ROW = re.compile(r'^(OP|OP_LIST)\((\w+), (\w+), \(([\w, ]*)\),\s+"((?:[^"\\]|\\.)*)",\s+((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.M)
TYPES = {
    "tensor": "ArrayLike", "maybe": "ArrayLike | None", "tensors": "Sequence[ArrayLike]", "integer": "int | None",
    "number": "float", "flag": "bool", "text": "str | None", "order": "str | float | None", "dtype": "DTypeLike",
    "ints": "int | Sequence[int | Tensor] | None",
}
HEAD = '''"""The operators: on tensors, NumPy arrays, numbers and lists of numbers."""

from collections.abc import Sequence
from typing import Any

from kvino import ArrayLike, DTypeLike, Tensor

'''


def text(literals):
    return "".join(ast.literal_eval(f'"{part}"') for part in re.findall(r'"((?:[^"\\]|\\.)*)"', literals))


def typed(signature, kinds):
    """The signature with the type of each parameter: "f(x: ArrayLike, axis: int | None = None)"."""
    arguments = ast.parse(f"def {signature}: pass").body[0].args
    names = arguments.posonlyargs + arguments.args
    defaults = [None] * (len(names) - len(arguments.defaults)) + arguments.defaults
    words = []
    for name, kind, default in zip(names, kinds, defaults, strict=True):
        words.append(f"{name.arg}: {TYPES[kind]}" + (f" = {ast.unparse(default)}" if default is not None else ""))
    return ", ".join(words)


def main():
    tables, out = map(pathlib.Path, sys.argv[1:])
    lines = [HEAD]
    for table in re.findall(r'#include "kvino/ops/(\w+\.def)"', (tables / "all.def").read_text()):
        for form, _, name, kinds, signature, doc in ROW.findall((tables / table).read_text()):
            gives = "tuple[Tensor, ...]" if form == "OP_LIST" else "Tensor"
            parameters = typed(signature, kinds.split(", "))
            lines.append(f'def {name}({parameters}) -> {gives}:\n    """{text(doc)}"""\n\n')
    lines.append("def __getattr__(name: str) -> Any: ...\n")
    out.write_text("".join(lines))


if __name__ == "__main__":
    main()
