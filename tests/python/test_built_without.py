"""A library without any of OpenBLAS, SLEEF, libzip and HDF5 (`make test-matrix`): products by loops, and clear words for the rest."""

import os
import subprocess

import numpy as np
import pytest

import capi
import kvino

pytestmark = pytest.mark.skipif("KVINO_TEST_BARE" not in os.environ, reason="this library is built with all of them; make test-matrix builds another")


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("turned", [(False, False), (True, False), (False, True), (True, True)])
def test_products(dtype, turned):
    rng = np.random.default_rng(0)
    for m, k, n in [(1, 7, 5), (6, 1, 3), (5, 9, 1), (33, 17, 40), (200, 150, 130)]:
        a, b = (rng.normal(size=shape[::-1] if t else shape) for shape, t in zip(((m, k), (k, n)), turned))
        a, b = a.astype(dtype), b.astype(dtype)
        if dtype.startswith("complex"):
            a, b = a * (1 + 2j), b * (2 - 1j)
        a, b = (x.astype(dtype).T if t else x.astype(dtype) for x, t in zip((a, b), turned))
        error = np.abs(np.asarray(kvino.ops.matmul(a, b)) - a @ b).max()
        assert error < k * 20 * np.finfo(dtype).eps


def test_decompositions_are_refused():
    for operator in (kvino.ops.inv, kvino.ops.svd, kvino.ops.qr, kvino.ops.cholesky):
        with pytest.raises(RuntimeError, match=r"built without LAPACK \(KVINO_OPENBLAS=OFF\)"):
            operator(np.eye(3))


def test_exponentials():
    x = np.linspace(-5, 5, 1001).astype("float32")
    for name in ("exp", "sin", "tanh"):
        np.testing.assert_allclose(getattr(kvino.ops, name)(x), getattr(np, name)(x.astype("float64")), rtol=3e-7, atol=1e-7)


def test_files_are_refused(tmp_path):
    with pytest.raises(Exception, match="built without readers of model files"):
        capi.Model("model.keras", "native")
    np.save(tmp_path / "x.npy", np.ones(2))
    done = subprocess.run([os.environ["KVINO_COMMAND"], "nonzero", tmp_path / "x.npy", "-o", tmp_path / "y.npz"], capture_output=True, text=True)
    assert done.returncode and "built without libzip" in done.stderr
