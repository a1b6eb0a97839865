"""The graph of an ONNX model: its operations with attributes, and which small tensors have which values.

For what must follow the shapes through a graph. Tensors are read where they are small; weights are shapes.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tether.model.facts import Tensor
from tether.model.formats.onnx import WHAT, Collected, read_opset, read_tensor, read_value_info
from tether.model.formats.protobuf import BYTES, Field, Message, varint
from tether.model.source import CachedSource, Cursor, Source, damaged

MOST_VALUES = 4096
"""Elements of a tensor whose values are read: shapes, axes and the like are far smaller."""

_NUMBERS = {"I64": "<i8", "I32": "<i4", "F32": "<f4", "F64": "<f8", "BOOL": "?"}
_MOST_LIST = 1 << 20


@dataclass(frozen=True, slots=True)
class Node:
    """One operation."""

    kind: str
    """Its name, with the domain before it where that is not ONNX's own."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    """Numbers, texts, lists of them, the values of small tensors, and large ones as they are described; None
    for graphs and what else there is."""


@dataclass(slots=True)
class Graph:
    """The graph of a model.

    Attributes:
        nodes: In an order in which they can be done.
        weights: Tensors that are part of the model, by name.
        values: Those of them that are small.
        inputs: Name, type and shape of what the model takes.
        ends: The shapes that the file says of what lies between, by name.
        opset: The version of ONNX's own operators.
    """

    nodes: list[Node] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)
    values: dict[str, NDArray[Any]] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[str, list[int | str]] = field(default_factory=dict)
    opset: int = 0


def read_graph(source: Source) -> Graph:
    """Return the graph of an ONNX model.

    Raises:
        InvalidInput: It is no sound ONNX file.
    """
    source, graph, found = CachedSource(source), Graph(), Collected()
    for each in (message := Message(source, WHAT)):
        if each.number == 7 and each.wire == BYTES:
            _read(message.below(each), graph, found)
        elif each.number == 8:
            domain, version = read_opset(message.below(each))
            graph.opset = version if domain == "ai.onnx" else graph.opset
    graph.inputs = [row for row in graph.inputs if row["name"] not in graph.weights]
    return graph


def _read(message: Message, graph: Graph, found: Collected) -> None:
    for each in message:
        found.count()
        if each.number == 1:
            graph.nodes.append(_node(message.below(each), found))
        elif each.number == 5:
            tensor = read_tensor(message.below(each), found)
            graph.weights[tensor.name] = tensor
            values = _values(message.source, tensor)
            if values is not None:
                graph.values[tensor.name] = values
        elif each.number in (11, 12, 13):
            row = read_value_info(message.below(each))
            graph.ends[row["name"]] = row["shape"]
            if each.number == 11:
                graph.inputs.append(row)


def _node(message: Message, found: Collected) -> Node:
    inputs, outputs, attributes = list[str](), list[str](), dict[str, Any]()
    domain = kind = ""
    for each in message:
        found.count()
        if each.number in (1, 2):
            (inputs if each.number == 1 else outputs).append(message.text(each))
        elif each.number == 4:
            kind = message.text(each)
        elif each.number == 5:
            attributes.update([_attribute(message.below(each), found)])
        elif each.number == 7:
            domain = message.text(each)
    title = f"{domain}.{kind}" if domain not in ("", "ai.onnx") else kind
    return Node(title, tuple(inputs), tuple(outputs), attributes)


def _attribute(message: Message, found: Collected) -> tuple[str, Any]:
    name, value, floats, ints = "", None, list[float](), list[int]()
    for each in message:
        found.count()
        if each.number == 1:
            name = message.text(each)
        elif each.number == 2:
            (value,) = struct.unpack("<f", struct.pack("<I", each.value))
        elif each.number == 3:
            value = each.value - (1 << 64) if each.value >> 63 else each.value
        elif each.number == 4:
            value = message.text(each)
        elif each.number == 5 and each.wire == BYTES:
            tensor = read_tensor(message.below(each), found)
            values = _values(message.source, tensor)
            value = tensor if values is None else values
        elif each.number == 7:
            floats += _floats(message, each)
        elif each.number == 8:
            ints += message.numbers(each, _MOST_LIST)
    return name, floats or ints or value


def _floats(message: Message, each: Field) -> list[float]:
    if each.wire != BYTES:
        return list(struct.unpack("<f", struct.pack("<I", each.value)))
    if each.length % 4 or each.length > 4 * _MOST_LIST:
        raise damaged(WHAT, "a list of numbers is cut or too long")
    return list(struct.unpack(f"<{each.length // 4}f", message.source.read(each.value, each.length)))


def _values(source: Source, tensor: Tensor) -> NDArray[Any] | None:
    """Return the values of a small tensor that lie in the file; None for others."""
    place, kind = tensor.place, _NUMBERS.get(tensor.dtype)
    if kind is None or place is None or place.file is not None or tensor.parameters > MOST_VALUES:
        return None
    if place.packing == "varint":
        cursor, found = Cursor(source, WHAT, place.offset, place.offset + place.length), list[int]()
        while cursor.left and len(found) < MOST_VALUES:
            value = varint(cursor)
            found.append(value - (1 << 64) if value >> 63 else value)
        values = np.array(found, np.int64).astype(kind)
    else:
        values = np.frombuffer(source.read(place.offset, place.length), kind)
    return values.reshape(tensor.shape) if values.size == tensor.parameters else None
