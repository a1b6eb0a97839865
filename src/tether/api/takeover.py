"""The folder of a new clone: claimed before anything is made in it, and taken over from one that was stopped.

Packs of contents that came over a network, whole or made of single chunks, are kept for the clone that takes
over, which verifies them and does not ask for what is in them again. Packs of commits and folders are not: it
walks down these to find what it lacks. Only what a clone made is ever removed. A working file counts as that
if its content is the beginning of what the clone was to write there, so nothing is lost with it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.names import display
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeread import find_many
from tether.errors import AlreadyExists, TetherError, Unavailable
from tether.repo.frames import DATA, HEADER, role_of
from tether.repo.history import History
from tether.repo.oplog import read_operations
from tether.repo.packs import pack_key
from tether.repo.repository import FOLDER, FORMAT_KEY, Repository
from tether.repo.root import KEY
from tether.repo.unfinished import MARK, is_torn, marked_source, write_mark
from tether.storage.backend import RESERVED
from tether.storage.locks import LockFile
from tether.storage.oserrors import translated
from tether.sync.ends import may_go_on
from tether.worktree.files import TEMPORARY_PREFIX
from tether.worktree.worktree import STATE_FOLDER

_LOCK = "clone"
_PACKS = "packs"
_KEPT = "kept"
"""Where packs of an earlier clone are until there is a repository that they can lie in."""
_LOCKS = "locks"
_CONFIG = "config.toml"
_MADE = (
    KEY,
    f".{KEY}.lock",
    _CONFIG,
    f".{_CONFIG}.lock",
    _PACKS,
    _KEPT,
    "index",
    STATE_FOLDER,
    RESERVED,
    FORMAT_KEY,
)
"""What a clone makes in the repository's folder besides its mark and its lock, in the order of removal."""
_OTHER = "name another folder"
_BLOCK = 1 << 20


class Claim(NamedTuple):
    """A folder that this clone alone may fill.

    Attributes:
        path: The folder that the user named.
        directory: That of the repository.
        fresh: Whether the clone made `path`.
        keeps: Whether packs that came are worth more than the room that they take.
    """

    path: Path
    directory: Path
    fresh: bool
    keeps: bool = False

    def take_over(self) -> None:
        """Let packs of an earlier clone lie in the new repository; nothing names them yet."""
        with translated(str(self.path)):
            _move_packs(self.directory / _KEPT, self.directory / _PACKS)

    def tidy(self, repository: Repository) -> None:
        """Remove packs of an earlier clone that this one had no use for."""
        named = set(map(pack_key, repository.root().packs()))
        for key, _ in list(repository.backend.list(f"{_PACKS}/")):
            if key not in named:
                repository.backend.delete(key)

    def fail(self, error: BaseException) -> None:
        """End a clone that failed before it wrote any working file, as far as it will not go on.

        What came stays where the connection broke, or the keys of the bucket or the token of the hub ended;
        but not where the disk has failed or is full, or whoever asks may not have it.
        """
        if not (self.keeps and may_go_on(error) and _came(self.directory)):
            self.give_up()
            return
        with suppress(OSError):
            _drop_own(self.directory)

    def give_up(self) -> None:
        """Remove what the clone made before it wrote any working file; what is left is for the next one."""
        with suppress(OSError):
            for name in (*_MADE, MARK, _LOCKS):
                _remove(self.directory / name)
            if self.directory != self.path:
                self.directory.rmdir()
            if self.fresh:
                self.path.rmdir()


@contextmanager
def claimed(
    path: Path, address: str, clock: Callable[[], Time], *, bare: bool, keeps: bool = False
) -> Iterator[Claim]:
    """Mark a folder as being cloned from `address`, and keep other clones out of it.

    Where an earlier clone of the same source was stopped, what it made is removed first, but for packs where
    those are to be kept.

    Raises:
        AlreadyExists: Something of the user's is there.
        Unavailable: Another process is cloning into it.
    """
    directory = path if bare else path / FOLDER
    _refuse_used(path, directory, address)
    claim = Claim(path, directory, not path.exists(), keeps)
    with translated(str(path)):
        (directory / _LOCKS).mkdir(parents=True, exist_ok=True)
    lock = LockFile(directory / _LOCKS / _LOCK, command="clone", started=clock().micros, timeout_s=0.0)
    with lock.exclusive():
        if not lock.path.exists():
            raise Unavailable(f"another clone into {path} just failed", hint="run it again")
        _refuse_used(path, directory, address)
        if marked_source(directory) is not None:
            _clear(path, directory, clock, keeps=keeps)
        else:
            try:
                write_mark(directory, address)
            except BaseException:
                claim.give_up()
                raise
        yield claim


def _refuse_used(path: Path, directory: Path, address: str) -> None:
    """Refuse a folder that is neither free nor an unfinished clone of the same source."""
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_dir():
        raise AlreadyExists(f"{path} exists and is not an empty folder", hint=_OTHER)
    marked = None if directory.is_symlink() else marked_source(directory)
    if marked is None and (not _is_free(directory) or _beside(path, directory)):
        raise AlreadyExists(f"{path} exists and is not an empty folder", hint=_OTHER)
    if marked is not None and marked != address:
        raise AlreadyExists(
            f"{path} holds an unfinished clone of {display(os.fsencode(marked))}",
            hint="clone that again to finish it, or name another folder",
        )


def _is_free(directory: Path) -> bool:
    """Say whether a folder has nothing, or what a clone that was stopped before its mark was whole made."""
    if directory.is_symlink():
        return False
    try:
        names = set(os.listdir(directory))  # noqa: PTH208 - names are wanted
        locks = set(os.listdir(directory / _LOCKS)) if _LOCKS in names else set()  # noqa: PTH208
    except FileNotFoundError:
        return True
    except OSError:
        return False
    begun = {_LOCKS, MARK} if is_torn(directory) else {_LOCKS}
    return names <= begun and locks <= {_LOCK, f"{_LOCK}.holders"}


def _beside(path: Path, directory: Path) -> bool:
    """Say whether there is anything in the user's folder but the repository's."""
    return directory != path and any(each != directory for each in path.iterdir())


def _clear(path: Path, directory: Path, clock: Callable[[], Time], *, keeps: bool) -> None:
    """Remove what an earlier clone made: its working files first, which are compared with its packs.

    Raises:
        AlreadyExists: There is something else; nothing was removed.
    """
    alien = sorted(set(os.listdir(directory)) - {*_MADE, MARK, _LOCKS})  # noqa: PTH208
    if alien and directory != path:
        alien = [f"{FOLDER}/{name}" for name in alien]
    if alien:
        raise _not_ours(path, os.fsencode(alien[0]))
    if _was_used(directory, clock):
        raise AlreadyExists(
            f"{path} is marked as an unfinished clone, and work was done in it",
            hint=f"remove the file {directory / MARK} to go on working there, or name another folder",
        )
    if _beside(path, directory):
        _clear_files(path, _found(os.fsencode(path)), directory, clock)
    with translated(str(path)):
        for name in _MADE:
            if keeps and name == _PACKS:  # after the root, without which nobody opens the repository
                _drop_own(directory)
                _move_packs(directory / _PACKS, directory / _KEPT)
            if not (keeps and name == _KEPT):
                _remove(directory / name)


def _came(directory: Path) -> list[Path]:
    """Return the packs of contents in a repository."""
    return [pack for pack in (directory / _PACKS).glob("*.pack") if _has_contents(pack)]


def _has_contents(pack: Path) -> bool:
    """Say whether a file is a pack of contents, by its beginning; all of it is verified where it is used."""
    if pack.is_symlink() or not pack.is_file():
        return False
    try:
        with pack.open("rb") as file:
            return role_of(file.read(HEADER.size)) == DATA
    except (OSError, TetherError):
        return False


def _drop_own(directory: Path) -> None:
    """Remove the packs of commits and folders, which are asked for again."""
    for pack in {*(directory / _PACKS).glob("*.pack")}.difference(_came(directory)):
        pack.unlink()


def _move_packs(source: Path, target: Path) -> None:
    """Move packs from one folder into another."""
    found = list(source.glob("*.pack"))
    if found:
        target.mkdir(exist_ok=True)
    for pack in found:
        pack.replace(target / pack.name)
    _remove(source)


def _was_used(directory: Path, clock: Callable[[], Time]) -> bool:
    """Say whether anything but a clone was ever recorded in the repository; what cannot be read was not."""
    try:
        repository = Repository.open(directory, clock=clock)
    except TetherError:
        return False
    try:
        return any(not each.command.startswith("clone") for each in read_operations(repository))
    except TetherError:
        return False
    finally:
        repository.close()


def _clear_files(path: Path, found: list[bytes], directory: Path, clock: Callable[[], Time]) -> None:
    try:
        repository = Repository.open(directory, clock=clock)
    except TetherError:
        raise _not_ours(path, found[0]) from None
    try:
        entries = find_many(repository.objects, _target(repository), found)
        for name in found:
            if os.path.basename(name).startswith(TEMPORARY_PREFIX):  # noqa: PTH119
                continue
            entry = entries.get(name)
            if entry is None or not _is_begun(os.path.join(os.fsencode(path), name), entry, repository):  # noqa: PTH118
                raise _not_ours(path, name)
    except TetherError as error:
        if isinstance(error, AlreadyExists):
            raise
        raise _not_ours(path, found[0]) from error
    finally:
        repository.close()
    with translated(str(path)):
        for name in reversed(found):  # what is in a folder before the folder
            place = Path(os.fsdecode(os.path.join(os.fsencode(path), name)))  # noqa: PTH118
            if place.is_symlink() or not place.is_dir():
                place.unlink(missing_ok=True)
            else:
                with suppress(OSError):  # something came into it meanwhile
                    place.rmdir()


def _target(repository: Repository) -> Digest:
    """Return the tree that the earlier clone was to check out."""
    head = repository.root().head_commit()
    return EMPTY_TREE if head is None else History.of(repository).commit(head).tree


def _found(top: bytes) -> list[bytes]:
    """Return the paths of all files and folders but the repository's, each after the folder it is in."""
    found: list[bytes] = []
    folders = [b""]
    while folders:
        folder = folders.pop()
        with os.scandir(top + b"/" + folder) as entries:
            for entry in entries:
                name = folder + entry.name
                if name == os.fsencode(FOLDER):
                    continue
                found.append(name)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name + b"/")
    return found


def _is_begun(place: bytes, entry: Entry, repository: Repository) -> bool:
    """Say whether what is at a path is the entry, or a file with the beginning of it."""
    path = Path(os.fsdecode(place))
    if path.is_symlink():
        wanted = entry.kind == EntryKind.SYMLINK
        return wanted and os.fsencode(path.readlink()) == repository.contents.read(entry.digest)
    if path.is_dir():
        return entry.kind == EntryKind.DIRECTORY
    if not path.is_file() or entry.kind not in (EntryKind.FILE, EntryKind.EXECUTABLE):
        return False
    rest = path.stat().st_size
    if rest > entry.size:
        return False
    with translated(str(path)), path.open("rb") as ours, repository.contents.open(entry.digest) as theirs:
        while block := ours.read(_BLOCK):
            rest -= len(block)
            if rest < 0 or block != theirs.read(len(block)):
                return False
    return not rest


def _not_ours(path: Path, name: bytes) -> AlreadyExists:
    return AlreadyExists(
        f"{path} holds an unfinished clone, and {display(name)}, which is not from it",
        hint="move that away and run the command again, or name another folder",
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
