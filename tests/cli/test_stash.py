"""`tether stash` on the command line."""

import pytest
from tests.support.cli import Room
from tests.support.desk import Desk

pytestmark = pytest.mark.usefixtures("inside")


def begin(room: Room) -> None:
    """Make one commit and change its file."""
    desk = Desk(room.work)
    desk.commit("base", {"a.txt": b"one\n"})
    desk.repo.close()
    room.write("a.txt", "two\n")


def test_push_list_show_pop(room: Room) -> None:
    """Changes go and come back, and can be looked at in between."""
    begin(room)
    room.transcript("""
        $ tether stash
        put aside: WIP on main: ... base
        $ cat a.txt
        one
        $ tether stash
        nothing to put aside
        $ tether stash list
        stash@{0}: WIP on main: ... base
        $ tether stash show
        diff ...
        ...
        -one
        +two
        $ tether stash pop
        taken back and forgotten: WIP on main: ... base (...)
        $ cat a.txt
        two
        $ tether stash pop
        error: nothing is put aside
        hint: 'tether stash push' puts changes aside
        [3]
    """)


def test_json(room: Room) -> None:
    """Every subcommand gives one document."""
    begin(room)
    room.write("new", "n")

    pushed = room.json("stash", "push", "-u", "-m", "half")

    assert not (room.work / "new").exists()
    assert pushed["message"] == "On main: half"
    assert room.json("stash", "list") == [pushed]
    assert [row["path"] for row in room.json("stash", "show", "0")] == ["a.txt", "new"]
    applied = room.json("stash", "apply")
    assert (applied["dropped"], applied["conflicts"]) == (False, [])
    assert room.json("stash", "drop", "stash@{0}")["id"] == pushed["id"]
    assert room.json("stash", "clear") == {"dropped": 0}


def test_conflict(room: Room) -> None:
    """Changes that disagree end with 5 and keep the entry; taking a side ends it."""
    begin(room)
    room.ok("stash", "-q")
    room.write("a.txt", "three\n")
    room.ok("commit", "-q", "-a", "-m", "newer")

    assert [row["path"] for row in room.json("stash", "pop", code=5)["conflicts"]] == ["a.txt"]
    room.ok("resolve", "a.txt", "--theirs", "-q")

    assert (room.work / "a.txt").read_text() == "two\n"
    assert len(room.json("stash", "list")) == 1
    assert room.json("status")["conflicts"] == []
