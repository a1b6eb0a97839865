"""`tether gc` frees what a reset left behind and says what it keeps."""

import random

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def test_gc_frees_after_the_retention_and_at_once_on_demand(room: Room) -> None:
    """By default everything is kept for undo; --prune-now frees it; a dry run changes nothing."""
    room.ok("init")
    room.write("keep.bin", random.Random(1).randbytes(50_000))
    room.ok("add", "-A")
    room.ok("commit", "-m", "one", "-q")
    room.write("big.bin", random.Random(2).randbytes(200_000))
    room.ok("add", "-A")
    room.ok("commit", "-m", "two", "-q")
    room.ok("reset", "--hard", "HEAD~1", "-q")

    kept = room.json("gc")
    planned = room.json("gc", "--prune-now", "--dry-run")
    done = room.json("gc", "--prune-now")

    assert kept["freed"] == 0
    assert kept["for_undo"] > 200_000
    assert planned["freed"] > 200_000
    assert done["freed"] > 200_000
    assert 50_000 < done["kept"] < 70_000
    assert done["kept"] == sum(p.stat().st_size for p in (room.work / ".tether/packs").iterdir())
    assert room.ok("status", "--short") == ""
    assert "nothing to undo" in room.run("undo").err
