"""Large files of a clone, written while their packs arrive, so that the checkout need not read them again.

Each lies in the state folder under the name of its digest, with holes where chunks came in another way. What
is in it was verified chunk by chunk; a checkout fills the holes and moves it to its path. Nothing depends on
it: where it cannot be written or moved, the checkout writes the file as always.
Decision: docs/adr/0062-landing.md.
"""

import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from tether.core.digest import Digest
from tether.repo.delta import Span
from tether.worktree.files import start_writing
from tether.worktree.worktree import STATE_FOLDER

_FOLDER = "landing"
_WORTH = 2
"""A file is taken from here only where this part of it, one half, has come."""
_OFTEN = 4 << 20
"""Bytes of one file after which the disk begins with them."""
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(slots=True)
class _Landed:
    """What came of one file."""

    spans: list[Span] = field(default_factory=list)
    waiting: int = 0
    """Bytes of which the disk was not told yet."""


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
        self._lock = Lock()
        self.commit: Digest | None = None

    def choose(self, files: Iterable[Digest]) -> Collection[Digest]:
        """Make room for contents, and return those that are wanted: none where there can be no room."""
        names = dict.fromkeys(files)
        try:
            if names:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder.mkdir(parents=True)
        except OSError:
            return ()
        self._files = {name: _Landed() for name in names}
        return self._files.keys()

    def write(self, file: Digest, offset: int, data: memoryview) -> None:
        """Write verified bytes of a chosen content to where in it they belong, in bytes."""
        landed = self._files.get(file)
        if landed is None:
            return
        try:
            descriptor = os.open(self._path(file), _FLAGS, 0o644)
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
        self._files.pop(file, None)
        self._path(file).unlink(missing_ok=True)

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
        spans = _joined(sorted(landed.spans))
        path = self._path(file)
        try:
            if sum(stop - start for start, stop in spans) * _WORTH < size:
                path.unlink(missing_ok=True)
                return None
            os.rename(path, name, dst_dir_fd=dirfd)
        except OSError:  # the folder is on another file system
            return None
        return spans

    def _path(self, file: Digest) -> Path:
        return self._folder / file.hex()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files = {}
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
