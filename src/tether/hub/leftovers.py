"""What uploads leave in a repository: packs that no push named yet, and the notes that they arrived."""

from collections.abc import Callable
from pathlib import PurePosixPath

from tether.errors import NotFound
from tether.storage.backend import Backend
from tether.sync.arrivals import ARRIVED


def spared(backend: Backend, since: int) -> Callable[[str], bool]:
    """Return what tells of the key of a pack that no root lists whether a push to come may still name it.

    Args:
        backend: Of the repository.
        since: Packs that arrived before do not wait any longer, in microseconds since 1970.
    """
    return lambda key: _arrival(backend, f"{ARRIVED}{PurePosixPath(key).stem}") > since


def remove_notes(backend: Backend, since: int) -> int:
    """Remove the notes of packs that arrived before `since`; return how many there were.

    A push that names such a pack in this moment has it already, or is told to come again.
    """
    old = [key for key, _ in backend.list(ARRIVED) if _arrival(backend, key) <= since]
    for key in old:
        backend.delete(key)
    return len(old)


def _arrival(backend: Backend, note: str) -> int:
    """Return the time in a note; 0 without one, or where an older hub wrote none."""
    try:
        text = backend.read(note)
    except NotFound:
        return 0
    return int(text) if text.isdigit() and len(text) < 20 else 0
