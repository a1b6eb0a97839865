"""A repository inside a Git work tree: Git is told not to look at ours."""

import os
import re
from pathlib import Path

from tether.repo.repository import FOLDER

_GIT = ".git"
_HEAD_SIZE = 4096


def exclude_from_git(folder: Path) -> Path | None:
    """Add the repository of `folder` to the exclude file of the Git work tree that it lies in.

    Git's own files of rules are left alone, since they belong to its commits.

    Returns:
        The exclude file, or None where there is no Git work tree, the line was there already, or Git's
        folder cannot be written.
    """
    folder = Path(os.path.realpath(folder))
    top = next((each for each in (folder, *folder.parents) if (each / _GIT).exists()), None)
    if top is None:
        return None
    line = f"/{_escaped((folder / FOLDER).relative_to(top).as_posix())}/"
    try:
        exclude = _common_folder(top / _GIT) / "info" / "exclude"
        return exclude if _add_line(exclude, os.fsencode(line)) else None
    except OSError:
        return None


def _common_folder(git: Path) -> Path:
    """Return the folder that all work trees of a Git repository share; `.git` may be a file that names it."""
    if git.is_file():
        git = git.parent / _named(git).removeprefix("gitdir:").strip()
    common = git / "commondir"
    return git / _named(common).strip() if common.is_file() else git


def _named(file: Path) -> str:
    with file.open("rb") as opened:
        return os.fsdecode(opened.read(_HEAD_SIZE))


def _add_line(file: Path, line: bytes) -> bool:
    """Append a line unless the file has it; say whether it was added."""
    before = file.read_bytes() if file.exists() else b""
    if b"\n" in line or line in before.split(b"\n"):
        return False
    file.parent.mkdir(exist_ok=True)
    with file.open("ab") as opened:
        opened.write((b"" if before.endswith(b"\n") or not before else b"\n") + line + b"\n")
    return True


def _escaped(path: str) -> str:
    return re.sub(r"([\\*?\[])", r"\\\1", path)
