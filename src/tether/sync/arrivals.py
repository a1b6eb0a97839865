"""Notes of packs that arrived whole and that no push has named yet."""

from collections.abc import Sequence
from contextlib import suppress

from tether.core.digest import Digest
from tether.errors import AlreadyExists, NotFound
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.repo.stretches import Made
from tether.storage.backend import Backend

ARRIVED = "arrived/"
"""Where notes are, each under the name of its pack and with the time in it."""
_LONGEST_TIME = 20
_FORM = b"\xff" * 8
"""Before what was made: older hubs take eight bytes for an offset, and no file goes as far as this one."""


def note_key(name: Digest) -> str:
    """Return the key of the note that a pack arrived whole."""
    return f"{ARRIVED}{name.hex()}"


def note_arrival(backend: Backend, name: Digest, now: int, made: Made | None = None) -> None:
    """Note that a pack arrived whole, unless that is noted.

    Args:
        backend: Where it is, or is about to be.
        name: The pack.
        now: In microseconds since 1970.
        made: What was made of it on the way, by us: it is taken for true.
    """
    note = str(now).encode()
    if made is not None:
        note += b"\n" + _FORM + made.encode()
    with suppress(AlreadyExists):
        backend.write_new(note_key(name), note)


def time_in(backend: Backend, key: str) -> int:
    """Return the time in a note; 0 without one, or where an older hub wrote none."""
    try:
        text = backend.read(key).partition(b"\n")[0]
    except NotFound:
        return 0
    return int(text) if text.isdigit() and len(text) < _LONGEST_TIME else 0


def made_of(backend: Backend, name: Digest) -> Made | None:
    """Return what was made of a pack while it came; None where that is not noted."""
    try:
        made = backend.read(note_key(name)).partition(b"\n")[2]
    except NotFound:
        return None
    return Made.decode(made[len(_FORM) :]) if made.startswith(_FORM) else None


def has_arrived(repository: Repository, name: Digest) -> bool:
    """Say whether a pack arrived whole and is still there; see `have_arrived`."""
    return have_arrived(repository, [name])[0]


def have_arrived(repository: Repository, names: Sequence[Digest]) -> list[bool]:
    """Say of each pack whether it arrived whole and is still there; gc may have taken it since.

    One that the root of this repository names has: another push brought the same pack and took its note away.
    The root is asked after the notes, since a push moves it before.
    """
    backend = repository.backend
    here = {name for name in names if backend.exists(pack_key(name))}
    noted = {name for name in here if backend.exists(note_key(name))}
    live = repository.root().packs() if here - noted else ()
    arrived = noted | here.intersection(live)
    return [name in arrived for name in names]
