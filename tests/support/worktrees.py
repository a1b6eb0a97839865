"""Working copies in a folder for tests, and their trees worked out file by file."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.support.objects import DictStore, build_tree, empty_folder

from tether.core.digest import Digest, hash_bytes
from tether.core.tree import Entry, EntryKind
from tether.worktree.worktree import WorkTree

BOOT = b"one boot"


def make_worktree(path: Path, *, boot_id: bytes = BOOT) -> WorkTree:
    """Return a working copy in `path` with its state in `path/.tether`."""
    repository = path / ".tether"
    repository.mkdir(parents=True, exist_ok=True)
    return WorkTree.open(path, repository, boot_id=boot_id)


def write_files(root: Path, files: Mapping[str, bytes]) -> None:
    """Write files, making their folders."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def age(root: Path, nanoseconds: int = 10**9) -> None:
    """Wait until the clock of the file system has moved on, so that what was written is not racy.

    Change times cannot be set, so a marker is written until it gets a later time than everything before.
    """
    marker = root / ".tether" / "marker"
    marker.touch()
    first = marker.stat().st_mtime_ns
    while marker.stat().st_mtime_ns < first + min(nanoseconds, 9_000_000):
        os.utime(marker)


def entry_of(path: Path) -> Entry:
    """Return the entry of a file or link, worked out without the code under test."""
    name = os.fsencode(path.name)
    if path.is_symlink():
        target = os.fsencode(path.readlink())
        return Entry(name, EntryKind.SYMLINK, len(target), hash_bytes(target))
    data = path.read_bytes()
    kind = EntryKind.EXECUTABLE if os.access(path, os.X_OK) else EntryKind.FILE
    return Entry(name, kind, len(data), hash_bytes(data))


def entries_below(root: Path) -> dict[bytes, Entry]:
    """Return what a tree of the whole folder holds by path, `.tether` left out."""
    found: dict[bytes, Entry] = {}
    for folder, folders, files in os.walk(root):
        if ".tether" in folders:
            folders.remove(".tether")
        here = Path(folder)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in files + links:
            path = here / name
            found[os.fsencode(path.relative_to(root))] = entry_of(path)
        if not folders and not files and here != root:
            found[os.fsencode(here.relative_to(root))] = empty_folder(os.fsencode(here.name))
    return found


def tree_of(store: DictStore, root: Path) -> Digest:
    """Write the tree of a folder as it is on the disk now."""
    return build_tree(store, entries_below(root))
