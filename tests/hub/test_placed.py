"""Packs that several repositories have in a bucket: each sees its own keys, and nobody loses a name."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore
from sqlalchemy import func, select
from tests.support.hub import DAY
from tests.support.postgres import Cluster
from tests.support.tables import lay_database

from tether.errors import AlreadyExists, NotFound, Unavailable
from tether.hub.database.engine import Database
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.database.packnames import PackName, PackPlace
from tether.hub.placed import Placed, sweep
from tether.storage.objectclient import Stores
from tether.storage.objectstore import ObjectBackend
from tether.storage.sharing import share_all

KEY = "packs/a.pack"
TABLES = (PackName, PackPlace)
ASIDE = "quarantine/dropped/1-a.pack"


class Bucket:
    """A bucket in memory, and the repositories of a hub in it.

    Attributes:
        store: What lies in it.
        now: The time.
    """

    def __init__(self, url: str) -> None:
        self.store, self.now, self.url = MemoryStore(), 10 * DAY, url
        self.backend = ObjectBackend(Stores("memory://", self.store, self.store))
        self.database = Database(url)
        with self.database.session() as session:
            session.add(Account(id="u", kind="user", name="u", key="u", created=1))
            session.flush()
            session.add_all(
                RepositoryRow(
                    id=f"r{number}",
                    owner_id="u",
                    name=f"r{number}",
                    key=f"r{number}",
                    kind="data",
                    private=False,
                    archived=False,
                    created=1,
                )
                for number in range(4)
            )

    def repository(self, name: str, database: Database | None = None) -> Placed:
        """Return the part of a repository, as another process would open it."""
        return Placed(self.backend, name, database or self.database, lambda: self.now)

    def places(self) -> list[str]:
        """Return what lies in the bucket."""
        return sorted(each["path"] for page in obstore.list(self.store) for each in page)

    def rows(self) -> int:
        """Return how many rows there are."""
        with self.database.session(reads_only=True) as session:
            return sum(session.scalars(select(func.count()).select_from(each)).one() for each in TABLES)

    def tidy(self) -> None:
        """Let a day go by and remove what stops left."""
        self.now += 2 * DAY
        sweep(self.backend, self.database, self.now)


@pytest.fixture(params=["sqlite", "postgresql"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bucket]:
    """Return an empty one, with names in each database."""
    if request.param == "sqlite":
        lay_database(tmp_path / "hub.db")
        made = Bucket(f"sqlite:///{tmp_path / 'hub.db'}")
        yield made
        made.database.close()
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.hub_database() as url:
        made = Bucket(url)
        yield made
        made.database.close()


def store(backend: Placed, key: str, value: bytes) -> None:
    """Upload a value."""
    with backend.upload() as upload:
        upload.write(value[:3])
        upload.write_many([value[3:]])
        upload.finish(key)


def test_a_pack_lies_once_until_the_last_forgets_it(bucket: Bucket) -> None:
    """Each of three has it whoever goes; nobody else has; what the last one removes is gone."""
    names = ["r0", "r1", "r2"]
    one, two, three = map(bucket.repository, names)
    store(one, KEY, b"value")
    store(one, "packs/b.pack", b"of one alone")

    share_all(one, two, [KEY])
    share_all(two, three, [KEY])

    assert bucket.places() == ["r0/packs/a.pack", "r0/packs/b.pack"]
    for backend in (one, two, three):
        assert bytes(backend.map(KEY)) == backend.read(KEY) == b"value"
        assert (backend.read(KEY, 1, 2), backend.size(KEY)) == (b"al", 5)
    assert list(two.list("")) == list(two.list("packs/")) == [(KEY, 5)]
    assert not two.exists("packs/b.pack")
    assert not bucket.repository("r3").exists(KEY)
    one.remove_all()
    assert (one.exists(KEY), list(one.list(""))) == (False, [])
    three.delete(KEY)
    assert bucket.places() == ["r0/packs/a.pack"]
    assert bucket.repository("r1").read(KEY) == b"value"
    two.delete(KEY)
    assert (bucket.places(), bucket.rows()) == ([], 0)


def test_what_is_set_aside_gets_another_name_and_may_come_back(bucket: Bucket) -> None:
    """Nothing moves in the bucket while others have it, and they see nothing of it."""
    one, two = bucket.repository("r0"), bucket.repository("r1")
    store(one, KEY, b"value")
    share_all(one, two, [KEY])
    for backend in (one, two):
        backend.move(KEY, ASIDE)
        assert (list(backend.list("packs/")), list(backend.list("quarantine/"))) == ([], [(ASIDE, 5)])
        assert (backend.exists(KEY), backend.read(ASIDE)) == (False, b"value")
        with pytest.raises(NotFound):
            backend.move(KEY, "quarantine/x")
    one.move(ASIDE, KEY)
    store(one, "packs/b.pack", b"other")
    with pytest.raises(AlreadyExists):
        one.move(KEY, "packs/b.pack")
    assert (one.read(KEY), one.read("packs/b.pack")) == (b"value", b"other")
    two.delete(ASIDE)
    one.delete(KEY)
    one.remove_all()
    assert (bucket.places(), bucket.rows()) == ([], 0)


def test_a_pack_that_comes_again_harms_no_other(bucket: Bucket) -> None:
    """Who gave a pack up while others have it stores it elsewhere: theirs may be damaged, or go any time."""
    one, two = bucket.repository("r0"), bucket.repository("r1")
    store(one, KEY, b"wrong")
    share_all(one, two, [KEY])
    one.move(KEY, "quarantine/damaged/a.pack")

    store(one, KEY, b"right")
    store(one, KEY, b"right")

    assert (one.read(KEY), bucket.repository("r0").read(KEY), two.read(KEY)) == (b"right", b"right", b"wrong")
    with pytest.raises(AlreadyExists):
        store(one, KEY, b"another")
    two.delete(KEY)
    assert one.read("quarantine/damaged/a.pack") == b"wrong"
    share_all(one, two, [KEY])
    one.remove_all()
    assert two.read(KEY) == b"right"
    assert [place.partition("/")[0] for place in bucket.places()] == ["r0"]
    two.remove_all()
    assert (bucket.places(), bucket.rows()) == ([], 0)


def test_a_pack_that_was_moved_away_alone_comes_back_beside_another(bucket: Bucket) -> None:
    """Its own place may be one of which nothing is known but that it is given up."""
    one = bucket.repository("r0")
    store(one, KEY, b"value")
    one.move(KEY, ASIDE)
    one.names.give_up([KEY])  # and then a stop

    one.move(ASIDE, KEY)

    bucket.tidy()
    assert one.read(KEY) == b"value"
    assert len(bucket.places()) == 1


def test_a_name_whose_pack_was_lost_can_be_stored_again(bucket: Bucket) -> None:
    """As a file that was lost can."""
    one, two = bucket.repository("r0"), bucket.repository("r1")
    store(one, KEY, b"value")
    share_all(one, two, [KEY])
    obstore.delete(bucket.store, "r0/packs/a.pack")
    with pytest.raises(NotFound):
        two.read(KEY)

    store(two, KEY, b"value")

    assert (two.read(KEY), one.exists(KEY)) == (b"value", False)
    one.move(KEY, ASIDE)
    one.delete(ASIDE)
    bucket.tidy()
    assert two.read(KEY) == b"value"


def test_what_is_not_there_is_not_shared(bucket: Bucket) -> None:
    """Nor is what the source has no name for any more, although it lies there."""
    one, two, three = map(bucket.repository, ["r0", "r1", "r2"])
    with pytest.raises(NotFound):
        share_all(one, two, [KEY])
    store(one, KEY, b"value")
    share_all(one, two, [KEY])
    one.delete(KEY)
    with pytest.raises(NotFound):
        share_all(one, three, [KEY])
    assert bucket.places() == ["r0/packs/a.pack"]
    two.names.give_up([KEY])  # and then a stop
    with pytest.raises(NotFound):
        share_all(two, three, [KEY])
    bucket.tidy()
    assert (bucket.places(), bucket.rows()) == ([], 0)


def test_an_upload_that_outlives_the_sweep_is_refused(bucket: Bucket) -> None:
    """What was given up for good is not named any more."""
    one = bucket.repository("r0")
    place = one.names.begin(5)
    bucket.tidy()
    with pytest.raises(Unavailable):
        one.names.settle(place, KEY)
    again = one.names.begin(5)
    bucket.now += 2 * DAY
    with bucket.database.session() as session:  # a sweep that stopped before it removed anything
        session.get_one(PackPlace, again).doomed = 0
    with pytest.raises(Unavailable):
        one.names.settle(again, KEY)


class _KilledError(Exception):
    """The process ends."""


@contextmanager
def killed_after(steps: int, patch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let the process end after so many changes of the database or the bucket; yields how many are left."""
    left = [steps]

    def step() -> None:
        left[0] -= 1
        if left[0] == 0:
            raise _KilledError

    session = Database.session

    @contextmanager
    def counted(self: Database, **more: Any) -> Iterator[Any]:
        with session(self, **more) as opened:
            yield opened
        if not more.get("reads_only"):
            step()

    with patch.context() as patched:
        patched.setattr(Database, "session", counted)
        for name in ("delete", "move", "put"):
            patched.setattr(ObjectBackend, name, _then(getattr(ObjectBackend, name), step))
        with suppress(_KilledError):
            yield left


def _then(work: Any, step: Any) -> Any:
    def worked(*arguments: Any) -> None:
        work(*arguments)
        step()

    return worked


def test_a_stop_at_any_step(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was done of a history, names that are there read what they name, and nothing else is left."""
    steps, left = 0, [0]
    while left[0] <= 0:
        steps += 1 if bucket.database.is_sqlite else 4
        one, two, three = map(bucket.repository, ["r0", "r1", "r2"])
        with killed_after(steps, monkeypatch) as left:
            store(one, KEY, b"value")
            store(one, "packs/b.pack", b"value")
            share_all(one, two, [KEY])
            one.move(KEY, ASIDE)
            one.move("packs/b.pack", "quarantine/dropped/1-b.pack")
            store(one, KEY, b"value")
            share_all(one, three, [KEY])
            one.delete(ASIDE)
            two.delete(KEY)
            one.remove_all()
        bucket.tidy()
        for backend in map(bucket.repository, ["r0", "r1", "r2"]):
            for key, size in list(backend.list("")):
                assert (backend.read(key), size) == (b"value", 5), (steps, key)
            backend.remove_all()
        assert (bucket.places(), bucket.rows()) == ([], 0), steps
    assert steps > 15


def test_many_hands_without_any_lock(bucket: Bucket) -> None:
    """Whoever was given a pack has it until they give it up, whatever the others do in that moment."""
    failures: list[BaseException] = []
    threads = [threading.Thread(target=_guarded, args=(bucket, number, failures)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    backends = [bucket.repository(f"r{number}") for number in range(4)]
    assert sum(len(list(backend.list(""))) for backend in backends) > 0
    bucket.tidy()
    for backend in backends:
        for key in [key for key, _ in backend.list("") if backend.exists(key)]:
            assert backend.read(key) == value_of(key)
    for backend in backends:
        backend.remove_all()
    bucket.tidy()
    assert (bucket.places(), bucket.rows()) == ([], 0)


def value_of(key: str) -> bytes:
    """Return what every repository has under a key."""
    return key.rpartition("-")[2].rpartition("/")[2].encode() * 50


def _guarded(bucket: Bucket, number: int, failures: list[BaseException]) -> None:
    database = Database(bucket.url)
    try:
        _worked(bucket.repository(f"r{number}", database), bucket, random.Random(number), database)
    except BaseException as error:
        failures.append(error)
    finally:
        database.close()


def _worked(mine: Placed, bucket: Bucket, chance: random.Random, database: Database) -> None:
    """Store, share, set aside and forget at random, and look at what must be there."""
    has: set[str] = set()
    for turn in range(30):
        key = f"packs/{chance.choice('abc')}.pack"
        match chance.choice(["store", "link", "link", "link", "drop", "aside"]):
            case "store":
                store(mine, key, value_of(key))
                has.add(key)
            case "link" if key not in has:
                other = bucket.repository(f"r{chance.randrange(4)}", database)
                with suppress(NotFound, Unavailable):
                    share_all(other, mine, [key])
                    has.add(key)
            case "drop" if key in has:
                has.remove(key)
                mine.delete(key)
            case "aside" if key in has:
                has.remove(key)
                aside = f"quarantine/dropped/{turn}-{key.rpartition('/')[2]}"
                with suppress(NotFound):  # in the moment in which another one was given it
                    mine.move(key, aside)
                    assert mine.read(aside) == value_of(key)
                mine.delete(aside)
            case _:
                pass
        for each in has:
            assert mine.read(each) == value_of(each)
            assert mine.exists(each)
