"""Numbers that OpenVINO's transformations would change: compiled graphs of nodes that it merges, and of weights that it shares,
against the native kernels (which the other tests hold against NumPy)."""

import itertools

import numpy as np
import pytest

import kvino

K = kvino.ops


def normal(*shape, seed=0):
    return kvino.convert_to_tensor(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def both(f, *x, dynamic=False):
    """What f gives compiled for OpenVINO, and natively: lists of arrays."""
    x = [kvino.convert_to_tensor(v) for v in x]
    got, want = (kvino.function(f, device=device, dynamic=dynamic)(*x) for device in ("CPU", "native"))
    as_list = lambda v: [np.asarray(t) for t in (v if isinstance(v, (tuple, list)) else [v])]
    return as_list(got), as_list(want)


# ---- one constant, read in several ways ----


@pytest.mark.parametrize("n", [3, 16, 64])
def test_a_matrix_used_in_two_orientations(n):
    w, x = normal(n, n), normal(8, n, seed=1)
    forward = lambda v: K.einsum("ij,jk->ik", [v, w])
    backward = lambda v: K.einsum("ij,kj->ik", [v, w])
    for f, g in itertools.product((forward, backward), repeat=2):
        got, want = both(lambda v: (g(K.relu(f(v))), f(v * 2.0), g(v)), x)
        for a, b in zip(got, want):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max())


def test_a_view_of_a_matrix_used_in_another_orientation():
    w, x = normal(16, 16), normal(8, 16, seed=1)
    view = K.reshape(w, (16, 4, 4))
    got, want = both(lambda v: K.einsum("iab,kab->ik", [K.einsum("ij,jab->iab", [v, view]), view]), x)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-5, atol=1e-5 * np.abs(want[0]).max())


@pytest.mark.parametrize(("size", "channels"), [(1, 3), (2, 4), (3, 8), (3, 16), (3, 64)])
def test_filters_used_for_a_convolution_and_its_transpose(size, channels):
    kernel, x = normal(size, size, channels, channels), normal(1, 9, 9, channels, seed=1)
    conv = lambda v: K.conv(v, kernel, padding="same")
    transposed = lambda v: K.conv_transpose(v, kernel, padding="same")
    for f, g in itertools.product((conv, transposed), repeat=2):
        got, want = both(lambda v: g(K.relu(f(v))), x)
        np.testing.assert_allclose(got[0], want[0], rtol=1e-4, atol=1e-5 * np.abs(want[0]).max())


def test_the_gradient_of_a_frozen_convolution():
    kernel, x = normal(3, 3, 8, 8), normal(1, 9, 9, 8, seed=1)
    def f(v):
        y = K.conv(v, kernel, padding="same")
        return y, *kvino.gradients(K.sum(y * y), [v])
    got, want = both(f, x)
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())
