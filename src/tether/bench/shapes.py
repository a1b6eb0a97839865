"""Following shapes through a graph, as far as its operations have rules."""

from collections.abc import Mapping, Sequence

from tether.bench.shaperules import RULES, Known, Shape
from tether.bench.shapevalues import value_of
from tether.model.formats.onnxgraph import MOST_VALUES, Graph, Node

NOTHING = Known(None)


def known_shapes(graph: Graph, given: Mapping[str, Shape]) -> dict[str, Known]:
    """Return what is known of every tensor of a graph.

    Args:
        graph: Whose.
        given: The shapes of the inputs, by name.
    """
    sizes = _named_sizes(graph, given)
    known = {name: Known(tensor.shape, graph.values.get(name)) for name, tensor in graph.weights.items()}
    known |= {name: Known(shape) for name, shape in given.items()}
    for node in graph.nodes:
        found = _outputs(node, [known.get(name, NOTHING) for name in node.inputs], graph.opset)
        for at, name in enumerate(node.outputs):
            each = found[at] if at < len(found) else NOTHING
            if each.shape is None:
                each = Known(_said(graph.ends.get(name), sizes))
            known[name] = each
    return known


def _named_sizes(graph: Graph, given: Mapping[str, Shape]) -> dict[str, int]:
    """Return the sizes that the shapes of the inputs give to names."""
    sizes = dict[str, int]()
    for row in graph.inputs:
        for name, size in zip(row["shape"], given.get(row["name"], ()), strict=False):
            if isinstance(name, str) and name != "?":
                sizes.setdefault(name, size)
    return sizes


def _said(shape: Sequence[int | str] | None, sizes: Mapping[str, int]) -> Shape | None:
    """Return the shape that the file says of a tensor, if all of it is known."""
    if not shape:
        return None
    found = [size if isinstance(size, int) else sizes.get(size, -1) for size in shape]
    return None if min(found) < 0 else tuple(found)


def _outputs(node: Node, given: Sequence[Known], opset: int) -> list[Known]:
    rule = RULES.get(node.kind)
    if rule is None:
        return []
    try:
        value = value_of(node, [each.value for each in given], [each.shape for each in given], opset)
        if value is not None and value.size <= MOST_VALUES:
            return [Known(value.shape, value)]
        return [Known(shape) for shape in rule(node, given, opset)]
    except (ValueError, IndexError, TypeError, KeyError, OverflowError, ZeroDivisionError):
        return []  # a shape that is not known, or a graph that is not sound
