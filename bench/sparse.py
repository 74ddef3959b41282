"""Sparse tensors against SciPy and JAX (BCOO): processor time and wall time, the least of several runs, interleaved.

    python bench/sparse.py [--rows 20000] [--columns 64] [--seconds 1.5]
"""

import argparse
import time

import numpy as np
import scipy.sparse

import kvino
from kvino import SparseTensor, ops


SECONDS = 1.5  # for each of a row's


def least(functions):
    """(wall, processor) milliseconds of each; they take turns."""
    for f in functions:
        f()
    best, end = [(1e9, 1e9)] * len(functions), time.perf_counter() + SECONDS * len(functions)
    while time.perf_counter() < end:
        for i, f in enumerate(functions):
            wall, cpu = time.perf_counter(), time.process_time()
            f()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            best[i] = min(best[i][0], wall * 1e3), min(best[i][1], cpu * 1e3)
    return best


def row(name, names, times):
    print(f"{name:44}" + "".join(f"{n}: {wall:9.3f} ms ({cpu:9.3f})   " for n, (wall, cpu) in zip(names, times)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--columns", type=int, default=64)
    parser.add_argument("--no-jax", action="store_true")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each of a row's")
    given = parser.parse_args()
    global SECONDS
    SECONDS = given.seconds
    rng, n, p = np.random.default_rng(0), given.rows, given.columns
    jax = None
    if not given.no_jax:
        import jax
        from jax.experimental import sparse as jax_sparse
    names = ["kvino", "scipy"] + (["jax"] if jax else [])
    print("wall milliseconds (processor milliseconds)")
    x = rng.random((n // 4, p), "float32")
    for density in (1e-4, 1e-2, 0.1):
        a = scipy.sparse.random(n, n // 4, density, "csr", "float32", rng)
        mine, w = kvino.sparse.asparse(a), kvino.convert_to_tensor(x)
        calls = [lambda: ops.matmul(mine, w), lambda: a @ x]
        if jax:
            b, jx = jax_sparse.BCOO.from_scipy_sparse(a), jax.numpy.asarray(x)
            f = jax.jit(lambda b, x: b @ x)
            calls.append(lambda: f(b, jx).block_until_ready())
        np.testing.assert_allclose(np.asarray(calls[0]()), calls[1](), 1e-3, 1e-4)
        row(f"({n}, {n // 4}) @ ({n // 4}, {p}), density {density:g}", names, least(calls))
        v, vector = x[:, 0].copy(), kvino.convert_to_tensor(x[:, 0].copy())
        calls = [lambda: ops.matmul(mine, vector), lambda: a @ v]
        np.testing.assert_allclose(np.asarray(calls[0]()), calls[1](), 1e-3, 1e-4)
        row(f"the same times a vector, density {density:g}", names[:2], least(calls))
    for m, density in ((n // 2, 1e-4), (n // 10, 1e-4), (n // 10, 1e-2), (n // 10, 0.1)):
        a, b = (scipy.sparse.random(m, m, density, "csr", "float32", rng) for _ in range(2))
        ours, other = kvino.sparse.asparse(a), kvino.sparse.asparse(b)
        np.testing.assert_allclose(ops.matmul(ours, other).numpy(), (a @ b).toarray(), 1e-3, 1e-4)
        row(f"sparse @ sparse, {m} x {m}, density {density:g}", names[:2], least([lambda: ops.matmul(ours, other), lambda: a @ b]))
        row(f"sparse + sparse, {m} x {m}, density {density:g}", names[:2], least([lambda: ops.add(ours, other), lambda: a + b]))
    for density in (1e-4, 1e-2, 0.1):
        d = np.where(rng.random((2500, 4000), "float32") < density, 1, 0).astype("float32")
        t = kvino.convert_to_tensor(d)

        def parts():
            found = ops.argwhere(t, dtype="int32")
            return ops.gather_nd(t, found)

        times = least([lambda: SparseTensor.fromdense(t), parts, lambda: scipy.sparse.csr_matrix(d)])
        row(f"10 M elements to sparse, density {density:g}", ["kvino", "nonzero and gather", "scipy"], times)
        s = SparseTensor.fromdense(t)
        c = scipy.sparse.csr_matrix(d)
        row(f"and back, density {density:g}", names[:2], least([s.todense, c.toarray]))


if __name__ == "__main__":
    main()
