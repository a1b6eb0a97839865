"""Writing packs whose chunks may be differences from others in them; a part of garbage collection.

A pack has its differences beside their bases: as the chunks of the file that stays whole are written, each is
followed by the differences whose base ends with it. One whose base began in the pack before is left whole.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Self

from tether.core.compression import Codec, Compressor
from tether.core.difference import base_of, encode_difference
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.repo.differences import Group, Pair, pairs
from tether.repo.frames import DATA, WITH_DIFFERENCES, Frame, Stored, Table
from tether.repo.objectdb import unpack
from tether.repo.packindex import Place
from tether.repo.packs import PackWriter
from tether.repo.repository import Repository

_HELD = 64
"""Chunks of the whole file kept in memory: at most 8 MiB."""
_WORTH = 0.95
"""A chunk is stored as a difference that is smaller than so much of it."""


class DifferenceWriter:
    """Writes groups of files; a context manager, that drops what is not finished when it is left by an error.

    Args:
        repository: Has the objects, and gets the packs.
        wanted: The chunks that are to be written, with where they lie.

    Attributes:
        done: The chunks that were written.
        written: The packs that are finished.
    """

    def __init__(self, repository: Repository, wanted: Mapping[Digest, Place]) -> None:
        self._repository, self._wanted = repository, wanted
        self.done: set[Digest] = set()
        self.written: list[tuple[Digest, Table]] = []
        self._writer: PackWriter | None = None
        self._here: set[Digest] = set()
        """The chunks that the pack under way holds whole."""
        self._held: OrderedDict[Digest, bytes] = OrderedDict()
        self._compressor = Compressor("smallest")

    def add(self, group: Group) -> None:
        """Write the chunks of a group that are wanted, as differences where that saves.

        Raises:
            Corrupt: A chunk is damaged.
        """
        kept = frozenset(group.whole.chunks)
        waiting = [_Queue(pairs(group.whole, member, kept)) for member in group.members]
        for index, digest in enumerate(group.whole.chunks):
            if digest in self._wanted:
                self._put_whole(digest)
            for queue in waiting:
                for pair in queue.until(index):
                    self._put_difference(pair)

    def finish(self) -> None:
        """Make the last pack durable."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            self.written.append(writer.finish())
            self._here = set()

    def _put_whole(self, digest: Digest) -> None:
        if digest in self.done:
            return
        if self._writer is not None and self._writer.full:
            self.finish()
        frame, stored = self._frame(digest)
        self._hold(digest, unpack(frame, stored, ObjectKind.CHUNK))
        self._append(Stored(frame.kind, frame.codec, frame.raw, digest, stored))
        self._here.add(digest)

    def _put_difference(self, pair: Pair) -> None:
        """Write a chunk as a difference; one that would not gain, or has no base here, is left for later."""
        wanted = pair.chunk in self._wanted and pair.chunk not in self.done
        if not wanted or not self._here.issuperset(pair.base.chunks):
            return
        if self._wanted[pair.chunk].frame.codec == Codec.DIFFERENCE and self._copied(pair):
            return
        frame, whole = self._frame(pair.chunk)
        data = unpack(frame, whole, ObjectKind.CHUNK)
        joined = b"".join([self._base(digest) for digest in pair.base.chunks])
        hint = self._compressor.choose(b"", b"x.difference")
        stored = encode_difference(data, pair.base, joined, self._compressor, hint)
        if len(stored) < _WORTH * len(whole):
            self._append(Stored(frame.kind, Codec.DIFFERENCE, frame.raw, pair.chunk, stored))

    def _copied(self, pair: Pair) -> bool:
        """Write a difference as it is stored, if its base is still the same."""
        place = self._wanted[pair.chunk]
        stored = self._repository.objects.read_difference(place)
        if base_of(stored) != pair.base:
            return False
        self._append(Stored(place.frame.kind, Codec.DIFFERENCE, place.frame.raw, pair.chunk, stored))
        return True

    def _append(self, stored: Stored) -> None:
        if self._writer is None:
            self._writer = PackWriter(self._repository.backend, DATA, version=WITH_DIFFERENCES)
        self._writer.add(stored)
        self.done.add(stored.digest)

    def _frame(self, digest: Digest) -> tuple[Frame, bytes]:
        """Return a chunk's frame, one that needs no other."""
        return next(iter(self._repository.objects.read_frames([self._wanted[digest]])))[0]

    def _base(self, digest: Digest) -> bytes:
        held = self._held.get(digest)
        return held if held is not None else self._repository.objects.get(ObjectKind.CHUNK, digest)

    def _hold(self, digest: Digest, data: bytes) -> None:
        self._held[digest] = data
        if len(self._held) > _HELD:
            self._held.popitem(last=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.abort()


class _Queue:
    """The pairs of one file, given out as far as their bases are written."""

    def __init__(self, found: Iterator[Pair]) -> None:
        self._found, self._next = found, next(found, None)

    def until(self, index: int) -> Iterator[Pair]:
        """Yield the pairs whose base ends with a chunk of the whole file, or before."""
        while self._next is not None and self._next.last <= index:
            yield self._next
            self._next = next(self._found, None)
