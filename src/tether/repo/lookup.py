"""Which pack holds a digest: the pack indexes of the live packs, kept few and opened lazily."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from threading import Lock
from typing import TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from tether.core.digest import Buffer, Digest, hash_bytes
from tether.errors import AlreadyExists, Corrupt, Forbidden, NotFound, Unavailable, Unsupported
from tether.repo.frames import Frame, Table
from tether.repo.packindex import PackIndex, Place, build_index, merge_indexes
from tether.repo.packs import read_contents
from tether.storage.backend import Backend

_PREFIX = "index/"
_FEW = 6
_MOST = 1 << 20
"""Rows of tables that wait in memory to be written: 50 MB, and three times as much while they are."""
_T = TypeVar("_T")
_Read: TypeAlias = Callable[[PackIndex, list[int]], list[_T | None]]
"""Makes something of rows of an index; of -1, None."""


class IndexWriter:
    """Writes indexes of packs whose tables are at hand, so that nobody reads these again.

    The packs need not be live yet. Where an index cannot be written, whoever needs it builds it.

    Args:
        backend: Holds packs and indexes.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend, self._rows = backend, 0
        self._tables: list[tuple[Digest, Table]] = []

    def add(self, name: Digest, table: Table) -> None:
        """Take one more pack."""
        self._tables.append((name, table))
        self._rows += len(table.kinds)
        if self._rows >= _MOST:
            self.write()

    def write(self) -> None:
        """Write the index of those that came."""
        if self._tables:
            data = build_index(self._tables)
            with suppress(AlreadyExists, Forbidden, Unavailable):
                self._backend.write_new(_key(data), data)
        self._tables, self._rows = [], 0


def _key(index: bytes) -> str:
    return f"{_PREFIX}{hash_bytes(index).hex()[:32]}.idx"


class Lookup:
    """Finds objects in the packs that are live.

    Args:
        backend: Holds packs and indexes.
        live: Names of the live packs, from the root.
    """

    def __init__(self, backend: Backend, live: Iterable[Digest]) -> None:
        self._backend = backend
        self.live = frozenset(live)
        self._indexes: list[tuple[str, PackIndex]] | None = None
        self._checked = self._mended = False
        self._checking = Lock()
        self._all_live: WeakKeyDictionary[PackIndex, tuple[frozenset[Digest], bool]] = WeakKeyDictionary()
        """Of each index whether all its packs are among those live packs."""

    def find(self, digest: Digest) -> Place | None:
        """Return where `digest` lies, or None."""
        return self.find_many([digest])[0]

    def find_many(self, digests: Sequence[Digest]) -> list[Place | None]:
        """Return where each digest lies, or None."""
        return self._each(digests, PackIndex.places)

    def kinds_of(self, digests: Sequence[Digest]) -> list[int | None]:
        """Return the kind of each object, or None where it lies in no live pack."""
        return self._each(digests, PackIndex.kinds)

    def packs_of(self, digests: Sequence[Digest]) -> list[Digest | None]:
        """Return the live pack that each object lies in, or None."""
        return self._each(digests, PackIndex.packs_of)

    def has_many(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether it lies in a live pack."""
        return [kind is not None for kind in self.kinds_of(digests)]

    def _each(self, digests: Sequence[Digest], read: _Read[_T]) -> list[_T | None]:
        """Return for each digest what `read` makes of its row, or None where no row names a live pack."""
        try:
            return self._read_rows(digests, read)
        except Corrupt:
            if not self.distrust():
                raise
            return self._read_rows(digests, read)

    def _read_rows(self, digests: Sequence[Digest], read: _Read[_T]) -> list[_T | None]:
        found: list[_T | None] = [None] * len(digests)
        left: Sequence[int] = range(len(digests))
        for _, index in self._opened():
            wanted = digests if len(left) == len(digests) else [digests[at] for at in left]
            values = read(index, self._live_rows(index, wanted))
            if wanted is digests:
                found = values
            else:
                for at, value in zip(left, values, strict=True):
                    found[at] = value
            left = [at for at in left if found[at] is None]
            if not left:
                break
        return found

    def _live_rows(self, index: PackIndex, digests: Sequence[Digest]) -> list[int]:
        """Return for each digest the first row that names a live pack, or -1."""
        rows = index.rows(digests)
        if self._is_all_live(index):
            return rows
        return [self._live_row(index, row, digest) for row, digest in zip(rows, digests, strict=True)]

    def _is_all_live(self, index: PackIndex) -> bool:
        """Say whether every pack of an index is live, so that no row has to be looked at for that."""
        live = self.live
        known = self._all_live.get(index)
        if known is None or known[0] is not live:
            known = self._all_live[index] = live, live.issuperset(index.packs)
        return known[1]

    def find_in(self, pack: Digest, digest: Digest) -> Frame | None:
        """Return where `digest` lies in one pack, or None; it may lie in others too."""
        for _, index in self._opened():
            row = index.row(digest)
            while row >= 0:
                place = index.place(row)
                if place.pack == pack:
                    return place.frame
                row = index.next_row(row, digest)
        return None

    def _live_row(self, index: PackIndex, row: int, digest: Digest) -> int:
        """Return the first row from `row` on that names a live pack, or -1."""
        while row >= 0 and index.pack(row) not in self.live:
            row = index.next_row(row, digest)
        return row

    def starting(self, prefix: bytes) -> list[Digest]:
        """Return the digests that start with `prefix`."""
        found = {digest for _, index in self._opened() for digest in index.rows_from(prefix)}
        return sorted(digest for digest in found if self.find(digest))

    def extend(self, added: Sequence[tuple[Digest, Table]], removed: Iterable[Digest] = ()) -> None:
        """Take in new packs and forget removed ones; writes one index and merges small ones."""
        indexes = self._opened()
        self.live = (self.live | {name for name, _ in added}) - frozenset(removed)
        if added:
            indexes.insert(0, self._write(build_index(added)))
        self._merge_small(indexes)

    def distrust(self) -> bool:
        """Check every index byte for byte, once, and rebuild the damaged ones; return whether any was.

        Of several threads that miss something at once the first checks and the others wait for it.
        """
        with self._checking:
            if not self._checked:
                self._mended = self._mend()
                self._checked = True
            return self._mended

    def _mend(self) -> bool:
        good = [(key, index) for key, index in self._opened() if index.verify()]
        sound = {key for key, _ in good}
        damaged = [key for key, _ in self._opened() if key not in sound]
        if not damaged:
            return False
        for key in damaged:
            with suppress(Forbidden, Unavailable):
                self._backend.delete(key)
        self._indexes = self._completed(good)
        return True

    def rebuild(self) -> None:
        """Throw every index away and build them again from the packs."""
        self._indexes = None
        for key, _ in list(self._backend.list(_PREFIX)):
            self._backend.delete(key)
        self._opened()

    def compact(self) -> str:
        """Write one index over the live packs alone and return its key; the others are not read again."""
        if not all(index.verify() for _, index in self._opened()):
            self._mend()
        data = merge_indexes([index for _, index in self._opened()], self.live)
        key, index = self._remember(data)
        self._indexes = [(key, index)]
        return key

    def _opened(self) -> list[tuple[str, PackIndex]]:
        if self._indexes is None:
            self._indexes = self._open_all()
        return self._indexes

    def _open_all(self) -> list[tuple[str, PackIndex]]:
        indexes = []
        for key, _ in sorted(self._backend.list(_PREFIX), key=lambda item: -item[1]):
            with suppress(NotFound, Corrupt, Unsupported):
                index = PackIndex(self._backend.map(key))
                if not self.live.isdisjoint(index.packs):
                    indexes.append((key, index))
        return self._completed(indexes)

    def _completed(self, indexes: list[tuple[str, PackIndex]]) -> list[tuple[str, PackIndex]]:
        """Return some indexes with one more over the live packs that none of them covers."""
        covered = {name for _, index in indexes for name in index.packs}
        missing = self.live - covered
        if missing:
            tables = [(name, table) for name in sorted(missing) if (table := self._table(name)) is not None]
            if tables:
                return [*indexes, self._remember(build_index(tables))]
        return indexes

    def _table(self, name: Digest) -> Table | None:
        # A lost or unreadable pack hides only its own objects; fsck names it.
        try:
            return read_contents(self._backend, name)
        except (NotFound, Corrupt, Unsupported):
            return None

    def _merge_small(self, indexes: list[tuple[str, PackIndex]]) -> None:
        """Merge while an index is less than twice as long as what is newer, so that few remain."""
        if len(indexes) <= _FEW:
            return
        indexes.sort(key=lambda item: item[1].count)
        take, total = 1, indexes[0][1].count
        while take < len(indexes) and (len(indexes) - take >= _FEW or indexes[take][1].count <= 2 * total):
            total += indexes[take][1].count
            take += 1
        if not all(index.verify() for _, index in indexes[:take]):
            self._mend()  # or what is damaged would be in an index that seems sound
            return
        merged = merge_indexes([index for _, index in indexes[:take]], self.live)
        old = [key for key, _ in indexes[:take]]
        indexes[:take] = [self._remember(merged)]
        for key in old:
            if key != indexes[0][0]:
                self._backend.delete(key)

    def _remember(self, data: bytes) -> tuple[str, PackIndex]:
        """Write an index if the place can be written to; a reader without rights keeps it in memory."""
        try:
            return self._write(data)
        except (Forbidden, Unavailable):
            return "", PackIndex(data)

    def _write(self, data: bytes) -> tuple[str, PackIndex]:
        key = _key(data)
        try:
            self._backend.write_new(key, data)
        except AlreadyExists:
            # An index is named by what it was; one that was damaged since has the name of the sound one.
            if self._mapped(key, data) != data:
                self._backend.delete(key)
                with suppress(AlreadyExists):  # another process mends it too
                    self._backend.write_new(key, data)
        return key, PackIndex(self._mapped(key, data))

    def _mapped(self, key: str, data: bytes) -> Buffer:
        """Map an index that was just written; another process may have merged it into its own already."""
        try:
            return self._backend.map(key)
        except NotFound:
            return data
