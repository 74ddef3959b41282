"""The control flow of keras.ops.core: functions that call Python functions.

Concrete values decide at once: the loop is Python's. Where a condition, a length or what a loop carries is symbolic, the
Python functions are called once (a few times, where shapes or dtypes change from one iteration to the next) and recorded
into bodies of If and Loop.
"""

from keras.src import tree
from keras.src.backend.common import KerasVariable
from keras.src.backend.common.backend_utils import slice_along_axis
from keras.src.backend.common.stateless_scope import get_stateless_scope
from keras.src.backend.common.stateless_scope import in_stateless_scope

from kvino import _core
from kvino._core import Tensor
from kvino.keras_backend.operators import operators
from kvino.keras_backend.tensors import cast
from kvino.keras_backend.tensors import convert_to_tensor

_numpy = operators("numpy")


def _convert(x):
    return None if x is None else convert_to_tensor(x)


def _anchor(*structures):
    """A symbolic tensor among the leaves, or None. Bodies are recorded where an operation on it would be."""
    for x in tree.flatten(structures):
        if isinstance(x, KerasVariable):
            x = x.value
        if isinstance(x, Tensor) and x.is_symbolic:
            return x
    return None


def _promote(a, b):
    """The dtype that holds what has either."""
    return a if a == b else _numpy["add"](_numpy["zeros"]((), a), _numpy["zeros"]((), b)).dtype


def _number(x, dtype):
    """A 0-d tensor."""
    x = cast(convert_to_tensor(x), dtype)
    return _numpy["reshape"](x, ()) if x.ndim else x


# ---- assignments to variables inside of bodies ----


class _Assigned:
    """What functions assign to Keras's variables in a StatelessScope while they are recorded.

    `with assigned:` calls the function; its assignments are taken back, and stand in `values` by the variable's id."""

    def __init__(self):
        self.scope = get_stateless_scope() if in_stateless_scope() else None
        self.variables = {}
        self.values = {}

    def __enter__(self):
        if self.scope is None:
            return self
        self.before = dict(self.scope.state_mapping)
        self.around = vars(self.scope).get("add_update")  # of the body that this one is in
        add_update = type(self.scope).add_update

        def add(update):
            self.variables[id(update[0])] = update[0]
            add_update(self.scope, update)

        self.scope.add_update = add
        return self

    def __exit__(self, *error):
        if self.scope is None:
            return
        if self.around is None:
            del self.scope.add_update
        else:
            self.scope.add_update = self.around
        now = self.scope.state_mapping
        self.values = {key: now[key] for key in self.variables if key in now}
        now.clear()
        now.update(self.before)

    def assign(self, values):
        for key, value in zip(self.variables, values):
            self.scope.add_update((self.variables[key], value))


# ---- branches ----


def cond(pred, true_fn, false_fn):
    pred = convert_to_tensor(pred)
    if not pred.is_symbolic:
        return true_fn() if bool(pred) else false_fn()
    pred = _number(pred, "bool")
    assigned = _Assigned()
    first = _core.body(pred)
    with first, assigned:
        true = true_fn()
        true_flat = [_convert(x) for x in tree.flatten(true)]
    true_values = assigned.values
    second = _core.body(pred, first)
    with second, assigned:
        false = false_fn()
        tree.assert_same_structure(true, false)
        false_flat = [_convert(x) for x in tree.flatten(false)]
    false_values = assigned.values
    for key, variable in assigned.variables.items():
        true_flat.append(true_values.get(key, variable.value))
        false_flat.append(false_values.get(key, variable.value))
    if any((a is None) != (b is None) for a, b in zip(true_flat, false_flat)):
        raise ValueError("`cond`: one branch gives None where the other gives a tensor")
    dtypes = [_promote(a.dtype, b.dtype) for a, b in zip(true_flat, false_flat) if a is not None]
    if dtypes:
        for body, flat in ((first, true_flat), (second, false_flat)):
            with body as graph:
                for x, dtype in zip((x for x in flat if x is not None), dtypes):
                    graph.result(cast(x, dtype))
        results = list(_core.if_else(pred, first, second))
    else:
        results = []
    assigned.assign(results[len(results) - len(assigned.variables) :])
    results = [None if x is None else results.pop(0) for x in tree.flatten(true)]
    return tree.pack_sequence_as(true, results)


def switch(index, branches, *operands):
    index = convert_to_tensor(index, "int32")
    if not index.is_symbolic:
        return branches[max(0, min(int(index), len(branches) - 1))](*operands)

    def choose(low, high):  # a binary search: the index is clamped by it
        if high - low == 1:
            return branches[low](*operands)
        middle = (low + high) // 2
        return cond(index < middle, lambda: choose(low, middle), lambda: choose(middle, high))

    return choose(0, len(branches))


# ---- loops ----


def _loop(anchor, trip_count, condition, init, step):
    """The last values and the stacked ones of a Loop. init: tensors. step(i, values) gives (condition, values, stacked),
    lists of tensors, i being the number of the iteration, an int64. Its shapes and dtypes are tried until they last."""
    shapes = [tuple(x.shape) for x in init]
    dtypes = [x.dtype for x in init]
    assigned = _Assigned()
    while True:
        variables = list(assigned.variables.values())
        before = [cast(x, dtype) for x, dtype in zip(init, dtypes)] + [v.value for v in variables]
        recording = _core.body(anchor)
        with recording as graph:
            i = graph.parameter((), "int64")
            values = [graph.parameter(shape, dtype) for shape, dtype in zip(shapes, dtypes)]
            held = [graph.parameter(v.shape, v.dtype) for v in variables]
            with assigned:
                for variable, value in zip(variables, held):
                    assigned.scope.add_update((variable, value))
                go_on, after, stacked = step(i, values)
            after = [convert_to_tensor(x) for x in after]
            if _widen(shapes, dtypes, after) or len(variables) != len(assigned.variables):
                continue
            graph.result(_number(go_on, "bool"))
            for x, dtype in zip(after, dtypes):
                graph.result(cast(x, dtype))
            for key in assigned.variables:
                graph.result(assigned.values[key])
            for y in stacked:
                graph.result(_numpy["expand_dims"](convert_to_tensor(y), 0))
        break
    condition = _number(condition, "bool")
    results = list(_core.loop(_number(trip_count, "int64"), condition, tuple(before), recording))
    n = len(init)
    assigned.assign(results[n : n + len(variables)])
    return results[:n], results[n + len(variables) :]


def _widen(shapes, dtypes, after):
    """Takes what differs after an iteration over into shapes and dtypes. True where something did."""
    if len(after) != len(shapes):
        raise ValueError(f"A loop over {len(shapes)} values gives {len(after)}")
    changed = False
    for k, x in enumerate(after):
        if len(x.shape) != len(shapes[k]):
            raise ValueError(f"A loop's value of shape {shapes[k]} becomes one of shape {tuple(x.shape)}")
        shape = tuple(a if a == b else None for a, b in zip(shapes[k], x.shape))
        dtype = _promote(dtypes[k], x.dtype)
        changed |= shape != shapes[k] or dtype != dtypes[k]
        shapes[k], dtypes[k] = shape, dtype
    return changed


def _packer(structure):
    """A function that packs a flat list of its tensors as the structure; None stays None."""
    template = tree.flatten(structure)

    def pack(flat):
        flat = iter(flat)
        return tree.pack_sequence_as(structure, [None if x is None else next(flat) for x in template])

    return pack


def _flat(structure):
    return [convert_to_tensor(x) for x in tree.flatten(structure) if x is not None]


def while_loop(cond, body, loop_vars, maximum_iterations=None):
    single = not isinstance(loop_vars, (list, tuple))
    values = (loop_vars,) if single else tuple(loop_vars)
    values = tree.map_structure(_convert, values)
    if maximum_iterations is not None and _anchor(maximum_iterations) is None:
        maximum_iterations = int(maximum_iterations)
    steps = 0
    while _anchor(maximum_iterations) is not None or maximum_iterations is None or steps < maximum_iterations:
        go_on = convert_to_tensor(cond(*values))
        anchor = _anchor(go_on, values, maximum_iterations)
        if anchor is not None:
            left = -1 if maximum_iterations is None else maximum_iterations - steps
            values = _traced_while(anchor, cond, body, values, go_on, left)
            break
        if not bool(go_on):
            break
        values = _as_tuple(body(*values))
        steps += 1
    return values[0] if single else values


def _as_tuple(values):
    return tuple(values) if isinstance(values, (list, tuple)) else (values,)


def _traced_while(anchor, cond, body, values, go_on, trip_count):
    pack = _packer(values)

    def step(i, flat):
        after = _as_tuple(body(*pack(flat)))
        tree.assert_same_structure(values, after)
        after_flat = _flat(after)
        return convert_to_tensor(cond(*pack(after_flat))), after_flat, []

    return pack(_loop(anchor, trip_count, go_on, _flat(values), step)[0])


def fori_loop(lower, upper, body_fun, init_val):
    value, i = init_val, lower
    if _anchor(lower, upper) is None:
        i, upper = int(lower), int(upper)
        while i < upper and _anchor(value) is None:
            value = body_fun(i, value)
            i += 1
        if i >= upper:
            return value
    anchor = _anchor(i, upper, value)
    pack = _packer(value)
    start = cast(convert_to_tensor(i), "int64")

    def step(k, flat):
        return True, _flat(body_fun(cast(start + k, "int32"), pack(flat))), []

    trip_count = _numpy["maximum"](cast(convert_to_tensor(upper), "int64") - start, 0)
    return pack(_loop(anchor, trip_count, True, _flat(value), step)[0])


def _length(xs_flat):
    """An int, or a 0-d tensor where it is unknown until run time."""
    x = xs_flat[0]
    if x.shape[0] is not None:
        return x.shape[0]
    return operators("core")["shape_tensor"](x)[0]


def scan(f, init, xs=None, length=None, reverse=False, unroll=1):
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    carry = tree.map_structure(_convert, init)
    xs = None if xs is None else tree.map_structure(_convert, xs)
    n = length if length is not None else _length(_flat(xs))
    if _anchor(carry, xs, n) is None:
        n = int(n)
        last, ys = _eager_scan(f, carry, xs, n, reverse)
        if _anchor(last, ys) is None:  # what f takes from around it may be symbolic
            return last, _stacked(ys) if ys else _none_stacked(f, carry, xs)
    else:
        last = ys = None
    return _traced_scan(_anchor(carry, xs, n, last, ys), f, carry, xs, n, reverse)


def _zeros(carry):
    """What stands for ys that are None."""
    return [_numpy["zeros_like"](x) for x in _flat(carry)]


def _eager_scan(f, carry, xs, n, reverse):
    """The last carry and a list of ys; it ends at the first symbolic value."""
    zeros, ys = _zeros(carry), []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, None if xs is None else tree.map_structure(lambda x: x[i], xs))
        ys.append(zeros if y is None else y)
        if len(ys) == 1 and _anchor(carry, ys) is not None:
            break
    return carry, ys[::-1] if reverse else ys


def _stacked(ys):
    return tree.map_structure(lambda *items: None if items[0] is None else _numpy["stack"](items), *ys)


def _none_stacked(f, carry, xs):
    """No ys: f is traced for their shapes and dtypes."""
    graph = _core.Graph()
    y = f(carry, tree.map_structure(lambda x: graph.parameter(x.shape[1:], x.dtype), xs))[1]
    y = _zeros(carry) if y is None else y
    return tree.map_structure(lambda x: None if x is None else _numpy["zeros"]((0,) + tuple(x.shape), x.dtype), y)


def _traced_scan(anchor, f, carry, xs, n, reverse):
    pack, y_structure = _packer(carry), []

    def step(i, flat):
        at = n - 1 - i if reverse else i
        after, y = f(pack(flat), None if xs is None else tree.map_structure(lambda x: x[at], xs))
        y_structure[:] = [_zeros(carry) if y is None else y]
        return True, _flat(after), _flat(y_structure[0])

    last, stacked = _loop(anchor, n, True, _flat(carry), step)
    if reverse:
        stacked = [_numpy["flip"](y, 0) for y in stacked]
    return pack(last), _packer(y_structure[0])(stacked)


def map(f, xs):
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


def vectorized_map(function, elements):
    if not isinstance(elements, (list, tuple)):
        return map(function, elements)
    return map(lambda items: function(list(items)), tuple(elements))


# ---- associative scan ----


def associative_scan(f, elems, reverse=False, axis=0):
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    flat = [convert_to_tensor(x) for x in tree.flatten(elems)]
    rank = flat[0].ndim
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} is out of bounds for array of dimension {rank}")
    axis %= rank
    lengths = {x.shape[axis] for x in flat}
    if len(lengths) > 1:
        shapes = [tuple(x.shape) for x in flat]
        raise ValueError(
            f"Array inputs to associative_scan must have the same first dimension. (saw: {shapes})"
        )
    if reverse:
        flat = [_numpy["flip"](x, axis) for x in flat]

    def combine(a, b):
        return [convert_to_tensor(x) for x in tree.flatten(f(tree.pack_sequence_as(elems, a), tree.pack_sequence_as(elems, b)))]

    n = lengths.pop()
    out = _chain(combine, flat, axis) if n is None else _halves(combine, flat, n, axis)
    if reverse:
        out = [_numpy["flip"](x, axis) for x in out]
    return tree.pack_sequence_as(elems, out)


def _halves(combine, xs, n, axis):
    """Inclusive scan: pairs are combined and scanned, which gives every second element; one more combination, the rest."""
    if n < 2:
        return xs
    pairs = combine([slice_along_axis(x, 0, n - 1, 2, axis) for x in xs], [slice_along_axis(x, 1, None, 2, axis) for x in xs])
    odd = _halves(combine, pairs, n // 2, axis)
    if n == 2:
        even = [slice_along_axis(x, 0, 1, axis=axis) for x in xs]
    else:
        before = odd if n % 2 else [slice_along_axis(x, 0, n // 2 - 1, axis=axis) for x in odd]
        rest = combine(before, [slice_along_axis(x, 2, None, 2, axis) for x in xs])
        even = [_numpy["concatenate"]([slice_along_axis(x, 0, 1, axis=axis), y], axis) for x, y in zip(xs, rest)]
    return [_interleave(a, b, n, axis) for a, b in zip(even, odd)]


def _interleave(even, odd, n, axis):
    last = slice_along_axis(even, n // 2, axis=axis)
    pairs = _numpy["stack"]([slice_along_axis(even, 0, n // 2, axis=axis), odd], axis + 1)
    shape = [-1 if d is None else d for d in even.shape]
    shape[axis] = 2 * (n // 2)
    if shape.count(-1) > 1:
        dims = operators("core")["shape_tensor"](even)
        shape = [dims[k] if d == -1 else d for k, d in enumerate(shape)]
    joined = _numpy["reshape"](pairs, shape)
    return _numpy["concatenate"]([joined, last], axis) if n % 2 else joined


def _chain(combine, xs, axis):
    """The same for a length that is not known: one element after the other."""
    xs = [_numpy["moveaxis"](x, axis, 0) for x in xs]

    def step(carry, items):
        begun, before = carry
        widened = combine(*([_numpy["expand_dims"](x, axis) for x in part] for part in (before, items)))
        after = [_numpy["where"](begun, _numpy["squeeze"](y, axis), x) for x, y in zip(items, widened)]
        return (_numpy["ones_like"](begun), after), after

    _, out = scan(step, (convert_to_tensor(False), [x[0] for x in xs]), xs)
    return [_numpy["moveaxis"](y, 0, axis) for y in out]
