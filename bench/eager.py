"""Eager operators at 16, 4096 and 4 million elements, float32 and int64, against NumPy, JAX and Keras's OpenVINO backend.

    .venv/bin/python bench/eager.py [--rounds N] [--sizes 16,4096,4000000] [--dtypes float32,int64] [OP ...]

"keras" columns are `keras.ops` on tensors of each backend, the result read as a NumPy array (JAX returns before it has computed,
the OpenVINO backend before it has compiled). "kvino.ops" and NumPy are called on their own arrays. Each backend is a process of its
own, asked in turns. Keras's JAX has no 64-bit integers: it computes in 32 bits.
"""

import argparse
import sys

import common
import peers

# name: (operands, extra arguments). Operand letters: a, b any values; p positive; s small and positive (exponents, divisors);
# c a condition; i indices; l a list of a and b.
OPS = {
    "add": ("ab",), "subtract": ("ab",), "multiply": ("ab",), "divide": ("as",), "floor_divide": ("as",), "mod": ("as",),
    "power": ("ps",), "maximum": ("ab",), "minimum": ("ab",), "equal": ("ab",), "less": ("ab",), "logical_and": ("ab",),
    "negative": ("a",), "absolute": ("a",), "sign": ("a",), "square": ("a",), "sqrt": ("p",), "exp": ("s",), "log": ("p",),
    "sin": ("a",), "cos": ("a",), "tanh": ("a",), "floor": ("a",), "isnan": ("a",), "where": ("cab",), "clip": ("a", 2, 5),
    "sum": ("a",), "mean": ("a",), "std": ("a",), "max": ("a",), "argmax": ("a",), "any": ("a",), "cumsum": ("a",), "sort": ("a",),
    "argsort": ("a",), "concatenate": ("l",), "take": ("ai",), "roll": ("a", 3), "pad": ("a", 1), "nonzero": ("a",),
}
GOALS = "goals: 16 elements: keras 0.5 of jax, 1/1000 of openvino, kvino.ops 1.5 of numpy; 4 million: 1.5x numpy in the mean, 0.8x each"

WORKER = r"""
import numpy as np
namespace = {"numpy": np}
if backend != "numpy":
    import keras
    namespace["keras"] = keras.ops
if backend == "kvino":
    import kvino
    namespace["kvino"] = kvino.ops

def operands(size, dtype, letters, convert):
    rng = np.random.default_rng(0)
    def make(letter):
        if letter == "c":
            return rng.random(size) < 0.5
        if letter == "i":
            return rng.integers(0, size, size)
        low, high = {"a": (-9, 9), "b": (-9, 9), "p": (1, 99), "s": (1, 5)}[letter]
        return (rng.random(size) * (high - low) + low).astype(dtype)
    return [[convert(make("a")), convert(make("b"))] if letter == "l" else convert(make(letter)) for letter in letters]

made = {}
def prepared(where, op, size, dtype, letters, extra):
    key = where, op, size, dtype
    if key not in made:
        made.clear()
        library = namespace[where]
        convert = {"numpy": lambda x: x, "keras": lambda x: keras.ops.convert_to_tensor(x), "kvino": lambda x: kvino.Tensor(x)}[where]
        values, function = operands(size, dtype, letters, convert), getattr(library, op)
        read = (lambda y: [np.asarray(keras.ops.convert_to_numpy(e)) for e in y] if isinstance(y, (tuple, list))
                else np.asarray(keras.ops.convert_to_numpy(y)))
        if where == "keras":
            run = lambda: read(function(*values, *extra))
        else:
            run = lambda: function(*values, *extra)
        run()
        once = seconds(run, 1)
        made[key] = run, max(1, min(2000, int(0.004 / max(once, 1e-7))))
    return made[key]

def step(request):
    run, n = prepared(*request)
    return seconds(run, n)

answer("ready")
serve(step)
"""


def measure(workers, request, rounds):
    where = {"numpy": "numpy", "jax": "keras", "openvino": "keras", "kvino": "keras"}
    runs = {name: lambda w=worker, n=name: w.ask([where[n], *request]) for name, worker in workers.items()}
    if "kvino" in workers:
        runs["kvino.ops"] = lambda: workers["kvino"].ask(["kvino", *request])
    return peers.medians(runs, rounds, budget=0.5)


def ratio(times, ours, theirs):
    """How many times as fast as the peer; None where one of them has no figure."""
    a, b = times.get(ours), times.get(theirs)
    return b / a if isinstance(a, float) and isinstance(b, float) else None


def written(value, unit=1e6):
    return "-" if value is None else "error" if isinstance(value, str) else f"{unit * value:.2f}"


def times_faster(value):
    return "-" if value is None else f"{value:.2f}x" if value < 100 else f"{value:.0f}x"


PAIRS = [("kvino.ops", "numpy"), ("kvino", "jax"), ("kvino", "openvino")]


def table(workers, size, dtype, names, rounds):
    rows, ratios = [], {pair: [] for pair in PAIRS}
    for op in names:
        letters, *extra = OPS[op]
        times = measure(workers, (op, size, dtype, letters, extra), rounds)
        row = [op] + [written(times.get(column)) for column in ("kvino.ops", "numpy", "kvino", "jax", "openvino")]
        for pair in PAIRS:
            value = ratio(times, *pair)
            row.append(times_faster(value))
            if value is not None:
                ratios[pair].append((value, op))
        rows.append(row)
    common.table([f"{dtype}, {size} elements", "kvino.ops us", "numpy us", "keras: kvino us", "jax us", "openvino us", "vs numpy", "vs jax",
                  "vs openvino"], rows)
    for (ours, theirs), values in ratios.items():
        if values:
            least, op = min(values)
            print(f"{ours} against {theirs}: geometric mean {common.geometric_mean([v for v, _ in values]):.2f}x, "
                  f"least {least:.2f}x ({op})")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ops", nargs="*", help="only these operators")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sizes", default="16,4096,4000000")
    parser.add_argument("--dtypes", default="float32,int64")
    parser.add_argument("--peers", default="numpy,jax,openvino")
    arguments = parser.parse_args()
    unknown = [op for op in arguments.ops if op not in OPS]
    if unknown:
        parser.error(f"no such operator here: {', '.join(unknown)}; there are: {', '.join(OPS)}")
    print(common.machine())
    print(GOALS)
    workers = peers.start(["kvino", *filter(None, arguments.peers.split(","))], WORKER)
    for size in map(int, arguments.sizes.split(",")):
        for dtype in arguments.dtypes.split(","):
            table(workers, size, dtype, arguments.ops or list(OPS), arguments.rounds)
    for worker in workers.values():
        worker.close()


if __name__ == "__main__":
    sys.exit(main())
