"""The stat cache: what was known of each folder, so that unchanged files are never read again.

The cache only saves work. It is written without syncs, every block has a checksum, and a block that is
damaged is as good as absent. A row is trusted only when it was last changed before the content was
looked at, by the clock of the file system itself.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from tether.errors import TetherError
from tether.worktree.block import FULL, Block, decode_block, encode_block, encode_change, path_and_kind
from tether.worktree.statfile import Base, Journal, append_journal, read_base, read_journal, write_base
from tether.worktree.worktree import WorkTree

BASE = "stat.base"
JOURNAL = "stat.journal"
FOLD_FROM = 1 << 20
_KEPT = 1 << 17
"""Rows of blocks that are kept once they were read, since who changes a block looks at it again: 10 MiB."""

_Identity = tuple[int, int, int] | None


class StatCache:
    """The blocks of a working copy's folders, as they were when the cache was opened."""

    def __init__(self, worktree: WorkTree) -> None:
        self._worktree = worktree
        self._base_path = worktree.state_dir / BASE
        self._journal_path = worktree.state_dir / JOURNAL
        self._new: dict[bytes, Block | None] = {}
        self._load()

    def block(self, path: bytes) -> Block | None:
        """Return what is known of the folder at `path`."""
        if path in self._new:
            return self._new[path]
        try:
            block = self._stored(path)
        except ValueError:
            return None
        return block.in_boot(self._worktree.boot_id) if block else None

    def put(self, path: bytes, block: Block) -> None:
        """Remember a folder from now on; `save` makes it last."""
        self._new[path] = block

    def drop(self, path: bytes) -> None:
        """Forget a folder."""
        if path in self._new or path in self._base.places or path in self._records:
            self._new[path] = None

    def move(self, source: bytes, target: bytes) -> None:
        """Let what is known of a folder and those in it follow a rename; a file's path changes nothing."""
        prefix = source + b"/"
        for path in [*self._base.places, *self._records]:
            if path == source or path.startswith(prefix):
                block = self.block(path)
                if block is not None:
                    self.put(target + path[len(source) :], block)
                    self._new[path] = None

    def clear(self) -> None:
        """Throw the whole cache away, on the disk too."""
        for path in (self._base_path, self._journal_path):
            with suppress(OSError):
                path.unlink()
        self._new.clear()
        self._load()

    def save(self) -> bool:
        """Write what was put and dropped; the caller holds the lock of the working copy.

        Returns:
            Whether it was written: another process may have changed the cache since it was opened, or
            the folder may be read-only; then nothing is, and nothing is lost but time.
        """
        if not self._new:
            return True
        if self._identities != (_identity(self._base_path), _identity(self._journal_path)):
            return False
        try:
            self._write()
        except (TetherError, OSError):
            return False
        self._new.clear()
        self._load()
        return True

    def _load(self) -> None:
        self._base: Base = read_base(self._base_path)
        self._journal: Journal = read_journal(self._journal_path, self._base)
        self._identities = (_identity(self._base_path), _identity(self._journal_path))
        self._read: dict[bytes, Block | None] = {}
        self._room = _KEPT
        self._records: dict[bytes, list[bytes]] = {}
        for record in self._journal.records:
            try:
                path, kind = path_and_kind(record)
            except ValueError:
                continue
            if kind == FULL or path not in self._records:
                self._records[path] = [record]
            else:
                self._records[path].append(record)

    def _stored(self, path: bytes) -> Block | None:
        if path in self._read:
            return self._read[path]
        block = self._decoded(path)
        rows = block.rows.total if block is not None else 1
        if rows <= self._room:
            self._room -= rows
            self._read[path] = block
        return block

    def _decoded(self, path: bytes) -> Block | None:
        records = self._records.get(path, [])
        if not records or path_and_kind(records[0])[1] != FULL:
            payload = self._base.block(path)
            if payload is not None:
                records = [payload, *records]
        return decode_block(records)

    def _write(self) -> None:
        changes = {path: encode_change(path, self._safe(path), block) for path, block in self._new.items()}
        limit = max(FOLD_FROM, len(self._base.data) // 4)
        if self._journal.size + sum(map(len, changes.values())) <= limit:
            append_journal(self._journal_path, self._base, self._journal, changes.values())
            return
        write_base(self._base_path, self._folded(changes))
        with suppress(FileNotFoundError):
            self._journal_path.unlink()

    def _folded(self, changes: Mapping[bytes, bytes]) -> Iterator[tuple[bytes, bytes]]:
        for path in sorted({*self._base.places, *self._records, *self._new}):
            if path in self._new:
                block = self._new[path]
                if path_and_kind(changes[path])[1] == FULL:
                    yield path, changes[path]
                    continue
            elif path in self._records:
                block = self._safe(path)
            else:
                payload = self._base.block(path)
                if payload is not None:
                    yield path, payload
                continue
            if block is not None:
                yield path, encode_block(path, block)

    def _safe(self, path: bytes) -> Block | None:
        try:
            return self._stored(path)
        except ValueError:
            return None


def _identity(path: Path) -> _Identity:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
