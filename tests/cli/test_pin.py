"""`tether pin` writes a pointer to a commit, and checks it."""

import tomllib

from tests.support.cli import Room


def test_a_pin_names_commit_path_and_address(room: Room) -> None:
    """The file is TOML; --check compares it with what is checked out and with what is here."""
    room.ok("init")
    room.write("train/a.txt", "a\n")
    room.ok("add", "train")
    first = room.json("commit", "-m", "one")["id"]
    room.ok("remote", "add", "origin", "/srv/photos")

    written = room.json("pin", "HEAD:train")
    pointer = tomllib.loads((room.work / "tether.pin").read_text())
    checked = room.json("pin", "--check")
    room.write("train/a.txt", "b\n")
    room.ok("commit", "-a", "-m", "two", "-q")
    moved = room.run("pin", "--check")
    again = room.json("pin")

    assert pointer == {"url": "/srv/photos", "commit": first, "path": "train"}
    assert (written["commit"], written["pushed"], checked["current"]) == (first, False, True)
    assert (moved.code, first[:12] in moved.err) == (5, True)
    assert again["commit"] != first
    assert "path" not in tomllib.loads((room.work / "tether.pin").read_text())


def test_what_is_not_a_pin(room: Room) -> None:
    """A foreign file is never overwritten; an unknown commit is not found."""
    room.ok("init")
    room.write("a", "a")
    room.ok("add", "a")
    room.ok("commit", "-m", "one", "-q")
    room.write("notes.toml", "title = 'mine'\n")
    room.write("lost.pin", f'commit = "{"ab" * 32}"\n')
    room.write("evil.pin", f'commit = "{"ab" * 32}"\npath = "../../etc"\n')

    assert room.run("pin", "-o", "notes.toml").code == 2
    assert (room.work / "notes.toml").read_text() == "title = 'mine'\n"
    assert room.run("pin", "--check", "-o", "lost.pin").code == 3
    assert room.run("pin", "--check", "-o", "evil.pin").code == 2
    assert room.run("pin", "--check").code == 3
    assert room.run("pin", "nothing").code == 3
