"""Globs that users give in quotes: what they match among working files and tracked paths."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tether.cli.context import FOLDER
from tether.core.pathfilter import glob_pattern

if TYPE_CHECKING:
    from tether.worktree.folders import Folders
    from tether.worktree.ignore import IgnoreRules

__all__ = ["MAGIC", "glob_pattern", "tracked_matches", "working_matches"]

MAGIC = re.compile(r"[*?[]")

Matches: TypeAlias = Callable[[bytes], object]


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
