"""What a model file holds, in the same words for all formats, and its form in JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from tether.model.dtypes import elements

Packing: TypeAlias = Literal["raw", "deflate", "varint"]
Risk: TypeAlias = Literal["known", "unknown", "dangerous"]

DAMAGED = "damaged"
"""The code of a warning that says that the list of tensors may not be whole."""

_UNSAFE = frozenset(["unsafe-global", "code", "outside", DAMAGED])
_LONGEST_TEXT = 2000
_MOST_ITEMS = 200


class Place(NamedTuple):
    """Where the bytes of a tensor lie."""

    offset: int
    length: int
    """Bytes there, as they are stored."""
    packing: Packing = "raw"
    """`raw` bytes as they are, a `deflate` stream, or a protobuf `varint` for each element."""
    skip: int = 0
    """Bytes to leave out after unpacking."""
    file: str | None = None
    """The file beside the model that has them; None is the model itself."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor, where it is and how it is laid out there."""

    name: str
    dtype: str
    """A name of `tether.model.dtypes`, or what the format calls it where we know no such type."""
    shape: tuple[int, ...]
    place: Place | None
    """None where its bytes are not to be had."""
    strides: tuple[int, ...] | None = None
    """In elements, where it is not row by row."""
    big: bool = False
    """Whether its numbers have their high byte first."""

    @property
    def parameters(self) -> int:
        """How many elements it has."""
        return elements(self.shape) or 0


class GlobalName(NamedTuple):
    """A function or class that a file names, to be called by whoever loads it."""

    name: str
    """Module and name with a dot between."""
    risk: Risk


class Caution(NamedTuple):
    """Something that a person should know before the file is used."""

    code: str
    """Stable: `unsafe-global`, `unknown-global`, `code`, `outside`, `damaged`, `not-read`, `external`."""
    text: str


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model file holds; nothing of it was run to find out."""

    format: str
    """`safetensors`, `gguf`, `onnx`, `pytorch`, `pickle`, `joblib`, `skops`, `keras`, `hdf5`, `npy` or
    `npz`."""
    version: str | None
    """Of the format."""
    tensors: tuple[Tensor, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the file says of itself, shortened; plain values."""
    globals: tuple[GlobalName, ...] = ()
    """Functions and classes that loading the file looks up, in order of their names."""
    warnings: tuple[Caution, ...] = ()

    def __repr__(self) -> str:
        return f"ModelFacts({self.format!r}, {len(self.tensors)} tensors, {self.parameters} parameters)"

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(tensor.parameters for tensor in self.tensors)

    @property
    def types(self) -> dict[str, int]:
        """Elements by type of number, the most frequent first."""
        found: dict[str, int] = {}
        for tensor in self.tensors:
            found[tensor.dtype] = found.get(tensor.dtype, 0) + tensor.parameters
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def safe(self) -> bool:
        """Whether loading the file does nothing dangerous, as far as can be told without doing so."""
        return not self.dangers

    @property
    def dangers(self) -> tuple[Caution, ...]:
        """The warnings that make it unsafe."""
        return tuple(each for each in self.warnings if each.code in _UNSAFE)


def facts_document(facts: ModelFacts, digests: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the stable form in JSON.

    Args:
        facts: What to write.
        digests: The tensor digests by name, if they were computed.
    """
    tensors = [tensor_document(tensor) for tensor in facts.tensors]
    if digests is not None:
        for row in tensors:
            row["digest"] = digests.get(row["name"])
    return {
        "format": facts.format,
        "version": facts.version,
        "parameters": facts.parameters,
        "types": facts.types,
        "safe": facts.safe,
        "warnings": [each._asdict() for each in facts.warnings],
        "globals": [each._asdict() for each in facts.globals],
        "metadata": dict(facts.metadata),
        "tensors": tensors,
    }


def tensor_document(tensor: Tensor) -> dict[str, Any]:
    """Return one tensor for JSON; `offset` and `bytes` only where its bytes lie there as they are."""
    place = tensor.place if tensor.place is not None and tensor.place.packing == "raw" else None
    return {
        "name": tensor.name,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "parameters": tensor.parameters,
        "offset": place and place.offset + place.skip,
        "bytes": place and place.length - place.skip,
        "file": place and place.file,
    }


def shortened(value: Any) -> Any:
    """Return a value from a file as plain JSON of a bounded size: long texts and lists are cut."""
    if isinstance(value, bool | None | int) or (isinstance(value, float) and value - value == 0):
        return value if not isinstance(value, int) or abs(value) < 1 << 64 else str(value)[:100]
    if isinstance(value, Mapping):
        items = list(value.items())[:_MOST_ITEMS]
        return {str(key)[:200]: _flat(item) for key, item in items}
    return _flat(value)


def _flat(value: Any) -> Any:
    if isinstance(value, bool | None | int | float):
        return shortened(value) if not isinstance(value, float) or value - value == 0 else str(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_flat(item) for item in value[:20]] if len(value) <= 20 else f"{len(value):,} values"
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."
