"""Repositories that stay open between the pages that show them.

To open one costs more than most pages do: its indexes are listed and mapped, its root is decoded, and what is
read of trees and commits is forgotten at the end. Nothing here knows who asks: rights are asked for before.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from tether.core.digest import Digest
from tether.core.onetime import OneAtATime
from tether.repo.repository import Repository

LIMIT = 8
"""Repositories that stay open."""
CACHE_BYTES = 8 << 20
"""Of each: what is remembered of its trees and commits."""
LONGEST_US = 60_000_000
"""Microseconds after which one is opened anew: what gc has deleted frees its space when it is closed."""


@dataclass(slots=True, eq=False)
class _Kept:
    """An open repository: since when, its packs then, how many use it, and whether it ends with them."""

    repository: Repository
    since: int
    packs: frozenset[Digest]
    users: int = 0
    dropped: bool = False


class Opened:
    """Open repositories by id, the least used closed first. Safe to use from several threads.

    Args:
        limit: How many stay open.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._lock, self._closed = limit, Lock(), False
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._opening = OneAtATime()

    @contextmanager
    def reading(self, name: str, now: int, open_repository: Callable[[], Repository]) -> Iterator[Repository]:
        """Give a repository as it is now for a `with` block; all of the block sees one root.

        It is opened anew where its packs are others than before.

        Args:
            name: Its id.
            now: Microseconds since 1970.
            open_repository: Opens it.

        Raises:
            Corrupt: Its files or its root are missing or damaged.
        """
        kept, seen = self._current(name, now, open_repository)
        try:
            yield seen
        finally:
            self._release(kept)

    def close(self) -> None:
        """Close all, those in use when nobody uses them any more."""
        with self._lock:
            self._closed = True
            while self._kept:
                self._drop(self._kept.popitem()[1])

    def _current(
        self, name: str, now: int, open_repository: Callable[[], Repository]
    ) -> tuple[_Kept, Repository]:
        found = self._fitting(name, now)
        if found is not None:
            return found
        # Readers who come at once wait for the one who opens it, and then have it too.
        with self._opening.of(name):
            return self._fitting(name, now) or self._opened(name, now, open_repository)

    def _fitting(self, name: str, now: int) -> tuple[_Kept, Repository] | None:
        """Return one that is open and whose packs are still those of the root."""
        kept = self._taken(name, now)
        if kept is None:
            return None
        try:
            seen = kept.repository.as_now()
        except BaseException:
            self._release(kept)
            raise
        if frozenset(seen.root().packs()) == kept.packs:
            return kept, seen
        self._release(kept)
        return None

    def _taken(self, name: str, now: int) -> _Kept | None:
        """Return one that is open and young; close those that are old, whichever they are."""
        with self._lock:
            for other in [key for key, kept in self._kept.items() if not 0 <= now - kept.since < LONGEST_US]:
                self._drop(self._kept.pop(other))
            found = self._kept.get(name)
            if found is not None:
                self._kept.move_to_end(name)
                found.users += 1
            return found

    def _opened(
        self, name: str, now: int, open_repository: Callable[[], Repository]
    ) -> tuple[_Kept, Repository]:
        repository = open_repository()
        repository.objects.cache_bytes = CACHE_BYTES
        try:
            seen = repository.as_now()
        except BaseException:
            repository.close()
            raise
        made = _Kept(repository, now, frozenset(seen.root().packs()), users=1)
        with self._lock:
            before = self._kept.pop(name, None)
            if before is not None:  # another thread opened it too
                self._drop(before)
            if self._closed:
                made.dropped = True
                return made, seen
            self._kept[name] = made
            while len(self._kept) > self._limit:
                self._drop(self._kept.popitem(last=False)[1])
        return made, seen

    def _release(self, kept: _Kept) -> None:
        with self._lock:
            kept.users -= 1
            if kept.dropped and not kept.users:
                kept.repository.close()

    def _drop(self, kept: _Kept) -> None:
        kept.dropped = True
        if not kept.users:
            kept.repository.close()
