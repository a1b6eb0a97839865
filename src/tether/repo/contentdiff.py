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


def diff_contents(
    old: Version | None, new: Version | None, context: int = 3, *, binary: bool | None = None
) -> ContentDiff:
    """Compare two states of a file; None is a file that is not there.

    Args:
        old: The state before.
        new: The state after.
        context: Lines to show around a change.
        binary: What the attributes of the file say; None looks at the content.
    """
    before, after = _head(old), _head(new)
    types = (
        sniff(before, old.name) if old is not None else None,
        sniff(after, new.name) if new is not None else None,
    )
    small = all(side is None or side.size <= TEXT_LIMIT for side in (old, new))
    if binary is None:
        binary = looks_binary(before) or looks_binary(after)
    if not small or binary:
        return ContentDiff(None, *types)
    return ContentDiff(unified(_whole(old, before), _whole(new, after), context), *types)


def _head(version: Version | None) -> bytes:
    return version.read(HEAD_SIZE) if version is not None else b""


def _whole(version: Version | None, head: bytes) -> bytes:
    """Return the whole of a small version whose head is known."""
    return head if version is None or len(head) < HEAD_SIZE else version.read(TEXT_LIMIT)
