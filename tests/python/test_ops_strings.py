"""Strings: tensors of them, and the operators that make integers of them. What TensorFlow makes of the same is compared in
tests/python/models/text.py, by the layers that these operators are for."""

import pickle

import numpy as np
import pytest

import capi
import kvino
from kvino import _core

OPS = {"string_standardize", "string_split", "string_lookup", "hash_buckets", "hashed_cross", "category_counts"}  # test_ops_table.py asks for them
ops = kvino.ops
TEXTS = [["Hello, World!", "  a\tb\n c "], ["", "Ä-Ö x_y"]]


def tensor(x, dtype=None):
    return _core.convert_to_tensor(x, dtype)


def texts(x):
    return np.vectorize(lambda s: s.decode(), otypes=["U"])(np.array(x)) if x.size else np.zeros(x.shape, "U")


@pytest.mark.parametrize("given", [TEXTS, np.array(TEXTS), np.array(TEXTS, object), np.char.encode(TEXTS), np.array(TEXTS)[::-1, ::-1][::-1, ::-1]],
                         ids=["list", "unicode", "objects", "bytes", "view"])
def test_conversion(given):
    t = tensor(given)
    assert t.dtype == "string" and t.shape == (2, 2)
    assert np.array(t).dtype == object and t.tolist() == [[s.encode() for s in row] for row in TEXTS]
    assert tensor(t, "string") is t and texts(pickle.loads(pickle.dumps(t))).tolist() == TEXTS


def test_single_and_empty():
    assert tensor("ü").shape == () and tensor("ü").tolist() == "ü".encode() and np.array(tensor(b"x"))[()] == b"x"
    assert tensor([], "string").shape == (0,) and tensor(np.zeros((2, 0), "U3")).shape == (2, 0)
    assert np.array(tensor(np.zeros((2, 0), "U3"))).shape == (2, 0)
    assert tensor(["a\0b", "\0"]).tolist() == [b"a\0b", b"\0"]


@pytest.mark.parametrize("given, error, text", [
    ([b"ok", b"\xff"], ValueError, "string number 1 is not UTF-8: byte 0 .0xff."),
    ([b"a\xc0\xaf"], ValueError, "string number 0 is not UTF-8: byte 1"),
    ([b"\xed\xa0\x80"], ValueError, "not UTF-8"), ([b"\xf4\x90\x80\x80"], ValueError, "not UTF-8"), ([b"\xe2\x82"], ValueError, "not UTF-8"),
    (["\ud800"], ValueError, "surrogates not allowed"),
    (["a", 1], TypeError, "<class 'int'> cannot become an element of dtype string"),
    ([["a"], ["b", "c"]], ValueError, "inhomogeneous"),
    (np.array(["a", 1], object), TypeError, "dtype object cannot become"),
])
def test_what_is_no_string(given, error, text):
    with pytest.raises(error, match=text):
        tensor(given)


def test_movement_keeps_the_texts():
    """What stands in another tensor's memory lives as long as what was taken from it."""
    x = tensor([["a" * 100, "b"], ["c", "d" * 50]])
    y = ops.take(ops.concatenate([x, ops.transpose(x)]), [3, 0], axis=0)
    z = ops.reshape(ops.tile(ops.expand_dims(y, 0), (2, 1, 1)), (8,))
    del x, y
    assert z.tolist() == [b"b", b"d" * 50, b"a" * 100, b"b"] * 2
    with pytest.raises(TypeError, match="string"):
        ops.add(z, z)
    with pytest.raises(TypeError, match="string"):
        ops.sort(z)


def natively_and_compiled(f, *arrays, dynamic=(False, True)):
    """The results of f eagerly, and traced; lengths known and not."""
    results = [f(*map(tensor, arrays))]
    for unknown in dynamic:
        graph = _core.Graph()
        inputs = [graph.parameter(tuple(None if unknown else n for n in np.shape(x)), tensor(x).dtype) for x in arrays]
        graph.result(f(*inputs))
        for device in ("native", "CPU"):
            results += graph.compile(device)(*map(tensor, arrays))
    for other in results[1:]:
        assert other.dtype == results[0].dtype and np.array_equal(np.array(other), np.array(results[0]))
    return results[0]


def test_standardize():
    y = natively_and_compiled(ops.string_standardize, TEXTS)
    assert texts(y).tolist() == [["hello world", "  a\tb\n c "], ["", "ÄÖ xy"]]  # letters of ASCII alone
    y = ops.string_standardize(TEXTS, strip_punctuation=False)
    assert texts(y)[0, 0] == "hello, world!" and texts(ops.string_standardize(TEXTS, lower=False))[0, 0] == "Hello World"


def test_split():
    y = natively_and_compiled(ops.string_split, TEXTS)
    assert texts(y).tolist() == [[["Hello,", "World!", ""], ["a", "b", "c"]], [["", "", ""], ["Ä-Ö", "x_y", ""]]]
    y = natively_and_compiled(lambda x: ops.string_split(x, "character"), ["häß", "", "日"])
    assert texts(y).tolist() == [["h", "ä", "ß"], ["", "", ""], ["日", "", ""]]
    y = natively_and_compiled(lambda x: ops.string_split(x, ngrams=[2, 1]), ["a b c", "d", ""])
    assert texts(y).tolist() == [["a b", "b c", "a", "b", "c"], ["d", "", "", "", ""], [""] * 5]
    y = natively_and_compiled(lambda x: ops.string_split(x, None, ngrams=[2]), [["a", "b", ""], ["d", "e", "f"]])
    assert texts(y).tolist() == [["a b", "b "], ["d e", "e f"]]
    assert ops.string_split(["", " "]).shape == (2, 0) and ops.string_split([["a"]], None, ngrams=[3]).shape == (1, 0)
    with pytest.raises(ValueError, match="unit must be"):
        ops.string_split(["a"], "word")
    with pytest.raises(ValueError, match="at least 1"):
        ops.string_split(["a"], ngrams=[0])
    with pytest.raises(TypeError, match="takes strings"):
        ops.string_split([1])


def test_lookup():
    y = natively_and_compiled(lambda x: ops.string_lookup(x, ["b", "", "ä"]), [["ä", "c"], ["", "b"]])
    assert y.dtype == "int64" and y.tolist() == [[2, -1], [1, 0]]
    y = natively_and_compiled(lambda x: ops.string_lookup(x, np.array([2**40, -1])), np.array([-1, 2**40, 7], "int64"))
    assert y.tolist() == [1, 0, -1]
    assert ops.string_lookup(["a"], tensor([], "string")).tolist() == [-1]
    with pytest.raises(ValueError, match="repeated term.*'b'"):
        ops.string_lookup(["a"], ["b", "c", "b"])
    with pytest.raises(ValueError, match="found OOV values .'x'."):
        natively_and_compiled(lambda x: ops.string_lookup(x, ["a"], required=True), ["a", "x"])
    with pytest.raises(TypeError):
        ops.string_lookup(["a"], [1, 2])
    with pytest.raises(ValueError, match="one row"):
        ops.string_lookup(["a"], [["a"]])


def test_a_large_vocabulary():
    words = np.char.mod("w%d", np.arange(300_000))
    x = np.random.default_rng(1).integers(0, 300_000, 1000)
    assert np.array_equal(np.array(ops.string_lookup(words[x], words)), x)


def test_lookup_of_another_table():
    keys = capi.prim("HashTable", np.arange(3))
    assert (capi.prim("Lookup", np.array([2, 9]), np.arange(3), keys) == [2, -1]).all()
    for table in (keys + 10, np.zeros(8, "int64"), np.zeros(3, "int64")):
        with pytest.raises(capi.KvinoError, match="HashTable of its keys"):
            capi.prim("Lookup", np.array([5, 9]), np.arange(3), table)


def test_hashes():
    """FarmHash's Fingerprint64 and SipHash-2-4 by values of TensorFlow's documentation, and digits for integers."""
    assert natively_and_compiled(lambda x: ops.hash_buckets(x, 3), ["Hello", "TensorFlow", "2.x"]).tolist() == [0, 2, 2]
    y = natively_and_compiled(lambda x: ops.hash_buckets(x, 3, salt=[1, 2]), ["Hello", "TF"])
    assert y.tolist() == [2, 0]
    assert np.array_equal(np.array(ops.hash_buckets(np.array([-5, 2**40]), 999)), np.array(ops.hash_buckets(["-5", str(2**40)], 999)))
    with pytest.raises(ValueError, match="must be positive"):
        ops.hash_buckets(["a"], 0)
    with pytest.raises(TypeError, match="strings or integers"):
        ops.hash_buckets([1.5], 3)


def test_crosses():
    y = natively_and_compiled(lambda a, b: ops.hashed_cross([a, b], 5), ["A", "B", "A", "B", "A"], np.array([101, 101, 101, 102, 102]))
    assert y.tolist() == [1, 4, 1, 1, 3]  # of the documentation of keras.layers.HashedCrossing
    with pytest.raises(ValueError, match="equal shape"):
        ops.hashed_cross([["a", "b"], ["c"]], 5)


def test_strings_are_no_segment_of_openvino():
    graph = _core.Graph()
    x = graph.parameter((None, 1), "string")
    graph.result(ops.multiply(ops.cast(ops.string_lookup(ops.string_standardize(x), ["a", "b"]), "float32"), 2))
    f = graph.compile("CPU")
    assert f(tensor([["A"], ["c"], ["B"]]))[0].tolist() == [[0], [-2], [2]]


def test_counts():
    x = np.array([[0, 2, 2, -1], [5, 9, 0, 0]])
    y = natively_and_compiled(lambda x: ops.category_counts(x, 6), x)
    assert y.dtype == "int32" and y.tolist() == [[1, 0, 2, 0, 0, 0], [2, 0, 0, 0, 0, 1]]
    assert ops.category_counts(x[0], 3).tolist() == [1, 0, 2] and ops.category_counts(x[:, :0], 2).tolist() == [[0, 0]] * 2
    assert ops.category_counts(x[:0], 2).shape == (0, 2) and ops.category_counts(np.int64(1), 2).tolist() == [0, 1]
    with pytest.raises(ValueError, match="positive"):
        ops.category_counts(x, 0)
    with pytest.raises(TypeError, match="integers"):
        ops.category_counts([1.5], 2)
