"""The recurrent functions that Keras's layers call: rnn, which calls a Python function for each step, and whole sequences of the
usual cells, which are operators of the table."""

import functools

from keras.src import tree

from kvino.keras_backend.control_flow import _anchor
from kvino.keras_backend.control_flow import _flat
from kvino.keras_backend.control_flow import _length
from kvino.keras_backend.control_flow import _loop
from kvino.keras_backend.control_flow import _packer
from kvino.keras_backend.control_flow import map as map_elements
from kvino.keras_backend.operators import missing
from kvino.keras_backend.operators import operators
from kvino.keras_backend.tensors import convert_to_tensor
from kvino.ragged import RaggedTensor

_table = operators("rnn")
_numpy = operators("numpy")
globals().update(_table)
__getattr__ = missing("rnn")


def _swap(x):
    """(batch, time, ...) and (time, batch, ...)."""
    return _numpy["swapaxes"](x, 0, 1)


def _take(structure, at):
    return tree.map_structure(lambda x: x[at], structure)


def _time_major_mask(mask, time_major):
    """(time, batch, 1) of bool: which steps count."""
    mask = convert_to_tensor(mask, "bool")
    mask = _numpy["expand_dims"](mask, -1) if mask.ndim == 2 else _numpy["any"](mask, -1, keepdims=True)
    return mask if time_major else _swap(mask)


def _choose(mask, new, old):
    """new where the mask is true, for each of the batch."""
    for _ in range(new.ndim - mask.ndim):
        mask = _numpy["expand_dims"](mask, -1)
    return _numpy["where"](mask, new, old)


class _Steps:
    """The steps over time-major inputs. states and constants: tuples as step_function takes them."""

    def __init__(self, step_function, inputs, mask, constants, go_backwards, zero_output_for_mask, n):
        self.function, self.inputs, self.mask, self.constants = step_function, inputs, mask, constants
        self.go_backwards, self.zero_output, self.n = go_backwards, zero_output_for_mask, n

    def first(self, states):
        """The outputs of the first step, for their shapes and dtypes."""
        at = self.n - 1 if self.go_backwards else 0
        return self.function(_take(self.inputs, at), states + self.constants)[0]

    def step(self, i, states, before):
        """Output and states after step i. before: the output of the step before, or None at the first one."""
        at = self.n - 1 - i if self.go_backwards else i
        output, after = self.function(_take(self.inputs, at), states + self.constants)
        after = tree.pack_sequence_as(states, _flat(after))
        output = tree.map_structure(convert_to_tensor, output)
        if self.mask is None:
            return output, after
        mask = self.mask[at]
        if before is None or self.zero_output:
            before = tree.map_structure(_numpy["zeros_like"], output)
        output = tree.map_structure(lambda new, old: _choose(mask, new, old), output, before)
        return output, tree.map_structure(lambda new, old: _choose(mask, new, old), after, states)


def _eager(steps, states, return_all, unroll):
    """One step after the other; None where it turns out that values are symbolic."""
    outputs, output = [], None
    for i in range(steps.n):
        output, states = steps.step(i, states, output)
        if not unroll and _anchor(output, states) is not None:
            return output
        outputs = outputs + [output] if return_all and not outputs else outputs
        if return_all and i:
            outputs.append(output)
    if not return_all:
        outputs = [output]
    return output, tree.map_structure(lambda *items: _numpy["stack"](items), *outputs), states


def _traced(steps, anchor, states, return_all):
    template = steps.first(states)
    pack_states, pack_output = _packer(states), _packer(template)
    carried = _flat(states)
    n_states = len(carried)
    keeps_output = not return_all or (steps.mask is not None and not steps.zero_output)
    if keeps_output:
        carried = carried + [_numpy["zeros_like"](x) for x in _flat(template)]

    def step(i, flat):
        before = pack_output(flat[n_states:]) if keeps_output else None
        output, after = steps.step(i, pack_states(flat[:n_states]), before)
        output = _flat(output)
        return True, _flat(after) + (output if keeps_output else []), output if return_all else []

    last, stacked = _loop(anchor, steps.n, True, carried, step)
    if return_all:
        output = last[n_states:] if keeps_output else [x[-1] for x in stacked]
    else:
        output = last[n_states:]
        stacked = [_numpy["expand_dims"](x, 0) for x in output]
    return pack_output(output), pack_output(stacked), pack_states(last[:n_states])


def _flat_mask(mask):
    return mask is None or getattr(mask, "ndim", 0) == 2


def _closure(function):
    """What a function has taken from around it, by name."""
    cells = function.__closure__ or ()
    return dict(zip(function.__code__.co_freevars, (cell.cell_contents for cell in cells)))


def _whole_sequence(step_function, inputs, states, mask, go_backwards, zero_output):
    """The steps of Keras's own recurrent layers are calls of a cell: of its usual cells the sequence is one operator. None for
    other functions; else the outputs of all steps in the order of time, and the last states."""
    from keras.src import activations
    from keras.src import layers

    if getattr(step_function, "__qualname__", "") != "RNN.inner_loop.<locals>.step":
        return None
    around = _closure(step_function)
    cell, training = around["self"].cell, around["cell_kwargs"].get("training")
    kind = type(cell)
    if kind not in (layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell) or inputs.ndim != 3:
        return None
    if training and (cell.dropout or cell.recurrent_dropout):
        return None
    common = {"reverse": go_backwards, "mask": mask, "zero_output": zero_output}
    operands = _tensors(inputs, *states, cell.kernel, cell.recurrent_kernel, cell.bias)
    if kind is layers.SimpleRNNCell:
        names = {activations.tanh: "tanh", activations.sigmoid: "sigmoid", activations.relu: "relu"}
        name = names.get(cell.activation)
        return name and _table["rnn_sequence"](*operands, activation=name, **common)
    if cell.activation is not activations.tanh or cell.recurrent_activation is not activations.sigmoid:
        return None
    if kind is layers.LSTMCell:
        return _table["lstm_sequence"](*operands, **common)
    return _table["gru_sequence"](*operands, reset_after=cell.reset_after, **common)


def _of_sequence(found, initial_states, masked, go_backwards, zero_output, return_all):
    """The results of rnn."""
    sequence, *states = found
    last = sequence[:, 0 if go_backwards else -1] if masked and zero_output else states[0]
    if not return_all:
        sequence = _numpy["expand_dims"](last, 1)
    elif go_backwards:
        sequence = _numpy["flip"](sequence, 1)
    return last, sequence, tree.pack_sequence_as(initial_states, states)


def _of_rows(step_function, inputs, initial_states, go_backwards, mask, **options):
    """rnn of a ragged tensor: of the rows filled up, the steps beyond their ends masked. The outputs are ragged likewise."""
    ones = inputs.with_flat_values(_numpy["ones_like"](inputs.flat_values[:, 0], dtype="bool"))
    if go_backwards:
        inputs = _numpy["flip"](inputs, 1)
    there = ones.to_tensor()
    if mask is not None:
        if not isinstance(mask, RaggedTensor):
            raise ValueError("the mask of ragged inputs must be ragged, too")
        mask = _numpy["flip"](mask, 1) if go_backwards else mask
        there = _numpy["logical_and"](there, _numpy["equal"](mask.to_tensor(), True))
    last, outputs, states = rnn(step_function, inputs.to_tensor(), initial_states, False, there, **options)
    if options["return_all_outputs"]:
        outputs = tree.map_structure(lambda x: RaggedTensor.from_tensor(x, inputs.row_lengths()), outputs)
    return last, outputs, states


def rnn(
    step_function,
    inputs,
    initial_states,
    go_backwards=False,
    mask=None,
    constants=None,
    unroll=False,
    input_length=None,
    time_major=False,
    zero_output_for_mask=False,
    return_all_outputs=True,
):
    if isinstance(inputs, RaggedTensor):
        options = {"constants": constants, "zero_output_for_mask": zero_output_for_mask, "return_all_outputs": return_all_outputs}
        return _of_rows(step_function, inputs, initial_states, go_backwards, mask, **options)
    inputs = tree.map_structure(convert_to_tensor, inputs)
    if not time_major and not constants and not tree.is_nested(inputs) and _flat_mask(mask):
        found = _whole_sequence(step_function, inputs, initial_states, mask, go_backwards, zero_output_for_mask)
        if found:
            return _of_sequence(
                found, initial_states, mask is not None, go_backwards, zero_output_for_mask, return_all_outputs
            )
    if not time_major:
        inputs = tree.map_structure(_swap, inputs)
    n = _length(_flat(inputs))
    if unroll and not isinstance(n, int):
        raise ValueError("Unrolling requires a fixed number of timesteps.")
    if mask is None and getattr(input_length, "ndim", 0) == 1:  # a length for each of the batch
        mask = _numpy["expand_dims"](_numpy["arange"](n), -1) < convert_to_tensor(input_length)
        mask = _numpy["expand_dims"](mask, -1)
    elif mask is not None:
        mask = _time_major_mask(mask, time_major)
    constants = tuple(constants or ())
    states = tree.map_structure(convert_to_tensor, tuple(initial_states))
    steps = _Steps(step_function, inputs, mask, constants, go_backwards, zero_output_for_mask, n)
    anchor = _anchor(inputs, states, mask, constants, n)
    if unroll or (anchor is None and n):
        result = _eager(steps, states, return_all_outputs, unroll)
        anchor = _anchor(result)
    if not unroll and anchor is not None:
        result = _traced(steps, anchor, states, return_all_outputs)
    last_output, outputs, states = result
    if not time_major:
        outputs = tree.map_structure(_swap, outputs)
    return last_output, outputs, tree.pack_sequence_as(initial_states, tree.flatten(states))


def cudnn_ok(*args, **kwargs):
    return False


# ---- whole sequences ----


def _check(inputs, mask, activation, recurrent_activation):
    """The operators know the usual activations, and no masks; for the rest Keras's layers step through their cells."""
    from keras.src import activations

    if mask is not None or isinstance(inputs, RaggedTensor):
        raise NotImplementedError("kvino: masks and ragged inputs are left to rnn")
    if activation is not activations.tanh or recurrent_activation is not activations.sigmoid:
        raise NotImplementedError("kvino: activations other than tanh and sigmoid are left to rnn")


def _result(sequence, states, reverse):
    """As Keras wants it: the last output, all outputs in the order of the steps, the states."""
    return states[0], _numpy["flip"](sequence, 1) if reverse else sequence, list(states)


def _tensors(*xs):
    return [None if x is None else convert_to_tensor(x) for x in xs]


def lstm(
    inputs,
    initial_state_h,
    initial_state_c,
    mask,
    kernel,
    recurrent_kernel,
    bias,
    activation,
    recurrent_activation,
    return_sequences=False,
    go_backwards=False,
    unroll=False,
):
    _check(inputs, mask, activation, recurrent_activation)
    xs = _tensors(inputs, initial_state_h, initial_state_c, kernel, recurrent_kernel, bias)
    sequence, *states = _table["lstm_sequence"](*xs, reverse=go_backwards)
    return _result(sequence, states, go_backwards)


def gru(
    inputs,
    initial_state,
    mask,
    kernel,
    recurrent_kernel,
    bias,
    activation,
    recurrent_activation,
    return_sequences=False,
    go_backwards=False,
    unroll=False,
    reset_after=True,
):
    _check(inputs, mask, activation, recurrent_activation)
    if isinstance(initial_state, (list, tuple)):
        initial_state = initial_state[0]
    xs = _tensors(inputs, initial_state, kernel, recurrent_kernel, bias)
    sequence, *states = _table["gru_sequence"](*xs, reset_after=reset_after, reverse=go_backwards)
    return _result(sequence, states, go_backwards)


def bidirectional_lstm(*args, **kwargs):
    """Keras's Bidirectional then calls its two layers, with what belongs to their calls: regularizers of activities, hooks."""
    raise NotImplementedError("kvino: each direction is computed by its layer")


bidirectional_gru = bidirectional_lstm


# ---- a layer at each step ----


def takes_ragged(layer_class):
    """Called for each class of layers: TimeDistributed computes ragged inputs, too: the steps of all rows at once; and, where
    their number is unknown, all steps: Keras's own form takes as many as the batch has rows."""
    if f"{layer_class.__module__}.{layer_class.__name__}" != "keras.src.layers.rnn.time_distributed.TimeDistributed":
        return
    original = layer_class.call

    @functools.wraps(original)
    def call(self, inputs, training=None, mask=None):
        options = {"training": training} if self.layer._call_has_training_arg else {}
        masked = self.layer._call_has_mask_arg and mask is not None
        if isinstance(inputs, RaggedTensor):
            if masked:
                options["mask"] = mask.values
            return inputs.with_values(self.layer.call(inputs.values, **options))
        if inputs.shape[1] is not None:
            return original(self, inputs, training=training, mask=mask)
        if not masked:
            return _swap(map_elements(lambda x: self.layer.call(x, **options), _swap(inputs)))
        steps = (_swap(inputs), _swap(mask))
        return _swap(map_elements(lambda x: self.layer.call(x[0], mask=x[1], **options), steps))

    layer_class.call = call
