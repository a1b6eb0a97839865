"""`.tetherattributes`: which files are binary, and how they are merged."""

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def fork(room: Room, rules: str) -> None:
    """Make branches `main` and `side` that add different last lines to `log.txt`."""
    room.ok("init", "-q")
    room.write(".tetherattributes", rules)
    room.write("log.txt", "begin\n")
    room.ok("add", "-A", "-q")
    room.ok("commit", "-q", "-m", "base")
    room.ok("switch", "-q", "-c", "side")
    room.write("log.txt", "begin\nside\n")
    room.ok("commit", "-q", "-a", "-m", "side")
    room.ok("switch", "-q", "main")
    room.write("log.txt", "begin\nmain\n")
    room.ok("commit", "-q", "-a", "-m", "main")


@pytest.mark.parametrize(
    ("rule", "merged"),
    [
        ("merge=union", "begin\nmain\nside\n"),
        ("merge=ours", "begin\nmain\n"),
        ("merge=theirs", "begin\nside\n"),
        ("-text merge=union", "begin\nmain\nside\n"),
    ],
)
def test_rules_that_settle(room: Room, rule: str, merged: str) -> None:
    """`union` keeps the lines of both sides, `ours` and `theirs` one side, without a conflict."""
    fork(room, f"*.txt {rule}\n")

    assert room.json("merge", "side")["conflicts"] == []
    assert (room.work / "log.txt").read_text() == merged


@pytest.mark.parametrize("rule", ["binary", "merge=binary", "-merge"])
def test_binary_files_keep_both_versions(room: Room, rule: str) -> None:
    """A file that is said to be binary is not merged by line, though its content would allow it."""
    fork(room, f"*.txt {rule}\n")

    conflicts = room.json("merge", "side", code=5)["conflicts"]

    assert [row["theirs"] for row in conflicts] == ["log.theirs-side.txt"]
    assert (room.work / "log.txt").read_text() == "begin\nmain\n"
    assert (room.work / "log.theirs-side.txt").read_text() == "begin\nside\n"


def test_an_unknown_rule(room: Room) -> None:
    """A merge rule that does not exist stops the merge before anything changes, and says which there are."""
    fork(room, "*.txt merge=unoin\n")

    room.transcript("""
        $ tether merge side
        error: log.txt has an unknown merge rule: unoin
        hint: give it one of text, binary, union, ours, theirs in .tetherattributes
        [2]
        $ tether status --short
    """)


def test_diff_follows_what_is_staged(room: Room) -> None:
    """What is said to be binary is summed up; `-binary` shows lines where the content looks binary."""
    fork(room, "*.txt binary\n*.bin -binary\n")
    room.write("a.bin", b"one\n\0\n")
    room.ok("add", "-q", "a.bin")

    assert "changed: " in room.ok("diff", "side", "main", "--", "log.txt")
    assert "+one\n" in room.ok("diff", "--staged", "--", "a.bin")
    room.write(".tetherattributes", "")
    room.ok("add", "-q", ".tetherattributes")
    assert "+main\n" in room.ok("diff", "side", "main", "--", "log.txt")


def test_a_deeper_file_wins(room: Room) -> None:
    """The rules of a folder come after those of the folders above it."""
    room.ok("init", "-q")
    room.write(".tetherattributes", "*.txt binary\n")
    room.write("text/.tetherattributes", "*.txt -binary\n")
    room.write("a.txt", "x\n")
    room.write("text/b.txt", "x\n")
    room.ok("add", "-A", "-q")

    shown = {row["path"]: "lines" in row for row in room.json("diff", "--staged")}

    assert (shown["a.txt"], shown["text/b.txt"]) == (False, True)
