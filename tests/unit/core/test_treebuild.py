"""Building and editing one folder: the same entries give the same nodes, whatever the history."""

from collections.abc import Callable
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.objects import DictStore, file_entries, file_entry, folders, names_that

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.tree import EMPTY_TREE, MAX_ROWS, Entry, EntryKind, Inner, Leaf, decode_node, is_cut
from tether.core.treebuild import Subtree, build_directory, edit_directory
from tether.core.treeread import iter_directory
from tether.core.treeverify import verify_tree
from tether.errors import Corrupt, InvalidInput

ONES = Digest(b"\x11" * 32)


def _files(names: list[bytes]) -> list[Entry]:
    return [Entry(name, EntryKind.FILE, 1, ONES) for name in sorted(names)]


PLAIN = list(islice(names_that(cut=False), 7000))
CUTS = list(islice(names_that(cut=True), 40))
MANY = [b"img_%05d" % number for number in range(9000)]


@pytest.mark.parametrize("names", [[], [b"a"], PLAIN, CUTS, MANY, sorted(PLAIN + CUTS)])
def test_a_folder_is_read_back_and_is_whole(names: list[bytes]) -> None:
    """What was built is listed in order with its totals, and stands up to the full check."""
    store = DictStore()
    built = build_directory(store, iter(_files(names)))
    assert list(iter_directory(store, built.digest)) == _files(names)
    assert (built.files, built.bytes) == (len(names), len(names))
    assert verify_tree(store, built.digest) == built


def test_leaves_end_at_cuts_or_at_the_maximum() -> None:
    """No node is longer than the maximum, even for names that never cut."""
    store = DictStore()
    root = decode_node(store.get(ObjectKind.TREE, build_directory(store, _files(PLAIN)).digest))
    assert isinstance(root, Inner)
    assert list(root.entries) == [MAX_ROWS, MAX_ROWS, MAX_ROWS, len(PLAIN) - 3 * MAX_ROWS]


def test_the_empty_folder_is_written() -> None:
    """Building from nothing gives the constant, and the object is there."""
    store = DictStore()
    assert build_directory(store, []) == Subtree(EMPTY_TREE, 0, 0)
    assert (ObjectKind.TREE, EMPTY_TREE) in store.objects


def test_a_single_node_is_the_top_even_if_a_cut_follows_it() -> None:
    """A folder that ends with a cut of several levels is one leaf, not a chain of single children."""
    name = next(name for name in names_that(cut=True) if is_cut(name, 1))
    store = DictStore()
    built = build_directory(store, _files([name]))
    assert isinstance(decode_node(store.get(ObjectKind.TREE, built.digest)), Leaf)
    assert store.writes == [built.digest]


@pytest.mark.parametrize(
    "entries",
    [
        [file_entry(b"b"), file_entry(b"a")],
        [file_entry(b"a"), file_entry(b"a")],
        [file_entry(CUTS[0]), file_entry(CUTS[0])],
        [file_entry(CUTS[1]), file_entry(CUTS[0])],
        [file_entry(b"")],
    ],
)
def test_unsorted_entries_are_refused(entries: list[Entry]) -> None:
    """Order is checked within a node and from one node to the next."""
    with pytest.raises(InvalidInput):
        build_directory(DictStore(), entries)


def _check_edits(names: list[bytes], steps: list[dict[bytes, Entry | None]]) -> None:
    """Apply edits one after the other and compare each with a rebuild."""
    store = DictStore()
    model = {entry.name: entry for entry in _files(names)}
    current = build_directory(store, model.values())
    for changes in steps:
        current = edit_directory(store, current.digest, changes)
        for name, entry in changes.items():
            if entry is None:
                model.pop(name, None)
            else:
                model[name] = entry
        rebuilt = build_directory(DictStore(), [model[name] for name in sorted(model)])
        assert current == rebuilt


@pytest.mark.parametrize("names", [PLAIN, CUTS, MANY, sorted(PLAIN + CUTS), PLAIN[:MAX_ROWS], CUTS[:1], []])
@pytest.mark.parametrize(
    "pick",
    [
        lambda names: dict.fromkeys(names[:1]),
        lambda names: dict.fromkeys(names[-1:]),
        lambda names: dict.fromkeys(names[MAX_ROWS - 1 : MAX_ROWS]),
        lambda names: dict.fromkeys(names[3 : MAX_ROWS + 9]),
        dict.fromkeys,
        lambda names: {b"\1": file_entry(b"\1")},
        lambda names: {b"z": file_entry(b"z"), CUTS[7]: file_entry(CUTS[7], b"x")},
        lambda names: {CUTS[3]: None, b"missing": None},
        lambda names: {name + b"+": file_entry(name + b"+") for name in names[::700]},
        lambda names: {name: file_entry(name, b"new") for name in names[5::900]},
        lambda names: {},
    ],
)
def test_an_edit_gives_the_nodes_of_a_rebuild(
    names: list[bytes], pick: Callable[[list[bytes]], dict[bytes, Entry | None]]
) -> None:
    """First and last names, forced ends, whole ranges, everything, nothing: always as if built anew."""
    changes = pick(names)
    undo: dict[bytes, Entry | None] = dict.fromkeys(changes)
    undo.update({entry.name: entry for entry in _files(names) if entry.name in changes})
    _check_edits(names, [changes, undo])


_pool = st.sampled_from(sorted(PLAIN[:40] + PLAIN[2000:2100] + PLAIN[4080:4120] + CUTS[:30]))
_changes = st.dictionaries(_pool, st.booleans(), max_size=12)


@settings(max_examples=25, deadline=None)
@given(st.lists(_changes, max_size=4), st.integers(0, 5000))
def test_random_edits_of_names_that_hardly_cut(steps: list[dict[bytes, bool]], length: int) -> None:
    """Ends that the maximum forces move with every edit before them, and still match a rebuild."""
    edits = [{name: file_entry(name) if keep else None for name, keep in step.items()} for step in steps]
    _check_edits(PLAIN[:length], edits)


@settings(max_examples=50, deadline=None)
@given(folders(), st.lists(st.dictionaries(file_entries(), st.booleans(), max_size=8), max_size=4))
def test_random_edits_of_small_folders(entries: list[Entry], steps: list[dict[Entry, bool]]) -> None:
    """Any sequence of edits gives what building the result gives."""
    store = DictStore()
    model = {entry.name: entry for entry in entries}
    current = build_directory(store, entries)
    for step in steps:
        changes = {entry.name: entry if keep else None for entry, keep in step.items()}
        current = edit_directory(store, current.digest, changes)
        model.update({name: entry for name, entry in changes.items() if entry})
        model = {name: entry for name, entry in model.items() if changes.get(name, entry)}
        assert current == build_directory(DictStore(), [model[name] for name in sorted(model)])


TALL = list(islice(names_that(cut=True), 2600))
"""Each name is a leaf of its own, so a few thousand entries have inner nodes on two levels."""


def test_names_that_always_cut_make_a_tall_folder() -> None:
    """The folder of the next tests has three levels."""
    store = DictStore()
    built = build_directory(store, _files(TALL))
    assert decode_node(store.get(ObjectKind.TREE, built.digest)).level == 2
    assert verify_tree(store, built.digest) == built


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict.fromkeys(TALL),
        dict.fromkeys(TALL[1:]),
        dict.fromkeys(TALL[:-1]),
        dict.fromkeys(TALL[2:]),
        dict.fromkeys(TALL[5:2000]),
        {name: file_entry(name) for name in PLAIN[::9]},
        {name + b"+": file_entry(name + b"+") for name in TALL[3::400]},
        dict.fromkeys(TALL[1::300]),
    ],
)
def test_an_edit_of_a_tall_folder_gives_the_nodes_of_a_rebuild(changes: dict[bytes, Entry | None]) -> None:
    """Levels come and go with what is left, down to a single leaf and up again."""
    undo: dict[bytes, Entry | None] = dict.fromkeys(changes)
    undo.update({entry.name: entry for entry in _files(TALL) if entry.name in changes})
    _check_edits(TALL, [changes, undo])


_tall_changes = st.dictionaries(st.sampled_from(TALL + PLAIN[:500]), st.booleans(), max_size=6)


@settings(max_examples=8, deadline=None)
@given(st.lists(_tall_changes, max_size=3))
def test_random_edits_of_a_tall_folder(steps: list[dict[bytes, bool]]) -> None:
    """Entries that merge and split leaves change the rows of the nodes above as a rebuild would."""
    _check_edits(
        TALL, [{name: file_entry(name) if keep else None for name, keep in s.items()} for s in steps]
    )


def test_a_damaged_upper_node_is_corrupt() -> None:
    """A node of another level in the place of an inner node is found on the way to its neighbour."""
    store = DictStore()
    built = build_directory(store, _files(TALL))
    root = decode_node(store.get(ObjectKind.TREE, built.digest))
    leaf = build_directory(store, _files(TALL[:1]))
    for at in range(0, len(root.digests), 32):
        digest = Digest(root.digests[at : at + 32])
        store.objects[ObjectKind.TREE, digest] = store.objects[ObjectKind.TREE, leaf.digest]
    with pytest.raises(Corrupt):
        edit_directory(store, built.digest, {TALL[0]: None})


def test_an_edit_touches_only_the_way_to_its_entry() -> None:
    """One change in 100,000 entries reads and writes a leaf and the nodes above it."""
    store = DictStore()
    built = build_directory(store, _files([b"img_%06d" % number for number in range(100_000)]))
    store.reads.clear()
    store.writes.clear()
    edit_directory(store, built.digest, {b"img_050000": file_entry(b"img_050000", b"new")})
    assert len(store.reads) <= 4
    assert len(store.writes) <= 4


def test_an_entry_must_be_named_like_its_key() -> None:
    """A change that would put an entry in another place is refused."""
    store = DictStore()
    with pytest.raises(InvalidInput):
        edit_directory(store, build_directory(store, []).digest, {b"a": file_entry(b"b")})


def test_a_damaged_old_node_is_corrupt() -> None:
    """A leaf that is not where its parent says is found before anything is made of it."""
    store = DictStore()
    built = build_directory(store, _files(MANY))
    root = decode_node(store.get(ObjectKind.TREE, built.digest))
    other = build_directory(store, [file_entry(b"other")])
    leaf = Digest(root.digests[:32])
    store.objects[ObjectKind.TREE, leaf] = store.objects[ObjectKind.TREE, other.digest]
    with pytest.raises(Corrupt):
        edit_directory(store, built.digest, {MANY[0]: None})
