"""A repository that lies whole in a bucket, or in any other backend that many machines reach."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tether.core.identity import Time
from tether.errors import Conflict, NotFound, Unavailable
from tether.repo.config import Config
from tether.repo.repository import FORMAT_KEY, Repository, Storage
from tether.repo.root import KEY, decode_root
from tether.repo.rootstore import BackendRoot, RootStore
from tether.storage.backend import Backend
from tether.storage.leases import PACE, LeaseLocks, Pace
from tether.storage.readcache import Cached, Kept
from tether.storage.wrappers import Wrapper

UNCHANGING = ("packs", "index")
"""Folders of values that are named by their content."""
_TRIES = 100


def in_bucket(backend: Backend, *, kept: Kept | None = None, pace: Pace = PACE) -> Storage:
    """Return the storage of a repository whose packs, root and locks are all in one backend.

    Args:
        backend: Reached by many machines.
        kept: Where reads of packs and indexes are kept; None makes a place for them.
        pace: How long leases last.
    """
    locks = LeaseLocks(backend, lambda: move_aside(BackendRoot(backend)), pace)
    cached = Cached(backend, UNCHANGING, kept or Kept())
    return Storage(_Fenced(cached, locks), _FencedRoot(backend, locks), locks)


def open_in_bucket(
    name: str, backend: Backend, *, clock: Callable[[], Time], create: str | None = None, pace: Pace = PACE
) -> Repository:
    """Open the repository in a backend.

    Args:
        name: The address, for messages.
        backend: Where it lies whole.
        clock: Gives the time for operations.
        create: Make one where there is none, on this branch.
        pace: How long leases last.

    Raises:
        NotFound: There is none.
        Unsupported: It needs a newer Tether.
    """
    storage = in_bucket(backend, pace=pace)
    if not backend.exists(KEY):
        if create is None and not backend.exists(FORMAT_KEY):
            raise NotFound(
                f"no repository at {name}", hint="check the address; 'tether push' makes one there"
            )
        if create is not None:
            storage.create(create)
    return Repository.open(Path(name), clock=clock, storage=storage, config=Config(()))


def move_aside(roots: RootStore) -> None:
    """Let the root be another value that says the same, so that no swap that is under way succeeds any more.

    Raises:
        Unavailable: Others move it all the time.
    """
    for _ in range(_TRIES):
        try:
            data = roots.read()
        except NotFound:
            return
        with suppress(Conflict):
            roots.swap(data, replace(decode_root(data), write_id=os.urandom(16)).encode())
            return
    raise Unavailable("the root of the repository keeps changing", hint="run it again")


class _FencedRoot(BackendRoot):
    """A root that only those move who still have their leases."""

    def __init__(self, backend: Backend, locks: LeaseLocks) -> None:
        super().__init__(backend)
        self._locks = locks

    def swap(self, expected: bytes, new: bytes) -> None:
        """Replace the root; `expected` was read before the leases are looked at."""
        self._locks.require()
        super().swap(expected, new)


class _Fenced(Wrapper):
    """A backend from which only those take something away who still have their leases."""

    def __init__(self, inner: Backend, locks: LeaseLocks) -> None:
        super().__init__(inner)
        self._locks = locks

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine."""
        self._locks.require()
        self.inner.delete(key)

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`, durably."""
        self._locks.require()
        self.inner.move(source, target)
