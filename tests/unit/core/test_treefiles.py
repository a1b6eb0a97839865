"""The files of a tree by columns: each folder once, at a path where it is."""

from tests.support.objects import DictStore, build_tree, file_entry, names_that

from tether.core.tree import Entry, EntryKind, split_digests
from tether.core.treebuild import build_directory
from tether.core.treefiles import files_by_folder


def test_folders_come_by_columns() -> None:
    """With their paths, folders and links among the names; one that lies at two paths comes at the first."""
    store = DictStore()
    files = {
        b"top": file_entry(b"", b"top"),
        b"a/one": file_entry(b"", b"1", EntryKind.EXECUTABLE),
        b"a/link": file_entry(b"", b"one", EntryKind.SYMLINK),
        b"a/deep/two": file_entry(b"", b"22"),
        b"b/deep/two": file_entry(b"", b"22"),
    }
    found = {each.folder: each for each in files_by_folder(store, build_tree(store, files))}
    assert {folder: each.names for folder, each in found.items()} == {
        b"": [b"a", b"b", b"top"],
        b"a": [b"deep", b"link", b"one"],
        b"b": [b"deep"],
        b"a/deep": [b"two"],
    }
    kinds = [EntryKind.DIRECTORY, EntryKind.SYMLINK, EntryKind.EXECUTABLE]
    assert list(found[b"a"].kinds) == kinds
    assert list(found[b"a/deep"].sizes) == [2]
    assert split_digests(found[b"a/deep"].digests) == [files[b"a/deep/two"].digest]


def test_a_large_folder_comes_leaf_by_leaf() -> None:
    """In order; folders of every leaf are looked into."""
    store = DictStore()
    names = [name for name, _ in zip(names_that(cut=False), range(3000), strict=False)]
    files = {b"d/" + name: file_entry(b"", name) for name in names}
    files[b"d/" + names[-1] + b"x/below"] = file_entry(b"", b"below")
    found = [each for each in files_by_folder(store, build_tree(store, files)) if each.folder == b"d"]
    assert len(found) > 1
    assert [name for each in found for name in each.names] == [*names, names[-1] + b"x"]


def test_trees_within_themselves_many_times_end_soon() -> None:
    """A folder of 2^64 paths that all lead to a few nodes."""
    store = DictStore()
    below = {b"f": file_entry(b"", b"f")}
    tree = build_tree(store, below)
    for _ in range(64):
        rows = [Entry(name, EntryKind.DIRECTORY, 0, tree, 0) for name in (b"a", b"b")]
        tree = build_directory(store, rows).digest
    assert len(list(files_by_folder(store, tree))) == 65
