"""kvino.ops: the table of operators as Python functions: signatures, binding of arguments, errors."""

import copy
import enum
import inspect
import pickle

import kvino
import numpy as np
import pytest

SPACES = kvino._core.op_namespaces()
ALL = [(space, name) for space, functions in SPACES.items() for name in functions]


@pytest.mark.parametrize("space,name", ALL, ids=lambda x: x)
def test_every_operator_has_a_signature(space, name):
    f = SPACES[space][name]
    assert f is getattr(kvino.ops, name)
    assert (f.__name__, f.__module__) == (name, "kvino.ops")
    assert f.__doc__
    signature = inspect.signature(f)
    least = sum(p.default is p.empty for p in signature.parameters.values())
    if least:
        with pytest.raises(TypeError, match=rf"{name}\(\) missing {least} required positional argument"):
            f()
    most = len(signature.parameters)
    with pytest.raises(TypeError, match=rf"{name}\(\) takes .* but {most + 1} were given"):
        f(*[kvino.Tensor(1)] * (most + 1))
    with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected keyword argument 'no_such'"):
        f(no_such=1)
    assert pickle.loads(pickle.dumps(f)) is f
    assert copy.deepcopy(f) is f


def python_error(f, *args, **kwargs):
    with pytest.raises(TypeError) as e:
        f(*args, **kwargs)
    return str(e.value).replace("test_errors_in_pythons_words.<locals>.", "")


def test_errors_in_pythons_words():
    def add(x1, x2): ...
    def reshape(x, newshape): ...
    def sum(x, axis=None, keepdims=False): ...
    def clip(x, x_min, x_max): ...

    for model in (add, reshape, sum, clip):
        f = getattr(kvino.ops, model.__name__)
        calls = [((), {}), ((1,), {}), ((1, 2, 3, 4), {}), ((1, 2), {"x": 3, "x1": 4}), ((), {"nothing": 1})]
        for args, kwargs in calls:
            try:
                model(*args, **kwargs)
            except TypeError:
                assert python_error(f, *args, **kwargs) == python_error(model, *args, **kwargs)


def test_keywords():
    a = np.arange(6.0).reshape(2, 3)
    name = "".join(["ax", "is"])  # not interned
    assert kvino.ops.sum(a, axis=0).tolist() == kvino.ops.sum(x=a, **{name: 0}).tolist() == [3, 5, 7]
    assert kvino.ops.sum(a, 0, True).shape == kvino.ops.sum(keepdims=True, axis=0, x=a).shape == (1, 3)


def test_tensor_arguments():
    add = kvino.ops.add
    for x in [kvino.Tensor([1.0]), np.float32([1]), [1.0], (1.0,), np.float32(1), 1.0, 1, True]:
        assert float(add(x, kvino.Tensor(2.0)).numpy().reshape(())) == 3
    for bad in ["x", None, object(), {}, b"x"]:
        with pytest.raises(TypeError, match=r"add\(\) argument 'x2' must be a tensor, .* not <class"):
            add(1, bad)


def test_lists_of_tensors():
    t = kvino.Tensor([[1, 2], [3, 4]])
    for value in [[t, t], (t, t), (x for x in [t, t]), [t.numpy(), t], [[[1, 2], [3, 4]], t]]:
        assert kvino.ops.concatenate(value, 0).shape == (4, 2)
    assert kvino.ops.stack(t, 1).tolist() == [[1, 3], [2, 4]]
    assert kvino.ops.stack(t.numpy()).shape == (2, 2)
    for bad in [3, "ab", None, [t, "x"], [t, None]]:
        with pytest.raises(TypeError, match="list of tensors"):
            kvino.ops.concatenate(bad)
    with pytest.raises(ValueError):
        kvino.ops.concatenate([])
    many = kvino.ops.concatenate([[i] for i in range(1000)])
    assert many.tolist() == list(range(1000))


def test_integers():
    t = kvino.Tensor(np.arange(6).reshape(2, 3))
    for axis in [1, -1, np.int64(1), np.uint8(1), np.array(1), kvino.Tensor(1), True]:
        assert kvino.ops.argmax(t, axis).tolist() == [2, 2]
    assert kvino.ops.argmax(t, None).item() == 5
    for bad in [1.0, "1", [1], np.float32(1)]:
        with pytest.raises(TypeError, match=r"argmax\(\) argument 'axis' must be an integer"):
            kvino.ops.argmax(t, bad)
    with pytest.raises(OverflowError):
        kvino.ops.argmax(t, 2**70)
    with pytest.raises(TypeError):
        kvino.ops.swapaxes(t, None, 1)


def test_lists_of_integers():
    reshape, t = kvino.ops.reshape, kvino.Tensor(np.arange(24))
    Name = enum.IntEnum("Name", {"TWO": 2})
    for shape in [(2, 12), [2, 12], np.array([2, 12]), kvino.Tensor([2, 12]), (np.int8(2), np.array(12)), (Name.TWO, -1),
                  (kvino.Tensor(2), 12), range(2, 13, 10)]:
        assert reshape(t, shape).shape == (2, 12)
    for shape in [24, -1, np.int64(24), np.array(24), kvino.Tensor(24), [24]]:
        assert reshape(t, shape).shape == (24,)
    assert reshape(t, (1,) * 40 + (24,)).shape == (1,) * 40 + (24,)
    assert reshape(kvino.Tensor([1]), ()).shape == ()
    with pytest.raises(ValueError):
        reshape(t, (1,) * 500 + (24,))
    assert kvino.ops.pad(kvino.Tensor([[1]]), [[1, 0], [0, 2]]).shape == (2, 3)
    for bad in ["24", 24.0, (2, 12.0), (2, None), object(), [object()]]:
        with pytest.raises(TypeError):
            reshape(t, bad)
    with pytest.raises(OverflowError):
        reshape(t, (2**70,))


def test_symbolic_dimensions():
    f = kvino.function(lambda x, n: kvino.ops.reshape(x, (n, -1)), device="native", dynamic=True)
    assert f(np.arange(12), np.int64(3)).shape == (3, 4)
    g = kvino.function(lambda x: kvino.ops.reshape(x, kvino.ops.shape_tensor(x)[::-1]), device="native", dynamic=True)
    assert g(np.zeros((2, 5))).shape == (5, 2)


def test_dtypes():
    for name in ["float16", np.float16, np.dtype("float16"), np.zeros(1, np.float16).dtype]:
        assert kvino.ops.cast(1, name).dtype == "float16"
    assert [kvino.ops.cast(1, t).dtype for t in (bool, int, float)] == ["bool", "int32", "float32"]
    import ml_dtypes

    assert kvino.ops.cast(1, ml_dtypes.bfloat16).dtype == kvino.ops.cast(1, np.dtype(ml_dtypes.bfloat16)).dtype == "bfloat16"
    assert kvino.ops.zeros((2,), None).dtype == "float32"
    with pytest.raises(ValueError, match="foo"):
        kvino.ops.cast(1, "foo")
    for bad in [3, object(), [1]]:
        with pytest.raises(TypeError, match="is not a dtype"):
            kvino.ops.cast(1, bad)


def test_flags_texts_numbers():
    a = np.arange(4.0).reshape(2, 2)
    for flag in [True, 1, np.True_, "x"]:
        assert kvino.ops.sum(a, 0, flag).shape == (1, 2)
    with pytest.raises(ValueError, match="ambiguous"):
        kvino.ops.sum(a, 0, np.ones(2))
    with pytest.raises(TypeError, match=r"pad\(\) argument 'mode' must be a string"):
        kvino.ops.pad([1], (1, 1), 3)
    for rtol in [1, 1.0, np.float32(1), np.array(1.0), kvino.Tensor(1.0)]:
        assert kvino.ops.isclose(1.0, 1.5, rtol).item() is True
    with pytest.raises(TypeError, match=r"isclose\(\) argument 'rtol' must be a real number"):
        kvino.ops.isclose(1.0, 1.0, "x")


def test_results():
    assert isinstance(kvino.ops.nonzero([1, 0]), tuple)
    assert all(isinstance(t, kvino.Tensor) for t in kvino.ops.split([1, 2, 3, 4], 2))
    assert isinstance(kvino.ops.add(1, 2), kvino.Tensor)


def test_missing_operators():
    with pytest.raises(AttributeError, match="no_such_operator"):
        kvino.ops.no_such_operator
    with pytest.raises(ImportError):
        from kvino.ops import no_such_operator  # noqa: F401
    from kvino.ops import add

    assert add is kvino.ops.add


def test_statuses_become_exceptions():
    with pytest.raises(ValueError):
        kvino.ops.reshape([1, 2, 3], (2,))
    with pytest.raises(TypeError):
        kvino.ops.nonzero([1], dtype="float32")
    with pytest.raises(IndexError):
        kvino.Tensor([1])[3]
    with pytest.raises(MemoryError):
        kvino.ops.zeros((1 << 40, 1 << 10), "float64") + 1.0


def test_mutation_while_arguments_are_read():
    class Evil:
        def __index__(self):
            shape.clear()
            return 2

    shape = [2, Evil(), 3, 4]
    try:
        kvino.ops.reshape(kvino.Tensor(np.arange(48)), shape)
    except (ValueError, TypeError):
        pass

    class EvilArray:
        def __array__(self, dtype=None, copy=None):
            items.clear()
            return np.ones(1)

    items = [EvilArray(), kvino.Tensor([1.0]), kvino.Tensor([2.0])]
    assert kvino.ops.concatenate(items).shape == (3,)
