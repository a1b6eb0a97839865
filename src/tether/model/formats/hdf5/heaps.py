"""Heaps for names, links and texts: fractal heaps with the B-trees that list them, and global heaps."""

from collections.abc import Iterator
from dataclasses import dataclass

from tether.errors import Unsupported
from tether.model.formats.hdf5.raw import Fields, Hdf5

_MANAGED, _TINY = 0, 2
_GLOBAL_HEAD = 8
_MARKS = 10
"""Bytes of a node of a B-tree that are no records: mark, version, type and checksum."""

_LARGEST_NODE = 1 << 20


def global_object(file: Hdf5, at: int | None, index: int) -> bytes:
    """Return an object of a global heap.

    Raises:
        InvalidInput: There is none.
    """
    size = file.marked(at, _GLOBAL_HEAD + file.lengths, b"GCOL")
    size.skip(4)
    fields = file.marked(at, size.length(), b"GCOL")
    fields.skip(4 + file.lengths)
    while fields.left >= 8 + file.lengths:
        file.step()
        number = fields.small(2)
        fields.skip(6)
        length = fields.length()
        if number == index and index:
            return fields.take(length)
        if not number:
            break
        fields.skip(min(length + -length % 8, fields.left))
    raise file.damaged("a text of it is missing")


# -- B-trees of the second version ------------------------------------------------------------


def tree_records(file: Hdf5, at: int | None, kind: int) -> Iterator[bytes]:
    """Yield the records of a B-tree of the second version, in their order.

    Raises:
        InvalidInput: It is not sound, or of another kind.
    """
    fields = file.marked(at, 22 + file.addresses + file.lengths, b"BTHD")
    _version, found = fields.take(2)
    node, record, depth = fields.small(4), fields.small(2), fields.small(2)
    fields.skip(2)
    root, count = fields.address(), fields.small(2)
    if found != kind or not 0 < record < node <= _LARGEST_NODE or depth > 16:
        raise file.damaged("a list of names is not as it must be")
    tree = _Tree(file, node, record, kind)
    if root is not None:
        yield from tree.records(root, count, depth)


def _width(value: int) -> int:
    """Return how many bytes a number up to `value` takes."""
    return max(1, (value.bit_length() + 7) // 8)


class _Tree:
    def __init__(self, file: Hdf5, node: int, record: int, kind: int) -> None:
        self._file, self._node, self._record, self._kind = file, node, record, kind
        self._most = [(node - _MARKS) // record]
        """Records of a node by its height."""
        self._totals = [self._most[0]]
        """Records of a node and all below it."""
        self._seen: set[int] = set()

    def records(self, at: int | None, count: int, height: int) -> Iterator[bytes]:
        if at is None or at in self._seen:
            raise self._file.damaged("a list of names goes round in a circle")
        self._seen.add(at)
        fields = self._file.marked(at, self._node, b"BTIN" if height else b"BTLF")
        _version, kind = fields.take(2)
        if kind != self._kind or count > self._most_at(height):
            raise self._file.damaged("a list of names is not as it must be")
        found = [fields.take(self._record) for _ in range(count)]
        for _ in found:
            self._file.step()
        if not height:
            yield from found
            return
        below = [self._pointer(fields, height) for _ in range(count + 1)]
        for each, record in zip(below, [*found, None], strict=True):
            yield from self.records(*each, height - 1)
            if record is not None:
                yield record

    def _most_at(self, height: int) -> int:
        while len(self._most) <= height:
            pointer = self._pointer_length(len(self._most))
            self._most.append((self._node - _MARKS - pointer) // (self._record + pointer))
            self._totals.append((self._most[-1] + 1) * self._totals[-1] + self._most[-1])
        return self._most[height]

    def _pointer_length(self, height: int) -> int:
        total = _width(self._totals[height - 1]) if height > 1 else 0
        return self._file.addresses + _width(self._most[0]) + total

    def _pointer(self, fields: Fields, height: int) -> tuple[int | None, int]:
        at, count = fields.address(), fields.small(_width(self._most[0]))
        if height > 1:
            fields.skip(_width(self._totals[height - 1]))
        return at, count


# -- fractal heaps ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FractalHeap:
    """Objects of any length in blocks that become larger with each row of a table."""

    file: Hdf5
    width: int
    """Blocks of a row."""
    start: int
    """Bytes of a block of the first row."""
    largest: int
    """Bytes of a block that has objects and no blocks."""
    bits: int
    """Of a position in the heap."""
    length_bytes: int
    """Bytes of the length of an object, in what names it."""
    root: int | None
    rows: int
    """Of the root; none where it is a block with objects."""

    @classmethod
    def open(cls, file: Hdf5, at: int | None) -> "FractalHeap":
        """Return the heap at an address.

        Raises:
            InvalidInput: It is not sound.
            Unsupported: It is compressed.
        """
        fields = file.marked(at, 22 + 12 * file.lengths + 3 * file.addresses, b"FRHP")
        fields.skip(3)
        filters, _flags, managed = fields.small(2), fields.small(1), fields.small(4)
        if filters:
            raise Unsupported("HDF5 files whose names are compressed are not read")
        fields.skip(10 * file.lengths + 2 * file.addresses)
        width, start, largest = fields.small(2), fields.length(), fields.length()
        bits = fields.small(2)
        fields.skip(2)
        root, rows = fields.address(), fields.small(2)
        powers = all(value and not value & (value - 1) for value in (width, start, largest))
        if not powers or start > largest or not 0 < bits <= 64 or largest.bit_length() > bits or rows > 64:
            raise file.damaged("a heap of names is not as it must be")
        length = min((largest.bit_length() + 6) // 8, _width(managed))
        return cls(file, width, start, largest, bits, length, root, rows)

    def object(self, name: bytes) -> bytes:
        """Return an object by what names it.

        Raises:
            InvalidInput: It is not there.
            Unsupported: It is too large to lie in a block.
        """
        kind = name[0] >> 4 & 3
        if kind == _TINY:
            return name[1 : 2 + (name[0] & 15)]
        if kind != _MANAGED:
            raise Unsupported("a name or an attribute of an HDF5 file is too large to be read")
        fields = Fields(self.file, name)
        fields.skip(1)
        at, length = fields.small((self.bits + 7) // 8), fields.small(self.length_bytes)
        block, size, begin = self._block(at)
        if at + length > begin + size:
            raise self.file.damaged("an object of a heap leaves its block")
        return self.file.part(block + at - begin, length).data

    def _block(self, at: int) -> tuple[int, int, int]:
        """Return the block that has a position: its address, its length, and where it begins in the heap."""
        block, rows, begin = self.root, self.rows, 0
        size = self.start
        while rows:
            row, column, offset = self._cell(at - begin, rows)
            size = self.start << max(row - 1, 0)
            begin += offset
            block = self._child(block, row, column)
            if size <= self.largest:
                break
            rows = size.bit_length() - (self.start * self.width).bit_length() + 1
            if rows < 1:
                raise self.file.damaged("a heap of names is not as it must be")
        if block is None:
            raise self.file.damaged("a block of a heap is missing")
        return block, size, begin

    def _cell(self, at: int, rows: int) -> tuple[int, int, int]:
        """Return row and column of the block that has a position, and where that block begins."""
        begin = 0
        for row in range(rows):
            size = self.start << max(row - 1, 0)
            if at < begin + size * self.width:
                column = (at - begin) // size
                return row, column, begin + column * size
            begin += size * self.width
        raise self.file.damaged("an object of a heap leaves it")

    def _child(self, at: int | None, row: int, column: int) -> int | None:
        head = 5 + self.file.addresses + (self.bits + 7) // 8
        if at is None:
            raise self.file.damaged("a block of a heap is missing")
        self.file.marked(at, head, b"FHIB")
        place = at + head + (row * self.width + column) * self.file.addresses
        return Fields(self.file, self.file.part(place, self.file.addresses).data).address()
