"""Nodes beside others: what is new in them is found, and what is in both is not named."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.objects import DictStore, build_tree, file_entry, trees

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.tree import EMPTY_PAYLOAD, EMPTY_TREE, Entry, EntryKind, decode_node, decode_rows
from tether.core.treebeside import fresh_in
from tether.core.treebuild import build_directory
from tether.core.treeread import iter_directory
from tether.errors import Corrupt


def _payload(store: DictStore, tree: Digest) -> bytes:
    return EMPTY_PAYLOAD if tree == EMPTY_TREE else store.get(ObjectKind.TREE, tree)


def _folders(entries: Mapping[bytes, Entry]) -> dict[bytes, Digest]:
    return {name: each.digest for name, each in entries.items() if each.kind == EntryKind.DIRECTORY}


@given(trees(), trees(), st.booleans())
def test_what_is_new_in_a_folder(
    one: dict[bytes, Entry], other: dict[bytes, Entry], same_names: bool
) -> None:
    """Contents that the other lacks are all named, and no others but those that changed places."""
    if same_names:  # some contents are others, below the same names
        other = {path: other.get(path, entry) for path, entry in one.items()}
        other = {path: entry if entry.kind == one[path].kind else one[path] for path, entry in other.items()}
    store = DictStore()
    new, old = build_tree(store, one), build_tree(store, other)

    fresh = fresh_in(_payload(store, new), _payload(store, old))

    ours, theirs = ({each.name: each for each in iter_directory(store, tree)} for tree in (new, old))
    contents = {each.digest for each in ours.values() if each.kind != EntryKind.DIRECTORY}
    known = {each.digest for each in theirs.values() if each.kind != EntryKind.DIRECTORY}
    assert contents - known <= {*fresh.files} <= contents
    mine, others = _folders(ours), _folders(theirs)
    pairs = {(digest, others.get(name)) for name, digest in mine.items()}
    assert {pair for pair in pairs if pair[0] not in others.values()} <= {*fresh.below}
    assert {*fresh.below} <= {pair for pair in pairs if pair[0] != pair[1]}
    assert {*fresh.gone} == {
        digest for name, digest in others.items() if digest not in mine.values() and name not in mine
    }


def test_rows_that_are_as_they_were_are_not_named() -> None:
    """Of a folder of many files these that changed alone, with the same names and with others."""
    store = DictStore()
    before = [file_entry(b"%04d" % number, b"%d" % number) for number in range(300)]
    after = list(before)
    for at in (0, 15, 16, 299):
        after[at] = file_entry(before[at].name, b"new %d" % at)
    new, old = (_payload(store, build_directory(store, each).digest) for each in (after, before))
    grown = _payload(store, build_directory(store, [*after, file_entry(b"z", b"z")]).digest)

    changed = {after[at].digest for at in (0, 15, 16, 299)}
    assert {*fresh_in(new, old).files} == changed
    assert {*fresh_in(grown, old).files} == changed | {file_entry(b"z", b"z").digest}
    assert fresh_in(new, new) == ([], [], [], [])


@pytest.mark.parametrize("more", [[], [file_entry(b"z")]], ids=["same names", "other names"])
def test_long_contents_that_are_left(more: list[Entry]) -> None:
    """Those that may have more than a page of chunks and that the other node names alone."""
    store, least = DictStore(), 512 << 20
    before = [
        file_entry(b"f", b"0")._replace(kind=EntryKind.DIRECTORY, size=least, files=2),
        file_entry(b"l", b"1")._replace(size=least),
        file_entry(b"s", b"2")._replace(size=least - 1),
        file_entry(b"t", b"3")._replace(size=least),
    ]
    after = [entry._replace(digest=hash_bytes(entry.name)) for entry in before[:3]] + before[3:]
    old, new = (_payload(store, build_directory(store, each).digest) for each in (before, [*after, *more]))

    assert fresh_in(new, old).left == [hash_bytes(b"1")]
    assert fresh_in(new, None).left == fresh_in(new, new).left == []


def test_nodes_of_a_large_folder_are_beside_those_of_the_same_last_name() -> None:
    """So a new file in a folder of several nodes is looked for in one of them."""
    store = DictStore()
    before = [file_entry(b"%06d" % number) for number in range(6000)]
    after = sorted([*before, file_entry(b"003000a")])
    old, new = (_payload(store, build_directory(store, each).digest) for each in (before, after))

    [(node, beside)] = fresh_in(new, old).below

    assert beside is not None
    leaf, other = (decode_node(_payload(store, each)) for each in (node, beside))
    assert {*leaf.names} - {*other.names} == {b"003000a"}


def test_a_folder_that_grew_a_level_has_nothing_beside_its_nodes() -> None:
    """Rows of contents say nothing of rows of nodes; the contents of the former are gone with none."""
    store = DictStore()
    small = _payload(store, build_directory(store, [file_entry(b"a"), file_entry(b"b")]).digest)
    large = build_directory(store, [file_entry(b"%06d" % number) for number in range(6000)]).digest

    fresh = fresh_in(_payload(store, large), small)
    back = fresh_in(small, _payload(store, large))

    nodes = decode_rows(_payload(store, large)).below
    assert fresh == ([], [(node, None) for node in nodes], [], [])
    assert (back.below, back.gone) == ([], nodes)
    assert len(back.files) == 2


@pytest.mark.parametrize("damage", [b"", b"\x90", EMPTY_PAYLOAD[:-1]])
def test_what_is_no_node_is_refused(damage: bytes) -> None:
    """On either side."""
    for new, old in ((damage, EMPTY_PAYLOAD), (EMPTY_PAYLOAD, damage), (damage, None)):
        with pytest.raises(Corrupt):
            fresh_in(new, old)


@given(trees())
def test_rows_are_those_of_the_node(files: dict[bytes, Entry]) -> None:
    """Reading a node without its names gives the same contents and folders."""
    store = DictStore()
    payload = _payload(store, build_tree(store, files))
    rows, entries = decode_rows(payload), list(iter_directory(store, build_tree(store, files)))

    assert rows.files == b"".join(each.digest for each in entries if each.kind != EntryKind.DIRECTORY)
    assert rows.below == [each.digest for each in entries if each.kind == EntryKind.DIRECTORY]
