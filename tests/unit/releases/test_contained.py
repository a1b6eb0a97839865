"""Contents are found below trees, whatever they are called, and shared nodes are read once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.objects import DictStore, build_tree, file_entry

from tether.core.digest import hash_bytes
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.errors import NotFound
from tether.releases.contained import MOST_NAMED, Contained

CAT = hash_bytes(b"cat")


def test_a_content_is_found_under_any_name() -> None:
    """Renamed, copied, in folders of folders: all places are told, with their paths from the tree."""
    store = DictStore()
    tree = build_tree(
        store,
        {
            b"a/b/c.png": file_entry(b"c.png", b"cat"),
            b"cat": file_entry(b"cat", b"cat"),
            b"dog": file_entry(b"dog", b"dog"),
            b"x/dog": file_entry(b"dog", b"dog"),
        },
    )

    found = Contained(store, [CAT]).below(tree)

    assert found.total == 2
    assert sorted(path for path, _ in found.places) == [b"a/b/c.png", b"cat"]
    assert Contained(store, [hash_bytes(b"cow")]).below(tree).total == 0
    assert Contained(store, [CAT]).below(EMPTY_TREE).total == 0


def test_a_whole_folder_is_a_content_too() -> None:
    """A folder is found by the digest of its tree, and an entry itself counts."""
    store = DictStore()
    below = build_tree(store, {b"c": file_entry(b"c", b"cat")})
    tree = build_tree(store, {b"x/c": file_entry(b"c", b"cat"), b"y": file_entry(b"y", b"1")})

    assert [path for path, _ in Contained(store, [below]).below(tree).places] == [b"x"]
    at = Contained(store, [CAT]).at(b"data", tree, is_folder=True)
    assert [path for path, _ in at.places] == [b"data/x/c"]
    assert Contained(store, [CAT]).at(b"data", CAT, is_folder=False).total == 1


def test_shared_nodes_are_read_once() -> None:
    """A thousand trees over one large folder cost its nodes once, and one node each."""
    store = DictStore()
    entries = [file_entry(b"%05d" % number, b"%d" % number) for number in range(20_000)]
    folder = build_directory(store, entries)
    trees = [
        build_directory(store, [Entry(b"data", EntryKind.DIRECTORY, 1, folder.digest, 20_000),
                                file_entry(b"run.json", b"%d" % number)]).digest
        for number in range(1000)
    ]  # fmt: skip
    store.reads.clear()
    contained = Contained(store, [hash_bytes(b"19999")])

    assert {contained.below(tree).places for tree in trees} == {((b"data/19999", hash_bytes(b"19999")),)}

    assert len(store.reads) == len(set(store.reads))
    assert 1000 < len(store.reads) < 1200
    assert contained.nodes == len(store.reads)


def test_many_places_are_counted_and_some_named() -> None:
    """The count is right, the list is short."""
    store = DictStore()
    tree = build_tree(store, {b"%d/c" % number: file_entry(b"c", b"cat") for number in range(100)})

    found = Contained(store, [CAT]).below(tree)

    assert (found.total, len(found.places)) == (100, MOST_NAMED)
    assert len(Contained(store, [CAT], most=500).below(tree).places) == 100


def test_folders_may_be_deeper_than_calls() -> None:
    """Ten thousand folders in each other are no problem."""
    store = DictStore()
    entry = file_entry(b"c", b"cat")
    for _ in range(10_000):
        tree = build_directory(store, [entry]).digest
        entry = Entry(b"d", EntryKind.DIRECTORY, 3, tree, 1)

    found = Contained(store, [CAT]).below(tree)

    assert found.places[0][0].count(b"/") == 9_999


def test_a_node_that_is_not_here_is_an_error() -> None:
    """It is not passed over as if nothing was there."""
    with pytest.raises(NotFound):
        Contained(DictStore(), [CAT]).below(hash_bytes(b"nothing"))


_PATHS = st.dictionaries(
    st.lists(st.sampled_from([b"a", b"b", b"c"]), min_size=1, max_size=3).map(
        lambda parts: b"/".join([*parts, b"f"])
    ),
    st.sampled_from([b"cat", b"dog", b""]),
    max_size=12,
)


@given(_PATHS)
def test_it_is_what_a_walk_finds(files: dict[bytes, bytes]) -> None:
    """The places are those of a plain dictionary."""
    store = DictStore()
    tree = build_tree(store, {path: file_entry(b"f", content) for path, content in files.items()})

    found = Contained(store, [CAT]).below(tree)

    assert sorted(path for path, _ in found.places) == sorted(path for path in files if files[path] == b"cat")
