"""Files of a clone that are written while their packs arrive, so that the checkout need not read them again.

Small ones lie in a tree of folders; see `landedtree`. Each large one lies in the state folder under the name
of its digest, with holes where chunks came in another way. What is in it was verified chunk by chunk; a
checkout fills the holes and moves it to its path. Nothing depends on it: where it cannot be written or moved,
the checkout writes the file as always.
Decision: docs/adr/0062-landing.md.
"""

import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from tether.core.digest import Digest
from tether.core.treefiles import FolderFiles
from tether.errors import TetherError
from tether.repo.delta import Span
from tether.worktree.files import start_writing, syncfs
from tether.worktree.folders import Folders
from tether.worktree.landedtree import LandedTree
from tether.worktree.plan import Write
from tether.worktree.worktree import STATE_FOLDER
from tether.worktree.written import Written

_FOLDER = "landing"
_TREE = "tree"
_WORTH = 2
"""A file is taken from here only where this part of it, one half, has come."""
_OFTEN = 4 << 20
"""Bytes of one file after which the disk begins with them."""
_SYNC_OFTEN = 128 << 20
"""Bytes of small files after which the disk begins with all of them: it has no time to do so at the end."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class _Landed:
    """What came of one file."""

    path: str
    """A plain string: pieces of a megabyte come thousands of times."""
    spans: list[Span] = field(default_factory=list)
    waiting: int = 0
    """Bytes of which the disk was not told yet."""

    def much_of(self, size: int) -> bool:
        """Say whether what came is worth to be moved."""
        return sum(stop - start for start, stop in self.spans) * _WORTH >= size

    def remove(self) -> None:
        """Remove it, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(self.path)


class Landing:
    """Takes parts of files from several threads at once; as a context manager it removes what was not moved.

    Args:
        repository: The folder of the repository, on the same file system as its working copy.

    Attributes:
        commit: Whose files are to be checked out; None where that is not known.
    """

    def __init__(self, repository: Path) -> None:
        self._folder = repository / STATE_FOLDER / _FOLDER
        self._files: dict[Digest, _Landed] = {}
        self._tree: LandedTree | None = None
        self._syncing: Future[None] | None = None
        self._syncer = ThreadPoolExecutor(1, "sync")
        self._waiting = 0
        self._spoiled = False
        self._lock = Lock()
        self.commit: Digest | None = None

    def choose(self, files: Iterable[Digest]) -> Collection[Digest]:
        """Make room for contents, and return those that are wanted: none where there can be no room."""
        names = dict.fromkeys(files)
        if names and self._has_room():
            self._files = {name: _Landed(os.path.join(self._folder, name.hex())) for name in names}
        return self._files.keys()

    def choose_small(self, folders: Iterable[FolderFiles]) -> bool:
        """Make room for the small files of a tree; say whether any are wanted."""
        top = self._folder / _TREE
        try:
            if self._has_room():
                top.mkdir()
                self._tree = LandedTree(top)
        except OSError:
            return False
        return self._tree is not None and self._tree.choose(folders)

    def _has_room(self) -> bool:
        """Make the folder, empty, unless it was made; say whether it is there."""
        try:
            if not self._files and self._tree is None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir(parents=True)
        except OSError:
            return False
        return True

    def write_small(self, digests: bytes, lengths: Sequence[int], data: bytes) -> None:
        """Write those small files that are wanted of some verified contents; see `LandedTree.write`."""
        if self._tree is None or self._spoiled:
            return
        written = self._tree.write(digests, lengths, data)
        with self._lock:
            self._waiting += written
            if self._waiting >= _SYNC_OFTEN and (self._syncing is None or self._syncing.done()):
                self._waiting = 0
                self._begin_sync()

    def sync(self) -> None:
        """Have the disk begin with what came, of which no more comes, without waiting for it."""
        if self._tree is not None:
            self._tree.close()
        if self._files or self._tree is not None:
            self._begin_sync()

    def _begin_sync(self) -> None:
        with suppress(RuntimeError):  # there are too many threads
            self._syncing = self._syncer.submit(self._sync)

    def _sync(self) -> None:
        try:
            with Folders(self._folder) as folders:
                syncfs(folders.open(b""))
        except (OSError, TetherError):
            self._spoiled = True

    def settle(self) -> None:
        """Wait for the disk, and forget all that came where it failed: it tells of that only once."""
        self._syncer.shutdown()
        if self._spoiled:
            self._files, self._tree = {}, None

    def write(self, file: Digest, offset: int, data: memoryview) -> None:
        """Write verified bytes of a chosen content to where in it they belong, in bytes."""
        landed = self._files.get(file)
        if landed is None:
            return
        try:
            descriptor = os.open(landed.path, _FLAGS, 0o644)
            try:
                self._put(descriptor, offset, data, landed)
            finally:
                os.close(descriptor)
        except OSError:  # the disk is full, or the like: the checkout tells if it meets that too
            self._give_up(file)

    def _put(self, descriptor: int, offset: int, data: memoryview, landed: _Landed) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(descriptor, data[done:], offset + done)
        with self._lock:
            landed.spans.append(Span(offset, offset + done))
            landed.waiting += done
            often = landed.waiting >= _OFTEN
            if often:
                landed.waiting = 0
        if often:
            start_writing(descriptor)

    def _give_up(self, file: Digest) -> None:
        landed = self._files.pop(file, None)
        if landed is not None:
            landed.remove()

    def has(self, file: Digest, size: int) -> bool:
        """Say whether so much of a content of `size` bytes came that `move` will move it."""
        landed = self._files.get(file)
        return landed is not None and landed.much_of(size)

    def move_small(self, root: Path, writes: Sequence[Write]) -> tuple[list[Written], list[Write]]:
        """Move the small files that came into a working copy; see `LandedTree.move`."""
        return ([], list(writes)) if self._tree is None else self._tree.move(root, writes)

    def move(self, file: Digest, size: int, dirfd: int, name: bytes) -> list[Span] | None:
        """Move what came of a content into a folder, under a name that nothing has.

        Args:
            file: The content.
            size: Its length in bytes.
            dirfd: The folder, open.
            name: In that folder.

        Returns:
            What the file holds of the content, in order; None where it is not worth it or not possible.
        """
        landed = self._files.pop(file, None)
        if landed is None:
            return None
        landed.spans = spans = _joined(sorted(landed.spans))
        try:
            if not landed.much_of(size):
                landed.remove()
                return None
            os.rename(landed.path, name, dst_dir_fd=dirfd)
        except OSError:  # the folder is on another file system
            return None
        return spans

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._syncer.shutdown()
        self._files = {}
        if self._tree is not None:
            self._tree.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _joined(spans: list[Span]) -> list[Span]:
    """Return spans that are in order with neighbours, and those that came twice, made one."""
    joined: list[Span] = []
    for start, stop in spans:
        if joined and start <= joined[-1].stop:
            joined[-1] = Span(joined[-1].start, max(stop, joined[-1].stop))
        else:
            joined.append(Span(start, stop))
    return joined
