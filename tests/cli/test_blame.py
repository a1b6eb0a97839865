"""`tether blame`."""

from tests.support.cli import Room
from tests.support.rooms import commit, start_repo


def test_lines_with_their_commits(room: Room) -> None:
    """Commit, author, day, number and text; a revision may come first."""
    repo = start_repo(room)
    first = commit(repo, "first", {"f": b"a\nb\n"})
    second = commit(repo, "second", {"f": b"a\nc\n"})
    repo.close()

    room.transcript(
        f"""
        $ tether blame f
        {first[:12]} (Ada 2026-01-01 1) a
        {second[:12]} (Ada 2026-01-01 2) c
        $ tether blame HEAD~ -- f | tail -n 1
        {first[:12]} (Ada 2026-01-01 2) b
        $ tether blame
        error: one file is needed
        hint: write `tether blame PATH` or `tether blame REV -- PATH`
        [2]
        """
    )
    documents = room.json("blame", "f")
    assert [(each["line"], each["commit"], each["text"]) for each in documents] == [
        (1, first, "a"),
        (2, second, "c"),
    ]
