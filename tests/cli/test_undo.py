"""`tether undo` takes back one operation after the other, with the files that it wrote."""

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def begin(room: Room) -> None:
    """Make two commits of one file."""
    room.ok("init")
    for number in (1, 2):
        room.write("a.txt", f"version {number}\n")
        room.ok("add", "a.txt")
        room.ok("commit", "-m", f"c{number}", "-q")


def read(room: Room, path: str) -> str | None:
    """Return the text of a working file; None when it is not there."""
    place = room.work / path
    return place.read_text() if place.exists() else None


def head(room: Room) -> str:
    """Return the subject of the newest commit."""
    return str(room.json("log", "-n", "1")[0]["message"]).strip()


def test_undo_of_a_commit_and_an_add_leaves_the_files(room: Room) -> None:
    """The commit goes, then the staging; the working file is never touched, and redo brings all back."""
    begin(room)
    newest = room.json("op", "log")[0]

    first = room.json("undo")

    assert (first["command"], head(room), read(room, "a.txt")) == ("commit", "c1", "version 2\n")
    assert room.json("status")["staged"] == [{"path": "a.txt", "change": "modified"}]
    assert room.json("undo")["command"].startswith("add")
    assert read(room, "a.txt") == "version 2\n"
    assert room.json("status")["staged"] == []
    room.ok("op", "restore", newest["id"][:10])
    assert (head(room), read(room, "a.txt")) == ("c2", "version 2\n")
    assert room.ok("status", "--short") == ""


def test_undo_of_a_hard_reset_brings_back_commits_and_local_changes(room: Room) -> None:
    """The branch, the files of the commit and what was never committed come back."""
    begin(room)
    room.write("a.txt", "never committed\n")
    room.ok("reset", "--hard", "HEAD~1", "-q")
    assert read(room, "a.txt") == "version 1\n"

    room.ok("undo")

    assert (head(room), read(room, "a.txt")) == ("c2", "never committed\n")
    assert room.json("status")["unstaged"] == [{"path": "a.txt", "change": "modified"}]


def test_undo_refuses_to_lose_local_changes(room: Room) -> None:
    """A file changed since stops the undo; with --force it is overwritten and kept for the next undo."""
    begin(room)
    room.ok("reset", "--hard", "HEAD~1", "-q")
    room.write("a.txt", "work\n")

    refused = room.run("undo")
    after_refusal = (head(room), read(room, "a.txt"))
    room.ok("undo", "--force")

    assert refused.code == 5
    assert "a.txt" in refused.err
    assert after_refusal == ("c1", "work\n")
    assert (head(room), read(room, "a.txt")) == ("c2", "version 2\n")
    forced = room.json("op", "log", "-n", "2")
    room.ok("op", "restore", forced[1]["id"])
    assert (head(room), read(room, "a.txt")) == ("c1", "work\n")


def test_undo_of_switch_rm_and_mv(room: Room) -> None:
    """Each takes its own files back, one after the other."""
    begin(room)
    room.ok("switch", "-c", "wip", "-q")
    room.write("b.txt", "b\n")
    room.ok("add", "b.txt")
    room.ok("commit", "-m", "c3", "-q")
    room.ok("switch", "main", "-q")
    room.ok("mv", "a.txt", "moved.txt")

    assert (read(room, "a.txt"), read(room, "moved.txt")) == (None, "version 2\n")
    room.ok("undo")
    assert (read(room, "a.txt"), read(room, "moved.txt")) == ("version 2\n", None)
    room.ok("rm", "a.txt")
    assert read(room, "a.txt") is None
    room.ok("undo")
    assert read(room, "a.txt") == "version 2\n"
    assert room.ok("status", "--short") == ""
    room.ok("undo")
    assert (room.json("status")["branch"], read(room, "b.txt")) == ("wip", "b\n")


def test_nothing_to_undo(room: Room) -> None:
    """In a new repository there is nothing to take back."""
    room.ok("init")

    result = room.run("undo")

    assert (result.code, "nothing to undo" in result.err) == (3, True)
