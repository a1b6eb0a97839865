"""Pack files taken out of use: kept a while after gc, and for good when they are damaged.

A reader holds no lock, and a mistake must not cost data at once: therefore a pack that is no longer
live is moved aside with the time in its name, and only a later gc deletes it.
"""

from contextlib import suppress
from typing import NamedTuple

from tether.core.digest import Digest
from tether.errors import AlreadyExists
from tether.storage.backend import Backend

GRACE_S = 24 * 3600
_DROPPED = "quarantine/dropped/"
_DAMAGED = "quarantine/damaged/"


class Aside(NamedTuple):
    """A pack file out of use."""

    key: str
    size: int
    since_s: int
    """When it was moved, seconds since 1970."""


def set_aside(backend: Backend, key: str, now_s: int) -> None:
    """Move a pack file that nothing needs any more."""
    with suppress(AlreadyExists):
        backend.move(key, f"{_DROPPED}{now_s}-{key.rpartition('/')[2]}")


def damaged_key(name: Digest) -> str:
    """Return where a damaged pack is kept; Tether never deletes it."""
    return f"{_DAMAGED}{name.hex()}.pack"


def list_aside(backend: Backend) -> list[Aside]:
    """Return the files that wait to be deleted."""
    found = []
    for key, size in backend.list(_DROPPED):
        since = key.removeprefix(_DROPPED).partition("-")[0]
        if since.isdecimal():
            found.append(Aside(key, size, int(since)))
    return found
