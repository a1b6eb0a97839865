"""Giving a value to another place of the same kind without copying its bytes through this process.

On local disks both places have the same file under two names: neither can lose what the other holds, and the
disk forgets the bytes with the last name. A store of objects has no second names: somebody above it keeps
them (`Linking`), or the store copies by itself.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.wrappers import Wrapper

_BLOCK = 4 << 20

T = TypeVar("T")


@runtime_checkable
class Linking(Protocol):
    """A backend that knows how to have values in common with others of its kind."""

    def link_from(self, source: Backend, keys: Sequence[str]) -> bool:
        """Give values that never change second names here, under the same keys; say whether that is possible.

        Raises:
            NotFound: The source has not all of them.
            Unavailable: Somebody removes them at this moment, or what keeps the names does not answer.
        """
        ...


def share_all(source: Backend, target: Backend, keys: Sequence[str]) -> None:
    """Give values of several keys to another backend; see `share`, which raises the same."""
    linking = _bare(target)
    if isinstance(linking, Linking) and linking.link_from(source, keys):
        return
    for key in keys:
        share(source, target, key)


def share(source: Backend, target: Backend, key: str) -> bool:
    """Give the value of a key that never changes to another backend, durably, under the same key.

    Args:
        source: Has it.
        target: Shall have it. A value that is there already stays.
        key: Named after its content.

    Returns:
        Whether no byte was read here.

    Raises:
        NotFound: The source has no such value.
        AlreadyExists: A value of another size is there.
        Unavailable: The disk is full, or the store does not answer.
    """
    there, here = _bare(source), _bare(target)
    if isinstance(there, LocalBackend):
        if isinstance(here, LocalBackend) and here.link(there, key):
            return True
    elif not isinstance(here, LocalBackend):
        from tether.storage.objectstore import ObjectBackend  # without a bucket its library need not be there

        if isinstance(there, ObjectBackend) and isinstance(here, ObjectBackend):
            here.copy(there, key)
            return True
    _copy(source, target, key)
    return False


def wrapped(backend: Backend, kind: type[T]) -> T | None:
    """Return the backend of a kind among a backend and those that it wraps, or None."""
    while not isinstance(backend, kind):
        if not isinstance(backend, Wrapper):
            return None
        backend = backend.inner
    return backend


def _bare(backend: Backend) -> Backend:
    """Return a backend without wrappers, except those whose values do not lie where their keys say."""
    while isinstance(backend, Wrapper) and not isinstance(backend, Linking):
        backend = backend.inner
    return backend


def _copy(source: Backend, target: Backend, key: str) -> None:
    size = source.size(key)
    with target.upload() as upload:
        for at in range(0, size, _BLOCK):
            upload.write(source.read(key, at, min(_BLOCK, size - at)))
        upload.finish(key)
