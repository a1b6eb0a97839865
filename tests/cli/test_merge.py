"""`tether merge` and `tether resolve` on the command line."""

import json

import pytest
from tests.support.cli import Room
from tests.support.desk import Desk

pytestmark = pytest.mark.usefixtures("inside")


def fork(room: Room) -> None:
    """Make `main` and `side`, which disagree about a text and a binary file."""
    desk = Desk(room.work)
    desk.commit("base", {"t.txt": b"1\n2\n3\n", "p.bin": b"\0base"})
    desk.switch("side", new=True)
    desk.commit("side", {"t.txt": b"1\nside\n3\n", "p.bin": b"\0side"})
    desk.switch("main")
    desk.commit("main", {"t.txt": b"1\nmain\n3\n", "p.bin": b"\0main"})
    desk.repo.close()


def test_fast_forward_and_up_to_date(room: Room) -> None:
    """A merge that only follows says so, as does one with nothing to do."""
    desk = Desk(room.work)
    desk.commit("one", {"a": b"a"})
    desk.switch("side", new=True)
    tip = desk.commit("two", {"a": b"b"}).hex()
    desk.switch("main")
    desk.repo.close()

    done = room.json("merge", "side")

    assert (done["id"], done["fast_forward"], done["conflicts"]) == (tip, True, [])
    assert room.ok("merge", "side") == "already up to date\n"
    assert (room.work / "a").read_text() == "b"


def test_conflicts_from_stop_to_commit(room: Room) -> None:
    """A merge that stops ends with 5 and lists the conflicts; resolve and --continue finish it."""
    fork(room)

    done = room.json("merge", "side", code=5)

    assert not done["fast_forward"]
    assert done["conflicts"] == [
        {"path": "p.bin", "reason": "content", "ours": "p.bin", "theirs": "p.theirs-side.bin"},
        {"path": "t.txt", "reason": "content", "ours": "t.txt", "theirs": "t.txt"},
    ]
    assert [row["path"] if isinstance(row, dict) else row for row in room.json("status")["conflicts"]] == [
        "p.bin",
        "t.txt",
    ]
    assert room.json("commit", "-m", "x", code=5)["error"]["code"] == "conflict"
    room.write("t.txt", "1\nboth\n3\n")
    assert room.json("resolve", "t.txt") == {"resolved": ["t.txt"], "conflicts": ["p.bin"]}
    assert room.ok("resolve", "--theirs", "p.bin") == "settled p.bin\nnothing is left to decide\n"
    ended = room.json("merge", "--continue")
    assert (room.work / "p.bin").read_bytes() == b"\0side"
    assert not (room.work / "p.theirs-side.bin").exists()
    newest = room.json("log", "-n", "1")[0]
    assert newest["id"] == ended["id"]
    assert len(newest["parents"]) == 2
    assert newest["message"].strip() == "Merge branch 'side'"
    assert room.ok("status", "--short") == ""


def test_what_people_see(room: Room) -> None:
    """Conflicts are named with the reason and the way on; --abort goes back."""
    fork(room)
    room.transcript("""
        $ tether merge side
        conflict: p.bin: both sides changed it
          their version is p.theirs-side.bin
        conflict: t.txt: both sides changed it
        settle the conflicts, 'tether resolve PATH', then 'tether merge --continue'
        or go back with 'tether merge --abort'
        [5]
        $ tether merge --continue
        error: conflicts are not resolved: p.bin, t.txt
        hint: ...
        [5]
        $ tether merge --abort
        back to where it began
        $ tether status --short
        $ tether merge --abort
        error: no merge is under way
        [3]
        $ tether merge --ff-only side
        error: cannot follow side: both sides have commits of their own
        hint: ...
        [5]
    """)
    assert (room.work / "t.txt").read_text() == "1\nmain\n3\n"
    assert sorted(path.name for path in room.work.iterdir()) == [".tether", "p.bin", "t.txt"]


def test_usage(room: Room) -> None:
    """Arguments that exclude each other, and missing ones, are usage errors."""
    room.ok("init", "-q")
    for arguments in (
        ("merge",),
        ("merge", "x", "--abort"),
        ("merge", "x", "--ff-only", "--no-ff"),
        ("resolve",),
        ("resolve", "a", "--ours", "--theirs"),
        ("rebase",),
        ("cherry-pick",),
        ("revert", "x", "--skip"),
    ):
        assert json.loads(room.run(*arguments, "--json").out)["error"]["code"] == "invalid-input"
