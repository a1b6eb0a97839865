"""Whole packs of contents on their way in, and what is made of files while their chunks pass."""

from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate, islice, repeat
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tether.core.batches import batches
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.outline import FAST
from tether.core.recipe import ChunkList
from tether.core.tree import split_digests
from tether.core.treefiles import FolderFiles
from tether.errors import Corrupt, InvalidInput, NotFound, TooLarge
from tether.repo.frames import Table
from tether.repo.packs import pack_key
from tether.repo.proving import Means
from tether.repo.shown import Stretches, stretch_of
from tether.repo.stretches import Made, Stretch, StretchHasher
from tether.storage.backend import Backend
from tether.sync.body import Body
from tether.sync.ends import FarEnd, Lands
from tether.sync.kept import WORTH
from tether.sync.receiving import PackReceiver, Rereader
from tether.sync.wire import MAX_DIGESTS, PackShare

if TYPE_CHECKING:
    from concurrent.futures import Future

_MOST = 1 << 20
"""Chunks whose place is kept, some 60 GB of them: packs that begin with others are read again."""


class _Run(NamedTuple):
    """Bytes that passed in a row and lie in a row in a file."""

    file: int
    offset: int
    """In the file, in bytes."""
    start: int
    """In what passed, in bytes."""
    length: int


class _Places:
    """Where in files chunks belong, the first place of each."""

    def __init__(self) -> None:
        self.files: list[Digest] = []
        self._rows: dict[Digest, int] = {}
        # Columns, since there may be a million of them.
        self._file, self._start, self._length = array("I"), array("Q"), array("I")
        self._outlined: set[int] = set()

    def add(self, file: Digest, start: int, chunks: ChunkList, *, outlined: bool) -> None:
        """Take note of chunks of a file, from an offset on; see `Passing.expect`."""
        if not self.files or self.files[-1] != file:
            self.files.append(file)
            if outlined:
                self._outlined.add(len(self.files) - 1)
        row, lengths = len(self._file), chunks.lengths[: max(_MOST - len(self._file), 0)]
        digests = split_digests(chunks.digests)[: len(lengths)]
        # Backwards, so that of chunks that are there twice the first counts.
        rows = dict(zip(reversed(digests), range(row + len(digests) - 1, row - 1, -1), strict=True))
        if self._rows:
            rows = {digest: row for digest, row in rows.items() if digest not in self._rows}
        self._rows.update(rows)
        self._file.extend(repeat(len(self.files) - 1, len(lengths)))
        self._start.extend(islice(accumulate(lengths, initial=start), len(lengths)))
        self._length.extend(lengths)

    def start(self, chunk: Digest) -> int | None:
        """Return where in its file a chunk belongs, in bytes; None if the file has no outline."""
        row = self._rows.get(chunk)
        return None if row is None or self._file[row] not in self._outlined else self._start[row]

    def runs(self, digests: bytes, lengths: Sequence[int]) -> Iterator[_Run]:
        """Yield what lies in a row in a file of chunks that passed one after the other."""
        file = offset = start = length = at = 0
        for digest, size in zip(split_digests(digests), lengths, strict=True):
            row = self._rows.get(digest)
            if row is not None and self._length[row] == size:
                goes_on = self._start[row] == offset + length and at == start + length
                if not goes_on or self._file[row] != file:
                    if length:
                        yield _Run(file, offset, start, length)
                    file, offset, start, length = self._file[row], self._start[row], at, 0
                length += size
            at += size
        if length:
            yield _Run(file, offset, start, length)


class _Came(NamedTuple):
    """A pack that passed."""

    table: Table
    made: Made | None


_Receiver = TypeVar("_Receiver", bound=PackReceiver)
TakePack = Callable[[PackShare], tuple[PackShare, Table | None]]
"""Takes one pack and returns what it holds; None where it is not to be had."""


class Passing:
    """Brings packs into a repository; safe for use from several threads once all files are expected.

    Args:
        end: Has the packs.
        backend: Gets them.
    """

    def __init__(self, end: FarEnd, backend: Backend) -> None:
        self._end, self._backend = end, backend
        self._landing: Lands | None = None
        self._chosen: Collection[Digest] = ()
        self._small = False
        self._ready: Future[None] | None = None
        self._places = _Places()
        self._made: list[Stretch] = []

    def choose(self, landing: Lands, files: Iterable[Digest]) -> None:
        """Let those of some files that are wanted be written while their packs pass."""
        if FAST:
            self._landing, self._chosen = landing, landing.choose(files)

    def begins_after(self, ready: "Future[None]") -> None:
        """Let packs wait until files are chosen; where that fails, they pass all the same."""
        self._ready = ready

    def expect(self, file: Digest, start: int, chunks: ChunkList, *, outlined: bool) -> None:
        """Take note of chunks of a file, from an offset on.

        Args:
            file: Where they belong.
            start: Of the first of them, in bytes.
            chunks: In a row.
            outlined: Whether the file has an outline, which may be compared with what is made of packs.
        """
        if FAST:
            self._places.add(file, start, chunks, outlined=outlined)

    def choose_small(self, landing: Lands, folders: Iterable[FolderFiles]) -> None:
        """Let those of the small files of a tree that are wanted be written while their packs pass."""
        if FAST:
            self._landing, self._small = landing, landing.choose_small(folders)

    def _land(self, digests: bytes, lengths: Sequence[int], data: bytes) -> None:
        """Give what of the chosen files passes to where they are written."""
        if self._landing is None:
            return
        if self._small:
            self._landing.write_small(digests, lengths, data)
        if self._chosen:
            view = memoryview(data)
            for run in self._places.runs(digests, lengths):
                file = self._places.files[run.file]
                if file in self._chosen:
                    self._landing.write(file, run.offset, view[run.start : run.start + run.length])

    @property
    def means(self) -> Means:
        """What helps to prove the files that came."""
        return Means(stretches=Stretches(self._made))

    def worth(self, lacking: Sequence[Digest]) -> list[PackShare]:
        """Return the packs of the far end of which most is lacked here."""
        wanted: Counter[Digest] = Counter()
        shares: dict[Digest, PackShare] = {}
        for part in batches(lacking, MAX_DIGESTS):
            for share in self._end.shares(part):
                wanted[share.name] += share.wanted
                shares[share.name] = share
        return [share for name, share in shares.items() if wanted[name] >= WORTH * share.objects]

    def bring(self, share: PackShare) -> tuple[PackShare, Table | None]:
        """Bring one pack; None if the far end has merged it into another one meanwhile.

        Raises:
            Corrupt: It is not sound, or not one of contents.
        """
        _, here = self.take_here(share)
        if here is not None:
            return share, here
        try:
            came = self._come_now(share.name)
        except NotFound:
            return share, None
        except (InvalidInput, TooLarge) as error:
            raise Corrupt(f"{self._end.name} sent a pack that is not sound: {error}") from None
        return share, self._taken(share.name, came)

    def take_here(self, share: PackShare) -> tuple[PackShare, Table | None]:
        """Take one pack that lies here without a name; None where there is none, or it is not sound.

        Then it is removed: what comes in its place may get the same name.

        Raises:
            Corrupt: It is not one of contents.
        """
        if self._ready is not None:
            self._ready.exception()  # waits
        came = self._come_before(share.name)
        return share, None if came is None else self._taken(share.name, came)

    def _taken(self, name: Digest, came: _Came) -> Table:
        if set(came.table.kinds) != {int(ObjectKind.CHUNK)}:
            raise Corrupt(f"{self._end.name} sent another pack than one of contents")
        if came.made is not None:
            self._made.append(stretch_of(self._backend, name, came.made))
        return came.table

    def _come_now(self, name: Digest) -> _Came:
        """Ask the far end for a pack; more than once where it was cut."""
        found: list[_Came] = []

        def take(blocks: Iterator[bytes]) -> None:
            def fill(receiver: PackReceiver) -> None:
                if isinstance(blocks, Body) and blocks.is_direct:
                    receiver.read_body(blocks)
                    return
                for block in blocks:
                    receiver.write(block)

            found.append(self._pass(PackReceiver, name, fill))

        self._end.pack(name, take)
        return found[-1]

    def _come_before(self, name: Digest) -> _Came | None:
        """Take a pack that came to a fetch or a clone that was stopped; None where there is none.

        Nothing names it, since its chunks are lacked. So one that is damaged, or cannot be read, is removed.
        """
        if not self._backend.exists(pack_key(name)):
            return None
        try:
            return self._pass(Rereader, name, Rereader.read)
        except (InvalidInput, TooLarge, NotFound):
            self._backend.delete(pack_key(name))
            return None

    def _pass(self, kind: type[_Receiver], name: Digest, fill: Callable[[_Receiver], None]) -> _Came:
        """Let a pack pass, verified; return its table and what was made of it."""

        def begin(first: Digest) -> StretchHasher | None:
            start = self._places.start(first)
            return None if start is None else StretchHasher(start)

        with kind(
            self._backend, name, begin, self._land if self._chosen or self._small else None
        ) as receiver:
            fill(receiver)
            return _Came(receiver.finish(), receiver.made())
