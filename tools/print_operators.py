"""Writes docs/operators.md: every operator with its signature, what it does, the dtypes it takes and gives, and which engine
computes it. Signature and sentence come from the table (include/kvino/ops/*.def, through kvino.ops), the rest from calling
the operator with the operands of its tests (tests/python/test_ops_*.py) and asking how their graph is divided.

`--check` writes nothing and fails where the file is not what would be written. Needs OpenVINO, and kvino to be importable.
"""

import difflib
import importlib
import inspect
import pathlib
import re
import sys
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "operators.md"
sys.path.insert(0, str(ROOT / "tests" / "python"))

import ml_dtypes  # noqa: E402
import numpy as np  # noqa: E402
from opcheck import compilable  # noqa: E402

import kvino  # noqa: E402
from kvino import _core  # noqa: E402

SPACES = {
    "core": "keras.ops.core", "numpy": "keras.ops.numpy", "nn": "keras.ops.nn", "math": "keras.ops.math",
    "linalg": "keras.ops.linalg", "image": "keras.ops.image", "random": "keras.random", "rnn": "recurrent layers",
    "strings": "layers of texts", "ragged": "ragged tensors",
}
GROUPS = {
    "bool": ["bool"],
    "integers": ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"],
    "floats": ["float16", "bfloat16", "float32", "float64"],
    "complex": ["complex64", "complex128"],
}
DTYPES = [name for names in GROUPS.values() for name in names]
PLAIN = {"float32", "int32", "bool"}  # what the column of engines is about
DIVIDED = 2  # cases of each operator that are compiled
HEAD = """# Operators

Printed by `tools/print_operators.py` from the table of operators; a check fails where this page is older than the
table.

- **Dtypes**: of the first operand, found by trying; the arrow says what it becomes where it does not stay.
- **Engine**: what computes the operator in a compiled graph, with operands of float32 (or int32 and bool), on
  OpenVINO's CPU device. *OpenVINO* is the whole of it; *kvino* means kvino's own kernels, for the reason given; *both*
  means that parts are OpenVINO's; a dash, that the tests have nothing to compile, or that nothing is left to compute.
  Operands of float64, complex numbers and, where they may not fit in 32 bits, 64-bit integers are always kvino's:
  OpenVINO computes them in 32 bits. Called eagerly, every operator is computed by kvino's kernels.

Control flow is not here, as its operands are functions: `cond`, `switch`, `while_loop`, `fori_loop`, `scan`,
`associative_scan`, `map` and `vectorized_map` are functions of `keras.ops`, eager and compiled.

| | operators |
|---|---|
"""


def as_dtype(x, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x.astype(getattr(ml_dtypes, name) if name == "bfloat16" else name)


def cases_of():
    found = {}
    for path in sorted((ROOT / "tests" / "python").glob("test_ops_*.py")):
        for name, cases in getattr(importlib.import_module(path.stem), "CASES", {}).items():
            found.setdefault(name, []).extend(cases)
    return found


def arrays(case):
    flat = []
    for x in case.args:
        flat += [y for y in (x if isinstance(x, (list, tuple)) else [x]) if isinstance(y, np.ndarray)]
    return flat


# ---- dtypes ----


def results(f, case, name):
    """What the operator gives where its first operand, and those of the same dtype, are of dtype `name`; None: refused."""
    first = arrays(case)[0].dtype

    def change(x):
        if isinstance(x, np.ndarray) and x.dtype == first:
            return as_dtype(x, name)
        return [change(y) for y in x] if isinstance(x, (list, tuple)) and arrays_in(x) else x

    try:
        y = f(*map(change, case.args), **case.kwargs)
    except (TypeError, ValueError, OverflowError, NotImplementedError):
        return None
    y = y[0] if isinstance(y, (list, tuple)) and y else y
    return getattr(y, "dtype", None)


def arrays_in(x):
    return any(isinstance(y, np.ndarray) for y in x)


def dtypes(f, cases):
    usable = [c for c in cases if arrays(c) and "dtype" not in c.kwargs and arrays(c)[0].dtype.name in DTYPES
              and not any(isinstance(x, str) and x in DTYPES for x in c.args)]
    if not usable:
        return ""
    with np.errstate(all="ignore"):
        given = {name: results(f, usable[0], name) for name in DTYPES}
    taken = [name for name in DTYPES if given[name]]
    groups = {label: [n for n in names if n in taken] for label, names in GROUPS.items()}
    if taken == DTYPES:
        text = "all"
    else:
        text = ", ".join(label if found == GROUPS[label] else ", ".join(found) for label, found in groups.items() if found)
    changed = {name: given[name] for name in taken if given[name] != name}
    if not changed:
        return text
    if len(set(given[name] for name in taken)) == 1:
        return f"{text} → {given[taken[0]]}"
    parts = []
    for label, found in groups.items():
        to = {changed.get(name) for name in found}
        if found and len(to) == 1 and None not in to:
            parts.append(f"{label} → {to.pop()}")
        elif any(to):
            several = [f"{name} → {changed[name]}" for name in found if name in changed]
            parts += several if len(several) < 3 else [f"small {label} → {changed[found[0]]}"]
    return f"{text}; {', '.join(parts)}"


# ---- engines ----


def division(f, case):
    """[(engine, why)] of the graph's segments."""
    places = [i for i, x in enumerate(case.args) if i not in case.fixed and i not in case.weights
              and (isinstance(x, np.ndarray) or isinstance(x, (list, tuple)) and arrays_in(x))]

    def traced(*given):
        full = list(case.args)
        for i, x in zip(places, given):
            full[i] = x
        return f(*full, **case.kwargs)

    text = kvino.function(traced, device="CPU").describe(*[case.args[i] for i in places])
    for line in text.splitlines():
        found = re.match(r"segment \d+: ([^,]*), \d+ nodes?: (.*?)(?: \((.*)\))?$", line)
        if found:
            yield "kvino" if found[1] == "native" else "OpenVINO", found[3] or ""


def engine(f, cases):
    usable = [c for c in cases if compilable(c) and all(x.size for x in arrays(c))]
    plain = [c for c in usable if all(x.dtype.name in PLAIN for x in arrays(c))] or usable
    plain.sort(key=lambda c: all(x.dtype.name != "float32" for x in arrays(c)))  # stable: those with float32 first
    engines, reasons = set(), []
    for case in plain[:DIVIDED]:
        for who, why in division(f, case):
            engines.add(who)
            reasons += [r for r in why.split("; ") if r and r not in reasons]
    if not engines:
        return "—"
    name = "both" if len(engines) == 2 else engines.pop()
    return f"{name}: {'; '.join(reasons)}" if reasons else name


RANDOM = {
    "randint": {"shape": 3, "minval": 0, "maxval": 5}, "gamma": {"shape": 3, "alpha": 2.0},
    "beta": {"shape": 3, "alpha": 2.0, "beta": 2.0}, "binomial": {"shape": 3, "counts": 5, "probabilities": 0.5},
    "categorical": {"logits": np.zeros((1, 2), "float32"), "num_samples": 3}, "shuffle": {"x": np.zeros(4, "float32")},
    "dropout": {"inputs": np.zeros(4, "float32"), "rate": 0.5},
}


def random_case(name):
    """Random operators are tested by their distributions: they have no cases."""
    from opcheck import case

    seed = np.array([1, 2], "uint32")
    return case(seed, expect=None, **RANDOM.get(name, {"shape": 3}))


def row(name, f, cases, space):
    sentence = inspect.getdoc(f).split("\n\n")[-1].replace("\n", " ").replace("|", "\\|")
    signature = f"{name}{inspect.signature(f)}"
    if space == "random":
        cases = [random_case(name)]
    return f"| `{signature}` | {sentence} | {dtypes(f, cases) if space != 'random' else ''} | {engine(f, cases)} |"


def page():
    cases = cases_of()
    spaces = {space: ops for space, ops in _core.op_namespaces().items() if ops}
    order = [s for s in SPACES if s in spaces] + sorted(set(spaces) - set(SPACES))
    lines = [HEAD.rstrip()]
    lines += [f"| [{SPACES.get(s, s)}](#{SPACES.get(s, s).replace('.', '').replace(' ', '-')}) | {len(spaces[s])} |" for s in order]
    for space in order:
        lines += ["", f"## {SPACES.get(space, space)}", "", "| operator | what it gives | dtypes | engine |", "|---|---|---|---|"]
        lines += [row(name, spaces[space][name], cases.get(name, []), space) for name in sorted(spaces[space])]
    return "\n".join(lines) + "\n"


def main():
    new = page()
    old = PAGE.read_text() if PAGE.exists() else ""
    if "--check" not in sys.argv:
        PAGE.write_text(new)
        return 0
    if new == old:
        return 0
    print("docs/operators.md is not what the table says; run tools/print_operators.py")
    print("\n".join(list(difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0))[:40]))
    return 1


if __name__ == "__main__":
    sys.exit(main())
