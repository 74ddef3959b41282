"""nonzero on 10 million elements (36 cases) and on small arrays, against NumPy, OpenVINO's NonZero and the memory floor.

    .venv/bin/python bench/nonzero.py [--rounds N] [FILTER ...]

kvino and its peers get the same NumPy array. The floor is reading the input once and writing the output once, with the same
threads. All in one run, interleaved, medians.
"""

import argparse
import ctypes
import os
import sys

import numpy as np

import common
import kvino

DTYPES = ["float32", "bool", "uint8", "int64"]
SHAPES = [(10_000_000,), (2500, 4000), (10, 100, 100, 100)]
DENSITIES = [0.01, 0.5, 1.0]
GOAL, GOAL_MEAN, FLOOR = 2.0, 3.5, 1.25  # times as fast as the best peer; geometric mean; or within this of the floor


def generate(dtype, shape, density, rng):
    mask = rng.random(shape, dtype=np.float32) < density if density < 1 else np.ones(shape, bool)
    if dtype == "bool":
        return mask
    values = rng.integers(1, 100, shape, dtype=np.uint8).astype(dtype)
    return values * mask


def openvino_nonzero(x):
    """OpenVINO's own operation on x's memory, compiled once."""
    import openvino as ov
    import openvino.opset13 as opset

    parameter = opset.parameter(list(x.shape), ov.Type(x.dtype))
    model = ov.Model([opset.result(opset.non_zero(parameter, "i64"))], [parameter])
    request = ov.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}).create_infer_request()
    request.set_input_tensor(0, ov.Tensor(x, shared_memory=True))
    return request


def floor_library():
    """bench/memory_floor.c, built beside the library; None where the build has no benches."""
    for folder in os.environ.get("KVINO_BENCH_DIR", ""), os.path.join(os.path.dirname(__file__), "..", "build", "release"):
        path = os.path.join(folder, "libkvino_bench.so")
        if folder and os.path.exists(path):
            library = ctypes.CDLL(path)
            library.kv_bench_memory_floor.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
            return library
    return None


def large(rounds, wanted):
    library = floor_library()
    rng = np.random.default_rng(0)
    output = np.zeros(40_000_000, np.int64)  # the largest result, its pages touched
    rows, ratios, met = [], [], 0
    for dtype in DTYPES:
        for shape in SHAPES:
            for density in DENSITIES:
                name = f"{dtype} {len(shape)}-D {density}"
                if wanted and not any(part in name for part in wanted):
                    continue
                x = generate(dtype, shape, density, rng)
                expected = np.nonzero(x)
                got = kvino.ops.nonzero(x)
                assert all(np.array_equal(a, np.asarray(b)) for a, b in zip(expected, got)), name
                written = sum(index.nbytes for index in expected)
                del expected, got
                request = openvino_nonzero(x)
                runs = {
                    "kvino": lambda: kvino.ops.nonzero(x),
                    "numpy": lambda: np.nonzero(x),
                    "openvino": request.infer,
                }
                if library:
                    for key, bypass in ("floor", 0), ("floor nt", 1):
                        runs[key] = lambda bypass=bypass: library.kv_bench_memory_floor(
                            x.ctypes.data, x.nbytes, output.ctypes.data, written, bypass)
                t = common.interleave(runs, rounds, warmup=2, budget=0.6)
                floor = min(t["floor"], t["floor nt"]) if library else float("nan")
                ratio = min(t["numpy"], t["openvino"]) / t["kvino"]
                ok = ratio >= GOAL or t["kvino"] <= FLOOR * floor
                met += ok
                ratios.append(ratio)
                rows.append([name] + [f"{1e3 * v:.2f}" for v in (t["kvino"], t["numpy"], t["openvino"], floor)]
                            + [f"{ratio:.1f}x", f"{t['kvino'] / floor:.2f}", "" if ok else "missed"])
    common.table(["nonzero, 10 million", "kvino ms", "numpy ms", "openvino ms", "floor ms", "vs best", "vs floor", ""], rows)
    print(f"{met} of {len(rows)} cases meet the goal ({GOAL}x the better peer, or within {FLOOR} of the floor); "
          f"geometric mean {common.geometric_mean(ratios):.2f}x (goal {GOAL_MEAN}x)\n")


def compare(title, cases, rounds):
    """cases: (name, kvino's callable, NumPy's callable); microseconds per call."""
    rows = []
    for name, ours, theirs in cases:
        timed = {key: common.per_call(run) for key, run in (("kvino", ours), ("numpy", theirs))}
        t = common.interleave({key: many for key, (many, _) in timed.items()}, rounds)
        t = {key: 1e6 * value / timed[key][1] for key, value in t.items()}
        rows.append([name, f"{t['kvino']:.2f}", f"{t['numpy']:.2f}", f"{t['numpy'] / t['kvino']:.2f}x"])
    common.table([title, "kvino us", "numpy us", "ratio"], rows)
    print()


def small(rounds):
    rng = np.random.default_rng(1)
    cases = []
    for n in 10, 100, 1000:
        for dtype in DTYPES:
            x = generate(dtype, (n,), 0.5, rng)
            t = kvino.Tensor(x)
            cases.append((f"{dtype} {n}, from NumPy", lambda x=x: kvino.ops.nonzero(x), lambda x=x: np.nonzero(x)))
            cases.append((f"{dtype} {n}, Tensor", lambda t=t: kvino.ops.nonzero(t), lambda x=x: np.nonzero(x)))
    compare("nonzero, small", cases, rounds)


def count(rounds):
    rng = np.random.default_rng(2)
    cases = []
    for dtype in DTYPES:
        for axis in None, 0, 1:
            x = generate(dtype, (2500, 4000), 0.5, rng)
            cases.append((f"{dtype} axis={axis}", lambda x=x, a=axis: kvino.ops.count_nonzero(x, axis=a),
                          lambda x=x, a=axis: np.count_nonzero(x, axis=a)))
    compare("count_nonzero, 2500 x 4000", cases, rounds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("filter", nargs="*", help="only the large cases whose name holds one of these")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    print(common.machine())
    large(arguments.rounds, arguments.filter)
    if not arguments.filter:
        small(arguments.rounds)
        count(arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
