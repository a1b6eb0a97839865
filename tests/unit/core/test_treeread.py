"""Reading: paths are found, listings are in order, nodes come in batches."""

import time
from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given, settings
from tests.support.objects import DictStore, build_tree, empty_folder, file_entry, trees

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.tree import (
    EMPTY_PAYLOAD,
    EMPTY_TREE,
    Child,
    Entry,
    EntryKind,
    decode_node,
    encode_inner,
    split_digests,
)
from tether.core.treebuild import build_directory
from tether.core.treeread import (
    BATCH,
    ROW,
    NodeMemory,
    entry_before,
    find,
    find_many,
    iter_after,
    iter_directory,
    read_nodes,
    walk,
    walk_many,
)
from tether.errors import Corrupt, NotFound

FILES = {
    b"README": file_entry(b"README", b"hello"),
    b"a-b": file_entry(b"a-b", b"1"),
    b"a/x": file_entry(b"x", b"12", EntryKind.EXECUTABLE),
    b"a/y/z": file_entry(b"z", b"target", EntryKind.SYMLINK),
    b"empty": empty_folder(b"empty"),
}


class _Batches(DictStore):
    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Return several objects and note how many."""
        self.batches.append(len(digests))
        return super().get_many(kind, digests)


def _component_order(path: bytes) -> list[bytes]:
    return path.split(b"/")


@pytest.mark.parametrize("path", list(FILES))
def test_files_are_found_by_path(path: bytes) -> None:
    """Each path leads to its entry."""
    store = DictStore()
    assert find(store, build_tree(store, FILES), path) == FILES[path]


def test_folders_are_found_with_their_totals() -> None:
    """A folder stands for the files and bytes below it; the empty path is the root."""
    store = DictStore()
    root = build_tree(store, FILES)
    folder = find(store, root, b"a")
    assert folder is not None
    assert (folder.kind, folder.size, folder.files) == (EntryKind.DIRECTORY, 8, 2)
    assert find(store, root, b"") == Entry(b"", EntryKind.DIRECTORY, 14, root, 4)


@pytest.mark.parametrize(
    "path", [b"none", b"README/x", b"a/none", b"a/", b"/a", b"a//x", b"empty/x", b"zzz", b"a/y/z/q", b"."]
)
def test_missing_paths_are_not_found(path: bytes) -> None:
    """Names that are not there, names below files and malformed paths give nothing."""
    store = DictStore()
    assert find(store, build_tree(store, FILES), path) is None


def test_many_paths_are_found_with_one_read_of_each_folder() -> None:
    """Looking up every file reads each node once."""
    store = DictStore()
    files = {b"d%d/f%d" % (d, f): file_entry(b"f%d" % f) for d in range(20) for f in range(5)}
    root = build_tree(store, files)
    store.reads.clear()
    assert find_many(store, root, [*files, b"d1/none", b"none/f1"]) == files
    assert len(store.reads) <= 21


def test_names_are_found_in_a_folder_of_many_nodes() -> None:
    """First, last and middle names of a large folder are found; others are not."""
    store = DictStore()
    entries = [file_entry(b"%05d" % number) for number in range(6000)]
    root = build_directory(store, entries).digest
    wanted = [b"00000", b"05999", b"03000", b"02999"]
    found = find_many(store, root, [*wanted, b"0", b"9", b"03000x"])
    assert sorted(found) == sorted(wanted)


@settings(max_examples=40)
@given(trees())
def test_a_walk_gives_every_path_in_order(files: dict[bytes, Entry]) -> None:
    """Files and empty folders come back with their paths, sorted by component."""
    store = DictStore()
    root = build_tree(store, files)
    listed = list(walk(store, root))
    expected = [(path, files[path]) for path in sorted(files, key=_component_order)]
    assert listed == expected or (not files and listed == [])
    assert find_many(store, root, files) == files


def test_a_walk_can_name_the_folders() -> None:
    """Folders come before what is in them, under the prefix given."""
    store = DictStore()
    listed = [path for path, _ in walk(store, build_tree(store, FILES), b"top", directories=True)]
    assert listed == [
        b"top/README",
        b"top/a",
        b"top/a/x",
        b"top/a/y",
        b"top/a/y/z",
        b"top/a-b",
        b"top/empty",
    ]


def test_neighbours_in_a_folder_come_at_once() -> None:
    """Files and links up to the next folder are given together, a folder by itself before what is in it."""
    store = DictStore()
    more = {b"a/y/%d" % number: file_entry(b"%d" % number) for number in range(3)}
    found = walk_many(store, build_tree(store, FILES | more), b"top", directories=True)
    assert [(start, [entry.name for entry in entries]) for start, entries in found] == [
        (b"top/", [b"README"]),
        (b"top/", [b"a"]),
        (b"top/a/", [b"x"]),
        (b"top/a/", [b"y"]),
        (b"top/a/y/", [b"0", b"1", b"2", b"z"]),
        (b"top/", [b"a-b"]),
        (b"top/", [b"empty"]),
    ]


def test_a_walk_of_deep_folders_does_not_recurse() -> None:
    """Depth is bounded by memory, not by the stack of the interpreter."""
    store = DictStore()
    entry = file_entry(b"f", b"deep")
    for _ in range(3000):
        below = build_directory(store, [entry])
        entry = Entry(b"d", EntryKind.DIRECTORY, below.bytes, below.digest, below.files)
    [(path, _)] = walk(store, entry.digest)
    assert path == b"d/" * 2999 + b"f"
    assert find(store, entry.digest, path) == file_entry(b"f", b"deep")


def test_very_deep_paths_cost_what_they_are_long() -> None:
    """All folders of a chain are found in a time that does not grow with its depth times their lengths."""
    store, depth = DictStore(), 1500
    entry = file_entry(b"f", b"deep")
    for _ in range(depth):
        below = build_directory(store, [entry])
        entry = Entry(b"d", EntryKind.DIRECTORY, below.bytes, below.digest, below.files)
    paths = [b"d/" * at + b"d" for at in range(depth - 1)] + [b"d/" * (depth - 1) + b"f"]
    begun = time.process_time()
    found = find_many(store, entry.digest, paths)
    assert time.process_time() - begun < 4
    assert list(found) == paths


def test_nodes_are_read_in_batches() -> None:
    """A walk asks for the folders of a leaf together, and a listing for the leaves of a node."""
    store = _Batches()
    files = {b"d%03d/f" % number: file_entry(b"f") for number in range(150)}
    root = build_tree(store, files)
    assert len(list(walk(store, root))) == 150
    assert max(store.batches) == BATCH
    assert len(store.batches) < 10


def test_the_empty_folder_need_not_be_stored() -> None:
    """Reading the constant needs no object."""
    store = DictStore()
    assert list(walk(store, EMPTY_TREE)) == []
    assert find(store, EMPTY_TREE, b"x") is None


def test_a_missing_node_is_not_found() -> None:
    """The error of the store comes through."""
    store = DictStore()
    with pytest.raises(NotFound):
        list(iter_directory(store, Digest(bytes(32))))


def test_a_child_that_is_not_what_its_parent_says_is_corrupt() -> None:
    """Wrong levels, wrong last names and overlapping nodes are found while reading."""
    store = DictStore()
    entries = [file_entry(b"%05d" % number) for number in range(6000)]
    root = decode_node(store.get(ObjectKind.TREE, build_directory(store, entries).digest))
    assert root.level == 1
    rows = list(root.children())  # type: ignore[union-attr]
    digests = split_digests(root.digests)
    for level, changed in [
        (2, rows),
        (1, [rows[0]._replace(name=b"00"), *rows[1:]]),
        (1, [rows[0], rows[1]._replace(digest=digests[0]), *rows[2:]]),
    ]:
        bad = store.put(ObjectKind.TREE, encode_inner(level, changed))
        with pytest.raises(Corrupt):
            list(iter_directory(store, bad))


def test_nodes_that_overlap_are_corrupt() -> None:
    """Two leaves whose ranges of names cross cannot be one sorted folder."""
    store = DictStore()
    rows = []
    for names in ((b"a", b"m"), (b"c", b"z")):
        leaf = build_directory(store, [file_entry(name) for name in names])
        rows.append(Child(names[-1], leaf.digest, 2, 0, 2))
    bad = store.put(ObjectKind.TREE, encode_inner(1, rows))
    with pytest.raises(Corrupt, match="overlaps"):
        list(iter_directory(store, bad))


class _Counted(DictStore):
    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return one object and count it."""
        self.read += 1
        return super().get(kind, digest)


@pytest.mark.parametrize("after", [b"", b"0", b"00000", b"12345", b"12345x", b"19998", b"19999", b"z"])
def test_a_listing_goes_on_behind_a_name(after: bytes) -> None:
    """The rest of a folder comes in order, also behind a name that is not there; a start is cheap."""
    store = _Counted()
    names = [b"%05d" % number for number in range(20_000)]
    root = build_directory(store, [file_entry(name, name) for name in names]).digest
    assert [entry.name for entry in iter_after(store, root, after)] == [n for n in names if n > after]

    store.read = 0
    assert [entry.name for entry in islice(iter_after(store, root, after), 3)] == [
        name for name in names if name > after
    ][:3]
    assert store.read <= 4


def test_the_entry_before_a_name_is_found_over_the_borders_of_nodes() -> None:
    """Each entry leads to the one before it, as does a name that is not there; few nodes are read."""
    store = _Counted()
    names = [b"%06d" % number for number in range(0, 6000, 2)]
    root = build_directory(store, [file_entry(name, name) for name in names]).digest
    assert decode_node(store.get(ObjectKind.TREE, root)).level > 0
    store.read = 0

    for at, name in enumerate(names):
        before = entry_before(store, root, name)
        assert (None if before is None else before.name) == (names[at - 1] if at else None)
    reads = store.read / len(names)
    absent, behind = entry_before(store, root, b"000003"), entry_before(store, root, b"z")

    assert reads < 3
    assert absent is not None
    assert absent.name == b"000002"
    assert behind is not None
    assert behind.name == names[-1]
    assert entry_before(store, EMPTY_TREE, b"x") is None


class _Remembering(_Batches):
    def __init__(self) -> None:
        super().__init__()
        self.nodes = NodeMemory(most=3 * (ROW + 1))


def test_nodes_that_are_kept_are_not_read() -> None:
    """As many as have room; the others are read, each in its place."""
    store = _Remembering()
    trees = [build_tree(store, {name: file_entry(name) for name in names}) for names in _FOLDERS]
    nodes = list(read_nodes(store, trees))
    store.nodes.keep(dict(zip(trees, nodes, strict=True)))
    store.batches.clear()

    assert list(read_nodes(store, [*trees, EMPTY_TREE])) == [*nodes, decode_node(EMPTY_PAYLOAD)]
    assert store.batches == [1]
    assert [digest in store.nodes for digest in trees] == [True, False, True]
    store.nodes.forget()
    assert list(store.nodes) == [EMPTY_TREE]


_FOLDERS = ((b"a", b"b"), (b"c", b"d"), (b"e",))
