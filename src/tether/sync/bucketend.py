"""A repository in a bucket, with nobody there who answers: this process reads and writes it itself.

What is sent is verified here before it leaves, since nobody verifies it there; whoever fetches it does again.
A push holds the lock of writers from its first question on, so what it is told is there stays.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

from blake3 import blake3

from tether.core.ahead import ahead
from tether.core.digest import Buffer, Digest
from tether.errors import Conflict, Corrupt
from tether.repo.frames import DATA, HEADER, Table, role_of
from tether.repo.packs import count_objects, pack_key, read_contents
from tether.repo.packstream import PackStream
from tether.repo.repository import Repository
from tether.storage.objectstore import ObjectBackend
from tether.sync.ends import TakeFrames
from tether.sync.moves import awaits_first_branch, choose_head, require_unmoved, set_moved
from tether.sync.serving import Serving
from tether.sync.wire import PackShare, PushRequest, RemoteRefs, read_frames

_BLOCK = 5 << 20
_BLOCKS_AT_ONCE = 4
_QUESTIONS_AT_ONCE = 8

_Pack: TypeAlias = tuple[int, Table]
"""The role of a pack, and what it holds."""


class BucketEnd:
    """The far end of transfers with a repository in a bucket; see `ends.FarEnd`.

    Args:
        repository: As it was opened in the bucket.
        store: The bucket itself.
    """

    jobs: int | None = None
    command = "push"
    """What the operation of a move is called."""

    def __init__(self, repository: Repository, store: ObjectBackend) -> None:
        self._repository, self._store = repository, store
        self._serving = Serving(repository)
        self._tables: dict[Digest, _Pack] = {}
        self._replaced: Sequence[Digest] = ()
        self.name = store.name

    # -- what is asked ----------------------------------------------------------------------

    def refs(self) -> RemoteRefs:
        """Return what it names now."""
        return self._serving.refs()

    def have(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of each digest whether its object is there."""
        return self._serving.have(digests)

    def commits(
        self, wants: Sequence[Digest], haves: Sequence[Digest], take: TakeFrames, *, depth: int | None = None
    ) -> None:
        """Give the commits and tags that are reached from `wants` and not from `haves`."""
        take(read_frames(self._serving.commits(wants, haves, depth)[1]))

    def verify(self, digests: Sequence[Digest]) -> list[bool]:
        """Say of the first of some contents whether each is there whole; all of it is read here."""
        return self._serving.verify(digests)

    def objects(self, digests: Sequence[Digest], take: TakeFrames) -> None:
        """Give objects in any order."""
        take(read_frames(self._serving.objects(digests)[1]))

    def shares(self, digests: Sequence[Digest]) -> list[PackShare]:
        """Say which packs of contents hold these chunks; several packs are looked at at once."""
        counts, backend = self._serving.counts(digests), self._repository.backend

        def share(name: Digest) -> PackShare:
            size = backend.size(pack_key(name))
            return PackShare(name, size, count_objects(backend, name), counts[name])

        with ThreadPoolExecutor(_QUESTIONS_AT_ONCE, "ask") as pool:
            return list(pool.map(share, sorted(counts)))

    def pack(self, name: Digest, take: Callable[[Iterator[bytes]], None]) -> None:
        """Give the bytes of a pack of contents, read in several ranges at once."""
        key = pack_key(name)
        size = self._repository.backend.size(key)

        def block(offset: int) -> bytes:
            return self._store.read(key, offset, min(_BLOCK, size - offset))

        with ThreadPoolExecutor(_BLOCKS_AT_ONCE, "read") as pool:
            take(ahead(pool, block, range(0, size, _BLOCK), _BLOCKS_AT_ONCE))

    # -- what is sent -----------------------------------------------------------------------

    def has_packs(self, names: Sequence[Digest]) -> list[bool]:
        """Say of each pack whether it is there; there are only whole ones."""
        with ThreadPoolExecutor(_BLOCKS_AT_ONCE, "look") as pool:
            return list(pool.map(lambda name: self._store.exists(pack_key(name)), names))

    def put_pack(self, name: Digest, data: Buffer, start: int | None = None) -> None:
        """Store a pack that is sound; files are not verified here, so `start` is not looked at.

        Raises:
            Corrupt: It is not; nothing was sent.
        """
        self._tables[name] = _verified(name, data)
        self._store.put(pack_key(name), data)

    def push(self, request: PushRequest) -> None:
        """Move refs, all or none; the index over new packs is there before.

        Raises:
            Conflict: A ref is another one there now.
        """
        repository = self._repository
        packs = {name: self._tables.get(name) or self._read(name) for name in request.packs}
        repository.objects.lookup.extend([(name, table) for name, (_, table) in packs.items()])
        headless = awaits_first_branch(repository.root())
        try:
            self._move(request, packs)
        except Conflict:
            require_unmoved(repository.root().refs, request.moves)
            if not headless:
                raise
            self._move(request, packs)

    def _move(self, request: PushRequest, packs: Mapping[Digest, _Pack]) -> None:
        with self._repository.transaction(self.command, write_id=request.write_id) as transaction:
            for move in request.moves:
                set_moved(transaction, move)
            data = [name for name, (role, _) in packs.items() if role == DATA]
            transaction.adopt(data, [name for name in packs if name not in data])
            choose_head(transaction, request)
        self._replaced = transaction.replaced_packs

    def tidy(self) -> None:
        """Delete what a push merged, when its lock is given back."""
        if self._replaced:
            self._repository.delete_replaced(self._replaced)

    def _read(self, name: Digest) -> _Pack:
        """Return what a pack holds that an earlier push sent."""
        backend = self._repository.backend
        return role_of(backend.read(pack_key(name), 0, HEADER.size)), read_contents(backend, name)

    def close(self) -> None:
        """Give back what is held."""
        self._repository.close()


def _verified(name: Digest, data: Buffer) -> _Pack:
    """Return what a pack holds, each frame of it verified."""
    stream = PackStream()
    try:
        stream.feed(memoryview(data))
        table = stream.finish()
        if blake3(data, max_threads=1).digest() != name:
            raise Corrupt("its bytes are not what its name says")
    except Corrupt as error:
        hint = "run 'tether fsck --repair'"
        raise Corrupt(f"pack {name.hex()[:12]} is damaged here: {error}", hint=hint) from None
    return stream.role, table
