"""The mark in the folder of a hub that is being restored: no hub opens it, the same restore goes on there."""

from pathlib import Path

from tether.errors import Conflict, InvalidInput
from tether.hub.snapshots import sync
from tether.storage.oserrors import translated

_MARK = "restoring"


def require_finished(root: Path) -> None:
    """Let pass unless a restore into the folder of a hub was begun and not ended.

    Raises:
        Conflict: It was.
    """
    if (root / _MARK).exists():
        hint = "let 'tether hub restore' end, or run it again with the same options"
        raise Conflict(f"the hub in {root} is not restored to its end", hint=hint)


def is_begun(root: Path, storage: str) -> bool:
    """Say whether a restore into a folder was begun.

    Raises:
        InvalidInput: With another storage.
    """
    mark = root / _MARK
    with translated(str(mark)):
        told = mark.read_text(errors="replace") if mark.is_file() else ""
    if not told.endswith("\n"):  # nothing was written behind it
        return False
    if told != f"{storage}\n":
        where = f"into {told.strip()}" if told.strip() else "without --storage"
        raise InvalidInput(
            f"the restore in {root} was begun {where}", hint="go on with that, or give a new folder"
        )
    return True


def begin(root: Path, storage: str) -> None:
    """Mark a folder, durably."""
    mark = root / _MARK
    with translated(str(mark)):
        mark.write_text(f"{storage}\n")
        sync(mark)
        sync(root)


def end(root: Path) -> None:
    """Remove the mark, durably."""
    with translated(str(root)):
        (root / _MARK).unlink(missing_ok=True)
        sync(root)
