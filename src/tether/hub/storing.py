"""Contents that the hub itself puts into packs: charged, noted as arrived, and live only after a push."""

from pathlib import PurePosixPath
from typing import NamedTuple

from tether.core.digest import Digest
from tether.hub import quotas
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.repo.ingest import ContentWriter
from tether.repo.objectdb import ObjectDb
from tether.repo.session import SealedPacks, WriteSession
from tether.repo.streams import ReadInto
from tether.storage.backend import Backend, Upload
from tether.storage.memory import MemoryBackend
from tether.storage.wrappers import CountedUpload, Wrapper
from tether.sync.arrivals import note_arrival

LEVEL = "default"


class Stored(NamedTuple):
    """A content that was stored.

    Attributes:
        digest: Of the content.
        size: Its length in bytes.
        packs: Names in hexadecimal, by role.
    """

    digest: Digest
    size: int
    packs: dict[str, list[str]]


class Storing(Wrapper):
    """Takes packs as a push does: each is charged to the owner, and noted before it is there.

    Args:
        hub: Has the repository.
        row: The repository.
        backend: Of the repository.
        charged: Whether packs count at once. What is written to free room does not: it has to be possible
            where there is none, and the next count of all packs finds it.
    """

    def __init__(self, hub: Hub, row: RepositoryRow, backend: Backend, *, charged: bool = True) -> None:
        super().__init__(backend)
        self.hub, self.row, self.charged = hub, row, charged
        self.fault: BaseException | None = None

    def upload(self) -> "_Charged":
        """Begin a new pack, unless one before was refused."""
        if self.fault is not None:
            raise self.fault
        return _Charged(self, self.inner.upload())


class _Charged(CountedUpload):
    """An upload that counts."""

    def __init__(self, storing: Storing, upload: Upload) -> None:
        super().__init__(upload)
        self._storing = storing

    def finish(self, key: str) -> None:
        """Charge and note the pack, then make it durable."""
        storing = self._storing
        size = self.size if storing.charged and not storing.inner.exists(key) else 0
        try:
            with quotas.charging(storing.hub, storing.row, size):
                name = Digest(bytes.fromhex(PurePosixPath(key).stem))
                note_arrival(storing.inner, name, storing.hub.now())
                self.inner.finish(key)
        except BaseException as error:
            storing.fault = error
            raise


def store_content(storing: Storing, read_into: ReadInto, name: bytes) -> Stored:
    """Store a content of any size in packs of its own, in bounded memory.

    What the repository has already is stored again: garbage collection could take it away before it is
    needed here, and knows that both are the same afterwards.

    Raises:
        QuotaExceeded: The owner has no room for it.
        Unavailable: The disk is full.
    """
    session = WriteSession(storing, ObjectDb(MemoryBackend(), tuple), LEVEL)
    writer = ContentWriter(session)
    try:
        digest, size = writer.add_stream(read_into, name)
        writer.close()
        sealed = session.seal()
    except BaseException:
        writer.close()
        session.abort()
        raise
    return Stored(digest, size, {"data": names(sealed, "data"), "meta": names(sealed, "meta")})


def names(sealed: SealedPacks, role: str) -> list[str]:
    """Return the names of packs in hexadecimal."""
    return [name.hex() for name, _ in (sealed.data if role == "data" else sealed.meta)]
