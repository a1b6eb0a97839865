"""Where the root of a repository is kept: beside its packs, or elsewhere (a row of a hub's database)."""

from typing import Protocol

from tether.repo.root import KEY
from tether.storage.backend import Backend


class RootStore(Protocol):
    """One value that is moved by compare-and-swap alone; `tests/contract` holds a suite for all.

    Every method may be called from any thread and raises Unavailable when the place cannot answer now.
    """

    def read(self) -> bytes:
        """Return the root's bytes, or raise NotFound."""
        ...

    def create(self, data: bytes) -> None:
        """Store the first root durably.

        Raises:
            AlreadyExists: There is one; it is unchanged.
        """
        ...

    def swap(self, expected: bytes, new: bytes) -> None:
        """Replace the root `expected` by `new`, atomically and durably; see `Backend.swap`.

        Raises:
            Conflict: The root is another one; it is unchanged.
        """
        ...

    def set_aside(self, key: str) -> None:
        """Keep the root, which is damaged, under another key of the backend; then there is none.

        Raises:
            NotFound: There is none.
        """
        ...


class BackendRoot:
    """The root as an object beside the packs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def read(self) -> bytes:
        """Return the root's bytes, or raise NotFound."""
        return self._backend.read(KEY)

    def create(self, data: bytes) -> None:
        """Store the first root."""
        self._backend.write_new(KEY, data)

    def swap(self, expected: bytes, new: bytes) -> None:
        """Replace the root `expected` by `new`, or raise Conflict."""
        self._backend.swap(KEY, expected, new)

    def set_aside(self, key: str) -> None:
        """Keep the damaged root under another key."""
        self._backend.move(KEY, key)


class SeenRoot:
    """A root as it was read once, for whoever wants one state from the first look to the last.

    A swap goes to where the root is kept and compares with what is there; afterwards the root is read anew.

    Args:
        store: Keeps the root.
        data: What was read there.
    """

    def __init__(self, store: RootStore, data: bytes) -> None:
        self._store, self._data = store, data

    def read(self) -> bytes:
        """Return what was read."""
        return self._data

    def create(self, data: bytes) -> None:
        """Refuse: there is a root already."""
        self._store.create(data)

    def swap(self, expected: bytes, new: bytes) -> None:
        """Replace the root `expected` by `new`, or raise Conflict."""
        self._store.swap(expected, new)
        self._data = new

    def set_aside(self, key: str) -> None:
        """Keep the damaged root under a key of the backend."""
        self._store.set_aside(key)
