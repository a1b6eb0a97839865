"""ONNX: a graph with its weights in a protocol buffer, or the weights in files beside it.

Source: onnx.proto of the ONNX project. Only the fields that are named here are read.
"""

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from tether.model.dtypes import LAYOUTS, MOST_DIMENSIONS, byte_length
from tether.model.facts import Caution, ModelFacts, Place, Tensor
from tether.model.formats.protobuf import BYTES, Field, Message, signed
from tether.model.source import Source, damaged

WHAT = "ONNX"
_TYPES = {
    1: "F32", 2: "U8", 3: "I8", 4: "U16", 5: "I16", 6: "I32", 7: "I64", 8: "STRING", 9: "BOOL", 10: "F16",
    11: "F64", 12: "U32", 13: "U64", 14: "C64", 15: "C128", 16: "BF16", 17: "F8_E4M3", 18: "F8_E4M3FNUZ",
    19: "F8_E5M2", 20: "F8_E5M2FNUZ", 21: "U4", 22: "I4", 23: "F4", 24: "F8_E8M0",
}  # fmt: skip
_MOST_FIELDS = 3_000_000
_MOST_TENSORS = 200_000
_MOST_ENDS = 10_000
_DEEPEST = 16


@dataclass
class Collected:
    """What was found so far."""

    tensors: list[Tensor] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)
    external: set[str] = field(default_factory=set)
    unsafe: set[str] = field(default_factory=set)
    fields: int = 0

    def count(self) -> None:
        """Note that a field was read; there is a most of them."""
        self.fields += 1
        if self.fields > _MOST_FIELDS or max(len(self.tensors), len(self.operators)) > _MOST_TENSORS:
            raise damaged(WHAT, "it has too many nodes")


def read(source: Source, _name: str) -> ModelFacts:
    """Return what an ONNX model holds.

    Raises:
        InvalidInput: It is no protocol buffer with a graph, or a tensor does not fit its shape.
    """
    found, metadata = Collected(), dict[str, Any]()
    opsets: dict[str, int] = {}
    version, message, graphs = None, Message(source, WHAT), 0
    for each in message:
        found.count()
        if each.number == 1 and each.wire != BYTES:
            version = str(each.value)
        elif each.number in (2, 3, 6):
            metadata[("producer", "producer_version", "description")[each.number // 3]] = message.text(each)
        elif each.number == 7:
            graphs += 1
            metadata |= _graph(message.below(each), found, "", 0)
        elif each.number == 8:
            opsets.update([read_opset(message.below(each))])
        elif each.number == 14:
            key, value = _pair(message.below(each))
            metadata.setdefault("properties", {})[key] = value
    if graphs != 1:
        raise damaged(WHAT, f"it has {graphs} graphs")
    metadata |= {"opsets": opsets, "operators": dict(sorted(found.operators.items()))}
    return ModelFacts("onnx", version, tuple(found.tensors), metadata, warnings=_warnings(found))


def _warnings(found: Collected) -> tuple[Caution, ...]:
    warnings = [Caution("external", f"weights are in the file {name!r}") for name in sorted(found.external)]
    warnings += [
        Caution("outside", f"weights would be read from {name!r}, outside of its folder")
        for name in sorted(found.unsafe)
    ]
    return tuple(warnings)


def read_opset(message: Message) -> tuple[str, int]:
    """Return a set of operators: its domain and version."""
    domain, version = "ai.onnx", 0
    for each in message:
        if each.number == 1:
            domain = message.text(each) or domain
        elif each.number == 2:
            version = each.value
    return domain, version


def _pair(message: Message) -> tuple[str, str]:
    key = value = ""
    for each in message:
        if each.number == 1:
            key = message.text(each)
        elif each.number == 2:
            value = message.text(each)
    return key, value


def _graph(message: Message, found: Collected, prefix: str, depth: int) -> dict[str, Any]:
    """Collect the tensors of a graph and of the graphs in it; return its inputs and outputs."""
    if depth > _DEEPEST:
        raise damaged(WHAT, "its graphs are nested too deeply")
    ends: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}
    sparse = 0
    for each in message:
        found.count()
        if each.number == 1:
            _node(message.below(each), found, prefix, depth)
        elif each.number == 5:
            found.tensors.append(read_tensor(message.below(each), found, prefix))
        elif each.number in (11, 12):
            rows = ends["inputs" if each.number == 11 else "outputs"]
            if len(rows) < _MOST_ENDS:
                rows.append(read_value_info(message.below(each)))
        elif each.number == 15:
            sparse += 1
    weights = {tensor.name for tensor in found.tensors}
    ends["inputs"] = [row for row in ends["inputs"] if row["name"] not in weights]
    return {**ends, "sparse_initializers": sparse} if sparse else dict(ends)


def read_value_info(message: Message) -> dict[str, Any]:
    """Return name, type and shape of an input or an output; sizes that are not fixed by their names."""
    found: dict[str, Any] = {"name": "", "dtype": None, "shape": []}
    for each in message:
        if each.number == 1:
            found["name"] = message.text(each)
        elif each.number == 2:
            for kind in (kind for kind in message.below(each) if kind.number == 1):
                found |= _tensor_type(message.below(kind))
    return found


def _tensor_type(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in message:
        if each.number == 1:
            found["dtype"] = _TYPES.get(each.value, f"type {each.value}")
        elif each.number == 2:
            sizes = (_size(message.below(size)) for size in message.below(each) if size.number == 1)
            found["shape"] = list(islice(sizes, MOST_DIMENSIONS))
    return found


def _size(message: Message) -> int | str:
    size: int | str = "?"
    for each in message:
        size = message.text(each) if each.number == 2 else signed(each.value) if each.number == 1 else size
    return size


def _node(message: Message, found: Collected, prefix: str, depth: int) -> None:
    outputs: list[str] = []
    domain = kind = name = ""
    attributes: list[Field] = []
    for each in message:
        found.count()
        if each.number == 2:
            outputs.append(message.text(each))
        elif each.number == 3:
            name = message.text(each)
        elif each.number == 4:
            kind = message.text(each)
        elif each.number == 5:
            attributes.append(each)
        elif each.number == 7:
            domain = message.text(each)
    title = f"{domain}.{kind}" if domain not in ("", "ai.onnx") else kind
    found.operators[title] = found.operators.get(title, 0) + 1
    owner = prefix + (name or (outputs or [kind])[0])
    for attribute in attributes:
        constant = prefix + outputs[0] if kind == "Constant" and outputs else None
        _attribute(message.below(attribute), found, constant, f"{owner}/", depth)


def _attribute(message: Message, found: Collected, constant: str | None, prefix: str, depth: int) -> None:
    """Collect the tensor of a constant, or the graphs that are the value of an attribute."""
    for each in message:
        found.count()
        if each.number == 5 and each.wire == BYTES and constant is not None:
            tensor = read_tensor(message.below(each), found, "")
            found.tensors.append(replace(tensor, name=constant))
        elif each.number in (6, 11) and each.wire == BYTES:
            _graph(message.below(each), found, prefix, depth + 1)


@dataclass
class _Row:
    """The fields of one tensor."""

    name: str = ""
    dtype: str = "type 0"
    shape: list[int] = field(default_factory=list)
    data: Place | None = None
    pairs: dict[str, str] = field(default_factory=dict)
    is_external: bool = False


def read_tensor(message: Message, found: Collected, prefix: str = "") -> Tensor:
    """Return a tensor, with `prefix` before its name, where its bytes lie.

    Raises:
        InvalidInput: Its values do not fit its shape.
    """
    row = _row(message, found)
    place = _external(row, found) if row.is_external else row.data
    shape = tuple(row.shape)
    length = byte_length(row.dtype, shape)
    if row.dtype in LAYOUTS and (length is None or not _fits(place, length)):
        raise damaged(WHAT, f"the values of {row.name[:100]!r} do not fit its shape")
    return Tensor(prefix + row.name, row.dtype, shape, place if length is not None else None)


def _row(message: Message, found: Collected) -> _Row:
    row = _Row()
    for each in message:
        found.count()
        if each.number == 1:
            row.shape += message.numbers(each, 64)
        elif each.number == 2:
            row.dtype = _TYPES.get(each.value, f"type {each.value}")
        elif each.number in (4, 5, 7, 9, 10, 11) and each.wire == BYTES:
            row.data = Place(each.value, each.length, "varint" if each.number in (5, 7, 11) else "raw")
        elif each.number == 8:
            row.name = message.text(each)
        elif each.number == 13:
            row.pairs.update([_pair(message.below(each))])
        elif each.number == 14:
            row.is_external = signed(each.value) == 1
    return row


def _fits(place: Place | None, length: int) -> bool:
    if place is None:
        return True
    return place.packing == "varint" or place.file is not None or place.length == length


def _external(row: _Row, found: Collected) -> Place | None:
    """Return where the bytes lie in the file beside; names that leave its folder are refused and told."""
    name = row.pairs.get("location", "")
    parts = name.split("/")
    if not name or "\\" in name or "\0" in name or name.startswith("/") or ".." in parts or ":" in parts[0]:
        found.unsafe.add(name)
        return None
    found.external.add(name)
    length = byte_length(row.dtype, row.shape)
    try:
        offset, given = int(row.pairs.get("offset", "0")), int(row.pairs.get("length", str(length or 0)))
    except ValueError:
        raise damaged(WHAT, "the place of external weights is not a number") from None
    if offset < 0 or length is None or given != length:
        raise damaged(WHAT, f"the place of {row.name[:100]!r} in another file does not fit its shape")
    return Place(offset, length, file=name)
