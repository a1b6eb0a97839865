"""The mark of a clone that is not finished: a file in the repository's folder, there from first to last.

The folder belongs to the clone while the mark is in it: no other command opens the repository, and a
second clone of the same source may take it over. The layout is in `docs/format/layout.md`.
"""

import os
from pathlib import Path
from urllib.parse import quote, unquote

from tether.core.names import display
from tether.errors import Unavailable
from tether.storage.oserrors import translated

MARK = "clone.unfinished"
_MAGIC = b"tether clone 1\n"
_LONGEST = 1 << 16


def write_mark(directory: Path, address: str) -> None:
    """Mark a folder durably, together with its name and that of the folder above."""
    path = directory / MARK
    with translated(str(path)):
        descriptor = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666
        )
        with open(descriptor, "wb") as file:  # noqa: PTH123 - it is open already
            file.write(_MAGIC + quote(os.fsencode(address)).encode() + b"\n")
            file.flush()
            os.fsync(descriptor)
        for folder in (directory, directory.parent, directory.parent.parent):
            _sync_folder(folder)


def remove_mark(directory: Path) -> None:
    """Say durably that the clone is finished: a mark that came back would give the folder away."""
    with translated(str(directory / MARK)):
        (directory / MARK).unlink(missing_ok=True)
        _sync_folder(directory)


def marked_source(directory: Path) -> str | None:
    """Return the address that a folder is being cloned from; None where there is no whole mark."""
    data = _read(directory)
    if data is None or not data.startswith(_MAGIC) or not data.endswith(b"\n") or data == _MAGIC:
        return None
    return os.fsdecode(unquote(data[len(_MAGIC) : -1].decode(errors="replace"), errors="surrogateescape"))


def is_torn(directory: Path) -> bool:
    """Say whether the mark is one whose writing was cut short, after which nothing else was made."""
    data = _read(directory)
    if data is None or marked_source(directory) is not None:
        return False
    return not data.strip(b"\0") or _MAGIC.startswith(data) or data.startswith(_MAGIC)


def refuse_unfinished(directory: Path) -> None:
    """Refuse to work with a repository that is still being cloned.

    Raises:
        Unavailable: It is; the hint says how to finish it.
    """
    source = marked_source(directory)
    if source is None:
        return
    place = directory.parent if directory.name == ".tether" else directory
    bare = "" if place != directory else " --bare"
    command = f"tether clone{bare} {display(os.fsencode(source))} {place}"
    raise Unavailable(
        f"the clone in {place} is not finished",
        hint=f"wait for it; if it was stopped, run '{command}'",
    )


def _read(directory: Path) -> bytes | None:
    try:
        descriptor = os.open(directory / MARK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, _LONGEST)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
