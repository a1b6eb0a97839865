"""Hubs restored into a bucket of a real S3 server: whole, once, gone on with after a kill, then opened."""

import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support.cli import TETHER, Room
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom
from tests.support.network import BucketRoom, Network
from tests.support.postgres import Cluster
from tests.support.s3 import s3_server

from tether.errors import AlreadyExists, Conflict, InvalidInput, TetherError, Unavailable
from tether.hub import unfinished
from tether.hub.backup import back_up
from tether.hub.database.engine import Database
from tether.hub.restoring import NewHub, restore
from tether.hub.upkeep import chosen, verify
from tether.storage.buckets import BucketAddress, open_bucket, parse_bucket_address
from tether.storage.objectstore import ObjectBackend

SHARED = b"what both have " * 5000

LATER = """
conversations conversation_entries subscriptions notices pulls pull_reviewers pull_threads commit_checks
merge_trials mail_addresses mails search_words search_states
"""
"""Tables that came after those of the older hub."""


def opened(address: BucketAddress) -> ObjectBackend:
    """Open a place in the bucket of the server."""
    return open_bucket(address, s3_server().keys())


def new_place() -> str:
    """Return the address of an empty place there."""
    server = s3_server()
    return f"s3://{server.bucket}/{server.new_prefix()}"


def packs(storage: str) -> list[str]:
    """Return the packs at a place, straight from the server."""
    found = opened(parse_bucket_address(storage)).list("")
    return sorted(key.rpartition("/")[2] for key, _ in found if key.endswith(".pack"))


def backed_up(folder: Path) -> Network:
    """Return a hub with a repository and its fork, with a backup in `safe`."""
    network = Network(HubRoom(folder / "hub"), folder / "local")
    network.push("ada/x", "main", network.past.commit("one", {"big": SHARED}))
    network.fork("ada/x", "bob/y")
    network.push("bob/y", "main", network.past.commit("two", {"more": b"of bob"}))
    [row] = (row for row in chosen(network.hub.hub, ()) if row.name == "x")
    (network.hub.hub.settings.repositories / row.id / "config.toml").write_text("[gc]\nretention = 3\n")
    assert back_up(network.hub.hub, folder / "safe").problems == []
    return network


def test_people_go_on_in_the_bucket(tmp_path: Path) -> None:
    """What forks have in common lies there once and stays while one has it; a backup of it is the same."""
    network, storage = backed_up(tmp_path), new_place()
    done = restore(tmp_path / "safe", NewHub(tmp_path / "new", storage=storage, open_bucket=opened))

    found = packs(storage)
    assert (done.problems, done.repositories, done.packs) == ([], 2, len(found))
    assert len(found) == len(set(found))
    assert list((tmp_path / "new").rglob("*.pack")) == []
    assert len(list((tmp_path / "new").rglob("config.toml"))) == 1
    assert not (tmp_path / "new/hub.db.named").exists()
    network.hub.close()
    network.hub = room = BucketRoom(tmp_path / "new", storage=storage)
    network.check()
    assert network.read("bob/y", "main", "big") == network.read("ada/x", "main", "big") == SHARED
    again = back_up(room.hub, tmp_path / "again")
    assert (again.problems, again.packs) == ([], len(found))

    network.push("ada/x", "main", network.past.commit("none", {"c": b"3"}, parents=[]))
    network.collect()
    network.check()
    assert network.read("bob/y", "main", "big") == SHARED
    room.close()


def test_a_restore_that_is_killed_goes_on(tmp_path: Path) -> None:
    """Until its end nothing opens the folder; the next run sends what lacks, and no pack a second time."""
    room, storage = Room(tmp_path / "room"), new_place()
    room.environ |= s3_server().environment()
    hub = HubRoom(room.work / "hub")
    ada = hub.user("ada")
    for number in range(8):
        hub.repository(ada, f"ada/r{number}")
        with closing(open_hosted(hub, f"ada/r{number}")) as repository:
            commit_paths(repository, {b"a": b"%d" % number})
    assert back_up(hub.hub, room.work / "safe").packs == 16
    hub.close()
    command = ["hub", "restore", "safe", "--root", "new", "--storage", storage]

    process = subprocess.Popen([TETHER, *command, "-q"], cwd=room.work, env=room.environ)
    while not packs(storage):
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()

    room.transcript(f"""
        $ tether hub fsck --root new
        error: the hub in .../new is not restored to its end
        hint: let 'tether hub restore' end, or run it again with the same options
        [5]
        $ tether hub restore safe --root new
        error: the restore in new was begun into {storage}
        hint: go on with that, or give a new folder
        [2]
    """)
    there = len(packs(storage))
    assert 1 <= there < 16
    assert not (room.work / "new/hub.db").exists()
    done = room.json(*command)
    assert (done["packs"], done["problems"], len(packs(storage))) == (16 - there, [], 16)
    restored = BucketRoom(room.work / "new", storage=storage)
    for row in chosen(restored.hub, ()):
        assert verify(restored.hub, row, full=True).problems == []
    restored.close()


def test_a_second_restore_into_the_folder_is_refused(tmp_path: Path) -> None:
    """While one copies packs, another is told who does; the first ends as if alone."""
    network = backed_up(tmp_path)
    network.hub.close()
    new, refused = NewHub(tmp_path / "new"), []

    class Meanwhile:
        def start(self, label: str, total: int | None, unit: str) -> None: ...

        def advance(self, amount: int) -> None:
            with pytest.raises(Unavailable, match="hub restore"):
                restore(tmp_path / "safe", new)
            refused.append(amount)

        def finish(self) -> None: ...

    assert restore(tmp_path / "safe", new, Meanwhile()).problems == []
    assert refused
    network.hub = HubRoom(tmp_path / "new")
    network.check()


def test_a_stop_between_the_rows_and_the_mark(tmp_path: Path, postgres: Cluster) -> None:
    """The next run finds the rows in the database and ends; with rows of others it refuses."""
    network, storage = backed_up(tmp_path), new_place()
    network.hub.close()
    with postgres.database() as url:
        new = NewHub(tmp_path / "new", url, storage, opened)
        assert restore(tmp_path / "safe", new).problems == []
        unfinished.begin(new.root, storage)
        with pytest.raises(Conflict):
            BucketRoom(new.root, storage=storage, database=url)

        assert restore(tmp_path / "safe", new).packs == 0

        room = BucketRoom(new.root, storage=storage, database=url)
        network.hub = room
        network.check()
        room.close()
        unfinished.begin(new.root, storage)
        with closing(Database(url)) as database, database.connection() as connection:
            connection.execute(text("DELETE FROM roots"))
        with pytest.raises(AlreadyExists):
            restore(tmp_path / "safe", new)


def test_what_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    """A place of others in the bucket, a bucket that is none; what a failed restore leaves the next takes."""
    backed_up(tmp_path).hub.close()
    storage = new_place()
    opened(parse_bucket_address(storage)).write_new("mine", b"1")
    for root, wanted, error in (
        ("new", storage, AlreadyExists),
        ("new", "file:///tmp", InvalidInput),
        ("new", f"s3://none-such/{storage.rpartition('/')[2]}", TetherError),
    ):
        with pytest.raises(error):
            restore(tmp_path / "safe", NewHub(tmp_path / root, storage=wanted, open_bucket=opened))
    assert not (tmp_path / "new/hub.db").exists()
    assert restore(tmp_path / "safe", NewHub(tmp_path / "new", storage=new_place(), open_bucket=opened)).packs


def test_a_backup_of_an_older_hub_gives_each_fork_its_packs(tmp_path: Path) -> None:
    """Its database cannot say what is shared."""
    backed_up(tmp_path).hub.close()
    storage = new_place()
    with (
        closing(Database(f"sqlite:///{tmp_path / 'safe/hub.db'}")) as database,
        database.connection() as connection,
    ):
        for statement in (
            *(f"DROP TABLE {table}" for table in reversed(LATER.split())),
            "ALTER TABLE accounts DROP COLUMN display_name",
            "ALTER TABLE accounts DROP COLUMN about",
            "ALTER TABLE repositories DROP COLUMN about",
            "ALTER TABLE repositories DROP COLUMN topics",
            "DROP TABLE tracked_events",
            "DROP TABLE tracked_files",
            "DROP TABLE tracked_points",
            "DROP TABLE tracked_runs",
            "DROP TABLE pack_names",
            "DROP TABLE pack_places",
            "DROP TABLE facts",
            "ALTER TABLE jobs DROP COLUMN asked",
            "UPDATE alembic_version SET version_num = '0009'",
        ):
            connection.execute(text(statement))
    assert (
        restore(tmp_path / "safe", NewHub(tmp_path / "new", storage=storage, open_bucket=opened)).problems
        == []
    )

    found = packs(storage)
    assert len(found) > len(set(found))
    room = BucketRoom(tmp_path / "new", storage=storage)
    for row in chosen(room.hub, ()):
        assert verify(room.hub, row, full=True).problems == []
    room.close()
