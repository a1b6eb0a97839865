"""Packs that clients put at places in the bucket: moved out of reach, read once, put where packs lie.

The hub believes nothing of the store's promises to others: what it reads lies where only the hub itself can
put something, and goes through the checks of a pack that is sent to the hub. Nothing counts before.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from tether.core.digest import Buffer, Digest
from tether.errors import AlreadyExists, Corrupt, InvalidInput, NotFound
from tether.hub import places, quotas
from tether.hub.access import Principal
from tether.hub.database.models import RepositoryRow
from tether.hub.database.uploads import UploadPlace
from tether.hub.hub import Hub
from tether.hub.placed import Placed
from tether.hub.repositories import open_repository, placed
from tether.storage.backend import Backend, GivenUp
from tether.storage.wrappers import Wrapper
from tether.sync.arrivals import has_arrived
from tether.sync.receiving import Receiver

if TYPE_CHECKING:
    from tether.storage.objectstore import ObjectBackend

_BLOCK = 2 << 20


def take_over(hub: Hub, principal: Principal, row: RepositoryRow, pack: Digest, place_id: str) -> None:
    """Let the pack that was put at a place have arrived; nothing is done where it has.

    Args:
        hub: Has the repository.
        principal: Who asks, and may push.
        row: The repository.
        pack: The name of the pack.
        place_id: Of the place.

    Raises:
        NotFound: There is no such place, or nothing lies there.
        InvalidInput: What lies there is not that pack, or not sound; nothing of it is kept.
        Conflict: Another request does the same at this moment.
        Unavailable: The bucket does not answer.
    """
    with closing(open_repository(hub, row)) as repository:
        backend = repository.backend
        try:
            place = places.find(hub, principal, row, pack, place_id)
        except NotFound:
            if has_arrived(repository, pack):
                return
            raise
        try:
            _receive(hub, row, backend, place)
        except (NotFound, InvalidInput, Corrupt, AlreadyExists):
            places.end(hub, place.id)
            if not has_arrived(repository, pack):
                raise
            return
    places.end(hub, place.id)


def _receive(hub: Hub, row: RepositoryRow, backend: Backend, place: UploadPlace) -> None:
    pack, source = Digest(bytes.fromhex(place.pack)), _moved(hub, place)
    with Receiver(_From(backend, source, placed(hub, source.bucket, row.id)), pack, hub.now()) as receiver:
        for at in range(0, place.size, _BLOCK):
            receiver.write(source.bucket.read(source.key, at, min(_BLOCK, place.size - at)))
        with quotas.charging(hub, row, receiver.growth, place.id):
            receiver.finish()


class _Source:
    """What was put at a place, out of the reach of others.

    Attributes:
        bucket: Of the hub.
        key: Where it lies there.
        size: Its bytes.
    """

    def __init__(self, bucket: "ObjectBackend", key: str, size: int) -> None:
        self.bucket, self.key, self.size = bucket, key, size


def _moved(hub: Hub, place: UploadPlace) -> _Source:
    """Copy what was put at a place to where only the hub puts something.

    Raises:
        NotFound: Nothing is there.
        InvalidInput: It has another size.
    """
    assert hub.bucket is not None
    bucket, goal = hub.bucket, places.taken(place.id)
    try:
        size = bucket.size(places.incoming(place.id))
    except NotFound:
        raise NotFound("nothing was put at the place of this pack", hint="push again") from None
    if size == place.size:
        bucket.below(places.TAKEN).copy(bucket.below(places.INCOMING), place.id)
        size = bucket.size(goal)
    if size != place.size:
        raise InvalidInput(f"{size} bytes were put at a place for {place.size}", hint="push again")
    return _Source(bucket, goal, size)


class _From(Wrapper):
    """The backend of a repository whose next pack lies in the bucket already.

    Args:
        inner: Of the repository.
        source: The pack.
        target: The part of the bucket that the repository has.
    """

    def __init__(self, inner: Backend, source: _Source, target: Placed) -> None:
        super().__init__(inner)
        self._source, self._target = source, target

    def upload(self) -> "_Taken":
        """Begin the new pack."""
        return _Taken(self._source, self._target)


class _Taken(GivenUp):
    """An upload whose bytes need not be sent."""

    def __init__(self, source: _Source, target: Placed) -> None:
        self._source, self._target = source, target

    def write(self, data: Buffer) -> None:
        """Do nothing: they were read from where they lie."""

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Do nothing, too."""

    def finish(self, key: str) -> None:
        """Let the store move the pack to where packs lie."""
        self._target.finish(key, _Moved(self._source, self._target), self._source.size)

    def abort(self) -> None:
        """Do nothing: what is left lies at the place, and goes with it."""


class _Moved(_Taken):
    """The same when it is known where in the part of the repository the pack shall lie."""

    def finish(self, key: str) -> None:
        """Move it there."""
        source, target = self._source, self._target.names.own(key)
        try:
            source.bucket.move(source.key, target)
        except AlreadyExists:
            if source.bucket.size(target) != source.size:
                raise
