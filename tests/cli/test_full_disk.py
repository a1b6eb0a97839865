"""On a disk that is full, or may only be read, commands say so, leave the old state and can be run again."""

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import smalldisk
from tests.support.cli import Room
from tests.support.smalldisk import small_disk

_SIZE = 8 << 20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Room]:
    """Return a room on a file system of its own of eight megabytes."""
    place = tmp_path / "disk"
    with small_disk(place, _SIZE):
        room = Room(place)
        room.inside = True
        yield room


def fill(room: Room, leave: int = 0) -> None:
    """Fill the disk but for some bytes."""
    smalldisk.fill(room.home / "filler", leave)


def make_room(room: Room) -> None:
    """Free the disk again."""
    (room.home / "filler").unlink()


def two_branches(room: Room) -> None:
    """Make a repository on `main`, and `side` with two and a half megabytes more."""
    room.ok("init")
    for number in range(5):
        room.write(f"f{number}", random.Random(number).randbytes(20_000))
    room.ok("add", ".")
    room.ok("commit", "-q", "-m", "one")
    room.ok("switch", "-q", "-c", "side")
    for number in range(20):
        room.write(f"d/g{number}", random.Random(100 + number).randbytes(50_000))
    room.write("big", random.Random(7).randbytes(1_500_000))
    room.write("f1", b"another")
    room.ok("add", ".")
    room.ok("commit", "-q", "-m", "two")
    room.ok("switch", "-q", "main")


def files(room: Room) -> dict[str, bytes]:
    """Return the working files."""
    found = {path.relative_to(room.work).as_posix(): path for path in room.work.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(".tether/")}


def is_full(room: Room, *arguments: str) -> None:
    """Run a command, in a process of its own, that must end with code 8 and say that the disk is full."""
    result = room.run(*arguments, environ={})
    assert (result.code, result.out) == (8, ""), result
    assert result.err.startswith("error: disk full: ")
    assert "\nhint: free some space" in result.err


def temporary(room: Room) -> list[str]:
    """Return what lies in the folder of unfinished values."""
    return sorted(path.name for path in (room.work / ".tether/tmp").iterdir())


@pytest.mark.parametrize("leave", [0, 8_192, 100_000, 700_000, 2_000_000])
def test_a_switch_that_does_not_fit(small: Room, leave: int) -> None:
    """Branch and files are as before, other commands work, and with room it is done."""
    two_branches(small)
    before = files(small)
    fill(small, leave)

    is_full(small, "switch", "side")

    assert files(small) == before
    status = small.json("status")
    assert (status["branch"], status["staged"], status["untracked"]) == ("main", [], [])
    assert small.json("fsck", "--full")["ok"]
    make_room(small)
    small.ok("add", ".")
    small.ok("switch", "-q", "side")
    assert len(files(small)) == 26
    assert small.ok("status", "-s") == ""


@pytest.mark.parametrize("leave", [0, 8_192, 200_000])
def test_an_add_and_a_commit_that_do_not_fit(small: Room, leave: int) -> None:
    """The stage and the branch are as before, nothing unfinished is left, and with room it is done."""
    two_branches(small)
    small.write("new", random.Random(9).randbytes(400_000))
    fill(small, leave)

    is_full(small, "add", ".")

    assert small.ok("status", "-s") == "?? new\n"
    assert temporary(small) == []
    make_room(small)
    small.ok("add", ".")
    fill(small)
    is_full(small, "commit", "-m", "three")
    assert small.ok("status", "-s") == "A  new\n"
    assert temporary(small) == []
    make_room(small)
    small.ok("commit", "-q", "-m", "three")
    assert small.json("fsck", "--full")["ok"]


def test_what_else_does_not_fit(small: Room) -> None:
    """A clone leaves nothing, a push and a gc leave the other side and the packs as they were."""
    two_branches(small)
    source = f"file://{small.work}"
    fill(small, 1_000_000)
    is_full(small, "clone", source, "../copy")
    assert not (small.work / "../copy").exists()
    small.ok("remote", "add", "origin", "../bare")
    is_full(small, "push", "origin", "side")
    make_room(small)
    small.ok("push", "-q", "origin", "side")
    small.ok("branch", "-D", "side")
    fill(small)
    is_full(small, "gc", "--prune-now")
    make_room(small)
    small.ok("gc", "-q", "--prune-now")
    assert small.json("fsck", "--full")["ok"]
    assert small.json("-C", "../bare", "fsck", "--full")["ok"]


def test_a_disk_that_may_only_be_read(small: Room) -> None:
    """What changes something ends with 6 and a hint, what only looks works."""
    small.inside = False  # nothing of this process may be open there
    two_branches(small)
    small.ok("clone", "-q", "--bare", ".", "../bare")
    small.ok("remote", "add", "origin", "../bare")
    small.write("new", b"new")
    place = small.work.parent
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)

    for line in ("add .", "commit -m x", "switch side", "gc", "undo", "stash", "merge side", "push origin"):
        result = small.run(*line.split())
        assert (result.code, result.out) == (6, ""), result
        assert "read-only file system" in result.err
        assert "\nhint: " in result.err
    for line in (
        "status",
        "log",
        "diff",
        "cat HEAD:f1",
        "fsck --full",
        "du",
        "branch",
        "op log",
        "show side",
    ):
        assert small.run(*line.split()).code == 0, line
