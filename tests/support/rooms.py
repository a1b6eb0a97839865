"""A closed room with a repository in it, made in this process so that only the tested command costs one."""

from collections.abc import Mapping

from tests.support.cli import Room
from tests.support.repos import ADA, START, ticking

from tether.api.repo import Repo

FIRST_DAY = "2026-01-01"
"""The day of every commit: the clock begins at its midnight and goes on by seconds."""


def start_repo(room: Room) -> Repo:
    """Return a new repository in the folder of the room."""
    repo = Repo.init(room.work, clock=ticking(START))
    repo.author = ADA
    return repo


def commit(repo: Repo, message: str, files: Mapping[str, bytes | None]) -> str:
    """Write files, None removes one, commit everything and return the id."""
    for path, data in files.items():
        place = repo.root / path
        if data is None:
            place.unlink()
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    repo.add()
    repo.commit(message)
    head = repo.repository.root().head_commit()
    assert head is not None
    return head.hex()
