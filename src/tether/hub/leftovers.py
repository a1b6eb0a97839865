"""What uploads leave in a repository: packs that no push named yet, and the notes that they arrived."""

from collections.abc import Callable
from pathlib import PurePosixPath

from tether.storage.backend import Backend
from tether.sync.arrivals import ARRIVED, time_in


def spared(backend: Backend, since: int) -> Callable[[str], bool]:
    """Return what tells of the key of a pack that no root lists whether a push to come may still name it.

    Args:
        backend: Of the repository.
        since: Packs that arrived before do not wait any longer, in microseconds since 1970.
    """
    return lambda key: time_in(backend, f"{ARRIVED}{PurePosixPath(key).stem}") > since


def remove_notes(backend: Backend, since: int) -> int:
    """Remove the notes of packs that arrived before `since`; return how many there were.

    A push that names such a pack in this moment has it already, or is told to come again.
    """
    old = [key for key, _ in backend.list(ARRIVED) if time_in(backend, key) <= since]
    for key in old:
        backend.delete(key)
    return len(old)
