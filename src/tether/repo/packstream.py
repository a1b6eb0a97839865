"""Verifying a pack while its bytes come: frame by frame by their own headers, then its table against them."""

from array import array
from collections.abc import Callable, Sequence

from tether.core.compression import Codec
from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.kinds import ObjectKind
from tether.core.tree import digest_at
from tether.errors import Corrupt, Unsupported
from tether.repo.frames import (
    DATA,
    FRAME_SIZE,
    HEADER,
    LIMIT_COLUMN,
    ROW_SIZE,
    TRAILER,
    Table,
    may_have_differences,
    parse_frame,
    role_of,
    trailer,
)
from tether.repo.objectdb import unpack
from tether.repo.packs import PACK_FRAMES
from tether.repo.stretches import Begin, Made, OrderHasher, StretchHasher
from tether.repo.unpacking import joined_chunks, together

try:
    from tether.repo._blocks import list_frames, sort_frames
except ImportError:  # no compiler at the installation
    from tether.repo.blocks_pure import list_frames, sort_frames

TakeChunks = Callable[[bytes, Sequence[int], bytes], None]
"""Takes verified chunks: digests of 32 bytes each, lengths in bytes, and all of them one after the other."""
_MAX_TAIL = PACK_FRAMES * ROW_SIZE + TRAILER.size


class PackStream:
    """The frames of one pack, verified as they come.

    Args:
        begin: Returns what hashes the chunks as they are verified, while they are in the processor's cache.
        take: Gets them then too.

    Attributes:
        role: DATA or META; -1 before the first bytes.
    """

    def __init__(self, begin: Begin | None = None, take: TakeChunks | None = None) -> None:
        self.role, self._begin, self._take = -1, begin, take
        self._stretch: StretchHasher | None = None
        self._digests, self._kinds, self._codecs = bytearray(), bytearray(), bytearray()
        # Columns, since there may be a hundred thousand rows.
        self._offsets, self._stored, self._raw = array("Q"), array("I"), array("I")
        self._offset = 0
        self._ended = False
        self._carry = bytearray()
        """The frame that is not whole yet; all that follows the last one in the end."""

    def feed(self, data: memoryview) -> None:
        """Verify the frames that are whole now; `data` may change afterwards.

        Raises:
            Corrupt: A frame is damaged, or this is no pack.
            Unsupported: It is one of a newer version.
        """
        while self._carry and len(data) and not self._ended:
            lacking = self._item_size() - len(self._carry)
            self._carry += data[:lacking]
            data = data[lacking:]
            del self._carry[: self._run(memoryview(bytes(self._carry)))]
        if not self._ended:
            data = data[self._run(data) :]
        self._carry += data
        if self._ended and len(self._carry) > _MAX_TAIL:
            raise Corrupt("a pack has more than its table after its frames")

    def finish(self) -> Table:
        """Return the table of contents when all has come.

        Raises:
            Corrupt: It is not that of the frames.
        """
        digests, kinds, codecs = (bytes(column) for column in (self._digests, self._kinds, self._codecs))
        table = Table(*sort_frames((digests, self._offsets, self._stored, self._raw, kinds, codecs)))
        contents = table.encode()
        if self.role < 0 or self._carry != contents + trailer(self._offset, contents, len(self._kinds)):
            raise Corrupt("the table of contents of a pack does not fit its frames")
        return table

    def made(self) -> Made | None:
        """Return what was made of its chunks, when all have come; None where nothing hashed them."""
        if self._stretch is None or self.role != DATA:
            return None
        order = OrderHasher()
        order.update(self._digests, self._raw)
        return Made(Digest(bytes(self._digests[:DIGEST_SIZE])), order.order(), self._stretch.values())

    def _item_size(self) -> int:
        """Return how long the item is that was cut, as far as its first bytes tell."""
        if self.role < 0:
            return HEADER.size
        if len(self._carry) < FRAME_SIZE:
            return FRAME_SIZE
        return FRAME_SIZE + parse_frame(self._carry[:FRAME_SIZE], self._offset).stored

    def _run(self, data: memoryview) -> int:
        """Verify all frames that lie whole in `data`; return the bytes done with."""
        at = 0
        if self.role < 0:
            if len(data) < HEADER.size:
                return 0
            if may_have_differences(data):
                raise Unsupported("a pack with differences is its repository's own and does not travel")
            self.role, at = role_of(data), HEADER.size
            self._offset = at
        before = self._offset - at
        end, columns = list_frames(data, at, LIMIT_COLUMN, Codec.DIFFERENCE)
        table = Table(*columns)
        if table.kinds.count(ObjectKind.CHUNK) == len(table.kinds):
            for some in together(table.raw):
                self._verify(data, table.part(some))
        else:
            _verify_each(data, table)
        self._digests += table.digests
        self._kinds += table.kinds
        self._codecs += table.codecs
        self._offsets.extend(start + before for start in table.offsets)
        self._stored.extend(table.stored)
        self._raw.extend(table.raw)
        self._offset = before + end
        if end + FRAME_SIZE <= len(data):
            try:
                parse_frame(data[end : end + FRAME_SIZE], self._offset)
            except Corrupt:  # the table begins here, or `finish` tells that it does not
                self._ended = True
        return end

    def _verify(self, data: memoryview, chunks: Table) -> None:
        """Verify a few chunks; their offsets are in `data`."""
        joined = joined_chunks(data, 0, chunks)
        if self._begin is not None:
            self._stretch, self._begin = self._begin(digest_at(chunks.digests, 0)), None
        if self._stretch is not None:
            self._stretch.update(memoryview(joined))
        if self._take is not None:
            self._take(chunks.digests, chunks.raw, joined)


def _verify_each(data: memoryview, table: Table) -> None:
    """Verify objects of any kind; their offsets are in `data`."""
    for frame in table:
        start = frame.offset + FRAME_SIZE
        unpack(frame, data[start : start + frame.stored], ObjectKind(frame.kind))
