"""What is generated: a program of operators. It runs eagerly or traced by the same interpreter, and prints itself as Python."""

import dataclasses

import ml_dtypes
import numpy as np

import kvino


@dataclasses.dataclass(frozen=True)
class Ref:
    """The value of this number: an input, a constant, or an output of a step."""

    i: int


@dataclasses.dataclass
class Step:
    op: str
    args: tuple
    kwargs: dict
    outs: tuple  # numbers of the values it gives
    several: bool  # it gives a tuple


@dataclasses.dataclass
class Body:
    """A function of control flow: steps over its own parameters and the values around it."""

    parameters: tuple
    steps: list
    result: object  # a tree of Refs


@dataclasses.dataclass
class Program:
    inputs: dict  # number -> array
    constants: dict  # number -> array
    steps: list
    results: list  # numbers
    other: dict = None  # inputs of other lengths, for what was traced with unknown ones
    unknown: dict = None  # number -> axes of unknown length, where only some are
    partly: dict = None  # inputs of other lengths on those axes

    def copy(self, **changes):
        return dataclasses.replace(self, **changes)

    def pruned(self):
        """Without what no result needs."""
        steps = needed(self.steps, set(self.results))
        used = set(self.results) | refs([(s.args, s.kwargs) for s in steps])
        keep = lambda values: {i: v for i, v in values.items() if i in used}
        return self.copy(constants=keep(self.constants), steps=steps).with_inputs(keep)

    def with_inputs(self, f):
        """With f applied to all that has an entry for each input."""
        return self.copy(inputs=f(self.inputs), **{name: getattr(self, name) and f(getattr(self, name)) for name in PER_INPUT})


PER_INPUT = ("other", "unknown", "partly")


def mapped(f, tree):
    """The tree with f applied to its leaves."""
    if isinstance(tree, (list, tuple)):
        return type(tree)(mapped(f, t) for t in tree)
    if isinstance(tree, dict):
        return {k: mapped(f, t) for k, t in tree.items()}
    if isinstance(tree, slice):
        return slice(*(mapped(f, t) for t in (tree.start, tree.stop, tree.step)))
    return f(tree)


def needed(steps, results):
    """The steps that the values of these numbers come from: what no result needs is not computed by a graph."""
    kept, wanted = [], set(results)
    for step in reversed(steps):
        if wanted & set(step.outs):
            kept.append(step)
            wanted |= refs((step.args, step.kwargs))
    return kept[::-1]


# What takes the shape of its first operand (ragged_check of its second), and not its values; some of them where the dtype has no
# imaginary part, or no infinities.
SHAPES = set("ragged_check zeros_like ones_like empty_like full_like shape_tensor isreal imag isinf isnan isfinite isneginf isposinf".split())


def valued(steps, results):
    """Numbers of the values without which results cannot be computed: not of those that are only asked for their shape, or by a step
    some of whose values nobody asks for."""
    wanted = set(results)
    for step in reversed(steps):
        if wanted >= set(step.outs):
            no_value = step.op in SHAPES or (step.op == "matrix_power" and not step.args[1])
            at = (step.op == "ragged_check") if no_value else None
            wanted |= refs(([a for k, a in enumerate(step.args) if k != at], step.kwargs))
    return wanted


def is_certain(program, step):
    """Whether all that this step gives has to be computed; of a step in a body, or one that control flow takes, nobody knows."""
    loose = refs([s.args for s in program.steps if s.op in MORE and s.op != "index"])
    return step in program.steps and set(step.outs) <= valued(program.steps, program.results) and not loose & set(step.outs)


def without(program, step):
    """The program without this step, and all that comes from it."""
    gone, kept = set(), []
    for s in program.steps:
        if s is step or gone & refs((s.args, s.kwargs)):
            gone |= set(s.outs)
        else:
            kept.append(s)
    return program.copy(steps=kept, results=[r for r in program.results if r not in gone])


def refs(tree):
    """Numbers of the values that a tree of arguments uses; of a body those around it."""
    found = set()

    def look(leaf):
        if isinstance(leaf, Ref):
            found.add(leaf.i)
        elif isinstance(leaf, Body):
            inside = refs([(s.args, s.kwargs) for s in leaf.steps]) | refs(leaf.result)
            found.update(inside - set(leaf.parameters) - {o for s in leaf.steps for o in s.outs})

    mapped(look, tree)
    return found


# ---- functions that are not in kvino.ops ----


def _core():
    from keras.src.backend import core  # not before a program needs it: Keras takes seconds to import

    return core


def _scan(f, init, xs):
    return _core().scan(lambda c, x: (lambda y: (y, y))(f(c, x)), init, xs)


MORE = {
    "index": lambda x, key: x[key],
    "cond": lambda p, a, b: _core().cond(p, a, b),
    "while_loop": lambda n, f, x: _core().while_loop(lambda i, x: i < n, lambda i, x: (i + 1, f(x)), (np.int32(0), x))[1],
    "fori_loop": lambda n, f, x: _core().fori_loop(0, n, lambda i, x: f(x), x),
    "scan": _scan,
}
SOURCE = {
    "index": "{0}[{1}]",
    "cond": "core.cond({0}, {1}, {2})",
    "while_loop": "core.while_loop(lambda i, x: i < {0}, lambda i, x: (i + 1, {1}(x)), (np.int32(0), {2}))[1]",
    "fori_loop": "core.fori_loop(0, {0}, lambda i, x: {1}(x), {2})",
    "scan": "core.scan(lambda c, x: ({0}(c, x),) * 2, {1}, {2})",
}


# ---- running ----


def call(op, args, kwargs):
    return (MORE.get(op) or getattr(kvino.ops, op))(*args, **kwargs)


def run_steps(steps, env, around):
    for step in steps:
        args, kwargs = mapped(lambda leaf: value_of(leaf, env, around), (step.args, step.kwargs))
        y = around(step, args, kwargs)
        env.update(zip(step.outs, y if step.several else (y,)))


def plainly(step, args, kwargs):
    return call(step.op, args, kwargs)


def value_of(leaf, env, around=plainly):
    if isinstance(leaf, Ref):
        return env[leaf.i]
    if isinstance(leaf, Body):

        def function(*xs):
            inner = {**env, **dict(zip(leaf.parameters, xs))}
            run_steps(leaf.steps, inner, around)
            return mapped(lambda r: inner[r.i], leaf.result)

        return function
    return leaf


def function_of(program, around=plainly):
    """The program as a function of its inputs that gives a tuple."""
    constants = {i: kvino.Tensor(a) for i, a in program.constants.items()}

    def f(*xs):
        env = {**constants, **dict(zip(program.inputs, xs))}
        run_steps(program.steps, env, around)
        return tuple(env[i] for i in program.results)

    return f


# ---- printing ----


def array_source(a):
    name = a.dtype.name
    values = np.asarray(a).astype(np.complex128 if a.dtype.kind == "c" else np.float64 if a.dtype.kind in "fV" else a.dtype).tolist()
    dtype = f"ml_dtypes.{name}" if hasattr(ml_dtypes, name) else f'"{name}"'
    text = f"np.array({values!r}, {dtype})"
    return text if 0 not in a.shape else f"np.zeros({a.shape!r}, {dtype})"


def tree_source(tree):
    if isinstance(tree, Ref):
        return f"v{tree.i}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(tree_source, tree)) + "]"
    if isinstance(tree, tuple):
        return "(" + "".join(tree_source(t) + ", " for t in tree).rstrip() + ")"
    if isinstance(tree, np.ndarray):
        return array_source(tree)
    if isinstance(tree, slice):
        return f"slice({tree_source(tree.start)}, {tree_source(tree.stop)}, {tree_source(tree.step)})"
    if isinstance(tree, Body):
        return f"body{id(tree) % 9973}"
    return "..." if tree is Ellipsis else repr(tree)


def step_lines(step, indent):
    lines, space = [], " " * indent
    for body in [b for b in step.args if isinstance(b, Body)]:
        lines.append(f"{space}def {tree_source(body)}({', '.join(f'v{i}' for i in body.parameters)}):")
        for inner in body.steps:
            lines += step_lines(inner, indent + 4)
        lines.append(f"{space}    return {tree_source(body.result)}")
    outs = ", ".join(f"v{i}" for i in step.outs) + ("," if step.several and len(step.outs) == 1 else "")
    args = [tree_source(a) for a in step.args]
    if step.op in SOURCE:
        text = SOURCE[step.op].format(*args)
    else:
        text = f"K.{step.op}({', '.join(args + [f'{k}={tree_source(v)}' for k, v in step.kwargs.items()])})"
    lines.append(f"{space}{outs} = {text}" if outs else f"{space}{text}")
    return lines


def source(program, device="CPU", lengths="known", other=False):
    """A script that shows the eager and the compiled results."""
    lines = ["import kvino, ml_dtypes, numpy as np"]
    control = {"cond", "while_loop", "fori_loop", "scan"} & {s.op for s in program.steps}
    lines += ["from keras.src.backend import core"] if control else []
    lines += ["K, inf, nan = kvino.ops, np.inf, np.nan"]
    lines += [f"v{i} = kvino.Tensor({array_source(a)})" for i, a in program.constants.items()]
    lines.append(f"def f({', '.join(f'v{i}' for i in program.inputs)}):")
    for step in program.steps:
        lines += step_lines(step, 4)
    lines.append(f"    return ({''.join(f'v{i}, ' for i in program.results)})")
    xs = lambda values: "[" + ", ".join(map(array_source, values.values())) + "]"
    lines.append(f"xs = {xs(program.inputs)}")
    if lengths == "eager":
        lines.append("g = f  # against what NumPy says")
    elif lengths == "partly":
        shapes = [[None if k in program.unknown[i] else d for k, d in enumerate(a.shape)] for i, a in program.inputs.items()]
        lines += ["graph = kvino.Graph()",
                  f"for y in f(*(graph.parameter(s, x.dtype.name) for s, x in zip({shapes}, xs))): graph.result(y)",
                  f'g = graph.compile("{device}")']
    else:
        lines.append(f'g = kvino.function(f, device="{device}", dynamic={lengths == "unknown"})')
    if other:
        lines += ["try: g(*xs)", "except Exception as e: print(e)", f"xs = {xs(program.partly if lengths == 'partly' else program.other)}"]
    lines.append("for h in (lambda *xs: f(*map(kvino.Tensor, xs))), g:")
    lines += ["    try: print(h(*xs))", "    except Exception as e: print(type(e).__name__, e)"]
    return "\n".join(lines)
