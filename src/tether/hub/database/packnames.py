"""Names of packs in a bucket: what hard links are on a disk, where the store has no second names.

Where nothing else is said, a pack lies in its repository's part of the bucket, under its key, and belongs to
that repository alone. As soon as a second repository is given it, its place has a row, and from then on it is
read by names: a row for each repository that has it, with the key under which it does. Two rules keep what is
named:

- What lies at a place is removed only after its row was marked as doomed, in a transaction that found no
  name. A place without a row gets one for that.
- A place that is doomed is given no name, and stays doomed until its row goes, after what lay there.

Both take the row for themselves, or collide when they insert it, so one comes first, on any number of hubs
and whatever locks they lost. The tables join those of `tether.hub.database.models`; what is said there holds
here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TypeVar

from sqlalchemy import ForeignKey, String, delete, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from tether.errors import AlreadyExists, Conflict, Unavailable
from tether.hub.database.engine import Database
from tether.hub.database.models import ID, MICROS, Base
from tether.hub.secret import new_id

KEY = String(200)
PACKS = "packs/"
PLACED = "placed/"
"""Where in its part of the bucket a repository keeps a pack whose own place is another's now."""
BATCH = 500
"""Names of one transaction."""
_TRIES = 5
_FOR_GOOD = 0

T = TypeVar("T")


class PackPlace(Base):
    """Where a pack lies that has, or had, more than one name.

    Attributes:
        place: Its key in the bucket of the hub.
        home: The id of the repository in whose part of the bucket it is; that may be gone.
        size: In bytes.
        doomed: When it was given up, or begun to be written; None where it may be read, 0 where nothing that
            is on its way can save it any more.
    """

    __tablename__ = "pack_places"

    place: Mapped[str] = mapped_column(KEY, primary_key=True)
    home: Mapped[str] = mapped_column(ID, index=True)
    size: Mapped[int] = mapped_column(MICROS)
    doomed: Mapped[int | None] = mapped_column(MICROS)


class PackName(Base):
    """The key by which a repository has what lies at a place."""

    __tablename__ = "pack_names"

    repository_id: Mapped[str] = mapped_column(
        ForeignKey("repositories.id", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    place: Mapped[str] = mapped_column(ForeignKey("pack_places.place"), index=True)


class PackNames:
    """The names that one repository has for packs.

    Args:
        database: Of the hub.
        repository_id: Of the repository.
        now: Gives the time, in microseconds since 1970.
    """

    def __init__(self, database: Database, repository_id: str, now: Callable[[], int]) -> None:
        self._database, self._id, self._now = database, repository_id, now

    def own(self, key: str) -> str:
        """Return the place of a key in the repository's part of the bucket."""
        return f"{self._id}/{key}"

    def place(self, key: str) -> str | None:
        """Return where to look for a value; None where the repository has none, whatever lies there."""
        own = self.own(key)
        with self._database.session(reads_only=True) as session:
            # In this order: a pack that others are given in between has its row and its name at once.
            taken = session.get(PackPlace, own) is not None
            named = session.get(PackName, (self._id, key))
        if named is not None:
            return named.place
        return None if taken else own

    def listed(self, prefix: str) -> tuple[Collection[str], Mapping[str, int]]:
        """Return the places in this part of the bucket that have a row, and named keys with their sizes."""
        taken = select(PackPlace.place).where(PackPlace.home == self._id)
        named = select(PackName.key, PackPlace.size).join(PackPlace, PackPlace.place == PackName.place)
        begun = PackName.key.startswith(prefix, autoescape=True)
        named = named.where(PackName.repository_id == self._id, begun)
        with self._database.session(reads_only=True) as session:
            return set(session.scalars(taken)), {row.key: row.size for row in session.execute(named)}

    def register(self, sizes: Mapping[str, int]) -> dict[str, str]:
        """Let packs be read by names, and return their places by key; those that have names keep them.

        Nobody removes them from now on while this repository has them. What somebody removed just before is
        not there, which the caller looks at.

        Args:
            sizes: Their sizes by key.

        Raises:
            Unavailable: One is given up at this moment, or the database does not answer.
        """
        places: dict[str, str] = {}
        for batch in batches(sorted(sizes)):
            places |= self._settled(partial(self._register, {key: sizes[key] for key in batch}))
        return places

    def _register(self, sizes: Mapping[str, int], session: Session) -> dict[str, str]:
        places = _named(session, self._id, sizes)
        plain = {key: self.own(key) for key in sizes if key not in places}
        if plain:
            fresh = [{"place": own, "home": self._id, "size": sizes[key]} for key, own in plain.items()]
            session.execute(insert(PackPlace), fresh)
            session.execute(insert(PackName), [_row(self._id, key, own) for key, own in plain.items()])
        return places | plain

    def link(self, source: "PackNames", keys: Iterable[str]) -> list[str]:
        """Give packs of another repository names here too; return the keys that have one here already.

        Raises:
            Unavailable: The other repository gave one up in the meantime, or the database does not answer.
        """
        there: list[str] = []
        for batch in batches(sorted(keys)):
            there += self._settled(partial(self._link, source, batch))
        return there

    def _link(self, source: "PackNames", keys: Sequence[str], session: Session) -> list[str]:
        places = _named(session, source._id, keys)
        known = {row.place: row.doomed for row in _locked(session, places.values())}
        if len(places) < len(keys) or known != dict.fromkeys(places.values()):
            raise Conflict("a pack was given up at this moment")
        there = _named(session, self._id, keys)
        fresh = [_row(self._id, key, place) for key, place in places.items() if key not in there]
        if fresh:
            session.execute(insert(PackName), fresh)
        return list(there)

    def give_up(self, keys: Sequence[str]) -> list[str]:
        """Take the names of a batch of keys away, and return the places where nothing is named any more.

        The caller removes what lies there, and then says so by `forget`. No other repository can be given
        what lies there from now on.

        Raises:
            Unavailable: The database does not answer.
        """
        return self._settled(partial(self._give_up, keys))

    def _give_up(self, keys: Sequence[str], session: Session) -> list[str]:
        places = _named(session, self._id, keys)
        plain = {self.own(key) for key in keys if key not in places}
        rows = {each.place: each for each in _locked(session, [*places.values(), *plain])}
        if _named(session, self._id, keys) != places:
            raise Conflict("a pack got a name at this moment")
        session.execute(delete(PackName).where(PackName.repository_id == self._id, PackName.key.in_(keys)))
        held = set(session.scalars(select(PackName.place).where(PackName.place.in_(list(places.values())))))
        gone = set(places.values()) - held
        for place in gone:
            rows[place].doomed = self._now()
        fresh = plain - rows.keys()
        if fresh:
            doomed = {"home": self._id, "size": 0, "doomed": self._now()}
            session.execute(insert(PackPlace), [{"place": place, **doomed} for place in sorted(fresh)])
        return sorted(gone | fresh)

    def rename(self, key: str, target: str) -> bool:
        """Give a named value another key, where it lies; say whether it has a name.

        Raises:
            AlreadyExists: The other key is a name.
        """
        move = update(PackName).where(PackName.repository_id == self._id, PackName.key == key)
        with self._database.session() as session:
            if session.get(PackName, (self._id, key)) is None:
                return False
            if session.get(PackName, (self._id, target)) is not None:
                raise AlreadyExists(f"another value is stored as {target}")
            session.execute(move.values(key=target))
            return True

    def begin(self, size: int) -> str:
        """Return a place for a pack whose own place is taken; it is doomed until it is settled."""
        place = self.own(f"{PLACED}{new_id()}.pack")
        with self._database.session() as session:
            row = {"place": place, "home": self._id, "size": size, "doomed": self._now()}
            session.execute(insert(PackPlace), [row])
        return place

    def settle(self, place: str, key: str) -> None:
        """Name what was written to a new place, unless there is a value of that key by now.

        Raises:
            Unavailable: Writing took so long that the place was given up.
        """

        def settled(session: Session) -> None:
            row = next(iter(_locked(session, [place])), None)
            if row is None or row.doomed == _FOR_GOOD:
                raise Unavailable("a pack took too long to be stored", hint="try again")
            if session.get(PackName, (self._id, key)) is None:
                row.doomed = None
                session.flush()
                session.execute(insert(PackName), [_row(self._id, key, place)])

        self._settled(settled)

    def _settled(self, change: Callable[[Session], T]) -> T:
        """Run a transaction, and again if another one inserted the same row first."""
        for _ in range(_TRIES):
            try:
                with self._database.session() as session:
                    return change(session)
            except Conflict:
                continue
        raise Unavailable("others change the same packs at this moment", hint="try again shortly")


def forget(database: Database, places: Sequence[str]) -> None:
    """Remove the rows of doomed places at which nothing lies any more."""
    with database.session() as session:
        gone = delete(PackPlace).where(PackPlace.place.in_(places), PackPlace.doomed.is_not(None))
        session.execute(gone)


def given_up(database: Database, now: int, since: int) -> list[str]:
    """Return the places that were doomed before `since`; those that lost their last name are doomed now."""
    unnamed = select(PackPlace.place).where(
        PackPlace.doomed.is_(None), PackPlace.place.not_in(select(PackName.place))
    )
    with database.session() as session:
        rows = {row.place: row for row in _locked(session, session.scalars(unnamed).all())}
        # Asked again now that nobody can add one.
        named = session.scalars(select(PackName.place).where(PackName.place.in_(list(rows))))
        for place in rows.keys() - set(named):
            rows[place].doomed = now
        session.flush()
        session.execute(update(PackPlace).where(PackPlace.doomed <= since).values(doomed=_FOR_GOOD))
        return list(session.scalars(select(PackPlace.place).where(PackPlace.doomed == _FOR_GOOD)))


def batches(keys: Iterable[str]) -> Iterable[list[str]]:
    """Return keys in portions that fit into one transaction."""
    rest = iter(keys)
    return iter(lambda: list(islice(rest, BATCH)), [])


def _named(session: Session, repository_id: str, keys: Collection[str]) -> dict[str, str]:
    query = select(PackName.key, PackName.place)
    query = query.where(PackName.repository_id == repository_id, PackName.key.in_(list(keys)))
    return {row.key: row.place for row in session.execute(query)}


def _locked(session: Session, places: Iterable[str]) -> Sequence[PackPlace]:
    """Return the rows of places, kept from others until the transaction ends; in one order, as all do."""
    query = select(PackPlace).where(PackPlace.place.in_(set(places))).order_by(PackPlace.place)
    return session.scalars(query.with_for_update()).all()


def _row(repository_id: str, key: str, place: str) -> dict[str, str]:
    return {"repository_id": repository_id, "key": key, "place": place}
