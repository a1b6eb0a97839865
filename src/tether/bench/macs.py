"""How many multiplications with addition a model needs for an input, counted from its graph.

Counted are products of matrices, convolutions and recurrent layers, which is where nearly all the work is.
Operations that add, compare, move or scale numbers have none by this count; what is not known is listed, and
the total is then a lower bound, never silently less.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tether.bench.shaperules import RULES, Known, Shape, einsum_sizes
from tether.bench.shapes import known_shapes
from tether.model.formats.onnxgraph import Graph, Node

COUNTER = "tether-macs 1"
"""The name of the rules of this count; they get another one when they change."""

_Counted = Callable[[Node, Sequence[Shape], Shape], int]


@dataclass(slots=True)
class Macs:
    """What was counted.

    Attributes:
        per_input: Multiplications with addition for an input, as far as they are known.
        by_operator: The same, by kind of operation.
        unknown: Operations that could not be counted, and how often they are there.
    """

    per_input: int = 0
    by_operator: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether everything could be counted."""
        return not self.unknown


def count_macs(graph: Graph, shapes: Mapping[str, Shape], inputs: int) -> Macs:
    """Return how much a graph multiplies.

    Args:
        graph: Of an ONNX model.
        shapes: Of its inputs.
        inputs: How many inputs a query of these shapes has; the count is that of one.
    """
    known, found = known_shapes(graph, shapes), Macs()
    for node in graph.nodes:
        if node.kind in RULES and node.kind not in _COUNTED:
            continue
        count = _count(node, known)
        if count is None:
            found.unknown[node.kind] = found.unknown.get(node.kind, 0) + 1
        else:
            found.by_operator[node.kind] = found.by_operator.get(node.kind, 0) + count
    found.by_operator = {kind: -(-count // inputs) for kind, count in sorted(found.by_operator.items())}
    found.per_input = sum(found.by_operator.values())
    return found


def _count(node: Node, known: Mapping[str, Known]) -> int | None:
    """Return the count of one operation; None where it, or a shape that it needs, is not known."""
    rule = _COUNTED.get(node.kind)
    if rule is None or not node.outputs:
        return None
    given = [known[name].shape if name in known else None for name in node.inputs]
    result = known[node.outputs[0]].shape
    needed = given[: _NEEDED.get(node.kind, 2)]
    if result is None or any(shape is None for shape in needed):
        return None
    try:
        return rule(node, [shape or () for shape in given], result)
    except (ValueError, IndexError, TypeError, KeyError, ZeroDivisionError):
        return None


def _conv(node: Node, given: Sequence[Shape], result: Shape) -> int:
    weight = given[3 if node.kind == "QLinearConv" else 1]
    return math.prod(result) * math.prod(weight[1:])


def _conv_transpose(_: Node, given: Sequence[Shape], __: Shape) -> int:
    return math.prod(given[0]) * math.prod(given[1][1:])


def _product(node: Node, given: Sequence[Shape], result: Shape) -> int:
    """Each number of the result is a sum over the columns of the first matrix."""
    inner = given[0][0] if node.attributes.get("transA") else given[0][-1]
    return math.prod(result) * inner


def _einsum(node: Node, given: Sequence[Shape], _: Shape) -> int:
    if len(given) != 2:
        raise ValueError  # in which order several are multiplied is not said
    sizes, _letters = einsum_sizes(node.attributes["equation"], given)
    return math.prod(sizes.values())


def _recurrent(node: Node, given: Sequence[Shape], _: Shape) -> int:
    if node.attributes.get("layout"):
        raise ValueError
    return given[0][0] * given[0][1] * (math.prod(given[1]) + math.prod(given[2]))


def _linear(node: Node, given: Sequence[Shape], _: Shape) -> int:
    rows = given[0][0] if len(given[0]) > 1 else 1
    return rows * len(node.attributes["coefficients"])


_COUNTED: dict[str, _Counted] = {
    **dict.fromkeys(("Conv", "ConvInteger", "QLinearConv", "com.microsoft.FusedConv"), _conv),
    **dict.fromkeys(
        ("Gemm", "com.microsoft.FusedGemm", "MatMul", "MatMulInteger", "QLinearMatMul"), _product
    ),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _recurrent),
    **dict.fromkeys(("ai.onnx.ml.LinearClassifier", "ai.onnx.ml.LinearRegressor"), _linear),
    "ConvTranspose": _conv_transpose,
    "Einsum": _einsum,
}
_NEEDED = {
    "QLinearConv": 4, "QLinearMatMul": 4, "LSTM": 3, "GRU": 3, "RNN": 3,
    "ai.onnx.ml.LinearClassifier": 1, "ai.onnx.ml.LinearRegressor": 1,
}  # fmt: skip
"""How many inputs must have a known shape, where it is not two; scales and the like are among them."""
