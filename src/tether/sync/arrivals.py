"""Notes of packs that arrived whole and that no push has named yet."""

from contextlib import suppress

from tether.core.digest import Digest
from tether.errors import AlreadyExists
from tether.repo.packs import pack_key
from tether.storage.backend import Backend

ARRIVED = "arrived/"
"""Where notes are, each under the name of its pack and with the time in it."""


def note_key(name: Digest) -> str:
    """Return the key of the note that a pack arrived whole."""
    return f"{ARRIVED}{name.hex()}"


def note_arrival(backend: Backend, name: Digest, now: int) -> None:
    """Note that a pack arrived whole, unless that is noted; `now` is in microseconds since 1970."""
    with suppress(AlreadyExists):
        backend.write_new(note_key(name), str(now).encode())


def has_arrived(backend: Backend, name: Digest) -> bool:
    """Say whether a pack arrived whole and is still there; gc may have taken it since."""
    return backend.exists(note_key(name)) and backend.exists(pack_key(name))
