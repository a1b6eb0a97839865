"""Editing a tree by full paths: each folder that a change touches is rewritten once, the deepest first."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader, ObjectWriter
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, name_problem
from tether.core.treebuild import Subtree, build_directory, edit_directory
from tether.core.treeread import find_names
from tether.errors import InvalidInput

Changes: TypeAlias = dict[bytes, Entry | None]
Folder: TypeAlias = tuple[bytes, ...]
"""The names on the way from the root to a folder."""


def edit_tree(writer: ObjectWriter, root: Digest, changes: Mapping[bytes, Entry | None]) -> Subtree:
    """Write a tree that differs from another in some paths.

    Folders above a new entry are made, and a file in their place goes. A folder emptied by the
    removals disappears, up to the root; one set to the empty folder stays. A change of a folder
    comes before the changes below it.

    Args:
        writer: Gives the old nodes and takes the new ones.
        root: The tree to start from.
        changes: The new entry by path, named like the last component; None removes a file or a whole folder.

    Raises:
        InvalidInput: A path is not made of valid names, or an entry is put below a file of the same changes.
        Corrupt: An old node is damaged.
    """
    folders = _by_folder(changes)
    if any(entry is not None and entry.digest == EMPTY_TREE for entry in changes.values()):
        build_directory(writer, ())
    by_depth: dict[int, list[Folder]] = defaultdict(list)
    for folder in folders:
        by_depth[len(folder)].append(folder)
    bases: dict[Folder, _Base] = {(): _Base(root)}
    for depth in range(1, len(by_depth)):
        bases.update(_find_bases(writer, bases, folders, sorted(by_depth[depth])))
    for depth in range(len(by_depth) - 1, 0, -1):
        for folder in by_depth[depth]:
            _edit_folder(writer, folder, bases[folder], folders)
    return edit_directory(writer, root, folders[()])


class _Base(NamedTuple):
    """What a folder is before the changes below it."""

    digest: Digest
    """The empty folder too where the path is free or a file."""
    is_file: bool = False
    """The changes put a file there."""


def _by_folder(changes: Mapping[bytes, Entry | None]) -> dict[Folder, Changes]:
    """Group changes by the folder they are in; every folder above one has a group too."""
    folders: dict[Folder, Changes] = {(): {}}
    for path, entry in changes.items():
        *parents, name = path.split(b"/")
        _check_name(name, path)
        if entry is not None and entry.name != name:
            raise InvalidInput(f"the entry for {path!r} has another name: {entry.name!r}")
        folder = tuple(parents)
        if folder not in folders:
            _add_groups(folders, folder, path)
        folders[folder][name] = entry
    return folders


def _add_groups(folders: dict[Folder, Changes], folder: Folder, path: bytes) -> None:
    """Make a group for a folder and for those above it."""
    while folder not in folders:
        _check_name(folder[-1], path)
        folders[folder] = {}
        folder = folder[:-1]


def _check_name(name: bytes, path: bytes) -> None:
    problem = name_problem(name)
    if problem:
        raise InvalidInput(f"the path {path!r} has {problem} in it")


def _find_bases(
    reader: ObjectReader,
    bases: Mapping[Folder, _Base],
    folders: Mapping[Folder, Changes],
    wanted: list[Folder],
) -> dict[Folder, _Base]:
    """Find what the folders of one depth are, from what the folders above them are."""
    found: dict[Folder, _Base] = {}
    lookups: dict[Folder, list[bytes]] = {}
    for folder in wanted:
        parent, name = folder[:-1], folder[-1]
        if name in folders[parent]:
            found[folder] = _base_of(folders[parent][name], is_change=True)
        elif bases[parent].digest == EMPTY_TREE:
            found[folder] = _Base(EMPTY_TREE)
        else:
            lookups.setdefault(parent, []).append(name)
    answers = find_names(reader, [(bases[parent].digest, names) for parent, names in lookups.items()])
    for (parent, names), entries in zip(lookups.items(), answers, strict=True):
        for name in names:
            found[(*parent, name)] = _base_of(entries.get(name), is_change=False)
    return found


def _base_of(entry: Entry | None, *, is_change: bool) -> _Base:
    if entry is not None and entry.kind == EntryKind.DIRECTORY:
        return _Base(entry.digest)
    return _Base(EMPTY_TREE, is_file=is_change and entry is not None)


def _edit_folder(writer: ObjectWriter, folder: Folder, base: _Base, folders: dict[Folder, Changes]) -> None:
    """Write one folder and add what became of it to the changes of the folder above."""
    subtree = edit_directory(writer, base.digest, folders.pop(folder))
    if subtree.digest == base.digest:
        return
    if base.is_file:
        raise InvalidInput(f"the changes put a file at {b'/'.join(folder)!r} and entries below it")
    parent, name = folders[folder[:-1]], folder[-1]
    if subtree.digest == EMPTY_TREE:
        parent[name] = None
    else:
        parent[name] = Entry(name, EntryKind.DIRECTORY, subtree.bytes, subtree.digest, subtree.files)
