"""A few hundred graphs of the fuzzer (tests/graphs), always the same: eager and compiled results agree, and every operator is reached.

What disagrees is printed, made small, as a program that runs: it becomes a test in the file of its operator.
"""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
sys.path.insert(0, str(ROOT))
from graphs import arguments, generate, judge  # noqa: E402


def run(*arguments):
    return subprocess.run([sys.executable, "-m", "graphs", *arguments], capture_output=True, text=True, env=ENVIRONMENT)


@pytest.mark.parametrize("seed", [1, 2])
def test_graphs_agree(seed):
    done = run("--graphs", "100", "--seed", str(seed), "--jobs", "1")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_every_operator_is_reached():
    """Without compiling, a thousand programs call each operator with arguments that it takes."""
    reached = set()
    for i in range(1000):
        reached |= {name for name, (_, good) in generate.generate(f"reached:{i}")[1].items() if good}
        if reached >= set(arguments.CHOSEN):
            return
    assert not set(arguments.CHOSEN) - reached


# ---- the fuzzer finds what is wrong ----


def test_a_wrong_value_is_found():
    x = np.array([1.0, 2.0], "float32")
    off = np.array([1.0, 2.00001], "float32")
    assert judge.differing(x, off).tolist() == [False, True]
    assert judge.nature_of(x, off, judge.differing(x, off)) == "last bits"
    zero, minus = np.array([0.0]), np.array([-0.0])
    assert judge.differing(zero, minus).any() and not judge.differing(zero, minus, signs=False).any()


def test_noise_does_not_hide_a_wrong_value():
    """Of exp, a result that is off by ten times what is stated; of a rounded number of few bits, any."""
    from graphs.program import Program, Ref, Step

    def judged(op, x, got):
        program = Program({0: x}, {}, [Step(op, (Ref(0),), {}, (1,), False)], [1])
        want = judge.eager(program, program.inputs)
        return judge.compare(program, program.inputs, want, judge.Outcome([got(want.values[0])]), "CPU")

    x = np.array([0.5, 1.0, 3.0], "float32")
    assert judged("exp", x, lambda y: y * np.float32(1 + 5e-7)) is None
    assert judged("exp", x, lambda y: y * np.float32(1 + 1e-4)).nature == "value"
    assert judged("square", x, lambda y: y) is None
    assert judged("floor", x, lambda y: y + np.float32([0, 1, 0])).nature == "value"


def test_a_share_near_1_has_a_logarithm_of_either_sign():
    """For each of these x, log_softmax of [x, 0] is off by a part of 1: its power is a number or none."""
    from graphs.program import Program, Ref, Step

    def judged(x, got):
        steps = [Step("log_softmax", (Ref(0),), {}, (1,), False), Step("power", (Ref(1), np.float32(0.5)), {}, (2,), False)]
        program = Program({}, {0: np.array([x, 0], "float32")}, steps, [2])
        return judge.compare(program, {}, judge.eager(program, {}), judge.Outcome([np.array(got, "float32")]), "CPU")

    assert judged(60, [0, np.nan]) is None
    assert judged(30, [0, np.nan]) is None
    assert judged(5, [0, np.nan]).nature == "nan"
    assert judged(30, [np.nan, 0]).nature == "nan"


def test_subnormal_numbers_and_signs_excuse_what_hangs_on_them_alone():
    from graphs.program import Program, Ref, Step

    def judged(op, x, got):
        program = Program({}, {0: np.array(x, "float32")}, [Step(op, (Ref(0),), {}, (1,), False)], [1])
        return judge.compare(program, {}, judge.eager(program, {}), judge.Outcome([np.array(got)]), "CPU")

    assert judged("argmax", [0.0, 1e-40], np.int32(0)) is None
    assert judged("argmax", [0.0, 1e-30], np.int32(0)).nature == "integers"
    assert judged("isinf", [np.inf, 1e-40], [False, False]).nature == "bool"


def test_a_check_is_missed_where_its_value_is_needed():
    """Of reshape([1, 2, 3], 2, 2) with a result that takes its shape alone, or its values."""
    from graphs.program import Program, Ref, Step

    reshape = Step("reshape", (Ref(0), [2, 2]), {}, (1,), False)
    x = {0: np.array([1.0, 2, 3], "float32")}
    for op, missed in (("zeros_like", False), ("negative", True)):
        program = Program(x, {}, [reshape, Step(op, (Ref(1),), {}, (2,), False)], [2])
        d = judge.compare(program, x, judge.eager(program, x), judge.Outcome([np.zeros((2, 2), "float32")]), "CPU")
        assert (d is not None and d.nature == "does not raise") == missed


def test_of_two_errors_any_may_come_first():
    from graphs.program import Program, Ref, Step

    steps = [Step("inv", (Ref(0),), {}, (1,), False), Step("reshape", (Ref(0), [3]), {}, (2,), False)]
    x = {0: np.zeros((2, 2), "float32")}
    program = Program(x, {}, steps, [1, 2])
    want, second = judge.eager(program, x), judge.eager(Program(x, {}, steps[1:], [2]), x)
    assert want.error != second.error and judge.compare(program, x, want, judge.Outcome(error=second.error), "CPU") is None
    assert judge.compare(program, x, want, judge.Outcome(error=("ValueError", "another")), "CPU").nature == "other error"


def test_a_failing_program_becomes_small():
    from graphs.shrink import shrink

    program = next(p for p in (generate.generate(f"small:{i}")[0] for i in range(99)) if len(p.steps) > 6)
    last = program.steps[-1].op
    small = shrink(program, lambda p: any(s.op == last for s in p.steps), 20)
    assert [s.op for s in small.steps] == [last]


def test_numpy_contradicts_a_wrong_step():
    import kvino
    from graphs.numpy_check import difference

    x = kvino.Tensor(np.array([1.0, 4.0], "float32"))
    assert difference("sqrt", (x,), {}, [np.array([1.0, 2.0], "float32")]) is None
    assert "1.0 / 1.5" in difference("sqrt", (x,), {}, [np.array([1.5, 2.0], "float32")])
    assert "shape" in difference("sum", (x,), {}, [np.array([5.0], "float32")])
