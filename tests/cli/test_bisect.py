"""`tether bisect` on the command line."""

import pytest
from tests.support.cli import Room
from tests.support.desk import Desk


@pytest.fixture
def line(room: Room) -> Room:
    """Return a room with six commits, of which the fourth brings the file `broken`."""
    desk = Desk(room.work)
    for number in range(6):
        broken = {"broken": b""} if number == 3 else {}
        desk.commit(f"c{number}", {"n": b"%d\n" % number, **broken})
    desk.repo.close()
    return room


def test_by_hand(line: Room) -> None:
    """Each answer leads to the next commit and at last to the first bad one; reset goes back."""
    bad = line.json("log")[2]["id"]

    found = line.json("bisect", "start", "HEAD", "HEAD~5")
    while found["first_bad"] is None:
        found = line.json("bisect", "bad" if (line.work / "broken").exists() else "good")

    assert found["first_bad"] == bad
    assert line.json("bisect", "log")[0]["command"] == "bisect start HEAD HEAD~5"
    line.ok("bisect", "reset", "-q")
    assert line.json("status")["branch"] == "main"
    assert line.run("bisect", "log").code == 3


def test_run(line: Room) -> None:
    """A command judges by its exit code; with --json its output is on stderr."""
    bad = line.json("log")[2]["id"]
    line.ok("bisect", "start", "HEAD", "HEAD~5", "-q")

    result = line.run("bisect", "run", "--json", "sh", "-c", "echo spoken; test ! -e broken")

    assert result.code == 0
    assert f'"first_bad": "{bad}"' in result.out
    assert "spoken" not in result.out
    assert "spoken" in result.err


def test_run_in_words(line: Room) -> None:
    """People see each step and the answer; an unknown command is not found."""
    line.ok("bisect", "start", "HEAD", "HEAD~5", "-q")
    line.transcript("""
        $ tether bisect run no-such-command
        error: no such command: no-such-command
        [3]
        $ tether bisect run test ! -e broken
        try ...: ... could be the first bad one
        ...
        ... is the first bad commit
        $ tether bisect bad HEAD~9
        error: ...
        [3]
        $ tether bisect reset
        back at ...
    """)
