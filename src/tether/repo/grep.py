"""Lines that fit a regular expression, in the files of a tree or in any others.

A whole file is searched at once and only what fits is cut into lines, so that files without a match
cost one pass of the expression's engine.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.textdiff import looks_binary
from tether.core.tree import Entry, EntryKind
from tether.errors import InvalidInput
from tether.repo.contents import ContentReader
from tether.repo.ingest import SMALL_FILE
from tether.repo.listing import tree_files
from tether.repo.objectdb import ObjectDb

_BATCH_FILES = 512
_BATCH_BYTES = 16 << 20
_BLOCK = 8 << 20


class Match(NamedTuple):
    """A line that fits."""

    path: bytes
    number: int
    """Counts from 1."""
    line: bytes
    """Without its end."""


class Pattern:
    """A compiled regular expression for lines of bytes.

    Raises:
        InvalidInput: The expression is none.
    """

    def __init__(self, text: str, *, ignore_case: bool = False, fixed: bool = False) -> None:
        raw = text.encode("utf-8", "surrogateescape")
        flags = re.MULTILINE | (re.IGNORECASE if ignore_case else 0)
        try:
            self._bytes = re.compile(re.escape(raw) if fixed else raw, flags)
            # Bytes know only the cases of ASCII: other letters are compared as text.
            plain = re.escape(text) if fixed else text
            self._text = re.compile(plain, flags) if ignore_case and not text.isascii() else None
        except re.error as error:
            raise InvalidInput(f"not a regular expression: {text!r}: {error}") from None

    def lines(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield number, from 1, and text of each line that fits."""
        if self._text is not None:
            for number, line in enumerate(data.split(b"\n"), 1):
                if line and self._text.search(line.decode("utf-8", "surrogateescape")):
                    yield number, line.removesuffix(b"\r")
            return
        at, number, counted = 0, 1, 0
        while at <= len(data):
            found = self._bytes.search(data, at)
            if found is None or (found.start() == len(data) and _ends(data)):
                return
            start = data.rfind(b"\n", 0, found.start()) + 1
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            line = data[start:end]
            if found.end() <= end or self._bytes.search(line):
                number += data.count(b"\n", counted, start)
                counted = start
                yield number, line.removesuffix(b"\r")
            at = end + 1


def _ends(data: bytes) -> bool:
    """Say whether there is no line after the last line end."""
    return not data or data.endswith(b"\n")


def search(path: bytes, pieces: Iterable[bytes], pattern: Pattern) -> Iterator[Match]:
    """Yield the lines of one file that fit, given its content in pieces; of a binary file none."""
    source = iter(pieces)
    first = next(source, b"")
    if looks_binary(first):
        return
    before = 0
    for block in _blocks(chain([first], source)):
        for number, line in pattern.lines(block):
            yield Match(path, before + number, line)
        before += block.count(b"\n")


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces to blocks of some MiB that end with a line."""
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        cut = piece.rfind(b"\n") + 1
        if size >= _BLOCK and cut:
            yield b"".join([*parts[:-1], piece[:cut]])
            parts, size = [piece[cut:]], len(piece) - cut
    yield b"".join(parts)


def search_tree(
    objects: ObjectDb, contents: ContentReader, tree: Digest, pattern: Pattern, paths: Sequence[bytes] = ()
) -> Iterator[Match]:
    """Yield the lines that fit in the files of a tree, in the order of the paths.

    Args:
        objects: Gives the trees.
        contents: Gives the files.
        tree: Where to search.
        pattern: What to look for.
        paths: Only these files and folders; everything if empty.
    """
    batch: list[tuple[bytes, Entry]] = []
    size = 0
    for path, entry in tree_files(objects, tree, paths):
        if entry.kind not in (EntryKind.FILE, EntryKind.EXECUTABLE):
            continue
        batch.append((path, entry))
        size += min(entry.size, SMALL_FILE)
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield from _search_batch(contents, batch, pattern)
            batch, size = [], 0
    yield from _search_batch(contents, batch, pattern)


def _search_batch(
    contents: ContentReader, batch: Sequence[tuple[bytes, Entry]], pattern: Pattern
) -> Iterator[Match]:
    contents.prepare([entry.digest for _, entry in batch])
    small = [(at, entry) for at, (_, entry) in enumerate(batch) if entry.size <= SMALL_FILE]
    whole: dict[int, list[Match]] = {}
    for part in contents.small_batches([(entry.digest, entry.size) for _, entry in small]):
        for index, data in part:
            at = small[index][0]
            whole[at] = list(search(batch[at][0], [data], pattern))
    for at, (path, entry) in enumerate(batch):
        yield from whole[at] if at in whole else search(path, contents.stream(entry.digest), pattern)
