"""Globs that users give in quotes: what they match among working files and tracked paths."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tether.cli.context import FOLDER
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.worktree.folders import Folders
    from tether.worktree.ignore import IgnoreRules

MAGIC = re.compile(r"[*?[]")

Matches: TypeAlias = Callable[[bytes], object]


def glob_pattern(glob: bytes) -> re.Pattern[bytes]:
    """Return the regular expression of a glob in which `*` crosses `/`, as in git's path arguments."""
    parts: list[bytes] = []
    position = 0
    while position < len(glob):
        char = glob[position : position + 1]
        end = glob.find(b"]", position + 2) if char == b"[" else -1
        if char == b"*":
            parts.append(b".*")
        elif char == b"?":
            parts.append(b"[^/]")
        elif end > 0:
            inner = glob[position + 1 : end]
            negated = inner[:1] in (b"!", b"^")
            body = re.sub(rb"([\\\[\]^&~|])", rb"\\\1", inner[1:] if negated else inner)
            parts.append((b"[^/" if negated else b"[") + body + b"]")
            position = end
        else:
            parts.append(re.escape(char))
        position += 1
    try:
        return re.compile(b"".join(parts), re.DOTALL)
    except re.error:
        raise InvalidInput(f"not a valid glob: {os.fsdecode(glob)}") from None


def tracked_matches(matches: Matches, tracked: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the tracked files that match, by themselves or with a folder above them."""
    known: dict[bytes, bool] = {}

    def within(folder: bytes) -> bool:
        if folder not in known:
            above = folder.rpartition(b"/")[0]
            known[folder] = matches(folder) is not None or (above != b"" and within(above))
        return known[folder]

    for path in tracked:
        folder = path.rpartition(b"/")[0]
        if matches(path) is not None or (folder and within(folder)):
            yield path


def working_matches(top: bytes, glob: bytes, matches: Matches, *, ignored: bool = True) -> list[bytes]:
    """Return the files and folders that match; a folder that does is not looked into.

    Args:
        top: The folder of the working files.
        glob: Says below which folder to look.
        matches: Its expression.
        ignored: Whether ignored files count.
    """
    start = re.split(rb"[*?[]", glob, maxsplit=1)[0].rpartition(b"/")[0]
    if ignored:
        return list(_walk(top, start, matches, None))
    from tether.worktree.folders import Folders

    with Folders(Path(os.fsdecode(top))) as folders:
        return list(_walk(top, start, matches, _Ignoring(folders)))


class _Ignoring:
    """Knows which paths are ignored; reads each ignore file once."""

    def __init__(self, folders: "Folders") -> None:
        self._folders = folders
        self._rules: dict[bytes, IgnoreRules] = {}

    def __call__(self, path: bytes, *, is_folder: bool) -> bool:
        folder, _, name = path.rpartition(b"/")
        return self._rules_of(folder).ignored(name, path, is_folder)

    def _rules_of(self, folder: bytes) -> "IgnoreRules":
        from tether.worktree.ignore import IgnoreRules
        from tether.worktree.scan import read_ignore_file

        if folder not in self._rules:
            above = self._rules_of(folder.rpartition(b"/")[0]) if folder else IgnoreRules.empty()
            try:
                text = read_ignore_file(self._folders.open(folder))
            except OSError:  # behind a symbolic link, where nothing is ours
                text = None
            self._rules[folder] = above.child(folder, text)
        return self._rules[folder]


def _walk(top: bytes, folder: bytes, matches: Matches, ignoring: _Ignoring | None) -> Iterator[bytes]:
    try:
        entries = list(os.scandir(os.path.join(top, folder)))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if not folder and entry.name.lower() == FOLDER.encode():
            continue
        path = folder + b"/" + entry.name if folder else entry.name
        is_folder = entry.is_dir(follow_symlinks=False)
        if ignoring is not None and ignoring(path, is_folder=is_folder):
            continue
        if matches(path) is not None:
            yield path
        elif is_folder:
            yield from _walk(top, path, matches, ignoring)
