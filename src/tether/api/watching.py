"""Whether the pinned data of a run is still what was pinned when the run ends.

Pinned files are hard links of one pool, so what one run writes, another one reads. Nobody may write to
them, but their owner may allow it to himself, and root may anyway. At the start each folder is scanned, at
the end again: where the columns are equal, nothing was written. A file whose record differs is read, and
is altered if it does not hold what its digest says; that takes as long as the files are large, and so is
done before anything is locked. An altered file is given another time then, by which whoever pins next sees
that it has to be written anew.
"""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from blake3 import blake3

from tether.api.opened import Opened
from tether.api.pinned import FOLDER, healed, locked, note_healed
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find_many
from tether.errors import TetherError
from tether.runs.altered import Altered, AlteredInput, named
from tether.storage.oserrors import translated
from tether.worktree.files import scan_directory
from tether.worktree.rows import EMPTY_ROWS, RowDiff, Rows, Shape, diff_rows, parse, shape_in

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 8 << 20
_MOST_HASHED = 4 << 30
"""Bytes that are read of files where only the time of the last change of the record differs, small files
first. That time also moves when another run links the file, and who writes has to set the other one back."""
_MOST_LOOKS = 3
"""Looks without the lock. Each later one reads what changed during the one before: mostly nothing."""

_Columns = Mapping[bytes, Rows]


class Watched(NamedTuple):
    """Pinned data as it was when a run began."""

    name: str
    """Of the input."""
    entry: Entry
    top: Path
    """The folder with it; of a single file the folder that has nothing else."""
    columns: _Columns
    """What the system said of everything in it, by folder."""
    healed: int
    """How much had been noted before of files that were written anew."""


def watch(repo: Opened, name: str, entry: Entry, place: Path) -> Watched:
    """Return pinned data as it is now.

    Args:
        repo: Where it is pinned.
        name: Of the input.
        entry: What it holds.
        place: Where it is, as `check_out` gave it.
    """
    top = place if entry.kind == EntryKind.DIRECTORY else place.parent
    before = len(healed(_base(repo), entry.digest))
    with translated(str(top)):
        return Watched(name, entry, top, _scan(top), before)


def altered(repo: Opened, watched: Sequence[Watched]) -> Altered | None:
    """Return what is not as it was pinned any more, and see that no other run gets it; None if all is.

    An input that cannot be looked at, such as while another process keeps the lock, counts as unchecked.
    A file that somebody changed and changed back by hand counts as unaltered; one that another run found
    altered meanwhile, and wrote anew, counts as altered.
    """
    found: dict[str, AlteredInput] = {}
    unchecked: list[str] = []
    for each in watched:
        try:
            paths = set() if _is_quiet(repo, each) else _altered_in(repo, each)
        except (OSError, TetherError):  # the run itself is stored all the same
            unchecked.append(each.name)
            continue
        if paths:
            found[each.name] = named(paths)
    return Altered(inputs=found, unchecked=tuple(sorted(unchecked))) if found or unchecked else None


def _altered_in(repo: Opened, watched: Watched) -> set[bytes]:
    look = _look_unhurried(repo, watched)
    # Looked at again, while nobody can be at writing it anew: read is only what changed since.
    with translated(str(watched.top)), locked(repo):
        paths = set(_look(repo, watched, look).altered)
        _set_apart(watched.top, paths)
        before = healed(_base(repo), watched.entry.digest)[watched.healed :]
        note_healed(_base(repo), watched.entry.digest, paths)
    return paths.union(filter(None, before.split(b"\0")))


def _base(repo: Opened) -> Path:
    return repo.repository.directory / FOLDER


def _is_quiet(repo: Opened, watched: Watched) -> bool:
    """Say whether no record differs, and nobody wrote a file anew."""
    with translated(str(watched.top)):
        same = _scan(watched.top) == watched.columns
        return same and len(healed(_base(repo), watched.entry.digest)) == watched.healed


def _scan(top: Path) -> dict[bytes, Rows]:
    """Return the columns of a folder and of all below it; a folder that is gone has none."""
    found: dict[bytes, Rows] = {}
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        try:
            descriptor = os.open(os.path.join(os.fsencode(top), path), _OPEN)  # noqa: PTH118 bytes
        except OSError:
            continue
        try:
            rows = found[path] = Rows(*scan_directory(descriptor))
        finally:
            os.close(descriptor)
        if any(map(stat.S_ISDIR, rows.modes())):
            waiting += [_joined(path, name) for name, record in rows.items() if _is_folder(record)]
    return found


def _joined(folder: bytes, name: bytes) -> bytes:
    return folder + b"/" + name if folder else name


def _is_folder(record: bytes) -> bool:
    return shape_in(record[:4]) is Shape.FOLDER


class _Look(NamedTuple):
    """What was found of pinned data."""

    columns: _Columns
    """What the system said of everything in it, before any of it was read."""
    altered: frozenset[bytes]
    """Paths of files that are gone, came besides, or do not hold what was pinned."""
    read: int
    """Files that were read."""


def _look_unhurried(repo: Opened, watched: Watched) -> _Look:
    """Look at pinned data as long as that takes: without the lock, for which runs that begin would wait.

    What changed while it was read is looked at again, such as what a run that began has linked meanwhile,
    so that little is left to be read under the lock.
    """
    with translated(str(watched.top)):
        look = _look(repo, watched)
        for _ in range(_MOST_LOOKS - 1):
            if not look.read:
                break
            look = _look(repo, watched, look)
    return look


def _look(repo: Opened, watched: Watched, last: _Look | None = None) -> _Look:
    """Return what is altered; files whose records are those of the `last` look are not read again."""
    now = _scan(watched.top)
    found: set[bytes] = set()
    loud: list[bytes] = []
    quiet: list[tuple[int, bytes]] = []
    since = None if last is None else _differing(last.columns, now)
    for folder, diff in _diffs(watched.columns, now):
        found.update(_joined(folder, name) for name in diff.removed)
        found.update(_joined(folder, name) for name, _ in diff.added)
        for name, before, after in diff.changed:
            path = _joined(folder, name)
            if _is_folder(before) and _is_folder(after):  # it is looked at by itself
                continue
            if last is not None and since is not None and path not in since:
                found.update({path} & last.altered)
                continue
            old, new = parse(before), parse(after)
            if (old.mode, old.size, old.mtime_ns) == (new.mode, new.size, new.mtime_ns):
                quiet.append((new.size, path))
            else:
                loud.append(path)
    paths = [*loud, *_affordable(quiet)]
    entries = _entries(repo, watched, paths)
    found.update(path for path in paths if not _holds(watched.top, path, entries.get(path)))
    return _Look(now, frozenset(found), len(paths))


def _diffs(old: _Columns, new: _Columns) -> Iterator[tuple[bytes, RowDiff]]:
    for folder in old.keys() | new.keys():
        yield folder, diff_rows(old.get(folder, EMPTY_ROWS), new.get(folder, EMPTY_ROWS))


def _differing(old: _Columns, new: _Columns) -> set[bytes]:
    """Return the paths whose records are not the same, or that only one has."""
    found: set[bytes] = set()
    for folder, diff in _diffs(old, new):
        names = (*diff.removed, *(row[0] for row in diff.added), *(row[0] for row in diff.changed))
        found.update(_joined(folder, name) for name in names)
    return found


def _affordable(files: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    left = _MOST_HASHED
    for size, path in sorted(files):
        left -= size
        if left < 0:
            return
        yield path


def _entries(repo: Opened, watched: Watched, paths: Sequence[bytes]) -> Mapping[bytes, Entry]:
    entry = watched.entry
    if entry.kind != EntryKind.DIRECTORY:
        return {entry.name: entry}
    return find_many(repo.repository.objects, entry.digest, list(paths)) if paths else {}


def _holds(top: Path, path: bytes, entry: Entry | None) -> bool:
    """Say whether a file or link holds what its entry says."""
    place = os.path.join(os.fsencode(top), path)  # noqa: PTH118 bytes
    try:
        shape = os.lstat(place)
        if entry is None:
            return False
        if entry.kind == EntryKind.SYMLINK:
            return stat.S_ISLNK(shape.st_mode) and blake3(os.readlink(place)).digest() == entry.digest  # noqa: PTH115
        if not stat.S_ISREG(shape.st_mode) or shape.st_size != entry.size:
            return False
        return _digest(place) == entry.digest
    except OSError:
        return False


def _digest(place: bytes) -> bytes:
    hasher = blake3()
    with open(place, "rb", buffering=0) as file:  # noqa: PTH123 bytes
        while block := file.read(_BLOCK):
            hasher.update(block)
    return hasher.digest()


def _set_apart(top: Path, paths: Iterable[bytes]) -> None:
    """Give altered files a time that none has which is whole: all its links, and the pool, have it too."""
    for path in paths:
        with suppress(OSError):  # it is gone, or belongs to somebody else, who then made it so
            os.utime(os.path.join(os.fsencode(top), path), follow_symlinks=False)  # noqa: PTH118 bytes
