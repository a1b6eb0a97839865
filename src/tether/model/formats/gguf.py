"""GGUF: key-value pairs, a table of tensors, the tensors. Versions 2 and 3, both byte orders.

Source: the page about GGUF of the ggml project. Dimensions are given from the fastest to the slowest there;
shapes are given the other way round here, as everywhere else.
"""

import struct
from typing import Any, NamedTuple

from tether.errors import Unsupported
from tether.model.dtypes import byte_length
from tether.model.facts import ModelFacts, Place, Tensor, shortened
from tether.model.source import Cursor, Source, damaged

WHAT = "GGUF"
MAGIC = b"GGUF"

_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K",
    11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS",
    18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8",
    25: "I16", 26: "I32", 27: "I64", 28: "F64", 29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0",
    39: "MXFP4",
}  # fmt: skip
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9
_MOST_TENSORS, _MOST_PAIRS = 200_000, 10_000
_MOST_VALUES = 10_000_000
"""In one array; the longest vocabularies have a tenth of that."""
_LONGEST_NAME, _LONGEST_VALUE = 1024, 4096
_SHOWN = 8


class _Info(NamedTuple):
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int


class _Reader:
    """Values of a GGUF file, in its byte order."""

    def __init__(self, source: Source) -> None:
        self.cursor = Cursor(source, WHAT, len(MAGIC))
        version = self.cursor.number("<I")
        self.order = ">" if version & 0xFFFF == 0 else "<"
        self.version = int.from_bytes(version.to_bytes(4, "little"), "big") if self.order == ">" else version
        if self.version not in (2, 3):
            raise Unsupported(f"GGUF version {self.version} is not read", hint="versions 2 and 3 are")

    def number(self, form: str) -> int:
        return self.cursor.number(self.order + form)

    def count(self, most: int) -> int:
        count = self.number("Q")
        if count > min(most, self.cursor.left):
            raise damaged(WHAT, f"it would have {count:,} of something")
        return count

    def text(self, limit: int) -> str:
        length = self.number("Q")
        kept = self.cursor.take(min(length, limit, self.cursor.left))
        self.cursor.skip(length - len(kept))
        return kept.decode("utf-8", "replace")

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind in _SCALARS:
            form = self.order + _SCALARS[kind]
            return struct.unpack(form, self.cursor.take(struct.calcsize(form)))[0]
        if kind == _TEXT:
            return self.text(_LONGEST_VALUE)
        if kind == _ARRAY and depth < 4:
            return self._array(depth)
        raise damaged(WHAT, f"a value has the unknown type {kind}")

    def _array(self, depth: int) -> Any:
        """Return the first values of an array, or how many there are where they are more."""
        kind, count = self.number("I"), self.count(_MOST_VALUES)
        if kind in _SCALARS and count > _SHOWN:
            self.cursor.skip(count * struct.calcsize(self.order + _SCALARS[kind]))
        elif kind == _TEXT and count > _SHOWN:
            for _ in range(count):
                self.cursor.skip(self.number("Q"))
        elif depth and count > _SHOWN:
            raise damaged(WHAT, "an array of arrays is too large")
        else:
            return [self.value(kind, depth + 1) for _ in range(count)]
        return f"{count:,} values"

    def info(self) -> _Info:
        name = self.text(_LONGEST_NAME)
        dimensions = self.number("I")
        if dimensions > 8:
            raise damaged(WHAT, f"{name[:100]!r} has {dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(dimensions))[::-1]
        kind = self.number("I")
        return _Info(name, _TYPES.get(kind, f"type {kind}"), shape, self.number("Q"))


def read(source: Source, _name: str) -> ModelFacts:
    """Return what a GGUF file holds.

    Raises:
        InvalidInput: Its tables do not fit the file.
        Unsupported: It is of version 1 or of one that is not known.
    """
    reader = _Reader(source)
    tensors, pairs = reader.count(_MOST_TENSORS), reader.count(_MOST_PAIRS)
    raw: dict[str, Any] = {}
    for _ in range(pairs):
        key = reader.text(_LONGEST_NAME)
        raw[key] = reader.value(reader.number("I"))
    infos = [reader.info() for _ in range(tensors)]
    alignment = raw.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 1 << 30:
        raise damaged(WHAT, "its alignment is not a number of bytes")
    start = -(-reader.cursor.at // alignment) * alignment
    found = tuple(_tensor(info, start, source.size, reader.order == ">") for info in infos)
    metadata = {key: shortened(value) for key, value in raw.items()}
    return ModelFacts("gguf", str(reader.version), found, metadata)


def _tensor(info: _Info, start: int, size: int, big: bool) -> Tensor:
    length = byte_length(info.dtype, info.shape)
    if length is None:
        if not info.dtype.startswith("type "):
            raise damaged(WHAT, f"{info.name[:100]!r} cannot have the shape {info.shape}")
        return Tensor(info.name, info.dtype, info.shape, None)
    if start + info.offset + length > size:
        raise damaged(WHAT, f"it ends before the tensor {info.name[:100]!r} does")
    return Tensor(info.name, info.dtype, info.shape, Place(start + info.offset, length), big=big)
