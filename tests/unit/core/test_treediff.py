"""Differences: everything that differs is named once, and nothing equal is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.objects import DictStore, build_tree, empty_folder, file_entry, trees

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.tree import Entry, EntryKind, decode_node, encode_inner, is_cut
from tether.core.treebuild import build_directory, edit_directory
from tether.core.treediff import Tally, TreeChange, count_changes, diff_level, diff_trees, tally
from tether.core.treeedit import edit_tree
from tether.core.treeread import find, walk
from tether.errors import Corrupt

ONES = Digest(b"\x11" * 32)


def _diff(old: dict[bytes, Entry], new: dict[bytes, Entry], *paths: bytes) -> list[TreeChange]:
    store = DictStore()
    return list(diff_trees(store, build_tree(store, old), build_tree(store, new), paths=paths))


def test_changes_are_named_in_the_order_of_path_components() -> None:
    """Added, removed and changed files come once each; equal ones do not come."""
    one, two = file_entry(b"f", b"1"), file_entry(b"f", b"2")
    old = {b"a/f": one, b"a-b/f": one, b"c/f": one, b"same/f": one}
    new = {b"a/f": two, b"c/d/f": one, b"c/f": one, b"same/f": one}
    assert _diff(old, new) == [
        TreeChange(b"a/f", one, two),
        TreeChange(b"a-b/f", one, None),
        TreeChange(b"c/d/f", None, one),
    ]


def test_a_change_of_the_kind_alone_is_a_change() -> None:
    """The executable bit is part of an entry."""
    old, new = file_entry(b"f", b"1"), file_entry(b"f", b"1", EntryKind.EXECUTABLE)
    assert _diff({b"f": old}, {b"f": new}) == [TreeChange(b"f", old, new)]


def test_a_file_that_becomes_a_folder_is_two_changes() -> None:
    """The file goes at its path and the content comes below it; back likewise."""
    file, below = file_entry(b"a", b"1"), file_entry(b"b", b"2")
    assert _diff({b"a": file}, {b"a/b": below}) == [
        TreeChange(b"a", file, None),
        TreeChange(b"a/b", None, below),
    ]
    assert _diff({b"a/b": below}, {b"a": file}) == [
        TreeChange(b"a", None, file),
        TreeChange(b"a/b", below, None),
    ]


def test_empty_folders_are_named() -> None:
    """An empty folder that comes, goes, is filled or becomes a file is a change of its own."""
    folder, file, below = empty_folder(b"a"), file_entry(b"a"), file_entry(b"b")
    assert _diff({}, {b"a": folder}) == [TreeChange(b"a", None, folder)]
    assert _diff({b"a": folder}, {}) == [TreeChange(b"a", folder, None)]
    assert _diff({b"a": folder}, {b"a": file}) == [TreeChange(b"a", folder, file)]
    assert _diff({b"a": folder}, {b"a/b": below}) == [
        TreeChange(b"a", folder, None),
        TreeChange(b"a/b", None, below),
    ]


def test_nothing_stands_for_a_missing_side() -> None:
    """Without a tree on one side everything on the other differs."""
    store = DictStore()
    root = build_tree(store, {b"a/f": file_entry(b"f")})
    assert list(diff_trees(store, None, root)) == [TreeChange(b"a/f", None, file_entry(b"f"))]
    assert list(diff_trees(store, root, None)) == [TreeChange(b"a/f", file_entry(b"f"), None)]
    assert list(diff_trees(store, None, None)) == []
    assert list(diff_trees(store, root, root)) == []


def test_paths_limit_the_difference() -> None:
    """Only the named files and folders are looked at; one below another is not named twice."""
    old = {b"a/f": file_entry(b"f"), b"b/f": file_entry(b"f"), b"c": file_entry(b"c")}
    paths = [change.path for change in _diff(old, {}, b"c", b"a/f", b"a", b"none")]
    assert paths == [b"a/f", b"c"]
    assert len(_diff(old, {}, b"")) == 3
    store = DictStore()
    root = build_tree(store, old)
    assert [change.path for change in diff_trees(store, None, root, paths=[b"b"])] == [b"b/f"]


def _paths_match(path: bytes, limits: list[bytes]) -> bool:
    return not limits or any(path == limit or path.startswith(limit + b"/") for limit in limits)


_limits = st.lists(st.sampled_from([b"a", b"b", b"a/b", b"c/d", b"b/a/c"]), max_size=2)


@settings(max_examples=80, deadline=None)
@given(trees(), trees(), _limits)
def test_a_difference_is_what_the_paths_say(
    old: dict[bytes, Entry], new: dict[bytes, Entry], limits: list[bytes]
) -> None:
    """A comparison of plain dictionaries of paths finds the same changes."""
    expected = [
        TreeChange(path, old.get(path), new.get(path))
        for path in sorted({*old, *new}, key=lambda path: path.split(b"/"))
        if old.get(path) != new.get(path) and _paths_match(path, limits)
    ]
    assert _diff(old, new, *limits) == expected


@settings(max_examples=80, deadline=None)
@given(trees(), trees())
def test_applying_a_difference_gives_the_target(old: dict[bytes, Entry], new: dict[bytes, Entry]) -> None:
    """A difference holds all that is needed to get from one tree to the other."""
    store = DictStore()
    before, after = build_tree(store, old), build_tree(store, new)
    changes = {change.path: change.new for change in diff_trees(store, before, after)}
    assert edit_tree(store, before, changes).digest == after


def _flat(count: int) -> list[Entry]:
    return [Entry(b"img_%06d" % number, EntryKind.FILE, 1, ONES) for number in range(count)]


@given(trees(), trees())
def test_the_count_is_that_of_the_files_and_links_named(
    old: dict[bytes, Entry], new: dict[bytes, Entry]
) -> None:
    """Counting by totals gives as many as there are changes of files and links."""
    store = DictStore()
    before, after = build_tree(store, old), build_tree(store, new)
    changes = list(diff_trees(store, before, after))
    folders = EntryKind.DIRECTORY
    named = [c for c in changes if any(e is not None and e.kind != folders for e in (c.old, c.new))]

    assert count_changes(store, before, after) == len(named)
    assert count_changes(store, None, after) == sum(entry.kind != folders for entry in new.values())


@given(trees(), trees())
def test_a_tally_is_that_of_the_paths_named(old: dict[bytes, Entry], new: dict[bytes, Entry]) -> None:
    """By kind of change and with the bytes on both sides; that of a folder is the sum of what is in it."""
    store = DictStore()
    roots = [build_tree(store, old), build_tree(store, new)]
    named = [
        (change.old if change.old is None or change.old.kind != EntryKind.DIRECTORY else None, change.new)
        for change in diff_trees(store, *roots)
    ]
    rows = [(a, b if b is None or b.kind != EntryKind.DIRECTORY else None) for a, b in named]
    expected = Tally(
        sum(a is None and b is not None for a, b in rows),
        sum(a is not None and b is None for a, b in rows),
        sum(a is not None and b is not None for a, b in rows),
        sum(a.size for a, _ in rows if a is not None),
        sum(b.size for _, b in rows if b is not None),
    )

    before, after = (find(store, root, b"") for root in roots)

    assert tally(store, b"", before, after) == expected
    parts = [tally(store, each.path, each.old, each.new) for each in diff_level(store, before, after)]
    assert Tally(*(sum(column) for column in zip(*parts, strict=True))) == expected
    assert [each.path for each in diff_level(store, before, after)] == sorted(
        {path.partition(b"/")[0] for path, *_ in diff_trees(store, *roots)}
    )


def test_a_change_in_a_large_folder_reads_only_its_nodes() -> None:
    """Of 100,000 entries only the nodes on the way to the change are read."""
    store = DictStore()
    old = build_directory(store, _flat(100_000)).digest
    new = edit_directory(store, old, {b"img_050000": None, b"zzz": file_entry(b"zzz")}).digest
    store.reads.clear()
    changes = list(diff_trees(store, old, new))
    assert [change.path for change in changes] == [b"img_050000", b"zzz"]
    assert len(store.reads) <= 12


@pytest.mark.parametrize(("small", "large"), [(3, 9000), (0, 9000), (3000, 9000)])
def test_folders_of_different_heights_are_compared(small: int, large: int) -> None:
    """A leaf against a tall folder gives exactly the entries that only one side has."""
    store = DictStore()
    old, new = build_directory(store, _flat(small)).digest, build_directory(store, _flat(large)).digest
    assert [change.new for change in diff_trees(store, old, new)] == _flat(large)[small:]
    assert [change.old for change in diff_trees(store, new, old)] == _flat(large)[small:]


def test_a_node_on_the_wrong_level_is_corrupt() -> None:
    """A parent that lies about the level of its children is refused."""
    store = DictStore()
    root = build_directory(store, _flat(6000)).digest
    node = decode_node(store.get(ObjectKind.TREE, root))
    lying = store.put(ObjectKind.TREE, encode_inner(2, list(node.children())))  # type: ignore[union-attr]
    with pytest.raises(Corrupt):
        list(diff_trees(store, build_directory(store, _flat(5)).digest, lying))


def test_a_leaf_that_becomes_one_of_several_is_not_named() -> None:
    """A folder of one leaf that gains a second has only what is new as a difference, both ways."""
    store = DictStore()
    cut = next(name for name in (b"m%05d" % n for n in range(100_000)) if is_cut(name, 0))
    old = [file_entry(name, name) for name in sorted((b"a", b"b", cut))]
    new = [*old, file_entry(b"z", b"z")]
    one, other = build_directory(store, old).digest, build_directory(store, new).digest
    assert decode_node(store.get(ObjectKind.TREE, other)).level == 1

    assert list(diff_trees(store, one, other)) == [TreeChange(b"z", None, new[-1])]
    assert list(diff_trees(store, other, one)) == [TreeChange(b"z", new[-1], None)]


@settings(max_examples=50)
@given(trees(), trees())
def test_folders_are_named_where_they_come_and_go(old: dict[bytes, Entry], new: dict[bytes, Entry]) -> None:
    """With the folders, what is named is what one side has and the other has not; the top is none of them."""
    store = DictStore()
    before, after = build_tree(store, old), build_tree(store, new)
    sides = [
        {path: entry.kind for path, entry in walk(store, each, directories=True)} for each in (before, after)
    ]

    changes = list(diff_trees(store, before, after, directories=True))

    for here, there, entries in (
        (0, 1, {e.path: e.old for e in changes}),
        (1, 0, {e.path: e.new for e in changes}),
    ):
        named = {path for path, entry in entries.items() if path and entry is not None}
        assert sides[here].keys() - sides[there].keys() <= named <= sides[here].keys()
        kept = sides[here].keys() & sides[there].keys() - named
        assert all(sides[here][path] == sides[there][path] for path in kept)
    paths = [change.path for change in changes]
    assert len(paths) == len(set(paths))
