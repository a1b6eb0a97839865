"""Merging trees: one side's changes come in, the same change is one, and the rest are conflicts."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.objects import DictStore, build_tree, empty_folder, file_entry, trees

from tether.core.tree import Entry, EntryKind
from tether.core.treebuild import build_directory, edit_directory
from tether.core.treemerge import MergeConflict, MergeContent, MergeResult, merge_trees
from tether.core.treeread import walk
from tether.core.treeverify import verify_tree

Files = dict[bytes, Entry]


def _file(path: bytes, content: bytes, kind: EntryKind = EntryKind.FILE) -> Entry:
    return file_entry(path.rpartition(b"/")[2], content, kind)


def _files(**contents: bytes) -> Files:
    """Return files by path; `__` stands for a slash."""
    paths = {name.replace("__", "/").encode(): content for name, content in contents.items()}
    return {path: _file(path, content) for path, content in paths.items()}


def _merge_in(store: DictStore, versions: Iterable[Files], merge: MergeContent) -> MergeResult:
    """Build base, ours and theirs and merge them."""
    base, ours, theirs = (build_tree(store, files) for files in versions)
    return merge_trees(store, base, ours, theirs, merge)


def _never(path: bytes, base: Entry | None, ours: Entry, theirs: Entry) -> Entry | None:
    return None


def _merge(base: Files, ours: Files, theirs: Files) -> tuple[Files, list[tuple[bytes, str]]]:
    """Merge both ways round, check that they agree, and return the files and the conflicts."""
    store = DictStore()
    result = _merge_in(store, (base, ours, theirs), _never)
    verify_tree(store, result.tree)
    _check_symmetric(result, _merge_in(store, (base, theirs, ours), _never))
    conflicts = [(conflict.path, conflict.reason) for conflict in result.conflicts]
    return dict(walk(store, result.tree)), conflicts


def _check_symmetric(one: MergeResult, other: MergeResult) -> None:
    swapped = [conflict._replace(ours=conflict.theirs, theirs=conflict.ours) for conflict in other.conflicts]
    assert list(one.conflicts) == swapped
    if not one.conflicts:
        assert one.tree == other.tree


def test_changes_of_both_sides_come_together() -> None:
    """Additions, removals and edits of different paths are all in the result."""
    base = _files(a=b"1", b=b"2", c__d=b"3", keep=b"4")
    ours = _files(a=b"1+", b=b"2", c__d=b"3", keep=b"4", new=b"5")
    theirs = _files(a=b"1", c__d=b"3+", keep=b"4", x__y=b"6")
    assert _merge(base, ours, theirs) == (_files(a=b"1+", c__d=b"3+", keep=b"4", new=b"5", x__y=b"6"), [])


def test_the_same_change_on_both_sides_is_one_change() -> None:
    """Equal edits, equal additions and equal removals agree."""
    base, both = _files(a=b"1", b=b"2"), _files(a=b"1+", c=b"3")
    assert _merge(base, both | _files(x=b"8"), both | _files(y=b"9")) == (
        both | _files(x=b"8", y=b"9"),
        [],
    )


def test_different_edits_of_one_file_are_a_conflict() -> None:
    """The result keeps ours, and the conflict names all three."""
    store = DictStore()
    versions = [_files(f=content) for content in (b"1", b"2", b"3")]
    result = _merge_in(store, versions, _never)
    assert result.conflicts == (
        MergeConflict(b"f", versions[0][b"f"], versions[1][b"f"], versions[2][b"f"], "content"),
    )
    assert dict(walk(store, result.tree)) == versions[1]


def test_different_additions_of_one_file_are_a_conflict() -> None:
    """Without a base the reason is another."""
    base = _files(a=b"1")
    assert _merge(base, base | _files(f=b"2"), base | _files(f=b"3"))[1] == [(b"f", "add/add")]


def test_an_edit_against_a_removal_is_a_conflict() -> None:
    """The result keeps what ours did: the edit, or the removal."""
    base = _files(f=b"1", a=b"1")
    edited, removed = _files(f=b"2", a=b"1"), _files(a=b"1")
    assert _merge(base, edited, removed) == (edited, [(b"f", "modify/delete")])
    assert _merge(base, removed, edited) == (removed, [(b"f", "modify/delete")])


def test_contents_are_merged_by_the_callback() -> None:
    """It gets the path and the three entries, and its size and digest are taken."""
    store = DictStore()
    versions = [_files(d__f=content) for content in (b"1", b"2", b"3")]
    calls: list[tuple[bytes, Entry | None, Entry, Entry]] = []

    def merge(path: bytes, base: Entry | None, ours: Entry, theirs: Entry) -> Entry | None:
        calls.append((path, base, ours, theirs))
        return file_entry(b"ignored", b"merged")

    result = _merge_in(store, versions, merge)
    assert calls == [(b"d/f", *(files[b"d/f"] for files in versions))]
    assert result.conflicts == ()
    assert dict(walk(store, result.tree)) == _files(d__f=b"merged")


def test_a_mode_on_one_side_and_content_on_the_other_come_together() -> None:
    """The executable bit merges apart from the bytes."""
    base = _files(f=b"1", a=b"1")
    ours = base | {b"f": _file(b"f", b"1", EntryKind.EXECUTABLE)}
    theirs = base | _files(f=b"2")
    merged = base | {b"f": _file(b"f", b"2", EntryKind.EXECUTABLE)}
    assert _merge(base, ours, theirs) == (merged, [])


def test_a_mode_taken_away_stays_away() -> None:
    """Against an executable base the change is the loss of the bit."""
    base = {b"f": _file(b"f", b"1", EntryKind.EXECUTABLE)}
    ours, theirs = _files(f=b"1"), {b"f": _file(b"f", b"2", EntryKind.EXECUTABLE)}
    assert _merge(base, ours, theirs) == (_files(f=b"2"), [])


def test_links_are_never_merged_by_content() -> None:
    """Two targets, or a link against a file, are a conflict without a question."""
    store = DictStore()

    def refuse(path: bytes, base: Entry | None, ours: Entry, theirs: Entry) -> Entry | None:
        raise AssertionError(path)

    link, other = (_file(b"l", target, EntryKind.SYMLINK) for target in (b"x", b"y"))
    for theirs in (other, _file(b"l", b"y")):
        result = _merge_in(store, (_files(l=b"1"), {b"l": link}, {b"l": theirs}), refuse)
        assert [conflict.reason for conflict in result.conflicts] == ["content"]


def test_a_file_against_a_folder_is_one_conflict() -> None:
    """Ours keeps the whole of its side, and theirs brings nothing in below the path."""
    base = _files(p__x=b"1", p__y=b"2", q=b"3")
    ours = _files(p__x=b"1+", p__y=b"2", q=b"3")
    theirs = _files(p=b"file", q=b"3+")
    assert _merge(base, ours, theirs) == (ours | _files(q=b"3+"), [(b"p", "file/directory")])
    assert _merge(base, theirs, ours) == (theirs, [(b"p", "file/directory")])


def test_a_conflict_of_a_file_and_a_folder_names_both() -> None:
    """The folder is named by its entry."""
    store = DictStore()
    [conflict] = _merge_in(store, (_files(a=b"1"), _files(p__x=b"2"), _files(p=b"33")), _never).conflicts
    assert conflict.base is None
    assert conflict.ours is not None
    assert (conflict.ours.kind, conflict.ours.size) == (EntryKind.DIRECTORY, 1)
    assert conflict.theirs == _file(b"p", b"33")


def test_a_folder_replaced_by_a_file_on_one_side_only_is_taken() -> None:
    """There is no conflict where the other side changed nothing."""
    base = _files(p__x=b"1", q=b"3")
    assert _merge(base, _files(p__x=b"1", q=b"3+"), _files(p=b"f", q=b"3")) == (_files(p=b"f", q=b"3+"), [])


def test_a_rename_takes_the_edit_of_the_other_side_along() -> None:
    """The edit ends at the new path, and nothing is left at the old one."""
    base = _files(old=b"1", a=b"0")
    moved = _files(new__old=b"1", a=b"0")
    edited = base | {b"old": _file(b"old", b"2", EntryKind.EXECUTABLE)}
    expected = {b"new/old": _file(b"old", b"2", EntryKind.EXECUTABLE), b"a": _file(b"a", b"0")}
    assert _merge(base, moved, edited) == (expected, [])
    assert _merge(base, edited, moved) == (expected, [])


def test_a_rename_to_a_taken_path_does_not_take_the_edit_along() -> None:
    """Where the other side has a file of its own at the new path, both paths are conflicts."""
    base, moved = _files(old=b"1", a=b"0"), _files(new=b"1", a=b"0")
    edited = _files(old=b"2", new=b"3", a=b"0")
    assert _merge(base, moved, edited)[1] == [(b"new", "add/add"), (b"old", "modify/delete")]


def test_the_same_rename_on_both_sides_is_one() -> None:
    """The bit is compared with that of the old path."""
    base = {b"old": _file(b"old", b"1", EntryKind.EXECUTABLE)}
    ours = {b"new": _file(b"new", b"1", EntryKind.EXECUTABLE)}
    assert _merge(base, ours | _files(x=b"2"), ours) == (ours | _files(x=b"2"), [])
    assert _merge(base, ours, _files(new=b"1")) == (_files(new=b"1"), [])


def test_two_renames_of_one_file_are_a_conflict_at_both_paths() -> None:
    """Ours stands; each conflict says which side has the file there."""
    base = _files(old=b"1", a=b"0")
    merged, conflicts = _merge(base, _files(one=b"1", a=b"0"), _files(two=b"1", a=b"0"))
    assert merged == _files(one=b"1", a=b"0")
    assert conflicts == [(b"one", "rename/rename"), (b"two", "rename/rename")]


def test_a_rename_against_a_removal_is_a_conflict_at_the_new_path() -> None:
    """As in git: neither the removal nor the move is dropped in silence; ours stands until it is decided."""
    base, moved, removed = _files(old=b"1", a=b"0"), _files(new=b"1", a=b"0"), _files(a=b"0")
    assert _merge(base, moved, removed) == (moved, [(b"new", "rename/delete")])
    assert _merge(base, removed, moved) == (removed, [(b"new", "rename/delete")])
    assert _merge(base, moved, removed | _files(new=b"2"))[1] == [(b"new", "add/add")]


def test_empty_folders_merge() -> None:
    """An empty folder comes in, and one that the other side has filled is not emptied."""
    base = _files(a=b"1", p__x=b"2")
    folder: Files = {b"p": empty_folder(b"p")}
    assert _merge(base, base | _files(b=b"2"), _files(a=b"1") | folder) == (
        _files(a=b"1", b=b"2") | folder,
        [],
    )
    filled = base | _files(p__y=b"3")
    assert _merge(base, filled, _files(a=b"1") | folder) == (_files(a=b"1", p__y=b"3"), [])


def test_an_empty_folder_against_a_file_is_a_conflict() -> None:
    """One path cannot be both."""
    base = _files(a=b"1")
    folder: Files = {b"p": empty_folder(b"p")}
    assert _merge(base, base | folder, base | _files(p=b"2"))[1] == [(b"p", "file/directory")]


def test_only_what_changed_is_read() -> None:
    """Merging one change on each side of 50,000 entries reads a handful of nodes."""
    store = DictStore()
    base = build_directory(store, [_file(b"img_%06d" % number, b"x") for number in range(50_000)]).digest
    sides = [
        edit_directory(store, base, {name: _file(name, b"new")}).digest
        for name in (b"img_000100", b"img_040000")
    ]
    store.reads.clear()
    assert merge_trees(store, base, sides[0], sides[1], _never).conflicts == ()
    assert len(store.reads) <= 20


@settings(max_examples=60, deadline=None)
@given(trees(), trees())
def test_a_side_that_changed_nothing_gives_way(base: Files, other: Files) -> None:
    """The result is the other side, and two equal sides are the result."""
    store = DictStore()
    one, two = build_tree(store, base), build_tree(store, other)
    assert merge_trees(store, one, one, two, _never) == (two, ())
    assert merge_trees(store, one, two, one, _never) == (two, ())
    assert merge_trees(store, one, two, two, _never) == (two, ())


@settings(max_examples=150, deadline=None)
@given(trees(), trees(), trees())
def test_a_merge_is_symmetric(base: Files, ours: Files, theirs: Files) -> None:
    """Swapping the sides swaps the conflicts, and a merge without conflicts is the same tree."""
    merged, conflicts = _merge(base, ours, theirs)
    for path, _ in conflicts:
        inside = {key for key in merged if key == path or key.startswith(path + b"/")}
        expected = {key for key in ours if key == path or key.startswith(path + b"/")}
        assert inside == expected
        assert all(merged[key] == ours[key] for key in inside)


_unique = st.integers(0, 10**6)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 30), st.tuples(_unique, _unique, _unique), max_size=12), st.data())
def test_each_path_follows_the_rules_of_three_ways(
    model: dict[int, tuple[int, int, int]], data: st.DataObject
) -> None:
    """With contents of their own for each path, every path is what a table of cases says."""
    versions: list[dict[bytes, bytes]] = [{}, {}, {}]
    for number, contents in model.items():
        path = b"d%d/f%d" % divmod(number, 6)
        for version, content in zip(versions, contents, strict=True):
            choice = data.draw(st.sampled_from(["base", "own", "gone"]))
            if choice != "gone":
                version[path] = b"%d %d" % (number, contents[0] if choice == "base" else content)
    base, ours, theirs = versions
    expected = dict(ours)
    conflicts = []
    for path in {*base, *ours, *theirs}:
        before, left, right = base.get(path), ours.get(path), theirs.get(path)
        if left == before and right is not None:
            expected[path] = right
        elif left == before:
            expected.pop(path, None)
        elif right not in (before, left):
            conflicts.append(path)
    trees_of = [{path: _file(path, content) for path, content in version.items()} for version in versions]
    merged, found = _merge(trees_of[0], trees_of[1], trees_of[2])
    assert merged == {path: _file(path, content) for path, content in expected.items()}
    assert sorted(path for path, _ in found) == sorted(conflicts)


def test_missing_nodes_are_not_hidden() -> None:
    """A tree that is not here stops the merge."""
    store = DictStore()
    base, ours, theirs = (build_tree(store, _files(a=content)) for content in (b"1", b"2", b"3"))
    with pytest.raises(LookupError):
        merge_trees(DictStore(), base, ours, theirs, _never)
