"""What uploads leave in the folder of a repository: packs that no push named yet, and notes of them."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

FINISHING_S = 600
"""For as long a pack may lie there before the note says that it arrived whole."""


def spared(folder: Path, now_s: float, grace_s: float) -> Callable[[str], bool]:
    """Return what tells of a pack that no root lists whether a push to come may still name it.

    Args:
        folder: Of the repository.
        now_s: The time, in seconds since 1970.
        grace_s: For how long after its arrival a pack waits for its push.
    """

    def spares(key: str) -> bool:
        if _is_younger(folder / key, now_s, FINISHING_S):
            return True
        return _is_younger(folder / "arrived" / Path(key).stem, now_s, grace_s)

    return spares


def remove_notes(folder: Path, now_s: float, grace_s: float) -> int:
    """Remove the notes of packs whose time of grace is over; return how many there were.

    A push that names such a pack in this moment is told to come again, or has the pack already.
    """
    removed = 0
    for note in (folder / "arrived").glob("*"):
        if not _is_younger(note, now_s, grace_s):
            note.unlink(missing_ok=True)
            removed += 1
    return removed


def _is_younger(path: Path, now_s: float, limit_s: float) -> bool:
    with suppress(FileNotFoundError):
        return now_s - path.stat().st_mtime < limit_s
    return False
