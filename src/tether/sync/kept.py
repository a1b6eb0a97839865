"""Chunks that came to a fetch or a clone that broke: in packs of contents that nothing names."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from tether.core.digest import Digest
from tether.core.tree import split_digests
from tether.errors import Corrupt, NotFound, TetherError, Unsupported
from tether.repo.frames import DATA, HEADER, Table, role_of
from tether.repo.packs import has_differences, pack_key, read_contents
from tether.repo.session import WriteSession
from tether.storage.backend import Backend
from tether.sync.ends import may_go_on
from tether.sync.wire import PackShare

WORTH = 0.9
"""A pack is taken whole when so much of it is lacked."""
_PACKS = "packs/"
_ENDING = ".pack"


@contextmanager
def kept_if_cut(session: WriteSession) -> Iterator[None]:
    """Make what came durable where the body is cut, also what would not fill a pack; no root names it."""
    try:
        yield
    except TetherError as error:
        if may_go_on(error):
            with suppress(TetherError):
                session.settle(DATA)
        raise


def kept_packs(backend: Backend, live: Collection[Digest], lacking: Sequence[Digest]) -> list[PackShare]:
    """Return packs of contents that lie here and are not live, of which most is lacked; nothing is verified.

    Args:
        backend: Of the repository.
        live: Packs that a root names, or is about to.
        lacking: Chunks.
    """
    left, found = set(lacking), list[PackShare]()
    for key, size in backend.list(_PACKS):
        name = _name_in(key)
        table = None if name is None or name in live else _table(backend, name)
        if name is None or table is None:
            continue
        wanted = left.intersection(split_digests(table.digests))
        if wanted and len(wanted) >= WORTH * len(table.kinds):
            left -= wanted
            found.append(PackShare(name, size, len(table.kinds), len(wanted)))
    return found


def _name_in(key: str) -> Digest | None:
    try:
        name = Digest(bytes.fromhex(key.removeprefix(_PACKS).removesuffix(_ENDING)))
    except ValueError:
        return None
    return name if key == pack_key(name) else None


def _table(backend: Backend, name: Digest) -> Table | None:
    """Return what a pack of contents says that it holds; None where it is another or cannot be read."""
    try:
        if role_of(backend.read(pack_key(name), 0, HEADER.size)) != DATA or has_differences(backend, name):
            return None
        return read_contents(backend, name)
    except (Corrupt, NotFound, Unsupported):
        return None
    except TetherError as error:
        if error.of_storage:  # over a bad sector
            return None
        raise
