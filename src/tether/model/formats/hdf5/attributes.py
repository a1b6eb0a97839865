"""Attributes: what is said of a group or a dataset."""

import struct
from collections.abc import Iterator
from math import prod
from typing import Any, NamedTuple

from tether.errors import Unsupported
from tether.model.formats.hdf5.groups import dense
from tether.model.formats.hdf5.headers import Header, Kind
from tether.model.formats.hdf5.heaps import global_object
from tether.model.formats.hdf5.raw import Fields, Hdf5
from tether.model.formats.hdf5.types import Type, read_shape, read_type

_ATTRIBUTE_NAMES = 8
_MOST_VALUES = 20
_SHARED = 3
"""Bits that say that the type or the shape is stored elsewhere."""

_FORMS = {
    "BOOL": "?", "U8": "B", "I8": "b", "U16": "H", "I16": "h", "U32": "I", "I32": "i", "U64": "Q", "I64": "q",
    "F16": "e", "F32": "f", "F64": "d",
}  # fmt: skip


class Attributes(NamedTuple):
    """The attributes of one object."""

    values: dict[str, Any]
    """Texts and numbers, and lists of a few of them; of others what they are."""
    whole: bool
    """Whether the names of all are known."""


class _Unread(Exception):
    """The value is of a kind that is not read."""


def attributes(file: Hdf5, header: Header) -> Attributes:
    """Return the attributes of an object.

    Raises:
        InvalidInput: One is not sound, or two have one name, of which a loader may take either.
    """
    found: dict[str, Any] = {}
    whole = not any(each.shared and each.kind == Kind.ATTRIBUTE for each in header.messages)
    try:
        for data in _stored(file, header):
            fields = Fields(file, data)
            name, kind, shape = _head(file, fields)
            if name in found:
                raise file.damaged(f"two attributes are called {name[:100]!r}")
            try:
                found[name] = _value(file, kind, shape, fields.rest())
            except _Unread as what:
                found[name] = str(what)
    except Unsupported:
        whole = False
    return Attributes(found, whole)


def _stored(file: Hdf5, header: Header) -> Iterator[bytes]:
    for message in header.messages:
        if message.kind == Kind.ATTRIBUTE and not message.shared:
            yield message.data
        elif message.kind == Kind.ATTRIBUTE_INFO:
            fields = Fields(file, message.data)
            _version, flags = fields.take(2)
            fields.skip(2 if flags & 1 else 0)
            yield from dense(file, fields, _ATTRIBUTE_NAMES, 0)


def _head(file: Hdf5, fields: Fields) -> tuple[str, bytes | None, bytes]:
    """Return the name of an attribute and its messages; no type where that is stored elsewhere."""
    version, flags = fields.take(2)
    if version not in (1, 2, 3):
        raise Unsupported(f"HDF5 attributes of version {version} are not read")
    sizes = [fields.small(2) for _ in range(3)]
    fields.skip(1 if version == 3 else 0)

    def take(length: int) -> bytes:
        data = fields.take(length)
        fields.skip(-length % 8 if version == 1 else 0)
        return data

    name, kind, shape = map(take, sizes)
    text = name.partition(b"\0")[0].decode("utf-8", "replace")
    return text, None if version > 1 and flags & _SHARED else kind, shape


def _value(file: Hdf5, type_data: bytes | None, shape_data: bytes, data: bytes) -> Any:
    if type_data is None:
        raise _Unread("of a type that is stored elsewhere")
    kind, shape = read_type(file, type_data), read_shape(file, shape_data)
    if shape is None:
        return None
    if kind.sort == "other" or (kind.sort == "number" and kind.name not in _FORMS):
        raise _Unread(kind.name)
    count = prod(shape)
    if count * kind.size > len(data):
        raise file.damaged("an attribute is shorter than it says")
    if count > _MOST_VALUES:
        return f"{count:,} values"
    values = [_one(file, kind, data[at * kind.size : (at + 1) * kind.size]) for at in range(count)]
    return values if shape else values[0]


def _one(file: Hdf5, kind: Type, data: bytes) -> Any:
    if kind.sort == "number":
        (value,) = struct.unpack((">" if kind.big else "<") + _FORMS[kind.name], data)
        return value
    if kind.sort == "text":
        return data.rstrip(b"\0").decode("utf-8", "replace")
    fields = Fields(file, data)
    length, at, index = fields.small(4), fields.address(), fields.small(4)
    if not length:
        return ""
    return global_object(file, at, index)[:length].decode("utf-8", "replace")
