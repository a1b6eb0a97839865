"""Datasets: where their numbers lie, or why those are not to be had."""

from typing import NamedTuple

from tether.model.dtypes import byte_length
from tether.model.facts import Place, Tensor
from tether.model.formats.hdf5.attributes import attributes
from tether.model.formats.hdf5.headers import Header, Kind, Message
from tether.model.formats.hdf5.raw import Fields, Hdf5
from tether.model.formats.hdf5.types import Type, read_shape, read_type

_COMPACT, _CONTIGUOUS, _CHUNKED, _VIRTUAL = range(4)
_BRAIN_FLOAT = "opaque16"

OUTSIDE = "they lie in another file"


class Dataset(NamedTuple):
    """A dataset."""

    tensor: Tensor
    unread: str
    """Why its numbers are not to be had; empty where they are."""


def is_dataset(header: Header) -> bool:
    """Return whether an object is a dataset."""
    return header.first(Kind.LAYOUT) is not None


def read_dataset(file: Hdf5, header: Header, name: str) -> Dataset:
    """Return a dataset.

    Raises:
        InvalidInput: It is not sound, or its numbers are not in the file.
    """
    space, kind, layout = (header.first(each) for each in (Kind.DATASPACE, Kind.DATATYPE, Kind.LAYOUT))
    if space is None or kind is None or layout is None:
        raise file.damaged(f"{name[:100]!r} has no shape or no type")
    if space.shared or kind.shared or layout.shared:
        return _unread(name, "shared", (), "its type is stored elsewhere")
    shape, number = read_shape(file, space.data), _type_of(file, header, kind)
    if shape is None:
        shape = (0,)
    if number.sort != "number":
        return _unread(name, number.name, shape, "they are no numbers of a known type")
    if header.first(Kind.EXTERNAL) is not None:
        return _unread(name, number.name, shape, OUTSIDE)
    length = byte_length(number.name, shape)
    if length is None:
        raise file.damaged(f"{name[:100]!r} has a shape that no tensor has")
    found = _place(file, layout, length, name)
    if isinstance(found, str):
        return _unread(name, number.name, shape, found)
    return Dataset(Tensor(name, number.name, shape, found, big=number.big), "")


def _unread(name: str, dtype: str, shape: tuple[int, ...], why: str) -> Dataset:
    return Dataset(Tensor(name, dtype, shape, None), why)


def _type_of(file: Hdf5, header: Header, message: Message) -> Type:
    """Return the type; two bytes that Keras calls `bfloat16` are such numbers."""
    kind = read_type(file, message.data)
    if kind.name == _BRAIN_FLOAT and attributes(file, header).values.get("dtype") == "bfloat16":
        return Type("BF16", 2, "number")
    return kind


def _place(file: Hdf5, layout: Message, length: int, name: str) -> Place | str:
    """Return where so many bytes lie, or why they are not to be had."""
    if not length:
        return Place(0, 0)
    fields = Fields(file, layout.data)
    version, kind = fields.take(2)
    if version not in (3, 4, 5):
        return f"their layout is of version {version}"
    if kind == _COMPACT:
        size = fields.small(2)
        at: int | None = layout.at + 4
        if size > fields.left:
            raise file.damaged(f"{name[:100]!r} leaves its header")
    elif kind == _CONTIGUOUS:
        at, size = fields.address(), fields.length()
    else:
        return {_CHUNKED: "they are stored in chunks", _VIRTUAL: OUTSIDE}.get(
            kind, f"their layout is of kind {kind}"
        )
    if at is None:
        return "they were never written"
    if size < length or at + length > file.source.size:
        raise file.damaged(f"the values of {name[:100]!r} do not fit its shape")
    return Place(at, length)
