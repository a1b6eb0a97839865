"""Renames: equal content pairs a removal with an addition."""

from hypothesis import given, settings
from tests.support.objects import DictStore, build_tree, empty_folder, file_entry, trees

from tether.core.renames import Rename, pair_renames
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import TreeChange, diff_trees


def _removed(path: bytes, content: bytes, kind: EntryKind = EntryKind.FILE) -> TreeChange:
    return TreeChange(path, file_entry(path.rpartition(b"/")[2], content, kind), None)


def _added(path: bytes, content: bytes, kind: EntryKind = EntryKind.FILE) -> TreeChange:
    return TreeChange(path, None, file_entry(path.rpartition(b"/")[2], content, kind))


def test_a_moved_file_is_a_rename() -> None:
    """A removal and an addition of the same content become one rename; the rest stays in order."""
    other = _added(b"c", b"other")
    rest, renames = pair_renames([_removed(b"a", b"x"), _added(b"d/b", b"x"), other])
    assert rest == [other]
    assert renames == [Rename(b"a", b"d/b", file_entry(b"b", b"x"))]


def test_the_same_last_component_is_preferred() -> None:
    """Of several files with one content, those that kept their name are paired first."""
    changes = [_removed(b"1/a", b"x"), _removed(b"1/b", b"x"), _added(b"2/b", b"x"), _added(b"2/c", b"x")]
    rest, renames = pair_renames(changes)
    assert rest == []
    assert [(rename.old_path, rename.new_path) for rename in renames] == [(b"1/b", b"2/b"), (b"1/a", b"2/c")]


def test_more_additions_than_removals_leave_additions() -> None:
    """Each removal is used once."""
    rest, renames = pair_renames([_added(b"b", b"x"), _removed(b"a", b"x"), _added(b"c", b"x")])
    assert [rename.new_path for rename in renames] == [b"b"]
    assert [change.path for change in rest] == [b"c"]


def test_the_executable_bit_may_change_on_the_way() -> None:
    """The rename carries the entry as it is now."""
    _, [rename] = pair_renames([_removed(b"a", b"x"), _added(b"b", b"x", EntryKind.EXECUTABLE)])
    assert rename.entry.kind == EntryKind.EXECUTABLE


def test_empty_files_links_and_folders_are_not_mixed_up() -> None:
    """Empty files and empty folders never pair, and a link never pairs with a file of its target's bytes."""
    changes = [
        _removed(b"a", b""),
        _added(b"b", b""),
        _removed(b"c", b"x", EntryKind.SYMLINK),
        _added(b"d", b"x"),
        TreeChange(b"e", empty_folder(b"e"), None),
        TreeChange(b"f", None, empty_folder(b"f")),
    ]
    assert pair_renames(changes) == (changes, [])


def test_a_change_in_place_is_no_part_of_a_rename() -> None:
    """A path that is there on both sides was not moved."""
    change = TreeChange(b"a", file_entry(b"a", b"x"), file_entry(b"a", b"y"))
    assert pair_renames([change, _added(b"b", b"x")])[1] == []


@settings(max_examples=50, deadline=None)
@given(trees(), trees())
def test_every_change_is_kept_once(old: dict[bytes, Entry], new: dict[bytes, Entry]) -> None:
    """The rest and both ends of the renames are exactly the changes."""
    store = DictStore()
    changes = list(diff_trees(store, build_tree(store, old), build_tree(store, new)))
    rest, renames = pair_renames(changes)
    paths = [change.path for change in rest]
    paths += [path for rename in renames for path in (rename.old_path, rename.new_path)]
    assert sorted(paths) == sorted(change.path for change in changes)
    for rename in renames:
        assert old[rename.old_path].digest == new[rename.new_path].digest
