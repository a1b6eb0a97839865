"""`tether restore`: files as they were, beside others that stay."""

import pytest
from tests.support.cli import Room

pytestmark = pytest.mark.usefixtures("inside")


def test_a_file_of_another_revision_comes_back_alone(room: Room) -> None:
    """One file of an older commit is restored though no commit has that mixture of files."""
    room.ok("init")
    room.write("photos/a.txt", "old a")
    room.write("photos/b.txt", "old b")
    room.ok("add", ".")
    room.ok("commit", "-m", "old")
    room.write("photos/a.txt", "new a")
    room.write("photos/b.txt", "new b")
    room.ok("commit", "-a", "-m", "new")

    room.transcript(
        """
        $ tether restore --source HEAD~1 photos/a.txt
        restored 1 file
        $ cat photos/a.txt photos/b.txt
        old anew b
        $ tether status --short
        ...photos/a.txt
        $ tether restore photos/a.txt
        restored 1 file
        $ cat photos/a.txt
        new a
        """
    )


def test_a_file_that_the_stage_has_no_more_comes_back(room: Room) -> None:
    """A file removed since is restored from the commit that has it."""
    room.ok("init")
    room.write("photos/a.txt", "a")
    room.write("photos/b.txt", "b")
    room.ok("add", ".")
    room.ok("commit", "-m", "both")
    room.ok("rm", "photos/a.txt")
    room.write("photos/b.txt", "new b")
    room.ok("commit", "-a", "-m", "one")

    room.ok("restore", "--source", "HEAD~1", "photos/a.txt")

    assert (room.work / "photos/a.txt").read_text() == "a"
    assert (room.work / "photos/b.txt").read_text() == "new b"
