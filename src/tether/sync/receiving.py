"""Packs that arrive whole from somewhere else: written, hashed, and verified frame by frame."""

from types import TracebackType
from typing import Self

from blake3 import blake3

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.errors import InvalidInput, TetherError, TooLarge
from tether.repo.checkpacks import check_pack
from tether.repo.frames import DATA, HEADER, Table, role_of
from tether.repo.packs import pack_key, read_contents
from tether.storage.backend import Backend
from tether.sync.wire import MAX_PACK

OPEN_KINDS = frozenset(map(int, ObjectKind)) - {ObjectKind.STATE, ObjectKind.OPERATIONS}
"""Kinds that travel; states and operations are a repository's own affair."""


class PackReceiver:
    """A pack on its way in; as a context manager it is given up unless it was finished.

    Args:
        backend: Where it goes; it counts only when a root lists it.
        name: What it must be.
    """

    def __init__(self, backend: Backend, name: Digest) -> None:
        self._backend, self._name = backend, name
        self._hasher, self._size = blake3(), 0
        self._upload = backend.upload()

    def write(self, block: bytes) -> None:
        """Take more of the pack.

        Raises:
            TooLarge: It is longer than any pack.
            Unavailable: The disk is full.
        """
        self._size += len(block)
        if self._size > MAX_PACK:
            raise TooLarge(f"a pack of more than {MAX_PACK} bytes")
        self._hasher.update(block)
        self._upload.write(block)

    def finish(self) -> Table:
        """Make the pack durable, verify every frame, and return its table.

        Raises:
            InvalidInput: It is not what its name says, or not sound; nothing of it is kept then.
        """
        if self._hasher.digest() != self._name:
            raise InvalidInput("what arrived is not the pack that was named", hint="send it again")
        there = self._backend.exists(pack_key(self._name))
        self._upload.finish(pack_key(self._name))
        table = _sound_table(self._backend, self._name)
        if table is None:
            if not there:
                self._backend.delete(pack_key(self._name))
            raise InvalidInput("a pack that arrived is not sound", hint="run 'tether fsck' where it was made")
        return table

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._upload.abort()


def _sound_table(backend: Backend, name: Digest) -> Table | None:
    try:
        table = read_contents(backend, name)
        found = check_pack(backend, name, table)
        role = role_of(backend.read(pack_key(name), 0, HEADER.size))
    except TetherError:
        return None
    kinds = set(table.kinds)
    good = found.good and not found.bad and kinds <= OPEN_KINDS
    return table if good and (role == DATA) == (kinds == {int(ObjectKind.CHUNK)}) else None
