"""Every object of the live packs by kind, from the packs' own tables; gc and fsck stand on it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from tether.core.digest import DIGEST_SIZE, EMPTY_FILE, Digest
from tether.core.kinds import ObjectKind
from tether.core.tree import EMPTY_TREE, split_digests
from tether.errors import Corrupt, NotFound, Unsupported
from tether.repo.frames import FRAME_SIZE, Table
from tether.repo.packs import read_contents
from tether.storage.backend import Backend

ROW_SIZE = DIGEST_SIZE + 18
"""Bytes that an object costs in the table of its pack."""


@dataclass(slots=True)
class Inventory:
    """What lies in which pack.

    Attributes:
        tables: The table of every pack that could be read.
        unreadable: Packs that are listed as live and are lost or damaged, with the reason.
    """

    tables: dict[Digest, Table] = field(default_factory=dict)
    unreadable: dict[Digest, str] = field(default_factory=dict)
    _kinds: dict[int, set[Digest]] = field(
        default_factory=lambda: {
            **{int(kind): set[Digest]() for kind in ObjectKind},
            int(ObjectKind.TREE): {EMPTY_TREE},
            int(ObjectKind.CHUNK): {EMPTY_FILE},
        }
    )

    def extend(self, backend: Backend, packs: Iterable[Digest], *, at_once: int = 1) -> None:
        """Take in the packs that are not known yet, so many at once."""
        fresh = [name for name in dict.fromkeys(packs) if name not in self.tables]
        read = partial(_read, backend)
        with ThreadPoolExecutor(at_once) as pool:
            tables = pool.map(read, fresh) if at_once > 1 else map(read, fresh)
            self._take(zip(fresh, tables, strict=True))

    def _take(self, found: Iterable[tuple[Digest, Table | str]]) -> None:
        for name, table in found:
            if isinstance(table, str):
                self.unreadable[name] = table
                continue
            self.tables[name] = table
            digests = split_digests(table.digests)
            for kind in set(table.kinds):
                self._kinds[kind].update(d for d, k in zip(digests, table.kinds, strict=True) if k == kind)

    def of_kind(self, kind: ObjectKind) -> set[Digest]:
        """Return every object of one kind; not to be changed."""
        return self._kinds[kind]

    def kind_of(self, digest: Digest) -> ObjectKind | None:
        """Return what an object is; None if it is not here. A content of several chunks is a RECIPE."""
        for kind, digests in self._kinds.items():
            if digest in digests:
                return ObjectKind(kind)
        return None

    def count(self) -> int:
        """Return how many objects there are, doubles counted once."""
        return sum(map(len, self._kinds.values())) - 2


def _read(backend: Backend, name: Digest) -> Table | str:
    """Return the table of a pack, or why it cannot be read."""
    try:
        return read_contents(backend, name)
    except (NotFound, Corrupt, Unsupported) as error:
        return str(error)


def frame_cost(stored: int) -> int:
    """Return the bytes that an object of `stored` bytes takes in a pack."""
    return stored + FRAME_SIZE + ROW_SIZE
