"""Multiplications of a graph, against what they are by hand."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from tests.support import nets

from tether.bench.macs import Macs, count_macs
from tether.errors import TetherError
from tether.model.formats.onnxgraph import read_graph
from tether.model.source import BytesSource


def counted(data: bytes, *shape: int, inputs: int | None = None) -> Macs:
    """Return the count for an input x of a shape."""
    return count_macs(read_graph(BytesSource(data)), {"x": shape}, inputs or shape[0])


def floats(*shape: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """Return weights that nobody looks at."""
    return np.zeros(shape, np.float32)


def shape(*sizes: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    """Return numbers that operations go by."""
    return np.array(sizes, np.int64)


def net(nodes: Sequence[bytes], weights: Mapping[str, Any]) -> bytes:
    """Return a model with one input x, whatever its shape, and one output y."""
    return nets.model(nodes, weights, {"x": ["n"]}, {"y": ["n"]})


def test_layers_by_hand() -> None:
    """Of products each number of the result is a sum over the inner side; of an input, whatever the batch."""
    assert counted(nets.mlp([64, 256, 10]), 1, 64).per_input == 64 * 256 + 256 * 10
    assert counted(nets.mlp([64, 256, 10]), 8, 64).per_input == 64 * 256 + 256 * 10


def test_convolutions_by_hand() -> None:
    """Each place of each channel is a sum over the window and the channels before."""
    found = counted(nets.convolutions(96, [3, 32, 64]), 1, 3, 96, 96)

    first, second = 48 * 48 * 32 * 3 * 9, 24 * 24 * 64 * 32 * 9
    assert found.by_operator == {"Conv": first + second, "MatMul": 64 * 10}
    assert found.complete


def test_groups_strides_and_padding() -> None:
    """A depthwise convolution sees one channel; auto_pad and dilations change the places."""
    depthwise = nets.node(
        "Conv", ["x", "w"], ["a"], group=8, kernel_shape=[3, 3], auto_pad="SAME_UPPER", strides=[2, 2]
    )
    wide = nets.node("Conv", ["a", "v"], ["y"], kernel_shape=[3, 3], dilations=[2, 2])

    found = counted(net([depthwise, wide], {"w": floats(8, 1, 3, 3), "v": floats(4, 8, 3, 3)}), 1, 8, 15, 15)

    assert found.by_operator == {"Conv": 8 * 8 * 8 * 9 + 4 * 4 * 4 * 8 * 9}


def test_transposed_convolutions() -> None:
    """Each number that goes in is multiplied with the whole window of each channel that comes out."""
    node = nets.node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])

    assert counted(net([node], {"w": floats(3, 5, 2, 2)}), 1, 3, 7, 7).per_input == 3 * 7 * 7 * 5 * 4


def test_recurrent_layers() -> None:
    """Each step multiplies the input and the state with all gates."""
    node = nets.node("LSTM", ["x", "w", "r"], ["y"], hidden_size=6)
    weights = {"w": floats(1, 24, 4), "r": floats(1, 24, 6)}

    assert counted(net([node], weights), 11, 2, 4, inputs=2).per_input == 11 * (24 * 4 + 24 * 6)


def test_attention_with_shapes_that_are_computed() -> None:
    """What exporters put before a Reshape is followed: sizes are taken, put together and used."""
    nodes = [
        nets.node("Shape", ["x"], ["s"]),
        nets.node("Gather", ["s", "zero"], ["n"], axis=0),
        nets.node("Gather", ["s", "one"], ["t"], axis=0),
        nets.node("Unsqueeze", ["n", "zero_"], ["n_"]),
        nets.node("Unsqueeze", ["t", "zero_"], ["t_"]),
        nets.node("MatMul", ["x", "w"], ["q"]),
        nets.node("Concat", ["n_", "t_", "heads"], ["wanted"], axis=0),
        nets.node("Reshape", ["q", "wanted"], ["r"]),
        nets.node("Transpose", ["r"], ["left"], perm=[0, 2, 1, 3]),
        nets.node("Transpose", ["r"], ["right"], perm=[0, 2, 3, 1]),
        nets.node("MatMul", ["left", "right"], ["scores"]),
        nets.node("Softmax", ["scores"], ["p"]),
        nets.node("MatMul", ["p", "left"], ["y"]),
    ]
    weights = {"w": floats(32, 32), "zero": np.array(0, np.int64)}
    weights |= {"one": np.array(1, np.int64), "zero_": shape(0), "heads": shape(4, 8)}

    found = counted(net(nodes, weights), 1, 10, 32)

    assert found.complete, found.unknown
    assert found.per_input == 10 * 32 * 32 + 4 * 10 * 8 * 10 + 4 * 10 * 10 * 8


def test_what_is_not_known_is_listed() -> None:
    """An operation without a rule, and one behind it whose shapes nobody knows, are named, never nothing."""
    nodes = [
        nets.node("MatMul", ["x", "w"], ["a"]),
        nets.node("com.example.Magic", ["a"], ["b"]),
        nets.node("MatMul", ["b", "w"], ["c"]),
        nets.node("Relu", ["c"], ["y"]),
    ]

    found = counted(net(nodes, {"w": floats(8, 8)}), 1, 8)

    assert found.unknown == {"com.example.Magic": 1, "MatMul": 1}
    assert found.by_operator == {"MatMul": 64}
    assert not found.complete


def test_pools_pads_and_slices_lead_to_the_right_shape() -> None:
    """Operations without products change shapes, and what comes behind is counted by those."""
    nodes = [
        nets.node("Pad", ["x", "pads"], ["a"]),
        nets.node("MaxPool", ["a"], ["b"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        nets.node("Slice", ["b", "from", "to", "axis"], ["c"]),
        nets.node("Flatten", ["c"], ["d"]),
        nets.node("Gemm", ["d", "w"], ["y"], transB=1),
    ]
    weights = {
        "pads": shape(0, 0, 0, 0, 0, 0, 1, 1),
        "from": shape(1),
        "to": shape(2**63 - 1),
        "axis": shape(2),
    }

    found = counted(net(nodes, {**weights, "w": floats(7, 2 * 4 * 5)}), 1, 2, 8, 8)

    assert found.per_input == 7 * math.prod((2, 4, 5))


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_damaged_graphs_end_in_an_error_of_ours(at: int) -> None:
    """Whatever byte is another one, it is a count or an error of ours."""
    data = bytearray(nets.convolutions(8, [1, 2], classes=2))
    data[at % len(data)] ^= 0x5B
    with suppress(TetherError):
        counted(bytes(data), 1, 1, 8, 8)
