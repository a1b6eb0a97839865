"""`tether rebase`, `cherry-pick` and `revert` on the command line."""

import pytest
from tests.support.cli import Room
from tests.support.desk import Desk

pytestmark = pytest.mark.usefixtures("inside")


@pytest.fixture
def forked(room: Room) -> Room:
    """Return a room where `side` has three commits, of which the second disagrees with `main`."""
    desk = Desk(room.work)
    desk.commit("base", {"t": b"1\n"})
    desk.switch("side", new=True)
    desk.commit("one", {"a": b"a\n"})
    desk.commit("two", {"t": b"side\n"})
    desk.commit("three", {"c": b"c\n"})
    desk.switch("main")
    desk.commit("ours", {"t": b"main\n"})
    desk.repo.close()
    return room


def subjects(room: Room) -> list[str]:
    """Return the messages, newest first."""
    return [row["message"].strip() for row in room.json("log")]


def test_rebase_with_a_stop(forked: Room) -> None:
    """A rebase that stops ends with 5 and goes on after the conflict is settled."""
    room = forked
    room.ok("switch", "-q", "side")

    done = room.json("rebase", "main", code=5)

    assert [row["message"] for row in done["commits"]] == ["one"]
    assert done["branch"] is None
    assert [row["path"] for row in done["conflicts"]] == ["t"]
    assert room.json("commit", "-m", "x", code=5)["error"]["code"] == "conflict"
    room.write("t", "both\n")
    room.ok("resolve", "t")
    done = room.json("rebase", "--continue")
    assert [row["message"] for row in done["commits"]] == ["two", "three"]
    assert done["branch"] == "side"
    assert subjects(room) == ["three", "two", "one", "ours", "base"]
    assert room.ok("rebase", "main") == "already up to date\n"


def test_rebase_skip_and_abort(forked: Room) -> None:
    """`--skip` leaves the commit out, `--abort` goes back."""
    room = forked
    room.ok("switch", "-q", "side")
    assert room.run("rebase", "main").code == 5
    assert room.ok("rebase", "--abort") == "back to where it began\n"
    assert subjects(room) == ["three", "two", "one", "base"]
    assert room.run("rebase", "main").code == 5

    room.ok("rebase", "--skip")

    assert subjects(room) == ["three", "one", "ours", "base"]
    assert (room.work / "t").read_text() == "main\n"


def test_cherry_pick_and_revert(forked: Room) -> None:
    """A commit is applied with its message and undone again; `undo` takes the last step back."""
    room = forked

    picked = room.json("cherry-pick", "side", "side~2")
    assert [row["message"] for row in picked["commits"]] == ["three", "one"]
    assert (room.work / "c").exists()
    room.ok("revert", "HEAD~1")
    assert not (room.work / "c").exists()
    assert subjects(room)[0].startswith('Revert "three"')
    room.ok("undo")

    assert (room.work / "c").read_text() == "c\n"
    assert room.ok("cherry-pick", "side").startswith("left out ")
