"""Small files of a clone, written into their folders while their packs arrive, beside the working copy.

The checkout moves the top folders with all that is in them. Each file was verified before it was written.
Nothing depends on it: whatever did not come, or cannot be moved, the checkout writes as always.
Decision: docs/adr/0062-landing.md.
"""

import errno
import os
import shutil
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, compress
from pathlib import Path
from typing import NamedTuple

from tether.core.chunker import MAX_SIZE
from tether.core.digest import Buffer, Digest
from tether.core.tree import EntryKind, split_digests
from tether.core.treefiles import FolderFiles
from tether.errors import TetherError
from tether.worktree.files import RECORD, write_files
from tether.worktree.folders import ThreadFolders
from tether.worktree.plan import Write
from tether.worktree.written import MODES, Written

_MOST = 1 << 20
"""Rows of folders that are kept, which takes some 300 MB; what is beyond is written by the checkout."""
_DEEPEST = 64
"""Folders in one another: a tree may have any number, and each takes a descriptor."""
_MODES = tuple(MODES.get(kind, 0) for kind in EntryKind)
_NONE = bytes(RECORD.size)


class _Leaf(NamedTuple):
    """Neighbours in one folder, and the row of the first of them."""

    start: int
    files: FolderFiles


class _Came(NamedTuple):
    """What came of neighbours in one folder."""

    written: Written
    digests: list[Digest]
    kinds: Sequence[int]

    def paths(self) -> Iterator[tuple[bytes, tuple[Digest, int]]]:
        """Yield the path of each, and what it is."""
        start = self.written.folder + b"/"
        names = [start + name for name in self.written.names]
        return zip(names, zip(self.digests, self.kinds, strict=True), strict=True)


class LandedTree:
    """Takes whole files from several threads at once.

    A content that several files have is written for the first of them. Files of the top folder are left to
    the checkout: to move each costs as much as to write it.

    Args:
        top: The folder that stands for that of the working copy; to be made by the caller.
    """

    def __init__(self, top: Path) -> None:
        self._top = top
        self._leaves: list[_Leaf] = []
        self._leaf_of = array("I")
        self._rows: dict[Digest, int] = {}
        self._records = bytearray()
        """The stat record of each row; zeros until it is written."""
        self._folders: ThreadFolders | None = None
        self._failed = False

    def choose(self, folders: Iterable[FolderFiles]) -> bool:
        """Take note of what is to be checked out; say whether any of it is wanted."""
        for files in folders:
            if len(self._leaf_of) >= _MOST:
                break
            if files.folder and files.folder.count(b"/") < _DEEPEST:
                self._choose(files)
        self._records = bytearray(RECORD.size * len(self._leaf_of))
        self._folders = ThreadFolders(self._top) if self._rows else None
        return bool(self._rows)

    def _choose(self, files: FolderFiles) -> None:
        """Take note of those of some neighbours that are wanted, and of the others only beside them."""
        start, before = len(self._leaf_of), len(self._rows)
        columns = zip(split_digests(files.digests), files.kinds, files.sizes, strict=True)
        for row, (digest, kind, size) in enumerate(columns, start):
            if kind <= EntryKind.EXECUTABLE and 0 < size <= MAX_SIZE:
                self._rows.setdefault(digest, row)
        if len(self._rows) > before:
            self._leaf_of.extend([len(self._leaves)] * len(files.names))
            self._leaves.append(_Leaf(start, files))

    def write(self, digests: bytes, lengths: Sequence[int], data: bytes) -> int:
        """Write those of some verified contents that are wanted; return how many bytes these have.

        Args:
            digests: 32 bytes each.
            lengths: Bytes of each.
            data: The contents, one after the other.
        """
        rows = list(map(self._rows.get, split_digests(digests)))
        ends = list(accumulate(lengths, initial=0))
        found: dict[int, tuple[list[int], list[Buffer]]] = {}
        view = memoryview(data)
        for row, start, end in zip(rows, ends, ends[1:], strict=False):
            if row is not None:
                leaf = self._leaf_of[row]
                first, files = self._leaves[leaf]
                if files.sizes[row - first] == end - start:  # otherwise the tree lies, and the checkout tells
                    mine, contents = found.setdefault(leaf, ([], []))
                    mine.append(row)
                    contents.append(view[start:end])
        written = 0
        for leaf, (mine, contents) in found.items():
            if self._failed or self._folders is None:
                break
            try:
                self._put(self._folders, self._leaves[leaf], mine, contents)
            except (OSError, TetherError):  # the disk is full, or the like: the checkout tells of that
                self._failed = True
                shutil.rmtree(self._top, ignore_errors=True)  # the packs need the room
                break
            written += sum(map(len, contents))
        return written

    def _put(self, folders: ThreadFolders, leaf: _Leaf, rows: list[int], contents: list[Buffer]) -> None:
        names, kinds = leaf.files.names, leaf.files.kinds
        places = [row - leaf.start for row in rows]
        dirfd = folders.mine().make(leaf.files.folder)
        modes = [_MODES[kinds[place]] for place in places]
        wanted = [names[place] for place in places]
        failed, records = write_files(dirfd, wanted, contents, modes, [False] * len(wanted))
        if not any(failed) and rows == list(range(rows[0], rows[0] + len(rows))):
            self._records[rows[0] * RECORD.size : (rows[-1] + 1) * RECORD.size] = records
            return
        for index, (row, error) in enumerate(zip(rows, failed, strict=True)):
            if not error:
                record = records[index * RECORD.size : (index + 1) * RECORD.size]
                self._records[row * RECORD.size : (row + 1) * RECORD.size] = record
            elif error != errno.EEXIST:  # otherwise its pack came twice
                raise OSError(error, os.strerror(error))

    def close(self) -> None:
        """Take nothing more, and close the folders that are open."""
        if self._folders is not None:
            self._folders.close()
            self._folders = None

    def move(self, root: Path, writes: Sequence[Write]) -> tuple[list[Written], list[Write]]:
        """Move what came to its place; return what was moved, and what is still to be written.

        Nothing is moved where something came that is not among `writes`.

        Args:
            root: The top folder of the working copy.
            writes: What is to be written.
        """
        self.close()
        if self._failed:
            return [], list(writes)
        came = [self._came(leaf) for leaf in self._leaves]
        paths = {path: what for each in came for path, what in each.paths()}
        rest = [w for w in writes if paths.get(w.path) != (w.entry.digest, w.entry.kind) or w.replaces]
        if len(writes) - len(rest) != len(paths):
            return [], list(writes)
        tops = {each.written.folder.partition(b"/")[0] for each in came if each.written.names}
        left = {top for top in tops if not self._moved(root, top)}
        if left:
            here = set(rest)
            rest = [w for w in writes if w in here or w.path.partition(b"/")[0] in left]
        return [each.written for each in came if each.written.folder.partition(b"/")[0] in tops - left], rest

    def _came(self, leaf: _Leaf) -> _Came:
        """Return what came of neighbours in a folder."""
        start, files = leaf
        stop = start + len(files.names)
        column = self._records[start * RECORD.size : stop * RECORD.size]
        records = [bytes(column[at : at + RECORD.size]) for at in range(0, len(column), RECORD.size)]
        names, digests, kinds = files.names, split_digests(files.digests), list(files.kinds)
        if _NONE in records:
            there = [record != _NONE for record in records]
            names, digests = list(compress(names, there)), list(compress(digests, there))
            records, kinds = list(compress(records, there)), list(compress(kinds, there))
        return _Came(Written(files.folder, names, records), digests, kinds)

    def _moved(self, root: Path, top: bytes) -> bool:
        """Move a top folder, unless anything but an empty one is there; say whether it was."""
        try:
            os.rename(os.path.join(os.fsencode(self._top), top), os.path.join(os.fsencode(root), top))
        except OSError:
            return False
        return True
