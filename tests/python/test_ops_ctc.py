"""Connectionist temporal classification: keras.ops.nn.ctc_loss and ctc_decode against all paths, one by one."""

import itertools
import math

import numpy as np
import pytest

import kvino
from opcheck import agree, case, cast, make_tests, values, wide


def log_softmax(x):
    x = wide(x)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def reading(path, blank):
    """The classes of a path without repetition and without blanks."""
    return tuple(c for i, c in enumerate(path) if c != blank and (i == 0 or c != path[i - 1]))


def readings(log_p, blank):
    """{labelling: probability} by going through every path."""
    total = {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        key = reading(path, blank)
        total[key] = total.get(key, 0.0) + math.exp(sum(log_p[t, c] for t, c in enumerate(path)))
    return total


def result_name(x):
    name = x.dtype.name
    return name if name == "float64" else "float32"


def ctc_loss(target, output, target_length, output_length, mask_index=0):
    log_p = log_softmax(output)
    blank = mask_index % output.shape[-1]
    y = []
    for labels, p, n, t in zip(target, log_p, target_length, output_length):
        found = readings(p[:t], blank).get(tuple(int(c) for c in labels[:n]), 0.0)
        y.append(-math.log(found) if found else math.inf)
    return cast(np.array(y), result_name(output))


def greedy(x, lengths, merge, blank):
    batch, time, _ = x.shape
    y, score = np.full((1, batch, time), -1, "int32"), np.zeros((batch, 1), x.dtype)
    for i, n in enumerate(lengths):
        best = [int(c) for c in x[i, :n].argmax(-1)]
        kept = [c for t, c in enumerate(best) if c != blank and not (merge and t and c == best[t - 1])]
        y[0, i, : len(kept)] = kept
        score[i] = -x[i, :n].max(-1).sum() if n else 0
    return y, score


def beams(log_p, blank, width):
    """Prefix beam search with dictionaries: (labelling, log probability), the best first."""
    beam = {(): (0.0, -np.inf)}
    for p in log_p:
        grown = {}

        def add(key, which, value):
            pair = list(grown.get(key, (-np.inf, -np.inf)))
            pair[which] = np.logaddexp(pair[which], value)
            grown[key] = tuple(pair)

        for key, (mask, emit) in beam.items():
            for c in range(len(p)):
                if c == blank:
                    add(key, 0, np.logaddexp(mask, emit) + p[c])
                elif key and key[-1] == c:
                    add(key, 1, emit + p[c])
                    add((*key, c), 1, mask + p[c])
                else:
                    add((*key, c), 1, np.logaddexp(mask, emit) + p[c])
        order = sorted(grown, key=lambda k: -np.logaddexp(*grown[k]))[:width]
        beam = {k: grown[k] for k in order if np.logaddexp(*grown[k]) > -np.inf}
    return sorted(((k, np.logaddexp(*v)) for k, v in beam.items()), key=lambda kv: -kv[1])


def ctc_decode(
    inputs, sequence_lengths, strategy="greedy", beam_width=100, top_paths=1, merge_repeated=True, mask_index=0
):
    name = result_name(inputs)
    x = cast(inputs, name)
    blank = mask_index % x.shape[-1]
    if strategy == "greedy":
        y, score = greedy(x, sequence_lengths, merge_repeated, blank)
        return [y, score]
    y = np.full((top_paths, *x.shape[:2]), -1, "int32")
    score = np.full((x.shape[0], top_paths), -np.inf)
    for i, n in enumerate(sequence_lengths):
        for k, (labels, s) in enumerate(beams(log_softmax(x[i, :n]), blank, beam_width)[:top_paths]):
            y[k, i, : len(labels)] = labels
            score[i, k] = s
    return [y, cast(score, name)]


def ints(*v):
    return np.array(v, "int32")


def frames(shape, name="float32", seed=0):
    return values(name, shape, seed, low=-2, high=2)


LABELS = ints([1, 2, 1], [1, 2, 2])

CASES = {
    "ctc_loss": [
        case(LABELS, frames((2, 5, 3), n), ints(3, 2), ints(5, 4), expect=ctc_loss, rtol=tolerance)
        for n, tolerance in [("float16", 1e-5), ("bfloat16", 1e-5), ("float32", 1e-5), ("float64", 1e-12)]
    ]
    + [
        case(target, frames((2, 5, 4), seed=i), lengths, times, mask, expect=ctc_loss, rtol=1e-5)
        for i, (target, lengths, times, mask) in enumerate(
            [
                (ints([1, 2, 3], [3, 3, 1]), ints(3, 3), ints(5, 5), 0),
                (ints([1, 2, 0], [0, 0, 1]), ints(3, 3), ints(5, 5), 3),
                (ints([1, 2, 0], [0, 0, 1]), ints(3, 3), ints(5, 5), -1),
                (ints([1, -1, -1], [3, 2, 9]), ints(1, 2), ints(5, 0), 0),  # what is behind the end does not count
                (ints([1, 1, 1], [2, 2, 3]), ints(3, 3), ints(4, 3), 0),  # too short for so many repetitions
                (ints([1, 2, 3], [2, 2, 3]), ints(0, 0), ints(5, 0), 0),
                (ints([1, 2, 3, 1, 2, 3], [2, 1, 3, 1, 2, 3]), ints(6, 5), ints(5, 5), 0),
            ]
        )
    ],
    "ctc_decode": [
        case(frames((3, 6, 4), n, 3), ints(6, 4, 0), expect=ctc_decode, rtol=1e-5 if n != "float64" else None)
        for n in ("float16", "float32", "float64")
    ]
    + [
        case(np.round(frames((3, 9, 4), seed=5)), ints(9, 5, 1), expect=ctc_decode, rtol=1e-5, **more)
        for more in [
            {"merge_repeated": False},
            {"merge_repeated": True, "mask_index": 2},
            {"mask_index": -1},
            {"mask_index": -2, "merge_repeated": False},
        ]
    ]
    + [
        case(
            frames((3, 5, 4), n, 7), ints(5, 3, 0), "beam_search", width, top, expect=ctc_decode, rtol=1e-5, **more
        )
        for n, width, top, more in [
            ("float32", 100, 1, {}),
            ("float32", 4, 2, {}),
            ("float32", 1, 1, {}),
            ("float64", 1000, 5, {}),
            ("float16", 10, 3, {}),
            ("float32", 10, 3, {"mask_index": 2}),
            ("float32", 10, 3, {"mask_index": -1}),
            ("float32", 2000, 1500, {}),
        ]
    ],
}

test_eager, test_compiled, test_compiled_dynamic = make_tests(CASES)


def test_a_beam_wide_enough_finds_every_labelling():
    x = frames((1, 5, 3), "float64", 11)
    path, score = kvino.ops.ctc_decode(x, ints(5), "beam_search", 500, 40)
    path, score = np.asarray(path)[:, 0], np.asarray(score)[0]
    expected = sorted(readings(log_softmax(x[0]), 0).items(), key=lambda kv: -kv[1])
    assert np.isinf(score[len(expected) :]).all() and (path[len(expected) :] == -1).all()
    path, score = path[: len(expected)], score[: len(expected)]
    np.testing.assert_allclose(score, np.log([p for _, p in expected]), rtol=1e-12)
    assert [tuple(c for c in row if c >= 0) for row in path] == [k for k, _ in expected]


@pytest.mark.parametrize("width", [2, 7, 30])
def test_beams_over_many_frames(width):
    """Labellings that leave the beam and come back are one."""
    x = frames((4, 60, 5), "float64", width)
    path, score = kvino.ops.ctc_decode(x, ints(60, 60, 30, 59), "beam_search", width, 2)
    expected = ctc_decode(x, ints(60, 60, 30, 59), "beam_search", width, 2)
    agree(path, expected[0])
    agree(score, expected[1])


def test_equal_scores_prefer_smaller_classes_and_longer_paths():
    path, score = kvino.ops.ctc_decode(np.zeros((1, 1, 4), "f"), ints(1), "beam_search", 4, 4, mask_index=1)
    assert np.asarray(path).ravel().tolist() == [0, 2, 3, -1]
    agree(score, np.full((1, 4), np.log(0.25), "f"))


@pytest.mark.parametrize("time,labels,classes", [(500, 40, 7), (90, 90, 200), (300, 1, 2)])
def test_long_losses_by_counting(time, labels, classes):
    """Where all classes are equally probable, the paths that read as different neighbours are counted by a binomial."""
    target = np.tile(ints(1, 2) if classes > 2 else ints(1), labels)[None, :labels]
    paths = math.comb(time + labels, 2 * labels)
    expected = time * math.log(classes) - math.log(paths)
    y = kvino.ops.ctc_loss(target, np.zeros((1, time, classes)), ints(labels), ints(time))
    np.testing.assert_allclose(np.asarray(y), [expected], rtol=1e-11, atol=1e-9)


ERRORS = {
    "label": (lambda: kvino.ops.ctc_loss(ints([3]), np.zeros((1, 2, 3), "f"), ints(1), ints(2)), "out of range"),
    "batch": (lambda: kvino.ops.ctc_loss(ints([1]), np.zeros((2, 2, 3), "f"), ints(1), ints(2)), "batch of shape"),
    "rank": (lambda: kvino.ops.ctc_loss(ints([1]), np.zeros((2, 3), "f"), ints(1), ints(2)), "of shape"),
    "mask": (lambda: kvino.ops.ctc_decode(np.zeros((1, 2, 3), "f"), ints(1), mask_index=3), "mask_index"),
    "lengths": (lambda: kvino.ops.ctc_decode(np.zeros((1, 2, 3), "f"), ints(1, 2)), "sequence_lengths"),
    "strategy": (lambda: kvino.ops.ctc_decode(np.zeros((1, 2, 3), "f"), ints(1), "best"), "Invalid strategy best"),
    "top": (lambda: kvino.ops.ctc_decode(np.zeros((1, 2, 3), "f"), ints(1), "beam_search", 2, 3), "top_paths"),
    "width": (lambda: kvino.ops.ctc_decode(np.zeros((1, 2, 3), "f"), ints(1), "beam_search", 0, 1), "beam_width"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    call, words = ERRORS[name]
    with pytest.raises(ValueError, match=words):
        call()


def test_empty_batches():
    agree(kvino.ops.ctc_loss(np.zeros((0, 3), "i"), np.zeros((0, 5, 4), "f"), ints(), ints()), np.zeros(0, "f"))
    for strategy in ("greedy", "beam_search"):
        path, score = kvino.ops.ctc_decode(np.zeros((0, 5, 4), "f"), ints(), strategy)
        assert path.shape == (1, 0, 5) and score.shape == (0, 1)
