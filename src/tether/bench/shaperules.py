"""What shape each operation gives, from shapes and small values that it gets.

An operation that is not here gives nothing that is known, unless the file says the shape of its output.
Source of the rules: the descriptions of the operators of ONNX.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tether.model.facts import Tensor
from tether.model.formats.onnxgraph import Node

Shape = tuple[int, ...]


class Known(NamedTuple):
    """What is known of a tensor."""

    shape: Shape | None
    value: NDArray[Any] | None = None


_Given = Sequence[Known]
Rule = Callable[[Node, _Given, int], Sequence[Shape | None]]

_SAME = (
    "Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Selu", "Celu", "Softplus", "Softsign", "HardSigmoid",
    "HardSwish", "Mish", "Gelu", "Exp", "Log", "Sqrt", "Reciprocal", "Neg", "Abs", "Floor", "Ceil", "Round",
    "Sign", "Erf", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh",
    "Identity", "Cast", "CastLike", "Dropout", "Softmax", "LogSoftmax", "Hardmax", "Not", "IsNaN", "IsInf",
    "Clip", "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
    "RMSNormalization", "LpNormalization", "MeanVarianceNormalization", "LRN", "CumSum", "ThresholdedRelu",
    "Shrink", "QuantizeLinear", "DequantizeLinear", "ReverseSequence", "Trilu", "ScatterND",
    "ScatterElements", "BitwiseNot", "ai.onnx.ml.Scaler", "ai.onnx.ml.Normalizer", "ai.onnx.ml.Imputer",
    "ai.onnx.ml.Binarizer", "ai.onnx.ml.LabelEncoder",
)  # fmt: skip
_BROADCAST = (
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Max", "Min", "Mean", "Sum", "And", "Or", "Xor", "Equal",
    "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
    "PRelu", "Where",
)  # fmt: skip
_REDUCE = (
    "Mean", "Sum", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare",
)  # fmt: skip


# -- the rules: each may fail where something that it needs is not known ----------------------


def _of(given: _Given, at: int) -> Shape:
    shape = given[at].shape
    if shape is None:
        raise ValueError
    return shape


def _list(node: Node, given: _Given, name: str, at: int) -> list[int] | None:
    """Return a list of numbers that is an attribute, or, in newer versions, an input."""
    if name in node.attributes:
        found = node.attributes[name]
        return [int(each) for each in found] if isinstance(found, list) else None
    if len(node.inputs) <= at or not node.inputs[at]:
        return None
    value = given[at].value
    if value is None:
        raise ValueError
    return [int(each) for each in value.reshape(-1)]


def _same(_: Node, given: _Given, __: int) -> Sequence[Shape | None]:
    return [_of(given, 0)]


def _broadcast(_: Node, given: _Given, __: int) -> Sequence[Shape]:
    return [np.broadcast_shapes(*(_of(given, at) for at in range(len(given))))]


def _windows(node: Node, size: Shape, kernel: Sequence[int]) -> Shape:
    """Return over how many places of each axis a window goes."""
    count = len(kernel)
    strides = node.attributes.get("strides") or [1] * count
    steps = node.attributes.get("dilations") or [1] * count
    pads = node.attributes.get("pads") or [0] * (2 * count)
    auto, found = node.attributes.get("auto_pad") or "NOTSET", []
    for at in range(count):
        wide = (kernel[at] - 1) * steps[at] + 1
        if auto.startswith("SAME"):
            found.append(-(-size[at] // strides[at]))
            continue
        pad = pads[at] + pads[at + count] if auto == "NOTSET" else 0
        left = (size[at] + pad - wide) / strides[at]
        found.append((math.ceil(left) if node.attributes.get("ceil_mode") else math.floor(left)) + 1)
    return tuple(found)


def _conv(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, weight = _of(given, 0), _of(given, 3 if node.kind == "QLinearConv" else 1)
    return [(data[0], weight[0], *_windows(node, data[2:], weight[2:]))]


def _conv_transpose(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, weight = _of(given, 0), _of(given, 1)
    count = len(data) - 2
    groups = node.attributes.get("group") or 1
    sizes = node.attributes.get("output_shape")
    if not sizes:
        if str(node.attributes.get("auto_pad") or "NOTSET") != "NOTSET":
            raise ValueError
        strides = node.attributes.get("strides") or [1] * count
        steps = node.attributes.get("dilations") or [1] * count
        pads = node.attributes.get("pads") or [0] * (2 * count)
        more = node.attributes.get("output_padding") or [0] * count
        sizes = [
            strides[at] * (data[2 + at] - 1) + more[at] + (weight[2 + at] - 1) * steps[at] + 1
            - pads[at] - pads[at + count]
            for at in range(count)
        ]  # fmt: skip
    return [(data[0], weight[1] * groups, *sizes)]


def _pool(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data = _of(given, 0)
    shape = (*data[:2], *_windows(node, data[2:], node.attributes["kernel_shape"]))
    return [shape, shape]


def _global_pool(_: Node, given: _Given, __: int) -> Sequence[Shape]:
    data = _of(given, 0)
    return [(*data[:2], *[1] * (len(data) - 2))]


def _gemm(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    first, second = _of(given, 0), _of(given, 1)
    return [(first[node.attributes.get("transA") or 0], second[0 if node.attributes.get("transB") else 1])]


def _matmul(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    first, second = _of(given, 0), _of(given, 3 if node.kind == "QLinearMatMul" else 1)
    rows, columns = first[-2:-1], second[-1:] if len(second) > 1 else ()
    if first[-1] != second[-2 if len(second) > 1 else 0]:
        raise ValueError
    return [(*np.broadcast_shapes(first[:-2], second[:-2]), *rows, *columns)]


def _einsum(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    sizes, result = einsum_sizes(node.attributes["equation"], [_of(given, at) for at in range(len(given))])
    return [tuple(sizes[letter] for letter in result)]


def einsum_sizes(equation: str, shapes: Sequence[Shape]) -> tuple[dict[str, int], str]:
    """Return the size of each letter of an equation, and the letters of its result."""
    left, arrow, result = equation.replace(" ", "").partition("->")
    if not arrow or "." in equation:
        raise ValueError
    sizes = dict[str, int]()
    for letters, shape in zip(left.split(","), shapes, strict=True):
        sizes.update(zip(letters, shape, strict=True))
    return sizes, result


def _recurrent(_: Node, given: _Given, __: int) -> Sequence[Shape]:
    data, recurrence = _of(given, 0), _of(given, 2)
    directions, hidden = recurrence[0], recurrence[2]
    last = (directions, data[1], hidden)
    return [(data[0], directions, data[1], hidden), last, last]


def _reshape(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, wanted = _of(given, 0), _list(node, given, "shape", 1)
    assert wanted is not None
    sizes = [
        data[at] if size == 0 and not node.attributes.get("allowzero") else size
        for at, size in enumerate(wanted)
    ]
    rest = math.prod(size for size in sizes if size != -1)
    return [tuple(math.prod(data) // rest if size == -1 else size for size in sizes)]


def _flatten(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, axis = _of(given, 0), node.attributes.get("axis", 1)
    axis = axis + len(data) if axis < 0 else axis
    return [(math.prod(data[:axis]), math.prod(data[axis:]))]


def _transpose(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data = _of(given, 0)
    return [tuple(data[at] for at in node.attributes.get("perm") or reversed(range(len(data))))]


def _concat(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    shapes, axis = [_of(given, at) for at in range(len(given))], node.attributes["axis"]
    found = list(shapes[0])
    found[axis] = sum(shape[axis] for shape in shapes)
    return [tuple(found)]


def _split(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, axis = _of(given, 0), node.attributes.get("axis", 0)
    sizes, count = _list(node, given, "split", 1), len(node.outputs)
    if sizes is None:
        each = -(-data[axis] // count)
        sizes = [min(each, data[axis] - each * at) for at in range(count)]
    return [tuple(size if at == axis % len(data) else old for at, old in enumerate(data)) for size in sizes]


def _expand(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    wanted = _list(node, given, "shape", 1)
    assert wanted is not None
    return [np.broadcast_shapes(_of(given, 0), tuple(wanted))]


def _tile(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    times = _list(node, given, "repeats", 1)
    assert times is not None
    return [tuple(size * each for size, each in zip(_of(given, 0), times, strict=True))]


def _reduce(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, axes = _of(given, 0), _list(node, given, "axes", 1)
    if axes is None:
        axes = [] if node.attributes.get("noop_with_empty_axes") else list(range(len(data)))
    return [_without(data, axes, node.attributes.get("keepdims", 1))]


def _arg(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    return [_without(_of(given, 0), [node.attributes.get("axis", 0)], node.attributes.get("keepdims", 1))]


def _without(data: Shape, axes: Sequence[int], keep: int) -> Shape:
    gone = {axis % len(data) for axis in axes}
    return tuple(1 if at in gone else size for at, size in enumerate(data) if keep or at not in gone)


def _squeeze(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, axes = _of(given, 0), _list(node, given, "axes", 1)
    axes = [at for at, size in enumerate(data) if size == 1] if axes is None else axes
    return [_without(data, axes, 0)]


def _unsqueeze(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, axes = _of(given, 0), _list(node, given, "axes", 1)
    assert axes is not None
    count = len(data) + len(axes)
    new, rest = {axis % count for axis in axes}, iter(data)
    return [tuple(1 if at in new else next(rest) for at in range(count))]


def _gather(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, axis = _of(given, 0), node.attributes.get("axis", 0) % len(_of(given, 0))
    return [(*data[:axis], *_of(given, 1), *data[axis + 1 :])]


def _slice(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data = _of(given, 0)
    starts, ends = _list(node, given, "starts", 1), _list(node, given, "ends", 2)
    assert starts is not None
    assert ends is not None
    axes = _list(node, given, "axes", 3) or list(range(len(starts)))
    steps = _list(node, given, "steps", 4) or [1] * len(starts)
    found = list(data)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = None if step < 0 and end < -data[axis] else end
        found[axis] = len(range(*slice(start, stop, step).indices(data[axis])))
    return [tuple(found)]


def _pad(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, pads = _of(given, 0), _list(node, given, "pads", 1)
    assert pads is not None
    axes = _list(node, given, "axes", 3) or list(range(len(data)))
    found = list(data)
    for at, axis in enumerate(axes):
        found[axis] += pads[at] + pads[at + len(axes)]
    return [tuple(found)]


def _resize(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data = _of(given, 0)
    if len(given) > 3 and given[3].value is not None:
        return [tuple(map(int, given[3].value))]
    at = 1 if node.kind == "Upsample" else 2
    scales = node.attributes.get("scales") or given[at].value
    if scales is None:
        raise ValueError
    return [tuple(math.floor(size * float(scale)) for size, scale in zip(data, scales, strict=True))]


def _top(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    data, count, axis = list(_of(given, 0)), _list(node, given, "k", 1), node.attributes.get("axis", -1)
    assert count is not None
    data[axis] = count[0]
    return [tuple(data)] * 2


def _blocks(node: Node, given: _Given, _: int) -> Sequence[Shape]:
    count, channels, height, width = _of(given, 0)
    size = node.attributes["blocksize"]
    if node.kind == "DepthToSpace":
        return [(count, channels // size**2, height * size, width * size)]
    return [(count, channels * size**2, height // size, width // size)]


def _second(_: Node, given: _Given, __: int) -> Sequence[Shape]:
    return [_of(given, 1)]


def _linear(node: Node, given: _Given, _: int) -> Sequence[Shape | None]:
    data = _of(given, 0)
    classes = max(len(node.attributes.get("intercepts") or ()), 1)
    rows = data[0] if len(data) > 1 else 1
    return [(rows, classes)] if node.kind.endswith("Regressor") else [(rows,), (rows, max(classes, 2))]


def _quantised(_: Node, given: _Given, __: int) -> Sequence[Shape]:
    return [_of(given, 0), (), ()]


def _constant(node: Node, _: _Given, __: int) -> Sequence[Shape | None]:
    tensor = node.attributes.get("value")
    return [tensor.shape if isinstance(tensor, Tensor) else None]


def _filled(node: Node, given: _Given, _: int) -> Sequence[Shape | None]:
    sizes = _list(node, given, "", 0)
    return [None if sizes is None else tuple(sizes)]


def _unknown(_: Node, __: _Given, ___: int) -> Sequence[Shape | None]:
    return [None]


RULES: dict[str, Rule] = {
    **dict.fromkeys(_SAME, _same),
    **dict.fromkeys(_BROADCAST, _broadcast),
    **dict.fromkeys((f"Reduce{name}" for name in _REDUCE), _reduce),
    **dict.fromkeys(("Conv", "ConvInteger", "QLinearConv", "com.microsoft.FusedConv"), _conv),
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), _global_pool),
    **dict.fromkeys(("Gemm", "com.microsoft.FusedGemm"), _gemm),
    **dict.fromkeys(("MatMul", "MatMulInteger", "QLinearMatMul"), _matmul),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    **dict.fromkeys(("Resize", "Upsample"), _resize),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _blocks),
    **dict.fromkeys(("ai.onnx.ml.LinearClassifier", "ai.onnx.ml.LinearRegressor"), _linear),
    **dict.fromkeys(
        ("Shape", "Size", "Range", "NonZero", "ai.onnx.ml.ZipMap"), _unknown
    ),
    "Constant": _constant, "ConstantOfShape": _filled,
    "ConvTranspose": _conv_transpose, "Einsum": _einsum, "Reshape": _reshape, "Flatten": _flatten,
    "Transpose": _transpose, "Concat": _concat, "Split": _split, "Expand": _expand, "Tile": _tile,
    "Squeeze": _squeeze, "Unsqueeze": _unsqueeze, "Gather": _gather, "GatherElements": _second,
    "Slice": _slice, "Pad": _pad, "TopK": _top, "DynamicQuantizeLinear": _quantised,
}  # fmt: skip
"""Every operation whose result has a shape that can be told, or that has nothing to multiply."""
