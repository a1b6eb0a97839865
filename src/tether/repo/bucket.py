"""A repository that lies whole in a bucket, or in any other backend that many machines reach."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tether.core.identity import Time
from tether.errors import AlreadyExists, Conflict, NotFound, Unavailable
from tether.repo.config import Config
from tether.repo.repository import FORMAT_KEY, Repository, Storage
from tether.repo.root import KEY, decode_root
from tether.repo.rootstore import BackendRoot, RootStore
from tether.storage.backend import Backend
from tether.storage.leases import FOLDER, PACE, LeaseLocks, Pace
from tether.storage.readcache import Cached, Kept

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
    return Storage(cached, _FencedRoot(backend, locks), locks)


def open_in_bucket(
    name: str, backend: Backend, *, clock: Callable[[], Time], pace: Pace = PACE
) -> Repository:
    """Open the repository in a backend.

    Args:
        name: The address, for messages.
        backend: Where it lies whole.
        clock: Gives the time for operations.
        pace: How long leases last.

    Raises:
        NotFound: There is none.
        Unsupported: It needs a newer Tether.
    """
    try:
        backend.read(FORMAT_KEY)
    except NotFound as error:
        if FORMAT_KEY not in str(error):  # there is no bucket
            raise
        if not backend.exists(KEY):
            hint = "check the address; 'tether push' makes one there"
            raise NotFound(f"no repository at {name}", hint=hint) from None
    storage = in_bucket(backend, pace=pace)
    return Repository.open(Path(name), clock=clock, storage=storage, config=Config(()))


def create_in_bucket(name: str, backend: Backend, keys: Sequence[str], branch: str) -> None:
    """Make an empty repository in a backend, unless there is one.

    Args:
        name: The address, for messages.
        backend: Where it shall lie.
        keys: Some that are there already, all if they are few.
        branch: That HEAD names.

    Raises:
        AlreadyExists: Something else is there.
    """
    if KEY in keys:
        return
    if any(key != FORMAT_KEY and not key.startswith(f"{FOLDER}/") for key in keys):
        if backend.exists(KEY):
            return
        raise AlreadyExists(f"{name} holds other things", hint="choose another prefix")
    with suppress(AlreadyExists):  # somebody else was faster
        in_bucket(backend).create(branch)


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
        self._locks.confirm()
        super().swap(expected, new)
