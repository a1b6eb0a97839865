"""Verifying a pack while its bytes come: frame by frame by their own headers, then its table against them."""

from collections.abc import Callable, Sequence

from tether.core.compression import decompress_joined
from tether.core.kinds import ObjectKind
from tether.core.outline import content_digests
from tether.core.tree import split_digests
from tether.errors import Corrupt, Unsupported
from tether.repo.frames import (
    FRAME_SIZE,
    HEADER,
    ROW_SIZE,
    TRAILER,
    Frame,
    Table,
    may_have_differences,
    parse_frame,
    role_of,
    tabulate,
    trailer,
)
from tether.repo.objectdb import unpack
from tether.repo.packs import PACK_FRAMES
from tether.repo.stretches import Begin, StretchHasher

_TOGETHER = 8
"""Chunks unpacked at once, few enough to be hashed while they are in the processor's cache."""
TakeChunks = Callable[[Sequence[Frame], memoryview], None]
"""Takes verified chunks, one after the other, which may change afterwards."""
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
        self._rows: list[Frame] = []
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
        table = tabulate(self._rows)
        contents = table.encode()
        if self.role < 0 or self._carry != contents + trailer(self._offset, contents, len(self._rows)):
            raise Corrupt("the table of contents of a pack does not fit its frames")
        return table

    def _item_size(self) -> int:
        """Return how long the item is that was cut, as far as its first bytes tell."""
        if self.role < 0:
            return HEADER.size
        if len(self._carry) < FRAME_SIZE:
            return FRAME_SIZE
        return FRAME_SIZE + parse_frame(self._carry[:FRAME_SIZE], self._offset).stored

    def _run(self, data: memoryview) -> int:
        """Verify all frames that lie whole in `data`; return the bytes done with."""
        at, found = 0, list[tuple[int, Frame]]()
        if self.role < 0:
            if len(data) < HEADER.size:
                return 0
            if may_have_differences(data):
                raise Unsupported("a pack with differences is its repository's own and does not travel")
            self.role, at = role_of(data), HEADER.size
            self._offset = at
        while at + FRAME_SIZE <= len(data):
            try:
                frame = parse_frame(data[at : at + FRAME_SIZE], self._offset)
            except Corrupt:  # the table begins here, or `finish` tells that it does not
                self._ended = True
                break
            if at + FRAME_SIZE + frame.stored > len(data):
                break
            found.append((at + FRAME_SIZE, frame))
            at += FRAME_SIZE + frame.stored
            self._offset += FRAME_SIZE + frame.stored
        for first in range(0, len(found), _TOGETHER):
            self._verify(data, found[first : first + _TOGETHER])
        self._rows += [frame for _, frame in found]
        return at

    def _verify(self, data: memoryview, found: list[tuple[int, Frame]]) -> None:
        """Verify a few frames, given with where their stored bytes begin."""
        chunks = [(start, frame) for start, frame in found if frame.kind == ObjectKind.CHUNK]
        joined = decompress_joined(data, [(f.codec, start, f.stored, f.raw) for start, f in chunks])
        view = memoryview(joined)
        _check(view, [frame for _, frame in chunks])
        if chunks and self._begin is not None:
            self._stretch, self._begin = self._begin(chunks[0][1].digest), None
        if self._stretch is not None:
            self._stretch.update(view)
        if chunks and self._take is not None:
            self._take([frame for _, frame in chunks], view)
        for start, frame in found:
            if frame.kind != ObjectKind.CHUNK:
                unpack(frame, data[start : start + frame.stored], ObjectKind(frame.kind))


def _check(chunks: memoryview, frames: Sequence[Frame]) -> None:
    """Make sure that chunks, one after the other, are those of their frames."""
    digests = content_digests(chunks, [frame.raw for frame in frames])
    if digests == b"".join([frame.digest for frame in frames]):
        return
    for frame, digest in zip(frames, split_digests(digests), strict=True):
        if frame.digest != digest:
            raise Corrupt(f"chunk {frame.digest.hex()[:12]} is damaged")
