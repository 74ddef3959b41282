"""Movement and index primitives compiled for OpenVINO's CPU against the native kernels, with known and unknown
dimensions. Where OpenVINO lacks an operation, or would refuse these operands, the graph must fall back to the native
kernel."""

import capi
import numpy as np
import pytest
from generated import close, declared
from generated import ints as i

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
Z = np.arange(2 * 4 * 3 * 3, dtype=np.float32).reshape(2, 4, 3, 3)
n = np.array
CASES = [
    ("Reshape", [X, i(4, -1)], (1,), {"special_zero": False}),
    ("Reshape", [X, i(0, -1)], (1,), {"special_zero": True}),
    ("Squeeze", [X[:1], i(0)], (1,), {}),
    ("Unsqueeze", [X, i(1)], (1,), {}),
    ("Identity", [X], (), {}),
    ("StopGradient", [X], (), {}),
    ("SumTo", [X, i(3, 1)], (1,), {}),
    ("ShapeOf", [X], (), {"output_type": "int64"}),
    ("ShapeOf", [X], (), {"output_type": "int32"}),
    ("Transpose", [X, i(2, 0, 1)], (1,), {}),
    ("Transpose", [X, i()], (1,), {}),
    ("DepthToSpace", [Z], (), {"block_size": 2, "mode": "blocks_first"}),
    ("DepthToSpace", [Z], (), {"block_size": 2, "mode": "depth_first"}),
    ("SpaceToDepth", [np.ascontiguousarray(Z[:, :, :2, :2])], (), {"block_size": 2, "mode": "depth_first"}),
    ("Broadcast", [X, i(5, 2, 3, 4)], (1,), {"mode": "numpy"}),
    ("Broadcast", [X[:1], i(5, 1, 1, 4)], (1,), {"mode": "bidirectional"}),
    ("Broadcast", [X, i(5, 2, 3, 4)], (1,), {}),
    ("Tile", [X, i(2, 1, 2)], (1,), {}),
    ("Concat", [X, X], (), {"axis": -1}),
    ("Split", [X, n(2)], (1,), {"num_splits": 2}),
    ("VariadicSplit", [X, n(2), i(1, -1)], (1, 2), {}),
    ("Slice", [X, i(0, 3), i(2, -(2**63)), i(1, -1), i(0, 2)], (1, 2, 3, 4), {}),
    ("SliceScatter", [X, X[:, :1], i(0), i(1), i(1), i(1)], (2, 3, 4, 5), {}),
    ("Pad", [X, i(0, 1, 2), i(1, 0, -1)], (1, 2), {"pad_mode": "constant"}),
    ("Pad", [X, i(0, 1, 2), i(1, 0, 1), n(7, np.float32)], (1, 2, 3), {"pad_mode": "constant"}),
    ("Pad", [X, i(0, 1, 2), i(1, 0, 1)], (1, 2), {"pad_mode": "reflect"}),
    ("Pad", [X, i(0, 1, 2), i(1, 0, 1)], (1, 2), {"pad_mode": "symmetric"}),
    ("Pad", [X, i(0, 1, 2), i(1, 0, 1)], (1, 2), {"pad_mode": "edge"}),
    ("Pad", [X, i(0, 1, 5), i(1, 0, 1)], (1, 2), {"pad_mode": "symmetric"}),
    ("Pad", [X, i(0, 1, 5), i(1, 0, 1)], (1, 2), {"pad_mode": "reflect"}),
    ("Roll", [X, i(1, -2), i(0, 2)], (1, 2), {}),
    ("ReverseSequence", [X, i(1, 3)], (1,), {"batch_axis": 0, "seq_axis": 1}),
    ("Gather", [X, i(1, -1), n(2)], (2,), {}),
    ("Gather", [X, n(-1), n(2)], (2,), {}),
    ("Gather", [X, n([[1, 0], [2, -1]]), n(1)], (2,), {"batch_dims": 1}),
    ("Gather", [X[:1], n([[1, 0, -1]]), n(1)], (2,), {"batch_dims": 1}),
    ("Gather", [X[:1, :1], n([[[1, 0, -1]]]), n(2)], (2,), {"batch_dims": -1}),
    ("GatherElements", [X, n([[[1, 0, 0, 1]] * 3] * 2)], (), {"axis": 1}),
    ("GatherND", [X, n([[1, -1], [0, 0]])], (), {}),
    ("GatherND", [X, n([[-1], [0]])], (), {"batch_dims": 1}),
    ("ScatterUpdate", [X, i(1, -1), X[:, :2], n(1)], (3,), {}),
    ("ScatterUpdate", [X, i(1, 0), X[:, :2], n(1)], (3,), {}),
]
for r in ("none", "sum", "prod", "min", "max", "mean"):
    for u in (True, False):
        CASES.append(
            (
                "ScatterElementsUpdate",
                [X, n([[[1, 0, -1, 1]] * 3] * 2), X + 1, n(1)],
                (3,),
                {"reduction": r, "use_init_val": u},
            )
        )
for r in ("none", "sum", "sub", "prod", "min", "max"):
    CASES.append(("ScatterNDUpdate", [X, n([[1, -1], [0, 0], [0, 0]]), X.reshape(6, 4)[:3] + 1], (), {"reduction": r}))
CASES += [
    ("CumSum", [X, n(1)], (1,), {"exclusive": True, "reverse": True}),
    ("CumSum", [X, n(1)], (1,), {}),
    ("CumProd", [X, n(1)], (1,), {}),
    ("LinearRecurrence", [X, X + 1, n(1)], (2,), {"reverse": True}),
    ("Sort", [X], (), {"axis": -1, "descending": True}),
    ("ArgSort", [X], (), {"axis": 1, "output_type": "int32"}),
    ("TopK", [X, n(2)], (1,), {"axis": 1, "mode": "max", "sort": "value", "stable": True, "index_element_type": "int32"}),
    ("TopK", [X, n(1)], (1,), {"axis": 1, "mode": "min", "sort": "index", "index_element_type": "int64"}),
    ("TopK", [X, n(2)], (), {"axis": 1, "mode": "min", "sort": "none", "index_element_type": "int64"}),
    ("Unique", [np.floor(X / 5)], (), {"sorted": True, "index_element_type": "int64", "count_element_type": "int32"}),
    (
        "Unique",
        [np.floor(X / 5), n(0)],
        (1,),
        {"sorted": False, "index_element_type": "int64", "count_element_type": "int32"},
    ),
    ("SearchSorted", [X[0, 0], X[0, 1] - 2], (), {"output_type": "int64", "right_mode": True}),
    ("Bucketize", [X, X[0, 1]], (), {"output_type": "int32", "with_right_bound": True}),
    ("Bucketize", [X, X[0, 1]], (), {"output_type": "int64"}),
    ("Range", [n(0), n(7), n(2)], (), {"output_type": "int64"}),
    ("Range", [n(0.0), n(7.0), n(0.5)], (), {"output_type": "float32"}),
    ("Range", [n(0, np.int32), n(7, np.int32), n(2, np.int32)], (0, 1), {"output_type": "float32"}),
    ("Eye", [n(3), n(4), n(-1)], (0, 1, 2), {"output_type": "float32"}),
    ("Eye", [n(3), n(4), n(-1), i(2, 2)], (3,), {"output_type": "int32"}),
    ("OneHot", [n([[1, -1], [5, 0]]), n(3), n(2.0, np.float32), n(0.0, np.float32)], (1, 2, 3), {"axis": 1}),
    (
        "OneHot",
        [n([[1, -1], [5, 0]], np.int32), n(3), n(2.0, np.float32), n(0.0, np.float32)],
        (1, 2, 3),
        {"axis": -1},
    ),
    ("Bitcast", [X], (), {"destination_type": "int32"}),
    ("UnpackInt4", [n([[1, -77], [99, 25]], np.int8)], (), {"axis": 1, "length": 3}),
    ("UnpackInt4", [n([[1, 200], [99, 25]], np.uint8)], (), {"axis": -1, "length": 4}),
    ("BinCount", [n([[1, -1], [5, 1]], np.int32), n(4)], (1,), {}),
    ("OrderStatistics", [X, n([0, 3])], (1,), {}),
    ("SegmentMax", [X, n([1, 0]), n(3)], (1, 2), {"fill_mode": "lowest"}),
]


@pytest.mark.parametrize("name", [n for n in declared("movement") + declared("index") if n != "NonZero"])
def test_every_primitive_is_compared(name):
    assert any(case[0] == name for case in CASES)


@pytest.mark.parametrize("dynamic", [False, {0}])
@pytest.mark.parametrize("name, operands, constants, attributes", CASES)
def test_agrees_with_native(name, operands, constants, attributes, dynamic):
    if name in ("Range", "Eye"):
        dynamic = False  # their operands are scalars
    wanted = capi.prim(name, *operands, **attributes)
    got = capi.compiled(name, *operands, constants=constants, dynamic=dynamic, device="CPU", **attributes)
    wanted, got = ([v] if isinstance(v, np.ndarray) else v for v in (wanted, got))
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted):
        close(a, b, rtol=1e-6)
