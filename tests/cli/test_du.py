"""`tether du` gives sizes by path, commit and branch."""

import random

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def test_du_by_path_commit_and_branch(room: Room) -> None:
    """Each view has its rows and a total; REV:PATH narrows to a folder or a file."""
    room.ok("init")
    room.write("big/a.bin", random.Random(1).randbytes(30_000))
    room.write("small.txt", "x" * 10_000)
    room.ok("add", "-A")
    room.ok("commit", "-m", "one", "-q")

    by_path = room.json("du")
    by_folder = room.json("du", "HEAD:big")
    by_commit = room.json("du", "--by", "commit")
    by_branch = room.json("du", "--by", "branch")
    told = room.ok("du")

    assert [(row["path"], row["logical"]) for row in by_path["rows"]] == [
        ("big", 30_000),
        ("small.txt", 10_000),
    ]
    assert by_path["rows"][0]["stored"] > 30_000
    assert by_path["rows"][1]["stored"] < 1000
    assert by_path["total"]["logical"] == 40_000
    assert [row["path"] for row in by_folder["rows"]] == ["big/a.bin"]
    assert len(by_commit["rows"]) == 1
    assert by_branch["rows"][0]["branch"] == "main"
    assert "30.0 kB" in told
    assert room.run("du", "HEAD:nothing").code == 3
