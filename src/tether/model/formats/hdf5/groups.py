"""Groups: the links in them, in the three ways in which they are stored."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from tether.model.formats.hdf5.headers import Header, Kind
from tether.model.formats.hdf5.heaps import FractalHeap, tree_records
from tether.model.formats.hdf5.raw import Fields, Hdf5

_GROUP_NODE = 0
_LINK_NAMES = 5
_SOFT_IN_TABLE = 2
_HARD, _SOFT, _EXTERNAL = 0, 1, 64
_TRACKED, _TYPED, _CHARSET = 0x04, 0x08, 0x10

Way: TypeAlias = Literal["here", "soft", "external", "other"]


class Link(NamedTuple):
    """A name in a group."""

    name: str
    at: int
    """The object's header, where it is in this file."""
    way: Way = "here"
    """`soft` is a path, `external` a path in another file, and `other` what only a plug-in can follow."""


def is_group(header: Header) -> bool:
    """Return whether an object is a group."""
    return any(each.kind in (Kind.SYMBOLS, Kind.LINK_INFO, Kind.LINK) for each in header.messages)


def links(file: Hdf5, header: Header) -> Iterator[Link]:
    """Yield the links of a group.

    Raises:
        InvalidInput: It is not sound.
        Unsupported: A part of it is of a version that is not known.
    """
    for message in header.messages:
        if message.shared:
            continue
        if message.kind == Kind.SYMBOLS:
            fields = Fields(file, message.data)
            yield from _of_table(file, fields.address(), fields.address())
        elif message.kind == Kind.LINK:
            yield _link(file, message.data)
        elif message.kind == Kind.LINK_INFO:
            yield from _of_heap(file, message.data)


def dense(file: Hdf5, fields: Fields, records: int, skip: int) -> Iterator[bytes]:
    """Yield the objects of a heap that a B-tree lists by their names.

    Args:
        file: Has them.
        fields: The addresses of heap and tree come next.
        records: The kind of the records.
        skip: Bytes of a record before what names the object.
    """
    heap_at, tree_at = fields.address(), fields.address()
    if heap_at is None:
        return
    heap = FractalHeap.open(file, heap_at)
    for record in tree_records(file, tree_at, records):
        yield heap.object(record[skip:])


def _of_heap(file: Hdf5, data: bytes) -> Iterator[Link]:
    fields = Fields(file, data)
    _version, flags = fields.take(2)
    fields.skip(8 if flags & 1 else 0)
    for each in dense(file, fields, _LINK_NAMES, 4):
        yield _link(file, each)


def _link(file: Hdf5, data: bytes) -> Link:
    fields = Fields(file, data)
    _version, flags = fields.take(2)
    kind = fields.small(1) if flags & _TYPED else _HARD
    fields.skip((8 if flags & _TRACKED else 0) + (1 if flags & _CHARSET else 0))
    name = _text(fields.take(fields.small(1 << (flags & 3))))
    if kind != _HARD:
        ways: dict[int, Way] = {_SOFT: "soft", _EXTERNAL: "external"}
        return Link(name, 0, ways.get(kind, "other"))
    at = fields.address()
    if at is None:
        raise file.damaged(f"{name[:100]!r} is nowhere")
    return Link(name, at)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


# -- tables of symbols ------------------------------------------------------------------------


def _of_table(file: Hdf5, tree: int | None, heap: int | None) -> Iterator[Link]:
    fields = file.marked(heap, 8 + 2 * file.lengths + file.addresses, b"HEAP")
    fields.skip(4)
    length, _free = fields.length(), fields.length()
    names = file.part(fields.address(), length).data
    for node in _nodes(file, tree):
        count = file.marked(node, 8, b"SNOD")
        count.skip(2)
        entries = count.small(2)
        entry = 2 * file.addresses + 24
        rows = Fields(file, file.part(node + 8, entries * entry).data)
        for _ in range(entries):
            file.step()
            yield _symbol(file, rows, names)


def _symbol(file: Hdf5, rows: Fields, names: bytes) -> Link:
    name_at, at = rows.address(), rows.address()
    kind = rows.small(4)
    rows.skip(20)
    end = -1 if name_at is None else names.find(b"\0", name_at)
    if name_at is None or end < 0:
        raise file.damaged("a name in a group is not where it must be")
    name = _text(names[name_at:end])
    if kind == _SOFT_IN_TABLE:
        return Link(name, 0, "soft")
    if at is None:
        raise file.damaged(f"{name[:100]!r} is nowhere")
    return Link(name, at)


def _nodes(file: Hdf5, root: int | None) -> Iterator[int]:
    """Yield the addresses of the nodes with symbols that a B-tree of the first version lists."""
    head = 8 + 2 * file.addresses
    waiting: list[tuple[int | None, int | None]] = [(root, None)]
    seen: set[int] = set()
    while waiting:
        at, expected = waiting.pop()
        if expected == -1 and at is not None:
            yield at
            continue
        if at is None or at in seen:
            raise file.damaged("a group goes round in a circle")
        seen.add(at)
        fields = file.marked(at, head, b"TREE")
        kind, level = fields.take(2)
        count = fields.small(2)
        if kind != _GROUP_NODE or expected not in (None, level):
            raise file.damaged("the tree of a group is not as it must be")
        rows = Fields(file, file.part(at + head, count * (file.lengths + file.addresses)).data)
        below: list[tuple[int | None, int | None]] = []
        for _ in range(count):
            rows.skip(file.lengths)
            below.append((rows.address(), level - 1))
        waiting += reversed(below)
