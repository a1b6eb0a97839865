"""Whole packs of contents on their way in, and what is made of files while their chunks pass."""

from collections.abc import Iterator

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.outline import FAST
from tether.core.recipe import ChunkList
from tether.errors import Corrupt, InvalidInput, NotFound, TooLarge
from tether.repo.frames import Table
from tether.repo.proving import Means
from tether.repo.stretches import Stretch, Stretches, StretchHasher, stretch_of
from tether.storage.backend import Backend
from tether.sync.ends import FarEnd
from tether.sync.receiving import PackReceiver
from tether.sync.wire import PackShare

_MOST = 1 << 20
"""Chunks whose place is kept, some 60 GB of them: packs that begin with others are read again."""


class Passing:
    """Brings packs into a repository; safe for use from several threads once all files are expected.

    Args:
        end: Has the packs.
        backend: Gets them.
    """

    def __init__(self, end: FarEnd, backend: Backend) -> None:
        self._end, self._backend = end, backend
        self._starts: dict[Digest, int] = {}
        self._made: list[Stretch] = []

    def expect(self, start: int, chunks: ChunkList) -> None:
        """Take note of chunks of a file, from an offset on."""
        for index, length in enumerate(chunks.lengths):
            if not FAST or len(self._starts) >= _MOST:
                return
            self._starts.setdefault(chunks.digest(index), start)
            start += length

    @property
    def means(self) -> Means:
        """What helps to prove the files that came."""
        return Means(stretches=Stretches(self._made))

    def bring(self, share: PackShare) -> tuple[PackShare, Table | None]:
        """Bring one pack; None if the far end has merged it into another one meanwhile.

        Raises:
            Corrupt: It is not sound, or not one of contents.
        """
        found: list[tuple[Table, StretchHasher | None]] = []

        def take(blocks: Iterator[bytes]) -> None:
            made: list[StretchHasher] = []

            def begin(first: Digest) -> StretchHasher | None:
                start = self._starts.get(first)
                made.extend([StretchHasher(start)] if start is not None else [])
                return made[0] if made else None

            with PackReceiver(self._backend, share.name, begin) as receiver:
                for block in blocks:
                    receiver.write(block)
                found.append((receiver.finish(), made[0] if made else None))

        try:
            self._end.pack(share.name, take)
        except NotFound:
            return share, None
        except (InvalidInput, TooLarge) as error:
            raise Corrupt(f"{self._end.name} sent a pack that is not sound: {error}") from None
        table, hasher = found[-1]
        if set(table.kinds) != {int(ObjectKind.CHUNK)}:
            raise Corrupt(f"{self._end.name} sent another pack than one of contents")
        if hasher is not None:
            self._made.append(stretch_of(self._backend, share.name, table, hasher.start, hasher.values()))
        return share, table
