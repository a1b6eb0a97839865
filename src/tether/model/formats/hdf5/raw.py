"""The bytes of an HDF5 file: where it begins, how wide its addresses are, and limits for what is read.

Everything in the format points to everything else, so a small file can describe a walk without end. All
readers of parts take from one allowance, and a file that uses it up is refused.
"""

from typing import NamedTuple

from tether.errors import InvalidInput, Unsupported
from tether.model.source import BytesSource, Cursor, Source, damaged

WHAT = "HDF5"
MAGIC = b"\x89HDF\r\n\x1a\n"

_MOST_STEPS = 1_000_000
"""Messages, links and nodes; 100,000 tensors have about as many."""

_MOST_BYTES = 32 << 20
"""Of everything but the numbers."""

_SUPERBLOCK = 128
_WIDTHS = (2, 4, 8)


class Part(NamedTuple):
    """Some bytes of a file."""

    at: int
    data: bytes


class Fields(Cursor):
    """Reads the fields of a part one after the other.

    Args:
        file: Whose part it is.
        data: The part.
    """

    def __init__(self, file: "Hdf5", data: bytes) -> None:
        super().__init__(BytesSource(data), WHAT)
        self._file = file

    def small(self, width: int) -> int:
        """Return the next whole number of so many bytes."""
        return int.from_bytes(self.take(width), "little")

    def length(self) -> int:
        """Return the next length or size."""
        return self.small(self._file.lengths)

    def address(self) -> int | None:
        """Return the next address; None where it is the one that stands for none."""
        data = self.take(self._file.addresses)
        return None if data.count(0xFF) == len(data) else int.from_bytes(data, "little")

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(self.left)


class Hdf5:
    """An HDF5 file.

    Args:
        source: Has it.

    Attributes:
        addresses: Bytes of an address.
        lengths: Bytes of a length.
        root: Where the root group is.
        version: Of the superblock.

    Raises:
        InvalidInput: It is no HDF5 file, or it was cut.
        Unsupported: It is of a version that is not known.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self._steps, self._bytes = _MOST_STEPS, _MOST_BYTES
        head = source.read(0, _SUPERBLOCK)
        if not head.startswith(MAGIC) or len(head) < 16:
            raise damaged(WHAT, "it does not begin as one does")
        self.version = head[8]
        if self.version > 3:
            raise Unsupported(f"HDF5 files of version {self.version} are not read")
        old = self.version < 2
        self.addresses, self.lengths = (head[13], head[14]) if old else (head[9], head[10])
        if self.addresses not in _WIDTHS or self.lengths not in _WIDTHS:
            raise damaged(WHAT, "its addresses have a width that there is not")
        fields = Fields(self, head)
        fields.skip((24, 28)[self.version] if old else 12)
        base, _, end = fields.address(), fields.address(), fields.address()
        if old:
            fields.skip(2 * self.addresses)
        root = fields.address()
        if base != 0:
            raise Unsupported("HDF5 files whose addresses do not count from their beginning are not read")
        if root is None or end is None or end > source.size:
            raise damaged(WHAT, "it ends too early")
        self.root = root

    def step(self) -> None:
        """Count one more thing that is looked at; errors as for `part`."""
        self._steps -= 1
        if self._steps < 0:
            raise self.damaged("it has more parts than any model has")

    def part(self, at: int | None, length: int) -> Part:
        """Return so many bytes from an address on.

        Raises:
            InvalidInput: They are not in the file, or more was read than any model has.
        """
        self.step()
        if at is None or at < 0 or length < 0 or at + length > self.source.size:
            raise self.damaged("a part of it leaves the file")
        self._bytes -= length
        if self._bytes < 0:
            raise self.damaged(f"more than {_MOST_BYTES:,} bytes of it are no numbers")
        data = self.source.read(at, length)
        if len(data) != length:
            raise self.damaged("it became shorter while it was read")
        return Part(at, data)

    def marked(self, at: int | None, length: int, mark: bytes) -> Fields:
        """Return the fields behind the mark of a part; errors as for `part`, and for another mark."""
        fields = Fields(self, self.part(at, length).data)
        if fields.take(len(mark)) != mark:
            raise self.damaged(f"there is no {mark.decode('latin-1')} at {at:,}")
        return fields

    def damaged(self, why: str) -> InvalidInput:
        """Return the error for something wrong."""
        return damaged(WHAT, why)
