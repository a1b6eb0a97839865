"""Object headers: the messages that describe a group or a dataset, in both forms there are."""

from collections import deque
from enum import IntEnum
from typing import NamedTuple

from tether.errors import Unsupported
from tether.model.formats.hdf5.raw import Fields, Hdf5, Part

_SHARED = 2
_TIMES, _PHASES, _ORDERED = 0x20, 0x10, 0x04


class Kind(IntEnum):
    """The messages that are looked at."""

    DATASPACE = 0x01
    LINK_INFO = 0x02
    DATATYPE = 0x03
    LINK = 0x06
    EXTERNAL = 0x07
    LAYOUT = 0x08
    FILTERS = 0x0B
    ATTRIBUTE = 0x0C
    CONTINUATION = 0x10
    SYMBOLS = 0x11
    ATTRIBUTE_INFO = 0x15


class Message(NamedTuple):
    """One message of an object header."""

    kind: int
    at: int
    """Where its data is in the file."""
    data: bytes
    shared: bool
    """Whether the data only says where the message is."""


class Header(NamedTuple):
    """The messages of one object."""

    messages: tuple[Message, ...]

    def all(self, kind: Kind) -> list[Message]:
        """Return the messages of a kind."""
        return [each for each in self.messages if each.kind == kind]

    def first(self, kind: Kind) -> Message | None:
        """Return the first message of a kind, or None."""
        return next((each for each in self.messages if each.kind == kind), None)


def read_header(file: Hdf5, at: int) -> Header:
    """Return the messages of the object at an address.

    Raises:
        InvalidInput: There is no sound header.
        Unsupported: It is of a version that is not known.
    """
    mark = file.part(at, 4).data
    first, entry = _begin_new(file, at) if mark == b"OHDR" else _begin_old(file, at)
    found: list[Message] = []
    waiting, seen = deque([first]), {first.at}
    while waiting:
        for message in _messages(file, waiting.popleft(), entry):
            found.append(message)
            if message.kind == Kind.CONTINUATION:
                part = _continued(file, message.data, entry.marked)
                if part.at in seen:
                    raise file.damaged("an object header goes round in a circle")
                seen.add(part.at)
                waiting.append(part)
    return Header(tuple(found))


class _Entry(NamedTuple):
    """How messages of a header begin."""

    marked: bool
    """Whether it is the newer form, whose continued parts have a mark and a checksum."""
    ordered: bool = False
    """Whether each message says when it was made."""

    @property
    def length(self) -> int:
        return (6 if self.ordered else 4) if self.marked else 8


def _begin_old(file: Hdf5, at: int) -> tuple[Part, _Entry]:
    head = file.part(at, 16).data
    if head[0] != 1:
        raise Unsupported(f"HDF5 object headers of version {head[0]} are not read")
    return file.part(at + 16, int.from_bytes(head[8:12], "little")), _Entry(marked=False)


def _begin_new(file: Hdf5, at: int) -> tuple[Part, _Entry]:
    version, flags = file.part(at + 4, 2).data
    if version != 2:
        raise Unsupported(f"HDF5 object headers of version {version} are not read")
    start = at + 6 + (16 if flags & _TIMES else 0) + (4 if flags & _PHASES else 0)
    width = 1 << (flags & 3)
    length = int.from_bytes(file.part(start, width).data, "little")
    return file.part(start + width, length), _Entry(marked=True, ordered=bool(flags & _ORDERED))


def _continued(file: Hdf5, data: bytes, marked: bool) -> Part:
    fields = Fields(file, data)
    at, length = fields.address(), fields.length()
    if not marked:
        return file.part(at, length)
    if length < 8:
        raise file.damaged("a part of an object header is too short")
    return Part((at or 0) + 4, file.marked(at, length - 4, b"OCHK").rest())


def _messages(file: Hdf5, part: Part, entry: _Entry) -> list[Message]:
    found: list[Message] = []
    data, at = part.data, 0
    while at + entry.length <= len(data):
        file.step()
        if entry.marked:
            kind, size, flags = data[at], int.from_bytes(data[at + 1 : at + 3], "little"), data[at + 3]
        else:
            kind, size = (
                int.from_bytes(data[at : at + 2], "little"),
                int.from_bytes(data[at + 2 : at + 4], "little"),
            )
            flags = data[at + 4]
        at += entry.length
        if at + size > len(data):
            raise file.damaged(f"a message of an object header is too long, at {part.at + at:,}")
        found.append(Message(kind, part.at + at, data[at : at + size], bool(flags & _SHARED)))
        at += size
    return found
