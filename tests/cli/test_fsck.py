"""`tether fsck` exits with 7 on damage, names the paths, and mends with a remote's help."""

import random

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def test_fsck_finds_names_and_mends_damage(room: Room) -> None:
    """A flipped bit is found by --full with its path; --repair takes the content from the remote."""
    room.ok("init", "here")
    here = room.work / "here"
    (here / "data.bin").write_bytes(random.Random(1).randbytes(50_000))
    room.ok("-C", "here", "add", "-A")
    room.ok("-C", "here", "commit", "-m", "one", "-q")
    room.ok("clone", "-q", f"file://{here}", "copy")
    room.ok("-C", "here", "remote", "add", "backup", "../copy")
    sound = room.json("-C", "here", "fsck", "--full")
    pack = max((here / ".tether/packs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[20_000] ^= 4
    pack.chmod(0o644)
    pack.write_bytes(data)

    quick = room.json("-C", "here", "fsck")
    found = room.json("-C", "here", "fsck", "--full", code=7)
    told = room.run("-C", "here", "fsck", "--full")
    mended = room.json("-C", "here", "fsck", "--repair")

    assert (sound["ok"], sound["problems"]) == (True, [])
    assert sound["checked"] >= 3
    assert quick["ok"]
    assert {problem["kind"] for problem in found["problems"]} == {"damaged", "pack"}
    assert any(place.endswith(":data.bin") for p in found["problems"] for place in p["touches"])
    assert (told.code, "data.bin" in told.out) == (7, True)
    assert (mended["ok"], mended["problems"]) == (True, [])
    assert mended["repaired"]
    assert room.json("-C", "here", "fsck", "--full")["ok"]


def test_depths_exclude_each_other(room: Room) -> None:
    """--full and --sample together are an error of usage; each alone works."""
    room.ok("init")

    assert room.run("fsck", "--full", "--sample", "5").code == 2
    assert room.json("fsck", "--sample", "5")["ok"]


def test_a_missing_root_is_damage_and_nothing_makes_another(room: Room) -> None:
    """Every command exits with 7 and a hint, `init` refuses, and --repair finds the commits again."""
    room.ok("init")
    room.write("sub/a.txt", b"a")
    room.ok("add", "-A")
    room.ok("commit", "-m", "one", "-q")
    tip = room.json("log")[0]["id"]
    root = room.work / ".tether/root"

    for damage in (b"", b"x" * 80, None):
        root.unlink()
        if damage is not None:
            root.write_bytes(damage)
        for command in (["status"], ["log"], ["add", "-A"], ["cat", "HEAD:sub/a.txt"], ["gc"], ["branch"]):
            failed = room.run("-C", "sub", *command)
            assert (failed.code, "fsck --repair" in failed.err) == (7, True), (command, failed)
        assert room.json("fsck", code=7)["problems"][0]["kind"] == "root"
        made = room.run("init")
        assert (made.code, root.exists()) == (7 if damage is None else 4, damage is not None)
        assert room.json("fsck", "--repair")["ok"]
        assert room.json("log")[0]["id"] == tip
        assert room.ok("status", "--short") == ""


def test_an_init_that_was_cut_short_can_be_run_again(room: Room) -> None:
    """Without a root and without packs nothing is lost: the hint is to run it again."""
    room.ok("init")
    (room.work / ".tether/root").unlink()

    status = room.run("status")
    room.ok("init")

    assert (status.code, "tether init" in status.err) == (7, True)
    assert room.json("fsck")["ok"]
