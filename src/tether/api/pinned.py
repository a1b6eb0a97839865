"""Folders with the data that a run reads: read-only, apart from the working copy, and shared by all runs.

    pinned/contents/ab/DIGEST     each content once, read-only, with a fixed time; `-x` behind it for programs
    pinned/trees/DIGEST/          a tree: its files are hard links to those
    pinned/files/DIGEST/NAME      a single file, as a hard link
    pinned/altered/DIGEST         names of files of that tree, or of that file, that were found changed

A file whose size, mode or time is another one than it was given was changed, and is written again from the
store. Where the file system can share blocks, contents come from the working copy and take no room.
"""

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from blake3 import blake3

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.names import path_bytes
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import walk
from tether.runs.journal import clone_blocks, copy_file
from tether.storage.locks import LockFile
from tether.storage.oserrors import translated
from tether.worktree.files import syncfs

FOLDER = "pinned"
_ALTERED = "altered"
_TIME_NS = 315_532_800 * 10**9
"""1980-01-01: a time that no change leaves."""
_WRITABLE = 0o222

Row = tuple[bytes, Entry]


def check_out(repo: Opened, entry: Entry, where: bytes) -> Path:
    """Return a folder, or a file, that holds what an entry names, and that nobody should write to.

    Args:
        repo: Has the contents.
        entry: A folder or file.
        where: Its path in the working copy, which may have the same files.

    Raises:
        NotFound, Unavailable: A content is not here and cannot be brought.
        Unavailable: The disk is full.
    """
    base = repo.repository.directory / FOLDER
    with translated(str(base)):
        base.mkdir(exist_ok=True)
        with locked(repo):
            return _Pinning(repo, base, where).bring(entry)


@contextmanager
def locked(repo: Opened, command: str = "run") -> Iterator[None]:
    """Let nobody else pin anything, or remove what is pinned."""
    path = repo.repository.directory / FOLDER / "lock"
    with LockFile(path, command=command).exclusive(repo.repository.wait):
        yield


def healed(base: Path, digest: Digest) -> bytes:
    """Return the paths, each with a NUL, of files of a tree that were found changed since it was pinned."""
    try:
        return (base / _ALTERED / digest.hex()).read_bytes()
    except FileNotFoundError:
        return b""


def note_healed(base: Path, digest: Digest, paths: Iterable[bytes]) -> None:
    """Note that files of a tree were found changed, for runs that read them meanwhile; needs the lock."""
    data = b"".join(path + b"\0" for path in sorted(paths))
    if data:
        place = base / _ALTERED / digest.hex()
        place.parent.mkdir(exist_ok=True)
        with place.open("ab") as file:
            file.write(data)


class _Pinning:
    def __init__(self, repo: Opened, base: Path, where: bytes) -> None:
        self._repo, self._base, self._where = repo, base, where
        self._shares = repo.repository.worktree is not None

    def bring(self, entry: Entry) -> Path:
        if entry.kind == EntryKind.DIRECTORY:
            target = self._base / "trees" / entry.digest.hex()
            rows = list(walk(self._repo.repository.objects, entry.digest))
            result = target
        else:
            target = self._base / "files" / entry.digest.hex()
            rows = [(entry.name, entry)]
            result = target / os.fsdecode(entry.name)
        if not _is_intact(target, rows):  # most runs read what others have read
            if target.is_dir():
                note_healed(self._base, entry.digest, _changed(target, rows))
            _discard(target)
            self._fill(rows, single=entry.kind != EntryKind.DIRECTORY)
            self._link(target, rows)
        return result

    def _fill(self, rows: Sequence[Row], *, single: bool) -> None:
        """Make sure that every content is there."""
        from tether.worktree.plan import Write
        from tether.worktree.writing import write_all

        wanted = {self._place(entry): (path, entry) for path, entry in rows if _is_file(entry)}
        missing = [(place, *row) for place, row in wanted.items() if not _is_sound(place, row[1])]
        writes = []
        for place, path, entry in missing:
            with suppress(FileNotFoundError):
                place.unlink()
            place.parent.mkdir(parents=True, exist_ok=True)
            here = self._where if single else b"/".join(filter(None, (self._where, path)))
            if not self._share(here, entry.digest, place):
                name = path_bytes(place.name)
                relative = path_bytes(place.relative_to(self._base))
                writes.append(Write(relative, entry._replace(name=name), replaces=False))
        if writes:
            contents = self._repo.repository.contents
            contents.prepare([write.entry.digest for write in writes])
            self._repo.progress.start("pinning data", len(writes), "files")
            for _ in write_all(self._base, contents, writes, self._repo.progress):
                pass
            self._repo.progress.finish()
        if missing:
            self._settle((place, entry) for place, _, entry in missing)

    def _settle(self, files: Iterable[tuple[Path, Entry]]) -> None:
        """Mark files as whole, after they are durable: from then on they are trusted."""
        descriptor = os.open(self._base, os.O_RDONLY | os.O_DIRECTORY)
        try:
            syncfs(descriptor)
        finally:
            os.close(descriptor)
        for place, entry in files:
            place.chmod(_mode(entry))
            os.utime(place, ns=(_TIME_NS, _TIME_NS))

    def _share(self, where: bytes, digest: Digest, place: Path) -> bool:
        """Let a file share blocks with the one in the working copy, if that is the same."""
        if not self._shares:
            return False
        source = os.fsencode(self._repo.root) + b"/" + where
        try:
            descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        with os.fdopen(descriptor, "rb"), place.open("wb") as new:
            plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
            shared = plain and clone_blocks(descriptor, new.fileno())
        if plain and not shared:  # the file system cannot
            self._shares = False
        if shared and blake3().update_mmap(place).digest() == digest:
            return True
        place.unlink()
        return False

    def _link(self, target: Path, rows: Sequence[Row]) -> None:
        """Make the folder, under its name when it is whole."""
        new = target.with_name(f".{target.name}.new")
        _discard(new)
        new.mkdir(parents=True)
        made = {new}
        for path, entry in rows:
            place = new / os.fsdecode(path)
            for folder in _above(place, new, made):
                folder.mkdir(exist_ok=True)
                made.add(folder)
            if entry.kind == EntryKind.DIRECTORY:
                place.mkdir(exist_ok=True)
                made.add(place)
            elif entry.kind == EntryKind.SYMLINK:
                place.symlink_to(os.fsdecode(self._repo.repository.contents.read(entry.digest)))
            else:
                _link_or_copy(self._place(entry), place, entry)
        for folder in made:
            folder.chmod(0o555)
        new.rename(target)

    def _place(self, entry: Entry) -> Path:
        name = entry.digest.hex() + ("-x" if entry.kind == EntryKind.EXECUTABLE else "")
        return self._base / "contents" / name[:2] / name


def _above(place: Path, top: Path, made: set[Path]) -> list[Path]:
    """Return the folders above a place that are not made yet, the highest first."""
    found = []
    folder = place.parent
    while folder not in made and folder != top:
        found.append(folder)
        folder = folder.parent
    return found[::-1]


def _link_or_copy(source: Path, place: Path, entry: Entry) -> None:
    try:
        os.link(source, place)
    except OSError:  # a file system without them, or too many
        copy_file(source, place)
        place.chmod(_mode(entry))
        os.utime(place, ns=(_TIME_NS, _TIME_NS))


def _is_file(entry: Entry) -> bool:
    return entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE)


def _mode(entry: Entry) -> int:
    return 0o555 if entry.kind == EntryKind.EXECUTABLE else 0o444


def _is_sound(place: Path, entry: Entry) -> bool:
    """Say whether a file is as it was left: whoever writes to it changes its time."""
    try:
        found = place.lstat()
    except OSError:
        return False
    if entry.kind == EntryKind.SYMLINK:
        return stat.S_ISLNK(found.st_mode)
    if entry.kind == EntryKind.DIRECTORY:
        return stat.S_ISDIR(found.st_mode)
    plain = stat.S_ISREG(found.st_mode) and not found.st_mode & _WRITABLE
    return plain and (found.st_size, found.st_mtime_ns) == (entry.size, _TIME_NS)


def _is_intact(target: Path, rows: Sequence[Row]) -> bool:
    """Say whether a folder has these files as they were left, and no others."""
    if not all(_is_sound(target / os.fsdecode(path), entry) for path, entry in rows):
        return False
    expected = sum(1 for _, entry in rows if entry.kind != EntryKind.DIRECTORY)
    return target.is_dir() and sum(1 for _ in _leaves(target)) == expected


def _changed(target: Path, rows: Sequence[Row]) -> set[bytes]:
    """Return the paths of files that are not as they were left, and of those that came besides."""
    known = {path for path, entry in rows if entry.kind != EntryKind.DIRECTORY}
    changed = {path for path, entry in rows if not _is_sound(target / os.fsdecode(path), entry)}
    return changed | {path_bytes(path.relative_to(target)) for path in _leaves(target)} - known


def _leaves(top: Path) -> Iterator[Path]:
    """Yield the files and links below a folder."""
    for folder, folders, files in os.walk(top):
        for name in (*files, *folders):
            path = Path(folder) / name
            if path.is_symlink() or not path.is_dir():
                yield path


def _discard(folder: Path) -> None:
    """Remove a folder that nobody may write to."""
    if not folder.is_dir():
        return
    for below, _, _ in os.walk(folder):
        Path(below).chmod(0o755)
    shutil.rmtree(folder)


def clean(repo: Opened, is_used: Callable[[str], bool]) -> int:
    """Remove the folders that no run uses, with the contents that only they had; return the bytes freed.

    Args:
        repo: Where.
        is_used: Says of a digest whether a run that is under way reads it.
    """
    base, freed = repo.repository.directory / FOLDER, 0
    if not base.is_dir():
        return 0
    with translated(str(base)), locked(repo, "runs clean"):
        for folder in [*base.glob("trees/*"), *base.glob("files/*")]:
            if not is_used(folder.name):
                _discard(folder)
        for note in base.glob(f"{_ALTERED}/*"):
            if not is_used(note.name):
                note.unlink()
        for content in base.glob("contents/*/*"):
            found = content.lstat()
            if found.st_nlink == 1:
                freed += found.st_size
                content.unlink()
    return freed
