"""Editing by path: the result is the tree that would be built from the changed files."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.objects import DictStore, build_tree, empty_folder, file_entries, file_entry, trees

from tether.core.kinds import ObjectKind
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find
from tether.core.treeverify import verify_tree
from tether.errors import InvalidInput

FILES = {
    b"README": file_entry(b"README", b"hello"),
    b"a/x": file_entry(b"x", b"12"),
    b"a/y/z": file_entry(b"z", b"3"),
    b"b/deep/er/f": file_entry(b"f", b"4"),
    b"empty": empty_folder(b"empty"),
}


def _edit(changes: dict[bytes, Entry | None], files: dict[bytes, Entry] | None = None) -> bytes:
    store = DictStore()
    result = edit_tree(store, build_tree(store, FILES if files is None else files), changes)
    assert verify_tree(store, result.digest) == result
    return result.digest


def _without(*paths: bytes) -> dict[bytes, Entry]:
    return {path: entry for path, entry in FILES.items() if path not in paths}


def _built(files: dict[bytes, Entry]) -> bytes:
    return build_tree(DictStore(), files)


def test_a_new_file_makes_the_folders_above_it() -> None:
    """Missing parents are made."""
    new = file_entry(b"new", b"5")
    assert _edit({b"c/d/new": new}) == _built(FILES | {b"c/d/new": new})


def test_a_changed_file_keeps_its_neighbours() -> None:
    """Only the path named changes."""
    new = file_entry(b"x", b"5", EntryKind.EXECUTABLE)
    assert _edit({b"a/x": new}) == _built(FILES | {b"a/x": new})


def test_a_folder_emptied_by_a_removal_disappears_with_its_parents() -> None:
    """The last file of a chain of folders takes the chain with it."""
    assert _edit({b"b/deep/er/f": None}) == _built(_without(b"b/deep/er/f"))


def test_a_whole_folder_is_removed_by_its_name() -> None:
    """None at a folder removes everything below it."""
    assert _edit({b"a": None}) == _built(_without(b"a/x", b"a/y/z"))
    assert _edit({b"a/y": None}) == _built(_without(b"a/y/z"))


def test_everything_can_be_removed() -> None:
    """The root stays, empty."""
    assert _edit(dict.fromkeys(FILES)) == EMPTY_TREE


def test_removing_what_is_not_there_changes_nothing() -> None:
    """Missing files, missing folders, paths below files, and paths in the empty folder."""
    paths = [b"none", b"none/x", b"README/x/y", b"a/none", b"a/y/none/q", b"empty/none"]
    assert _edit(dict.fromkeys(paths)) == _built(FILES)


def test_an_empty_folder_that_is_set_stays() -> None:
    """An explicit empty folder is kept, and its object is stored."""
    store = DictStore()
    root = edit_tree(store, build_tree(store, {}), {b"p/q": empty_folder(b"q")}).digest
    assert find(store, root, b"p/q") == empty_folder(b"q")
    assert (ObjectKind.TREE, EMPTY_TREE) in store.objects


def test_a_file_gives_way_to_a_folder_and_back() -> None:
    """Adding below a file replaces it; adding at a folder replaces everything below."""
    new = file_entry(b"new", b"5")
    assert _edit({b"README/new": new}) == _built(_without(b"README") | {b"README/new": new})
    assert _edit({b"README": None, b"README/new": new}) == _built(_without(b"README") | {b"README/new": new})
    folder = file_entry(b"a", b"now a file")
    expected = _built(_without(b"a/x", b"a/y/z") | {b"a": folder})
    assert _edit({b"a": folder}) == expected
    assert _edit({b"a": folder, b"a/x": None, b"a/y/z": None}) == expected


def test_a_folder_emptied_and_set_stays_empty() -> None:
    """Removing what is in a folder and setting it to the empty folder keeps it."""
    changes = {b"a": empty_folder(b"a"), b"a/x": None, b"a/y/z": None}
    assert _edit(changes) == _built(_without(b"a/x", b"a/y/z") | {b"a": empty_folder(b"a")})


def test_a_folder_is_set_first_and_then_edited() -> None:
    """A tree grafted at a path takes the changes below the path."""
    store = DictStore()
    root = build_tree(store, FILES)
    graft = find(store, root, b"a")
    assert graft is not None
    new = file_entry(b"x", b"new")
    edited = edit_tree(
        store, root, {b"copy": graft._replace(name=b"copy"), b"copy/x": new, b"copy/y/z": None}
    )
    assert edited.digest == _built(FILES | {b"copy/x": new})


def test_a_folder_removed_and_filled_again_holds_only_what_is_new() -> None:
    """A removal comes before the additions below it."""
    new = file_entry(b"new")
    assert _edit({b"a": None, b"a/new": new}) == _built(_without(b"a/x", b"a/y/z") | {b"a/new": new})


@pytest.mark.parametrize("path", [b"", b"/a", b"a/", b"a//b", b"a/../b", b"./a", b"a\0/b"])
def test_bad_paths_are_refused(path: bytes) -> None:
    """Every component must be a name."""
    with pytest.raises(InvalidInput):
        _edit({path: file_entry(path.rpartition(b"/")[2] or b"a")})
    with pytest.raises(InvalidInput):
        _edit({path: None})


@pytest.mark.parametrize("below", [b"f/g", b"f/g/h"])
def test_a_file_and_entries_below_it_contradict_each_other(below: bytes) -> None:
    """One set of changes cannot put a file and a folder at one path."""
    with pytest.raises(InvalidInput, match="below it"):
        _edit({b"f": file_entry(b"f"), below: file_entry(below[-1:])})


def test_an_entry_must_have_the_name_of_its_path() -> None:
    """A change that names something else is refused."""
    with pytest.raises(InvalidInput, match="another name"):
        _edit({b"a/x": file_entry(b"y")})


def test_a_change_reads_only_the_folders_on_its_way() -> None:
    """One file in 200 folders costs the root's nodes and one folder."""
    store = DictStore()
    files = {b"d%03d/f%d" % (d, f): file_entry(b"f%d" % f) for d in range(200) for f in range(3)}
    root = build_tree(store, files)
    store.reads.clear()
    edit_tree(store, root, {b"d100/f1": file_entry(b"f1", b"new")})
    assert len(store.reads) <= 8


def test_deep_paths_do_not_recurse() -> None:
    """Depth is bounded by memory, not by the stack of the interpreter."""
    store = DictStore()
    path = b"d/" * 2000 + b"f"
    root = edit_tree(store, EMPTY_TREE, {path: file_entry(b"f", b"1")})
    assert (root.files, root.bytes) == (1, 1)
    assert edit_tree(store, root.digest, {path: None}).digest == EMPTY_TREE


def _apply(files: dict[bytes, Entry], changes: dict[bytes, Entry | None]) -> dict[bytes, Entry]:
    """A second writing of the rules on plain paths."""
    result = dict(files)
    for path in changes:
        for other in [other for other in result if other == path or other.startswith(path + b"/")]:
            del result[other]
    result.update({path: entry for path, entry in changes.items() if entry is not None})
    for path in list(result):
        if any(other.startswith(path + b"/") for other in result):
            del result[path]
    return result


_removals = st.lists(st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=3), max_size=4)


@settings(max_examples=80, deadline=None)
@given(trees(), trees(max_size=5), _removals)
def test_any_edit_gives_what_a_build_gives(
    files: dict[bytes, Entry], added: dict[bytes, Entry], removals: list[list[bytes]]
) -> None:
    """Additions and removals in one set give the tree of the files that are left."""
    changes: dict[bytes, Entry | None] = {b"/".join(parts): None for parts in removals}
    changes.update(added)
    files = {path: entry for path, entry in files.items() if entry.kind != EntryKind.DIRECTORY}
    assert _edit(changes, files) == _built(_apply(files, changes))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.integers(0, 400), file_entries(), max_size=5), max_size=4))
def test_sequences_of_edits_give_what_a_build_gives(steps: list[dict[int, Entry]]) -> None:
    """The digest of a tree does not depend on its history."""
    store = DictStore()
    files: dict[bytes, Entry] = {}
    root = EMPTY_TREE
    for step in steps:
        changes = {b"%d/%d" % divmod(key, 20): entry for key, entry in step.items()}
        changes = {path: entry._replace(name=path.rpartition(b"/")[2]) for path, entry in changes.items()}
        root = edit_tree(store, root, changes).digest
        files.update(changes)
    assert root == _built(files)
