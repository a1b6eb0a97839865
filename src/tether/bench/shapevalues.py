"""Small values in a graph, computed: exporters put sums over sizes in front of many a `Reshape`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tether.model.facts import Tensor
from tether.model.formats.onnxgraph import MOST_VALUES, Node

Value = NDArray[Any]
_TYPES = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 11: np.float64}


def value_of(
    node: Node, given: Sequence[Value | None], shapes: Sequence[tuple[int, ...] | None], opset: int
) -> Value | None:
    """Return what an operation gives, where that is small and all that it needs is known; else None.

    Args:
        node: The operation.
        given: The values of its inputs.
        shapes: Their shapes.
        opset: The version of the operators.
    """
    if node.kind == "Constant":
        return _constant(node)
    if node.kind in ("Shape", "Size"):
        return _sizes(node, shapes[0])
    whole = [value for name, value in zip(node.inputs, given, strict=True) if name]
    if node.kind not in _COMPUTED or any(value is None or value.size > MOST_VALUES for value in whole):
        return None
    found = _COMPUTED[node.kind](node, [value for value in whole if value is not None])
    return None if found is None else np.asarray(found)


def _constant(node: Node) -> Value | None:
    for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
        found = node.attributes.get(name)
        if found is not None:
            return None if isinstance(found, Tensor) else np.asarray(found)
    return None


def _sizes(node: Node, shape: tuple[int, ...] | None) -> Value | None:
    if shape is None:
        return None
    if node.kind == "Size":
        return np.array(int(np.prod(shape)), np.int64)
    return np.array(shape[node.attributes.get("start") or 0 : node.attributes.get("end")], np.int64)


def _axes(node: Node, values: Sequence[Value]) -> tuple[int, ...] | None:
    found = node.attributes.get("axes")
    if found is None and len(values) > 1:
        found = values[1].reshape(-1).tolist()
    return None if found is None else tuple(int(each) for each in found)


def _unsqueezed(node: Node, values: Sequence[Value]) -> Value:
    axes = _axes(node, values)
    assert axes is not None
    return np.expand_dims(values[0], axes)


def _sliced(node: Node, values: Sequence[Value]) -> Value | None:
    if "starts" in node.attributes or values[0].ndim != 1:
        return None
    axis = values[3].reshape(-1)[0] if len(values) > 3 else 0
    step = int(values[4].reshape(-1)[0]) if len(values) > 4 else 1
    if axis not in (0, -1) or values[1].size != 1:
        return None
    start, end = int(values[1].reshape(-1)[0]), int(values[2].reshape(-1)[0])
    stop = None if step < 0 and end < -len(values[0]) else end
    found: Value = values[0][start:stop:step]
    return found


def _divided(_: Node, values: Sequence[Value]) -> Value:
    whole = all(value.dtype.kind in "iu" for value in values)
    return np.asarray(np.floor_divide(*values) if whole else np.true_divide(*values))


def _filled(node: Node, values: Sequence[Value]) -> Value | None:
    shape = [int(size) for size in values[0].reshape(-1)]
    if int(np.prod(shape)) > MOST_VALUES:
        return None
    fill = node.attributes.get("value")
    return np.full(shape, 0.0 if fill is None else np.asarray(fill).reshape(-1)[0])


def _ranged(_: Node, values: Sequence[Value]) -> Value | None:
    start, stop, step = (value.reshape(-1)[0] for value in values)
    return None if step == 0 or abs((stop - start) / step) > MOST_VALUES else np.arange(start, stop, step)


def _expanded(_: Node, values: Sequence[Value]) -> Value | None:
    shape = np.broadcast_shapes(values[0].shape, tuple(int(size) for size in values[1].reshape(-1)))
    return None if int(np.prod(shape)) > MOST_VALUES else np.broadcast_to(values[0], shape)


_COMPUTED: dict[str, Callable[[Node, Sequence[Value]], Value | None]] = {
    "Add": lambda _, values: np.add(*values),
    "Sub": lambda _, values: np.subtract(*values),
    "Mul": lambda _, values: np.multiply(*values),
    "Div": _divided,
    "Min": lambda _, values: np.minimum.reduce(list(values)),
    "Max": lambda _, values: np.maximum.reduce(list(values)),
    "Equal": lambda _, values: np.equal(*values),
    "Where": lambda _, values: np.where(*values),
    "Floor": lambda _, values: np.floor(values[0]),
    "Ceil": lambda _, values: np.ceil(values[0]),
    "Identity": lambda _, values: values[0],
    "Cast": lambda node, values: values[0].astype(_TYPES[node.attributes["to"]]),
    "Concat": lambda node, values: np.concatenate(list(values), node.attributes["axis"]),
    "Gather": lambda node, values: np.take(values[0], values[1].astype(int), node.attributes.get("axis", 0)),
    "Unsqueeze": _unsqueezed,
    "Squeeze": lambda node, values: np.squeeze(values[0], _axes(node, values)),
    "Reshape": lambda _, values: values[0].reshape([int(size) for size in values[1].reshape(-1)]),
    "ReduceProd": lambda node, values: np.prod(
        values[0], keepdims=bool(node.attributes.get("keepdims", 1)), axis=_axes(node, values)
    ),
    "Slice": _sliced,
    "ConstantOfShape": _filled,
    "Range": _ranged,
    "Expand": _expanded,
}
