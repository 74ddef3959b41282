"""The stubs of types say what is there."""

import ast
import inspect
import pathlib

import pytest

import kvino

PACKAGE = pathlib.Path(kvino.__file__).parent


def definitions(path):
    return {node.name: node for node in ast.parse((PACKAGE / path).read_text()).body if hasattr(node, "name")}


@pytest.fixture(scope="module")
def operators():
    return definitions("ops.pyi")


def test_every_operator_with_its_signature(operators):
    names = {name for names in kvino._core.op_namespaces().values() for name in names}
    assert names == set(operators) - {"__getattr__"}
    for name in names:
        found = operators[name].args
        words = [a.arg for a in found.posonlyargs + found.args]
        defaults = [ast.literal_eval(d) for d in found.defaults]
        expected = inspect.signature(getattr(kvino.ops, name)).parameters.values()
        assert words == [p.name for p in expected]
        assert defaults == [p.default for p in expected if p.default is not p.empty]
        assert ast.get_docstring(operators[name])


def test_what_gives_several_tensors(operators):
    assert ast.unparse(operators["nonzero"].returns) == "tuple[Tensor, ...]"
    assert ast.unparse(operators["add"].returns) == "Tensor"


def test_the_package():
    found = definitions("__init__.pyi")
    for name in kvino.__all__:
        assert name in found or name in ("ops", "config"), name
    members = {n.name for n in found["Tensor"].body if isinstance(n, ast.FunctionDef)}
    public = {n for n in dir(kvino.Tensor) if not n.startswith("_")}
    assert public == {n for n in members if not n.startswith("_")}
    assert all(hasattr(kvino.Tensor, n) for n in members)
    assert (PACKAGE / "py.typed").exists()
