"""`tether drop` frees what a remote verifiably has, and every way back brings it again."""

import random

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")

BIG = random.Random(1).randbytes(300_000)
SMALL = random.Random(2).randbytes(5000)


@pytest.fixture
def pushed(room: Room) -> Room:
    """Return a room in a repository with two files that its remote has, and a commit without the big one."""
    room.ok("init", "there")
    room.ok("init", "here")
    room.work /= "here"
    room.write("big.bin", BIG)
    room.write("small.bin", SMALL)
    room.ok("add", "-A")
    room.ok("commit", "-m", "one", "-q")
    room.ok("remote", "add", "origin", str(room.work.parent / "bare"))
    room.ok("push", "origin", "main", "-q")
    return room


def stored(room: Room) -> int:
    """Return the bytes of the packs."""
    return sum(path.stat().st_size for path in (room.work / ".tether/packs").iterdir())


def test_a_dropped_content_is_absent_and_comes_back(pushed: Room) -> None:
    """Space is freed, fsck says where it is, reading tells how to get it, and fetching brings it back."""
    before = stored(pushed)
    done = pushed.json("drop", "big.bin")
    after = stored(pushed)

    checked = pushed.json("fsck", "--full")
    read = pushed.run("cat", "HEAD:big.bin")
    pushed.ok("gc")
    back = pushed.json("drop", "--fetch", "big.bin")

    assert (done["files"], done["bytes"], done["remote"]) == (1, 300_000, "origin")
    assert done["freed"] > 290_000
    assert before - after > 290_000
    assert (checked["ok"], len(checked["absent"]), checked["absent"][0]["remote"]) == (True, 1, "origin")
    assert (pushed.work / "big.bin").read_bytes() == BIG
    assert pushed.ok("status", "--short") == ""
    assert (read.code, "at origin" in read.err, "drop --fetch" in read.err) == (3, True, True)
    assert back["files"] == 1
    assert pushed.json("fsck", "--full")["absent"] == []


def test_commands_that_write_files_fetch_what_they_need(pushed: Room) -> None:
    """A checkout that needs a dropped content fetches it before it changes anything."""
    pushed.ok("drop", ".")
    (pushed.work / "big.bin").unlink()

    pushed.ok("restore", "big.bin")

    assert (pushed.work / "big.bin").read_bytes() == BIG
    assert len(pushed.json("fsck")["absent"]) == 1


def test_nothing_is_dropped_that_the_remote_does_not_have(pushed: Room) -> None:
    """A commit that was not pushed, a damaged or a missing remote: everything stays."""
    before = stored(pushed)
    pack = max((pushed.work.parent / "bare/packs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[100_000] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)

    damaged = pushed.run("drop", "big.bin")
    unknown = pushed.run("drop", "nothing.bin")
    pushed.write("new.bin", b"n" * 1000)
    pushed.ok("add", "-A")
    pushed.ok("commit", "-m", "two", "-q")
    unpushed = pushed.run("drop", "small.bin")

    assert (damaged.code, unknown.code, unpushed.code) == (3, 3, 3)
    assert "push" in unpushed.err
    assert stored(pushed) >= before
    assert pushed.json("fsck", "--full")["ok"]


def test_adding_a_dropped_content_again_stores_it(pushed: Room) -> None:
    """A copy of the file under another name makes the content present again."""
    pushed.ok("drop", "big.bin")
    pushed.write("copy.bin", BIG)
    pushed.ok("add", "copy.bin")
    pushed.ok("gc", "--prune-now")

    report = pushed.json("fsck", "--full")

    assert (report["ok"], report["absent"]) == (True, [])
