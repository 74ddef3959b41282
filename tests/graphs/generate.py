"""Makes a random program: each step is run as it is chosen, so that the next one knows the dtypes and shapes there are."""

import random

import numpy as np

import kvino
from graphs import arguments, arrays
from graphs.program import Body, Program, Ref, Step, call, mapped, needed, value_of

LARGEST = 3000  # elements of a value
TRIES = 12  # arguments tried for a step before it is left out
KEPT_ERRORS = 0.04  # of the calls that raise: the program ends with them


class Generator:
    """The values so far, and what argument generators ask of them."""

    def __init__(self, r):
        self.r = r
        self.tensors = {}  # number -> the eager value
        self.inputs, self.constants, self.steps = {}, {}, []
        self.palette = [arrays.some_dtype(r) for _ in range(r.choice([1, 2, 2, 3]))]
        self.raised = False
        self.bodies = 0
        self.tried = {}  # operator -> [calls tried, calls that went well]

    # ---- values ----

    def add(self, value, constant=None):
        i = len(self.tensors)
        self.tensors[i] = kvino.Tensor(value)
        constant = self.r.random() < 0.3 if constant is None else constant
        (self.constants if constant else self.inputs)[i] = value
        return Ref(i)

    def new(self, dtype=None, shape=None, mood=None, constant=None, **limits):
        dtype = dtype or self.r.choice(self.palette)
        shape = arrays.some_shape(self.r) if shape is None else tuple(shape)
        return self.add(arrays.array(self.r, dtype, shape, mood, **limits), constant)

    def dtype(self, ref):
        return self.tensors[ref.i].dtype

    def shape(self, ref):
        return tuple(self.tensors[ref.i].shape)

    def rank(self, ref):
        return len(self.shape(ref))

    def find(self, dtypes=None, ranks=None, shape=None, where=None):
        """A value that is there and fits, later ones rather."""
        fits = [
            i for i, t in self.tensors.items()
            if (dtypes is None or t.dtype in dtypes)
            and (ranks is None or len(t.shape) in ranks)
            and (shape is None or tuple(t.shape) == tuple(shape))
            and (where is None or where(t))
        ]
        return Ref(self.r.choice(fits[-8:] if self.r.random() < 0.7 else fits)) if fits else None

    def any(self, dtypes=None, ranks=None, where=None):
        """A value of one of these dtypes and ranks, mostly one that is there."""
        found = self.find(dtypes, ranks, None, where) if self.r.random() < 0.85 else None
        if found:
            return found
        near = self.find(None, ranks) if dtypes and not where and self.r.random() < 0.5 else None
        if near:
            return self.step("cast", near, self.r.choice(dtypes)) or near
        dtype = self.r.choice([d for d in self.palette if d in dtypes] or list(dtypes)) if dtypes else None
        return self.new(dtype, arrays.some_shape(self.r, self.r.choice(list(ranks)) if ranks is not None else None))

    def of(self, dtype, shape, mood=None):
        """A value of this dtype and shape: one that is there, one made from it, or a new one."""
        shape = tuple(shape)
        found = self.find((dtype,), None, shape) if self.r.random() < 0.7 else None
        if found:
            return found
        size = int(np.prod(shape))
        source = self.find((dtype,), None, None, lambda t: t.size >= size > 0) if self.r.random() < 0.5 else None
        if source:
            flat = self.step("reshape", source, [-1])
            flat = flat and self.step("index", flat, slice(None, size))
            fit = flat and self.step("reshape", flat, list(shape))
            if fit:
                return fit
        return self.new(dtype, shape, mood)

    def partner(self, ref):
        """Something that `ref` broadcasts with: a value, or a number."""
        r, shape, dtype = self.r, self.shape(ref), self.dtype(ref)
        chance = r.random()
        if chance < 0.12:
            return r.choice([0, 1, 2, -1, 3, 0.5, -2.0, 1.5, True, 1e-3, 100])
        if chance < 0.15:
            return self.any()
        if chance < 0.5:

            def fits(t):
                return all(a == b or 1 in (a, b) for a, b in zip(shape[::-1], tuple(t.shape)[::-1]))

            found = self.find(None if r.random() < 0.3 else (dtype,), None, None, fits)
            if found:
                return found
        other = [d if r.random() < 0.8 else 1 for d in shape][r.choice([0, 0, 0, len(shape) // 2]):]
        return self.new(dtype if r.random() < 0.8 else None, other)

    # ---- small choices ----

    def axis(self, rank, none=0.0):
        if self.r.random() < none:
            return None
        return self.r.randrange(-rank, rank) if rank and self.r.random() < 0.97 else self.r.choice([0, -1, rank])

    def axes(self, rank, none=0.3):
        """None, an axis, or several."""
        r = self.r
        chance = r.random()
        if chance < none:
            return None
        if chance < 0.7 or not rank:
            return self.axis(rank)
        some = r.sample(range(rank), r.randint(0 if r.random() < 0.1 else 1, rank))
        return [a - rank if r.random() < 0.3 else a for a in some]

    def flag(self, chance=0.5):
        return self.r.random() < chance

    def side(self):
        return self.r.choice([1, 2, 2, 3, 3, 4, 5, 6, 8])

    def float(self):
        return self.r.choices(["float32", "float16", "bfloat16", "float64"], [12, 2, 2, 1])[0]

    # ---- steps ----

    def step(self, op, *args, **kwargs):
        """Runs and keeps a step; the value (or list of them), None where it raises."""
        counts = self.tried.setdefault(op, [0, 0])
        counts[0] += 1
        try:
            given = mapped(lambda leaf: value_of(leaf, self.tensors), (args, kwargs))
            y = call(op, *given)
            several = isinstance(y, tuple)
            ys = y if several else (y,)
            if any(not isinstance(t, kvino.Tensor) or t.size > LARGEST for t in ys):
                return None
        except Exception:
            if self.r.random() < KEPT_ERRORS:
                self.steps.append(Step(op, args, kwargs, (len(self.tensors),), False))
                self.raised = True
            return None
        counts[1] += 1
        outs = tuple(range(len(self.tensors), len(self.tensors) + len(ys)))
        self.tensors.update(zip(outs, ys))
        self.steps.append(Step(op, args, kwargs, outs, several))
        return [Ref(i) for i in outs] if several else Ref(outs[0])

    def operator(self, op):
        """A step of this operator, its arguments tried until some fit."""
        for _ in range(TRIES):
            args, kwargs = arguments.choose(op, self)
            if self.raised:
                return
            done = self.step("einsum" if op == "reuse" else op, *args, **kwargs)
            if done is not None or self.raised:
                return

    # ---- bodies ----

    def body(self, operands, n_steps, same):
        """A function of values like `operands`; its result has the dtype and shape of `same`. Arrays that it needs stand in it."""
        inner, literals = Generator(self.r), {}
        inner.tensors, inner.palette = dict(self.tensors), self.palette

        def literal(value, constant=None):
            i = len(inner.tensors)
            inner.tensors[i], literals[i] = kvino.Tensor(value), value
            return Ref(i)

        inner.add = literal
        start = len(inner.tensors)
        parameters = [start + i for i in range(len(operands))]
        inner.tensors.update((start + i, self.tensors[ref.i]) for i, ref in enumerate(operands))
        for _ in range(n_steps):
            inner.operator(self.r.choice(arguments.ELEMENTWISE))
        fits = [Ref(o) for s in inner.steps for o in s.outs if not inner.raised and inner.shape(Ref(o)) == self.shape(same)]
        result = fits[-1] if fits else Ref(parameters[0]) if parameters else same
        if inner.dtype(result) != self.dtype(same):
            result = inner.step("cast", result, self.dtype(same)) or (Ref(parameters[0]) if parameters else same)
        if inner.raised:  # eager control flow may not come to the error
            return self.body(operands, 0, same)
        inner.steps = needed(inner.steps, {result.i})
        # The numbers of a body's values are given again outside: theirs become others.
        own = set(parameters) | {o for s in inner.steps for o in s.outs}
        self.bodies += 1
        shift = 100_000 * self.bodies
        moved = lambda i: i + shift if i in own else i
        move = lambda leaf: leaf if not isinstance(leaf, Ref) else literals[leaf.i] if leaf.i in literals else Ref(moved(leaf.i))
        steps = [Step(s.op, mapped(move, s.args), mapped(move, s.kwargs), tuple(map(moved, s.outs)), s.several) for s in inner.steps]
        return Body(tuple(map(moved, parameters)), steps, move(result))


def altered(r, inputs, unknown):
    """The inputs with other lengths on axes that may have any: one length changed everywhere, or one axis of one input."""
    free = [(i, k) for i, axes in unknown.items() for k in axes]
    if not free:
        return None
    shapes = {i: list(x.shape) for i, x in inputs.items()}
    i, k = r.choice(free)
    old = shapes[i][k]
    new = r.choice([n for n in (0, 1, 2, 3, 4, 6, old + 1) if n != old])
    for j, axis in free if r.random() < 0.6 else [(i, k)]:
        if shapes[j][axis] == old:
            shapes[j][axis] = new
    return {i: np.resize(x, shapes[i]) if x.size else np.zeros(shapes[i], x.dtype) for i, x in inputs.items()}


def generate(seed, names=None):
    """(program, counts of tried operators): the same for the same seed."""
    r = random.Random(seed)
    g = Generator(r)
    names = names or arguments.CHOSEN
    g.new(constant=False)
    for _ in range(5 + int(25 * r.random() ** 2)):
        g.operator(r.choice(names) if r.random() < 0.93 else r.choice(arguments.STRUCTURE))
        if g.raised:
            break
    used = set()
    for s in g.steps:
        mapped(lambda leaf: used.add(leaf.i) if isinstance(leaf, Ref) else None, (s.args, s.kwargs))
    ends = [o for s in g.steps for o in s.outs if o not in used]
    if g.raised:
        results = list(g.steps[-1].outs)
    else:
        results = r.sample(ends, min(len(ends), 4))
    middle = [o for s in g.steps for o in s.outs if o in used]
    results += r.sample(middle, min(len(middle), r.choice([0, 0, 1, 2])))
    program = Program(g.inputs, g.constants, g.steps, results).pruned()
    program.other = altered(r, program.inputs, {i: range(x.ndim) for i, x in program.inputs.items()})
    program.unknown = {i: tuple(k for k in range(x.ndim) if r.random() < (0.6 if k == 0 else 0.2)) for i, x in program.inputs.items()}
    program.partly = altered(r, program.inputs, program.unknown)
    return program, g.tried
