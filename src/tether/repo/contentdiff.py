"""What differs inside a file: lines of texts, and what kind of file it was and is for everything else."""

from collections.abc import Callable
from typing import NamedTuple

from tether.core.filetype import HEAD_SIZE, FileType, sniff
from tether.core.textdiff import Hunk, looks_binary, unified

TEXT_LIMIT = 8 << 20
"""Larger files are summed up, never read whole and never compared line by line."""


class Version(NamedTuple):
    """One state of a file that can be read."""

    name: bytes
    size: int
    read: Callable[[int], bytes]
    """Returns the first so many bytes, fewer only where the file ends."""


class ContentDiff(NamedTuple):
    """How a content changed; what is not there on a side is None."""

    hunks: list[Hunk] | None
    """None when one side is no text or too large."""
    old: FileType | None
    new: FileType | None


def diff_contents(old: Version | None, new: Version | None, context: int = 3) -> ContentDiff:
    """Compare two states of a file; None is a file that is not there."""
    small = all(side is None or side.size <= TEXT_LIMIT for side in (old, new))
    limit = TEXT_LIMIT if small else HEAD_SIZE
    before, after = (side.read(limit) if side is not None else b"" for side in (old, new))
    types = (
        sniff(before[:HEAD_SIZE], old.name) if old is not None else None,
        sniff(after[:HEAD_SIZE], new.name) if new is not None else None,
    )
    if not small or looks_binary(before) or looks_binary(after):
        return ContentDiff(None, *types)
    return ContentDiff(unified(before, after, context), *types)
