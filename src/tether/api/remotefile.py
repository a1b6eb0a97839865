"""One file of a repository that lies elsewhere, as a seekable file: what is read is fetched, a little ahead.

A file that is read from its beginning to its end, in order, is verified by its digest when the last byte
comes. Of other reads nothing proves to the reader that they are right: the hub verifies what it sends, and
TLS brings it here unchanged.
"""

import io
from collections import OrderedDict

from blake3 import blake3

from tether.core.digest import Buffer
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.errors import Corrupt, InvalidInput
from tether.repo.revision import clean_path
from tether.repo.seeking import SeekableFile
from tether.sync.remotefiles import Look, RemoteEntry, RemoteFiles, read_whole

BLOCK = 256 << 10
KEPT = 32
"""Blocks that a file holds at most, after a read."""
_LONGEST_AHEAD = 16
_BUFFER = 64 << 10
_MAX_LINKS = 40


def follow_links(end: RemoteFiles, look: Look) -> Look:
    """Return what the symbolic links at a path lead to, inside of the same version.

    Raises:
        NotFound: They lead to nothing.
        InvalidInput: They lead out of the repository, or in a circle.
    """
    start = look.entry
    for _ in range(_MAX_LINKS):
        if look.entry.kind != EntryKind.SYMLINK:
            return look
        target = read_whole(end, look.commit, look.entry)
        if target.startswith(b"/"):
            raise InvalidInput(f"{display(start.path)} is a link out of the repository: {display(target)}")
        folder = look.entry.path.rpartition(b"/")[0]
        where = clean_path((folder + b"/" + target).decode("utf-8", "surrogateescape"))
        look = end.look(look.commit, where)
    raise InvalidInput(f"{display(start.path)} leads through too many links")


def find_file(end: RemoteFiles, rev: str, path: bytes) -> Look:
    """Return the file at a path, following links.

    Raises:
        NotFound: There is nothing.
        InvalidInput: It is a folder.
    """
    look = follow_links(end, end.look(rev, path, limit=1))
    if look.entry.kind == EntryKind.DIRECTORY:
        raise InvalidInput(f"{display(path) or 'the top'} is a folder", hint="ls lists it")
    return look


def open_remote(end: RemoteFiles, look: Look) -> io.BufferedReader:
    """Return a seekable binary file over what was found."""
    return io.BufferedReader(RemoteFile(end, look.commit, look.entry), _BUFFER)


class RemoteFile(SeekableFile):
    """A read-only, seekable file that fetches blocks; reads in order are fetched ahead, longer each time."""

    def __init__(self, end: RemoteFiles, commit: str, entry: RemoteEntry) -> None:
        super().__init__(entry.size)
        self._end, self._commit, self._entry = end, commit, entry
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._next, self._ahead = 0, 0
        self._hasher, self._hashed = blake3(), 0

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """Fill `buffer` from the position on and return how many bytes were read."""
        view = memoryview(buffer).cast("B")
        data = self._bytes(self._at, min(self._at + len(view), self._size))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        """Return everything from the position on."""
        data = self._bytes(self._at, self._size)
        self._at += len(data)
        return data

    def _bytes(self, start: int, stop: int) -> bytes:
        if start >= stop:
            return b""
        first, last = start // BLOCK, (stop - 1) // BLOCK
        missing = [block for block in range(first, last + 1) if block not in self._blocks]
        if len(missing) > KEPT // 2:
            return self._fetch(start, stop)
        if missing:
            self._bring(missing[0], missing[-1])
        joined = b"".join(self._blocks[block] for block in range(first, last + 1))
        self._forget()
        return joined[start - first * BLOCK : stop - first * BLOCK]

    def _bring(self, first: int, last: int) -> None:
        """Fetch neighbouring blocks, and more behind them where the file is read in order."""
        self._ahead = min(2 * self._ahead + 1, _LONGEST_AHEAD) if first == self._next and first else 0
        start, stop = first * BLOCK, min((last + 1 + self._ahead) * BLOCK, self._size)
        data = self._fetch(start, stop)
        for at in range(0, len(data), BLOCK):
            self._blocks[first + at // BLOCK] = data[at : at + BLOCK]
        self._next = -(-stop // BLOCK)

    def _forget(self) -> None:
        while len(self._blocks) > KEPT:
            self._blocks.popitem(last=False)

    def _fetch(self, start: int, stop: int) -> bytes:
        parts: list[bytes] = []
        self._end.read(self._commit, self._entry, start, stop, parts.append)
        data = b"".join(parts)
        if start <= self._hashed < stop:
            self._hasher.update(memoryview(data)[self._hashed - start :])
            self._hashed = stop
            if stop == self._size and self._hasher.digest() != self._entry.digest:
                raise Corrupt(f"{display(self._entry.path)} arrived damaged", hint="read it again")
        return data
