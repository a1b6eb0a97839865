"""The full check finds what the decoder of a single node cannot."""

from itertools import islice

import pytest
from tests.support.objects import DictStore, build_tree, file_entry, names_that

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.tree import (
    Child,
    Entry,
    EntryKind,
    Inner,
    decode_node,
    encode_inner,
    encode_leaf,
)
from tether.core.treebuild import Subtree, build_directory
from tether.core.treeverify import verify_tree
from tether.errors import Corrupt, NotFound

CUT = next(iter(names_that(cut=True)))
PLAIN = list(islice(names_that(cut=False), 5))


def _inner(store: DictStore) -> list[Child]:
    built = build_directory(store, [file_entry(b"%05d" % number) for number in range(6000)])
    node = decode_node(store.get(ObjectKind.TREE, built.digest))
    assert isinstance(node, Inner)
    return list(node.children())


@pytest.mark.parametrize("change", [{"files": 1}, {"bytes": 1}, {"entries": 1}, {"name": b"00000"}])
def test_a_wrong_total_of_an_inner_node_is_corrupt(change: dict[str, int]) -> None:
    """Files, bytes, entries and the last name of a child must be those of the child."""
    store = DictStore()
    rows = _inner(store)
    rows[0] = rows[0]._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(Corrupt):
        verify_tree(store, store.put(ObjectKind.TREE, encode_inner(1, rows)))


@pytest.mark.parametrize("change", [{"files": 9}, {"size": 9}])
def test_a_wrong_total_of_a_folder_is_corrupt(change: dict[str, int]) -> None:
    """What an entry says of its folder must be what is below."""
    store = DictStore()
    below = build_directory(store, [file_entry(b"f", b"1")])
    entry = Entry(b"d", EntryKind.DIRECTORY, 1, below.digest, 1)
    assert verify_tree(store, build_directory(store, [entry]).digest).files == 1
    with pytest.raises(Corrupt, match="other totals"):
        verify_tree(store, build_directory(store, [entry._replace(**change)]).digest)  # type: ignore[arg-type]


def test_a_node_that_goes_on_after_a_cut_is_corrupt() -> None:
    """A second form of the same folder would have a second digest."""
    store = DictStore()
    rows = [file_entry(name) for name in sorted([CUT, CUT + b"x"])]
    with pytest.raises(Corrupt, match="must end it"):
        verify_tree(store, store.put(ObjectKind.TREE, encode_leaf(rows)))


def test_a_node_that_ends_early_is_corrupt() -> None:
    """Leaves cut where nothing says so would also be a second form."""
    store = DictStore()
    rows = []
    for name in PLAIN[:2]:
        leaf = build_directory(store, [file_entry(name)])
        rows.append(Child(name, leaf.digest, 1, 0, 1))
    with pytest.raises(Corrupt, match="ends before"):
        verify_tree(store, store.put(ObjectKind.TREE, encode_inner(1, rows)))


def test_a_top_with_a_single_child_is_corrupt() -> None:
    """The child is the folder then."""
    store = DictStore()
    leaf = build_directory(store, [file_entry(CUT)])
    rows = [Child(CUT, leaf.digest, 1, 0, 1)]
    with pytest.raises(Corrupt, match="single child"):
        verify_tree(store, store.put(ObjectKind.TREE, encode_inner(1, rows)))


def test_a_missing_folder_is_not_found() -> None:
    """The check reads everything below."""
    store = DictStore()
    root = build_directory(store, [Entry(b"d", EntryKind.DIRECTORY, 0, Digest(bytes(32)), 0)])
    with pytest.raises(NotFound):
        verify_tree(store, root.digest)


def test_what_was_verified_is_not_read_again() -> None:
    """A second tree that shares folders costs the folders that differ."""
    store = DictStore()
    files = {b"d%d/f" % number: file_entry(b"f") for number in range(5)}
    verified: dict[Digest, Subtree] = {}
    total = verify_tree(store, build_tree(store, files), verified)
    assert total.files == 5
    changed = build_tree(store, files | {b"d1/f": file_entry(b"f", b"new")})
    store.reads.clear()
    assert verify_tree(store, changed, verified).bytes == 3
    assert len(store.reads) == 2
