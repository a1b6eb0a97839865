"""Dataspaces and datatypes: the shape of a dataset or an attribute, and what its elements are."""

from math import prod
from typing import Literal, NamedTuple, TypeAlias

from tether.model.dtypes import LARGEST, MOST_DIMENSIONS
from tether.model.formats.hdf5.raw import Fields, Hdf5

_INTEGER, _FLOAT, _STRING, _OPAQUE, _COMPOUND, _ENUM, _VARIABLE = 0, 1, 3, 5, 6, 8, 9
_CLASSES = (
    "integer", "float", "time", "string", "bit field", "opaque", "compound", "reference", "enumeration",
    "list", "array", "complex",
)  # fmt: skip
_FLOATS = {
    (2, 15, 10, 5, 0, 10, 15): "F16", (2, 15, 7, 8, 0, 7, 127): "BF16",
    (4, 31, 23, 8, 0, 23, 127): "F32", (8, 63, 52, 11, 0, 52, 1023): "F64",
}  # fmt: skip
"""By size in bytes, and the places and widths in bits of sign, exponent and fraction, and the bias."""

_NULL = 2

Sort: TypeAlias = Literal["number", "text", "texts apart", "other"]


class Type(NamedTuple):
    """What the elements of a dataset or an attribute are."""

    name: str
    """One of `tether.model.dtypes` for numbers."""
    size: int
    """Bytes of one element as it is stored."""
    sort: Sort
    """`texts apart` are stored elsewhere in the file, and the element says where."""
    big: bool = False
    """Whether its numbers have their high byte first."""


def read_shape(file: Hdf5, data: bytes) -> tuple[int, ...] | None:
    """Return the shape that a dataspace message says; None where there are no elements at all.

    Raises:
        InvalidInput: It is not sound.
    """
    fields = Fields(file, data)
    version, rank, _flags = fields.take(3)
    if version not in (1, 2):
        raise file.damaged(f"a dataspace is of version {version}")
    kind = fields.small(1)
    if version == 1:
        fields.skip(4)
    elif kind == _NULL:
        return None
    shape = tuple(fields.length() for _ in range(min(rank, MOST_DIMENSIONS + 1)))
    if rank > MOST_DIMENSIONS or max((*shape, prod(shape))) >= LARGEST:
        raise file.damaged("a dataset has a shape that no tensor has")
    return shape


def read_type(file: Hdf5, data: bytes) -> Type:
    """Return the type that a datatype message describes.

    Raises:
        InvalidInput: It is not sound.
    """
    fields = Fields(file, data)
    head = fields.take(4)
    kind, bits, size = head[0] & 15, int.from_bytes(head[1:], "little"), fields.small(4)
    if kind == _INTEGER:
        return _integer(fields, bits, size)
    if kind == _FLOAT:
        return _float(fields, bits, size)
    if kind == _STRING:
        return Type(f"S{size}", size, "text")
    if kind == _VARIABLE and bits & 15 == 1:
        return Type("string", size, "texts apart")
    if kind == _ENUM:
        return _enumeration(file, fields, bits & 0xFFFF, head[0] >> 4)
    if kind == _COMPOUND:
        return _complex(file, fields, bits & 0xFFFF, (head[0] >> 4, size))
    name = _CLASSES[kind] if kind < len(_CLASSES) else f"class {kind}"
    return Type(f"{name}{8 * size}" if kind == _OPAQUE else name, size, "other")


def _integer(fields: Fields, bits: int, size: int) -> Type:
    offset, precision = fields.small(2), fields.small(2)
    if size not in (1, 2, 4, 8) or offset or precision != 8 * size:
        return Type(f"integer{precision}", size, "other")
    return Type(f"{'I' if bits & 8 else 'U'}{precision}", size, "number", bool(bits & 1))


def _float(fields: Fields, bits: int, size: int) -> Type:
    offset, precision = fields.small(2), fields.small(2)
    exponent, exponent_size, fraction, fraction_size = fields.take(4)
    layout = (size, bits >> 8 & 0xFF, exponent, exponent_size, fraction, fraction_size, fields.small(4))
    implied, vax = bits >> 4 & 3 == 2, bool(bits & 0x40)
    name = _FLOATS.get(layout)
    if name is None or offset or precision != 8 * size or vax or not implied:
        return Type(f"float{precision}", size, "other")
    return Type(name, size, "number", bool(bits & 1))


def _name(file: Hdf5, fields: Fields, padded: bool) -> bytes:
    """Return a name that ends with a zero byte, and is padded to eight bytes in old versions."""
    name = bytearray()
    while (byte := fields.take(1)) != b"\0":
        file.step()
        name += byte
    if padded:
        fields.skip(-(len(name) + 1) % 8)
    return bytes(name)


def _inner(fields: Fields) -> bytes:
    """Return the message of a simple number inside of another type."""
    head = fields.take(8)
    return head + fields.take({_INTEGER: 4, _FLOAT: 12}.get(head[0] & 15, 0))


def _enumeration(file: Hdf5, fields: Fields, count: int, version: int) -> Type:
    """Return the numbers of an enumeration; that of two truth values is how h5py stores booleans."""
    base = _inner(fields)
    if base[0] & 15 != _INTEGER:
        return Type("enumeration", int.from_bytes(base[4:8], "little"), "other")
    kind = read_type(file, base)
    if count != 2 or kind.size != 1:
        return kind
    names = [_name(file, fields, version < 3) for _ in range(count)]
    is_truth = dict(zip(names, fields.take(2), strict=True)) == {b"FALSE": 0, b"TRUE": 1}
    return kind._replace(name="BOOL") if is_truth else kind


def _complex(file: Hdf5, fields: Fields, count: int, head: tuple[int, int]) -> Type:
    """Return complex numbers, which h5py stores as a record of `r` and `i`; another record is what it is."""
    version, size = head
    other = Type("compound", size, "other")
    if count != 2 or size not in (8, 16):
        return other
    found: list[tuple[bytes, int, Type]] = []
    for _ in range(2):
        name = _name(file, fields, version < 3)
        offset = fields.small(1 if version >= 3 else 4)
        if version == 1:
            fields.skip(28)  # dimensions of arrays, which there are none of here
        inner = _inner(fields)
        if inner[0] & 15 != _FLOAT:
            return other
        found.append((name, offset, read_type(file, inner)))
    half = Type("F32" if size == 8 else "F64", size // 2, "number", found[0][2].big)
    if found != [(b"r", 0, half), (b"i", size // 2, half)]:
        return other
    return Type("C64" if size == 8 else "C128", size, "number", half.big)
