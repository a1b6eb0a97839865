"""Keeps working files that a command is about to overwrite, and moves files for `mv`."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from tether.core.names import display
from tether.core.progress import SILENT
from tether.core.tree import Entry, zip_entries
from tether.errors import AlreadyExists, Conflict, InvalidInput
from tether.repo.transaction import Transaction
from tether.worktree.compare import save
from tether.worktree.folders import Folders, failure, is_folder, join, lstat_record, remove_tree, split
from tether.worktree.intake import Wanted, take_in
from tether.worktree.rows import Shape, kind_in, mode_of, shape_of
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree


def keep_files(
    worktree: WorkTree, transaction: Transaction, paths: Iterable[bytes]
) -> Iterator[tuple[bytes, Entry]]:
    """Store the files and links at `paths` as they are now; what is not there is passed over.

    Raises:
        Forbidden: One cannot be read.
        Conflict: One is a pipe, a socket or a device.
    """
    with Folders(worktree.root) as folders:
        wanted = [
            Wanted(folder, rows)
            for folder, names in groupby(sorted(map(split, paths)), key=lambda pair: pair[0])
            if (rows := _rows(folders, folder, [name for _, name in names]))
        ]
    for taken in take_in(worktree, transaction, wanted, SILENT):
        kinds = [kind_in(record[:4]) for record in taken.records]
        entries = zip_entries(taken.names, kinds, taken.sizes, taken.digests)
        for record, entry in zip(taken.records, entries, strict=True):
            if record:
                yield join(taken.folder, entry.name), entry


def new_paths(worktree: WorkTree, sources: Sequence[bytes], target: bytes) -> list[tuple[bytes, bytes]]:
    """Return each source with where it moves: into `target` where that is a folder, and no link to one.

    Raises:
        InvalidInput: A folder would move into itself, or two would become one.
    """
    with Folders(worktree.root) as folders:
        try:
            folders.open(target)
            into = True
        except OSError:
            into = False
    if len(sources) > 1 and not into:
        raise InvalidInput(f"{display(target)} is no folder", hint="several files move into a folder")
    pairs = [(source, join(target, split(source)[1]) if into else target) for source in sources]
    taken: dict[bytes, bytes] = {}
    for source, new in pairs:
        above = next((each for each in sources if source.startswith(each + b"/")), None)
        if above is not None:
            raise InvalidInput(f"{display(source)} lies in {display(above)}, which moves too")
        if not source or new.startswith(source + b"/"):
            raise InvalidInput(f"{display(source) or 'the top folder'} cannot move into itself")
        if taken.setdefault(new, source) != source:
            raise InvalidInput(f"{display(taken[new])} and {display(source)} would both be {display(new)}")
    return pairs


def move_files(worktree: WorkTree, pairs: Sequence[tuple[bytes, bytes]]) -> None:
    """Rename files and folders of the working copy; those that are not there are passed over.

    Folders that this leaves empty go. What is at its new path and no more at the old one was moved before,
    by hand or by a command that was stopped.

    Raises:
        AlreadyExists: Something is at a new path; nothing has been moved then.
        InvalidInput: A file or a link is where a folder is needed; the same.
    """
    with Folders(worktree.root) as folders:
        for old, new in pairs:
            if _is_there(folders, new) and _is_there(folders, old):
                raise AlreadyExists(f"{display(new)} exists")
        for old, new in pairs:
            _rename(folders, old, new)
            _drop_empty(folders, split(old)[0])
    cache = StatCache(worktree)
    for old, new in pairs:
        cache.move(old, new)
    save(worktree, cache)


def is_there(worktree: WorkTree, path: bytes) -> bool:
    """Say whether a file, a link or a folder is at a path."""
    with Folders(worktree.root) as folders:
        return _is_there(folders, path)


def delete_files(worktree: WorkTree, paths: Iterable[bytes]) -> None:
    """Delete files, links and whole folders, and the folders that this leaves empty; no link is followed.

    Raises:
        Forbidden: One may not be deleted.
    """
    with Folders(worktree.root) as folders:
        for path in paths:
            folder, name = split(path)
            folders.forget(path)
            try:
                record = lstat_record(name, folders.open(folder))
                if record is not None and is_folder(record):
                    remove_tree(folders, path)
                elif record is not None:
                    os.unlink(name, dir_fd=folders.open(folder))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise failure(error, path) from error
            _drop_empty(folders, folder)


def _is_there(folders: Folders, path: bytes) -> bool:
    folder, name = split(path)
    try:
        return lstat_record(name, folders.open(folder)) is not None
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        raise InvalidInput(f"{display(folder)} is no folder") from None
    except OSError as error:
        raise failure(error, folder) from error


def _drop_empty(folders: Folders, folder: bytes) -> None:
    while folder:
        above, name = split(folder)
        folders.forget(folder)
        try:
            os.rmdir(name, dir_fd=folders.open(above))
        except OSError:
            return
        folder = above


def _rename(folders: Folders, old: bytes, new: bytes) -> None:
    (source, name), (target, new_name) = split(old), split(new)
    try:
        with_source = os.dup(folders.open(source))
    except FileNotFoundError:
        return
    try:
        os.rename(name, new_name, src_dir_fd=with_source, dst_dir_fd=folders.make(target))
    except FileNotFoundError:
        return
    except OSError as error:
        raise failure(error, old) from error
    finally:
        os.close(with_source)
    folders.forget(old)


def _rows(folders: Folders, folder: bytes, names: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    try:
        descriptor = folders.open(folder)
    except OSError:
        return []
    rows: list[tuple[bytes, bytes]] = []
    for name in names:
        record = lstat_record(name, descriptor)
        if record is None or is_folder(record):
            continue
        if shape_of(mode_of(record)) is Shape.SPECIAL:
            path = display(join(folder, name))
            raise Conflict(f"{path} is no file, link or folder, and cannot be kept", hint="move it away")
        rows.append((name, record))
    return rows
