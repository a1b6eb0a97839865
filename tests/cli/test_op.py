"""`tether op log` lists operations; `tether op restore` returns to any of them."""

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def test_the_log_and_the_way_back_and_forth(room: Room) -> None:
    """Every operation has id, time, command and refs, and each state can be reached from each other."""
    room.ok("init")
    for number in range(3):
        room.write(f"f{number}", str(number))
        room.ok("add", "-A")
        room.ok("commit", "-m", f"c{number}", "-q")

    log = room.json("op", "log")
    commands = [entry["command"].split()[0] for entry in log]
    back = room.json("op", "restore", log[-2]["id"][:8])

    assert commands == ["commit", "add"] * 3
    assert set(log[0]) == {"id", "time", "command", "refs"}
    assert log[0]["refs"][0]["name"] == "refs/heads/main"
    assert back["id"] == log[-2]["refs"][0]["new"]
    assert len(room.json("log")) == 1
    room.ok("op", "restore", log[0]["id"])
    assert len(room.json("log")) == 3
    assert room.ok("status", "--short") == ""
    assert sorted(path.name for path in room.work.iterdir() if path.is_file()) == ["f0", "f1", "f2"]


def test_unknown_operations(room: Room) -> None:
    """A wrong id is not found; something that is no id is an error of usage."""
    room.ok("init")

    assert room.run("op", "restore", "abcdef1").code == 3
    assert room.run("op", "restore", "yesterday").code == 2
