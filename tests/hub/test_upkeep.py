"""`tether hub fsck` and `tether hub gc` over a whole hub: folders without rows and the reverse, the purge."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom
from tests.support.served import Served, add_user

from tether.hub.strays import find_strays

LATER = {"TETHER_DATE": "2026-06-30T12:00:00+00:00"}


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a hub at rest, with repositories `one` and `two` of ada's."""
    room = Room(tmp_path)
    room.environ["TETHER_TOKEN"] = add_user(room, "ada")
    served = Served(room)
    for name in ("one", "two"):
        room.do("repo", "create", "-q", f"{served.url}/ada/{name}")
    served.stop()
    room.inside = True  # the transcript shows the process
    return room


def test_folders_without_rows(room: Room) -> None:
    """What a crash left is reported, set aside when asked, and never deleted."""
    stray = room.work / "hub/repositories/00ff"
    (stray / "packs").mkdir(parents=True)
    found = room.json("hub", "fsck", "--root", "hub", code=7)
    assert found["repositories/00ff"]["problems"][0]["kind"] == "folder"
    assert found["ada/one"]["ok"]
    room.transcript("""
        $ tether hub fsck --root hub
        repositories/00ff: folder repositories/00ff: belongs to no repository
        repositories/00ff: checked 0 objects in 0 packs: 1 problem
        ada/one: checked 0 objects in 0 packs: no problems
        ada/two: checked 0 objects in 0 packs: no problems
        [7]
    """)
    mended = room.json("hub", "fsck", "--repair", "--root", "hub")
    assert "moved it to" in mended["repositories/00ff"]["repaired"][0]
    assert not stray.exists()
    [aside] = (room.work / "hub/quarantine").iterdir()
    assert (aside.name.endswith("-00ff"), (aside / "packs").is_dir()) == (True, True)
    assert set(room.json("hub", "fsck", "--root", "hub")) == {"ada/one", "ada/two"}


def test_rows_without_folders(room: Room) -> None:
    """A repository whose files are gone is reported, and the others are looked at all the same."""
    with closing(sqlite3.connect(room.work / "hub/hub.db")) as connection:
        [(name,)] = connection.execute("SELECT id FROM repositories WHERE name = 'one'")
    shutil.rmtree(room.work / "hub/repositories" / name)
    for options in ((), ("--repair",)):
        found = room.json("hub", "fsck", "--root", "hub", *options, code=7)
        assert found["ada/one"]["problems"][0]["message"] == "the hub has lost the files of ada/one"
        assert found["ada/two"]["ok"]
    cleaned = room.json("hub", "gc", "--root", "hub", code=7)
    assert cleaned["ada/one"]["error"]["code"] == "corrupt"
    assert cleaned["ada/two"]["freed"] == 0


def test_gc_removes_what_was_deleted_long_ago(room: Room) -> None:
    """Deleted repositories stay for the time of grace."""
    served = Served(room)
    room.ok("repo", "delete", "-q", f"{served.url}/ada/one")
    served.stop()
    assert set(room.json("hub", "gc", "--root", "hub")) == {"ada/two"}
    assert len(list((room.work / "hub/repositories").iterdir())) == 2
    assert room.json("hub", "gc", "--root", "hub", environ=LATER)["ada/one"] == {"purged": True}
    assert len(list((room.work / "hub/repositories").iterdir())) == 1
    assert set(room.json("hub", "fsck", "--root", "hub")) == {"ada/two"}


def test_gc_tells_what_is_kept_for_some_time(room: Room) -> None:
    """What a branch had that is gone; there is neither an undo nor an option that would free it at once."""
    with closing(HubRoom(room.work / "hub")) as hub, closing(open_hosted(hub, "ada/one")) as repository:
        commit_paths(repository, {b"a.bin": bytes(range(256)) * 40})
        with repository.transaction("push") as transaction:
            transaction.set_ref("refs/heads/main", None)

    told = room.ok("hub", "gc", "ada/one", "--root", "hub")
    assert " are kept for some time, of branches that were deleted or lost commits\n" in told
    assert "undo" not in told


@pytest.fixture
def stray(hub: HubRoom) -> HubRoom:
    """Return a hub on each database in turn, with a folder that belongs to nothing."""
    hub.repository(hub.user("ada"), "ada/one")
    (hub.hub.settings.repositories / "00ff").mkdir()
    return hub


def test_strays_on_each_database(stray: HubRoom) -> None:
    """Repositories that are there are none."""
    assert find_strays(stray.hub) == ["00ff"]
