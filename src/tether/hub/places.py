"""Places in the bucket that are given away: a client puts a large pack there, past the hub.

A place is for one pack of one size, from one user for one repository, and counts against the quota until it
is used or ends. What is put there is nothing yet; `tether.hub.taking` makes a pack of it.

A place is a row before its address is told, and no id comes twice. So whatever lies in the bucket for no row
is left over, at any moment, whoever was killed.
"""

from pathlib import PurePosixPath

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from tether.core.digest import Digest
from tether.errors import InvalidInput, NotFound, TooLarge, Unsupported
from tether.hub.access import Principal, Scope, require_user
from tether.hub.database.models import RepositoryRow
from tether.hub.database.uploads import UploadPlace
from tether.hub.hub import Hub
from tether.hub.presigning import LEAST, may_send
from tether.hub.quotas import lock_owner, require_room
from tether.hub.repositories import bucket_of
from tether.hub.secret import new_id
from tether.sync.placewire import GivenPlace, WantedPlace
from tether.sync.wire import MAX_PACK

INCOMING = "incoming"
"""The folder in the bucket of the hub with what clients put there."""
TAKEN = "taken"
"""The folder in which only the hub puts something, and looks at it."""
MOST = 256
"""Places of one user in one repository at a time; whoever has more sends packs to the hub."""
AFTER_S = 3600
"""A place outlives its address by so much: what was begun in time may take that long."""
_ANY = WantedPlace(LEAST, bytes(32))


def incoming(place_id: str) -> str:
    """Return the key in the bucket of the hub at which a pack is put."""
    return f"{INCOMING}/{place_id}"


def taken(place_id: str) -> str:
    """Return the key at which the hub looks at it."""
    return f"{TAKEN}/{place_id}"


def are_given(hub: Hub, row: RepositoryRow) -> bool:
    """Say whether places are given away for packs of a repository."""
    settings = hub.settings
    if not settings.presign_uploads or settings.presign == "off" or bucket_of(hub, row.id) is None:
        return False
    try:
        return may_send(settings, _address(hub, new_id(), _ANY))
    except Unsupported:  # another kind of store; keys that cannot sign
        return False


def give(
    hub: Hub, principal: Principal, row: RepositoryRow, pack: Digest, wanted: WantedPlace
) -> GivenPlace | None:
    """Give a place for a pack; None where it is to be sent to the hub.

    Who asks again for the same pack gets the same place, for longer; no address where something is there.

    Args:
        hub: Has the repository.
        principal: Who asks, and may push.
        row: The repository.
        pack: The name of the pack.
        wanted: What else is known of it.

    Raises:
        QuotaExceeded: The owner has no room for it.
        TooLarge: No pack has that size.
        InvalidInput: It is too small.
    """
    if wanted.size > MAX_PACK:
        raise TooLarge(f"a pack of more than {MAX_PACK} bytes")
    if wanted.size < LEAST:
        raise InvalidInput(f"places are for packs of at least {LEAST} bytes", hint="send it to the hub")
    if not are_given(hub, row):
        return None
    with hub.database.session() as session:
        place = _reserved(session, hub, row, _new(hub, principal, row, pack, wanted))
    if place is None:
        return None
    url = None if _lies_there(hub, place) else _address(hub, place.id, wanted)
    return GivenPlace(bytes.fromhex(place.id), url)


def find(hub: Hub, principal: Principal, row: RepositoryRow, pack: Digest, place_id: str) -> UploadPlace:
    """Return a place that holds still, of who asks and for this pack of this repository.

    Raises:
        NotFound: There is no such place.
    """
    user = require_user(principal, Scope.WRITE)
    with hub.database.session(reads_only=True) as session:
        place = session.get(UploadPlace, place_id)
    same = place is not None and (place.repository_id, place.account_id) == (row.id, user.id)
    if place is None or not same or place.pack != pack.hex() or not _holds(hub, place):
        raise NotFound("no such place for a pack", hint="push again")
    return place


def end(hub: Hub, place_id: str) -> None:
    """Take a place back, with all that lies there."""
    assert hub.bucket is not None
    for key in (incoming(place_id), taken(place_id)):
        hub.bucket.delete(key)
    with hub.database.session() as session:
        session.execute(delete(UploadPlace).where(UploadPlace.id == place_id))


def remove_ended(hub: Hub) -> None:
    """Remove places that ended, and what lies in the bucket for none.

    What is found first had its row before, so that no pack on its way is taken for one that is left over.
    """
    found: list[str] = []
    if hub.bucket is not None:
        found = [key for folder in (INCOMING, TAKEN) for key, _ in hub.bucket.list(f"{folder}/")]
    with hub.database.session() as session:
        session.execute(delete(UploadPlace).where(UploadPlace.expires <= hub.now()))
        known = set(session.scalars(select(UploadPlace.id)))
    for key in found:
        if hub.bucket is not None and PurePosixPath(key).name not in known:
            hub.bucket.delete(key)


def _new(
    hub: Hub, principal: Principal, row: RepositoryRow, pack: Digest, wanted: WantedPlace
) -> UploadPlace:
    user, expires = require_user(principal, Scope.WRITE), _expires(hub)
    return UploadPlace(
        id=new_id(),
        repository_id=row.id,
        account_id=user.id,
        pack=pack.hex(),
        size=wanted.size,
        expires=expires,
        used=False,
    )


def _reserved(session: Session, hub: Hub, row: RepositoryRow, place: UploadPlace) -> UploadPlace | None:
    """Add a place, or return the one that is there for the same pack; None where there are too many."""
    owner = session.get_one(RepositoryRow, row.id).owner
    lock_owner(session, owner.id)
    mine: list[ColumnElement[bool]] = [
        UploadPlace.repository_id == place.repository_id,
        UploadPlace.account_id == place.account_id,
    ]
    found = session.scalar(select(UploadPlace).where(*mine, UploadPlace.pack == place.pack))
    if found is not None and found.size == place.size and _holds(hub, found):
        found.expires = place.expires
        return found
    if found is not None:
        session.delete(found)
        session.flush()
    open_ = select(func.count()).select_from(UploadPlace).where(*mine, UploadPlace.expires > hub.now())
    if (session.scalar(open_) or 0) >= MOST:
        return None
    require_room(session, hub, owner, place.size)
    session.add(place)
    return place


def _holds(hub: Hub, place: UploadPlace) -> bool:
    return not place.used and place.expires > hub.now()


def _expires(hub: Hub) -> int:
    return hub.now() + (hub.settings.presign_s + AFTER_S) * 1_000_000


def _lies_there(hub: Hub, place: UploadPlace) -> bool:
    assert hub.bucket is not None
    try:
        return hub.bucket.size(incoming(place.id)) == place.size
    except NotFound:
        return False


def _address(hub: Hub, place_id: str, wanted: WantedPlace) -> str:
    assert hub.bucket is not None
    settings = hub.settings
    return hub.bucket.address_for_new(
        incoming(place_id), settings.presign_s, settings.presign_endpoint, headers=wanted.headers()
    )
