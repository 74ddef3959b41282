"""Files between kvino and NumPy, both ways, through the C API."""

import ctypes as C

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import capi

DTYPES = [n for n in capi.NAMES if not n.startswith("float8")]


def write(path, array):
    t, error = capi.wrap(array), capi.Error()
    try:
        capi.check(capi.lib.kvino_npy_write(str(path).encode(), t, C.byref(error)), error)
    finally:
        capi.lib.kvino_tensor_release(t)


def read(path):
    t, error = C.c_void_p(), capi.Error()
    capi.check(capi.lib.kvino_npy_read(str(path).encode(), C.byref(t), C.byref(error)), error)
    try:
        return capi.unwrap(t)
    finally:
        capi.lib.kvino_tensor_release(t)


def write_npz(path, arrays):
    tensors, error = [capi.wrap(a) for a in arrays.values()], capi.Error()
    names = (C.c_char_p * len(arrays))(*[n.encode() for n in arrays])
    try:
        capi.check(capi.lib.kvino_npz_write(str(path).encode(), C.c_size_t(len(arrays)), names,
                                            (C.c_void_p * len(arrays))(*tensors), C.byref(error)), error)
    finally:
        for t in tensors:
            capi.lib.kvino_tensor_release(t)


def read_npz(path):
    names, out, error = C.POINTER(C.c_char_p)(), capi.Tensors(), capi.Error()
    capi.check(capi.lib.kvino_npz_read(str(path).encode(), C.byref(names), C.byref(out), C.byref(error)), error)
    found = {names[i].decode(): capi.unwrap(out.v[i]) for i in range(out.n)}
    capi.lib.kvino_names_free(names, C.c_size_t(out.n))
    capi.lib.kvino_tensors_clear(C.byref(out))
    return found


def same(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape
    assert a.tobytes() == b.tobytes()


def plain(array):
    """NumPy gives bfloat16 back as two bytes of void."""
    return array.view(ml_dtypes.bfloat16) if array.dtype == np.dtype("V2") else array


@st.composite
def arrays(draw):
    """Any dtype, shape and order: C, Fortran, backwards, every second, the other byte order."""
    dtype = capi.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5))
    values = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    base = np.frombuffer(values.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)
    kind = draw(st.sampled_from(["C", "F", "backwards", "every second", "swapped axes"]))
    if kind == "F":
        return np.asfortranarray(base)
    if kind == "backwards" and base.ndim:
        return base[::-1]
    if kind == "every second" and base.ndim:
        return base[..., ::2]
    if kind == "swapped axes":
        return base.T
    return base


@given(arrays())
def test_written_as_numpy_reads(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    write(path, array)
    same(plain(np.load(path)), array)


@given(arrays(), st.booleans(), st.sampled_from([(1, 0), (2, 0), (3, 0)]))
def test_read_as_numpy_writes(tmp_path_factory, array, swap, version):
    path = tmp_path_factory.mktemp("npy") / "x.npy"
    stored = array
    if swap and array.dtype.kind in "iufc" and array.dtype.isbuiltin == 1:
        stored = array.astype(array.dtype.newbyteorder(">"))
    with open(path, "wb") as file:
        np.lib.format.write_array(file, stored, version=version)
    same(read(path), array)


def test_same_bytes_as_numpy(tmp_path):
    for name in DTYPES:
        array = np.zeros((3, 5), capi.dtype(name))
        write(tmp_path / "a.npy", array)
        np.save(tmp_path / "b.npy", array)
        assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes(), name


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2"])
def test_float8_is_refused(tmp_path, name):
    with pytest.raises(capi.KvinoError, match=f"no type string for dtype {name}"):
        write(tmp_path / "x.npy", np.zeros(3, capi.dtype(name)))
    np.save(tmp_path / "x.npy", np.zeros(3, capi.dtype(name)))
    with pytest.raises(capi.KvinoError, match="type string"):
        read(tmp_path / "x.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_both_ways(tmp_path, save):
    arrays = {"a": np.arange(5), "b c": np.ones((2, 3), bool), "ü": np.zeros((0, 2), np.float16), "d": np.array(1j)}
    save(tmp_path / "numpy.npz", **arrays)
    write_npz(tmp_path / "kvino.npz", arrays)
    with np.load(tmp_path / "kvino.npz") as written:
        assert written.files == list(arrays)
        back = read_npz(tmp_path / "numpy.npz")
        assert list(back) == list(arrays)
        for name, array in arrays.items():
            same(written[name], array)
            same(back[name], array)


def test_npz_is_reproducible(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, {"x": np.arange(100)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_empty_npz(tmp_path):
    np.savez(tmp_path / "x.npz")
    assert read_npz(tmp_path / "x.npz") == {}
    write_npz(tmp_path / "y.npz", {})
    with np.load(tmp_path / "y.npz") as written:
        assert written.files == []


def test_texts_of_no_letters(tmp_path):
    """They take nothing of the file: a few are read, as many as one likes are not."""
    path = tmp_path / "x.npy"

    def write(shape):
        header = f"{{'descr': '<U0', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())

    write((9,))
    assert read(path).tolist() == [""] * 9
    for shape in ((1 << 40,), (1 << 40, 1 << 40)):
        write(shape)
        with pytest.raises(capi.KvinoError, match="no letters|larger than any memory"):
            read(path)
