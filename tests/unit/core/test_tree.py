"""Nodes: their bytes, the rule of the cut, and refusal of everything that is not canonical."""

import re
from typing import Any

import msgspec
import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.objects import file_entry, folders
from tests.support.pages import hex_blocks, page

from tether.core.digest import Digest, hash_bytes
from tether.core.rownames import goes_on_after_cut
from tether.core.tree import (
    EMPTY_TREE,
    MAX_NAME,
    MAX_ROWS,
    Child,
    Entry,
    EntryKind,
    Inner,
    Leaf,
    decode_node,
    encode_inner,
    encode_leaf,
    find_ends,
    is_cut,
    name_problem,
)
from tether.errors import Corrupt, InvalidInput

ONES = Digest(b"\x11" * 32)
TWOS = Digest(b"\x22" * 32)
ROWS = [
    Entry(b"a.txt", EntryKind.FILE, 3, ONES),
    Entry(b"dir", EntryKind.DIRECTORY, 500, TWOS, 7),
    Entry(b"run", EntryKind.EXECUTABLE, 2, ONES),
    Entry(b"to", EntryKind.SYMLINK, 5, TWOS),
]


def _u64(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little") for value in values)


def _leaf_fields() -> list[Any]:
    return [
        1,
        0,
        bytes.fromhex("0500 0300 0300 0200"),
        b"a.txtdirrunto",
        bytes([0, 3, 1, 2]),
        _u64(3, 500, 2, 5),
        ONES + TWOS + ONES + TWOS,
        _u64(7),
    ]


def _inner_fields() -> list[Any]:
    columns = [ONES + TWOS, _u64(3, 1), _u64(10, 1), _u64(2, 1)]
    return [1, 1, bytes.fromhex("0100 0200"), b"bcd", *columns]


def test_a_leaf_is_the_array_that_the_format_page_names() -> None:
    """The columns are in the order of the page."""
    assert encode_leaf(ROWS) == msgspec.msgpack.encode(_leaf_fields())


def test_an_inner_node_is_the_array_that_the_format_page_names() -> None:
    """The columns are in the order of the page."""
    rows = [Child(b"b", ONES, 3, 10, 2), Child(b"cd", TWOS, 1, 1, 1)]
    assert encode_inner(1, rows) == msgspec.msgpack.encode(_inner_fields())


def test_a_leaf_is_read_back_by_row_and_as_a_whole() -> None:
    """The entries are those that were written, with the totals of the folders in their places."""
    leaf = decode_node(encode_leaf(ROWS))
    assert isinstance(leaf, Leaf)
    assert list(leaf.entries()) == ROWS
    assert [leaf.entry(index) for index in range(4)] == ROWS
    assert leaf.total(ONES) == Child(b"to", ONES, 10, 510, 4)
    assert all(type(entry) is Entry and type(entry.kind) is EntryKind for entry in leaf.entries())


def test_an_inner_node_is_read_back() -> None:
    """The children are those that were written, and the totals are their sums."""
    node = decode_node(msgspec.msgpack.encode(_inner_fields()))
    assert isinstance(node, Inner)
    assert list(node.children()) == [Child(b"b", ONES, 3, 10, 2), Child(b"cd", TWOS, 1, 1, 1)]
    assert node.total(TWOS) == Child(b"cd", TWOS, 4, 11, 3)


@settings(max_examples=40)
@given(folders())
def test_any_leaf_round_trips(rows: list[Entry]) -> None:
    """Decoding gives back what was encoded."""
    leaf = decode_node(encode_leaf(rows))
    assert isinstance(leaf, Leaf)
    assert list(leaf.entries()) == rows


def test_the_empty_folder_has_a_fixed_digest() -> None:
    """The constant is the digest of the leaf without rows, written out here by hand."""
    payload = bytes.fromhex("98 01 00 c400 c400 c400 c400 c400 c400")
    assert blake3(payload, derive_key_context="tether 2026 tree v1").digest() == EMPTY_TREE


def _reference_crc(name: bytes, start: int) -> int:
    """The checksum of zlib, bit by bit."""
    value = start ^ 0xFFFFFFFF
    for byte in name:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xEDB88320 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_cut_is_the_rule_of_the_format_page(level: int) -> None:
    """A second writing of the rule agrees for thousands of names, and cuts about one in 512."""
    names = [b"img_%05d.jpg" % number for number in range(6000)]
    expected = [(_reference_crc(name, level) * 0x9E3779B97F4A7C15) % 2**64 < 2**55 for name in names]
    assert [is_cut(name, level) for name in names] == expected
    assert 3 <= sum(expected) <= 30


def test_ends_come_at_cuts_and_at_the_maximum() -> None:
    """A second writing of the rule, row by row, agrees on long runs with and without cuts."""
    plain = [name for name in (b"%06d" % n for n in range(8000)) if not is_cut(name, 0)]
    cut = next(name for name in (b"%06d" % n for n in range(5000)) if is_cut(name, 0))
    for names in (
        plain[: MAX_ROWS - 1],
        plain[:MAX_ROWS],
        [*plain[: MAX_ROWS - 1], cut],
        [*plain[:MAX_ROWS], cut, *plain[: 2 * MAX_ROWS]],
        [b"%06d" % number for number in range(8000)],
        [],
    ):
        expected: list[int] = []
        start = 0
        for end, name in enumerate(names, 1):
            if is_cut(name, 0) or end - start == MAX_ROWS:
                expected.append(end)
                start = end
        assert find_ends(names, 0) == expected


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"a\0", b"x" * (MAX_NAME + 1)])
def test_bad_names_are_refused_when_written_and_when_read(name: bytes) -> None:
    """A name that is no single component never gets into a tree, and never out of one."""
    assert name_problem(name)
    with pytest.raises(InvalidInput):
        encode_leaf([file_entry(name)])
    fields = [1, 0, len(name).to_bytes(2, "little"), name, b"\0", _u64(0), ONES, b""]
    with pytest.raises(Corrupt):
        decode_node(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize("name", [b"...", b".a", b"\xff\xfe", b"a\nb", b"x" * MAX_NAME, b" "])
def test_any_other_bytes_are_a_name(name: bytes) -> None:
    """Names are bytes; what a shell or a terminal makes of them is not the format's business."""
    assert name_problem(name) is None
    assert decode_node(encode_leaf([file_entry(name)])).names == [name]


@pytest.mark.parametrize(
    "rows",
    [
        [file_entry(b"b"), file_entry(b"a")],
        [file_entry(b"a"), file_entry(b"a")],
        [Entry(b"a", EntryKind.FILE, -1, ONES)],
        [Entry(b"a", EntryKind.FILE, 2**64, ONES)],
        [Entry(b"a", EntryKind.FILE, 1, Digest(b"short"))],
        [Entry(b"a", EntryKind.FILE, 1, ONES, 2)],
        [Entry(b"a", EntryKind.DIRECTORY, 1, ONES, -1)],
        [Entry(b"a", EntryKind.FILE, 2**63, ONES), Entry(b"b", EntryKind.FILE, 2**63, ONES)],
        [Entry(b"a", 4, 1, ONES)],  # type: ignore[arg-type]
        [Entry(b"a", 300, 1, ONES)],  # type: ignore[arg-type]
    ],
)
def test_rows_that_the_format_cannot_say_are_refused(rows: list[Entry]) -> None:
    """A writer cannot make a node that a reader would refuse."""
    with pytest.raises(InvalidInput):
        encode_leaf(rows)


@pytest.mark.parametrize(
    ("level", "row"),
    [
        (0, Child(b"a", ONES, 1, 1, 1)),
        (64, Child(b"a", ONES, 1, 1, 1)),
        (1, Child(b"a", Digest(b""), 1, 1, 1)),
        (1, Child(b"a", ONES, 2**64, 1, 1)),
    ],
)
def test_children_that_the_format_cannot_say_are_refused(level: int, row: Child) -> None:
    """Levels and totals of inner nodes have bounds too."""
    with pytest.raises(InvalidInput):
        encode_inner(level, [row])


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, 2),
        (0, b"1"),
        (1, 64),
        (1, -1),
        (1, None),
        (2, b"\x05\x00\x03"),
        (2, bytes.fromhex("0500 0300 0300 0300")),
        (2, bytes.fromhex("0500 0300 0500")),
        (2, bytes.fromhex("0500 0600 0000 0200")),
        (3, "a.txtdirrunto"),
        (3, b"b.txtdirrunaa"),
        (3, b"a.txtdirdirto"),
        (4, bytes([0, 3, 1, 4])),
        (4, bytes([0, 3, 1])),
        (4, bytes([0, 1, 1, 2])),
        (4, None),
        (5, _u64(3, 500, 2)),
        (5, _u64(2**64 - 1, 500, 2, 5)),
        (6, ONES + TWOS + ONES),
        (6, None),
        (7, b""),
        (7, _u64(7, 7)),
    ],
)
def test_a_damaged_column_of_a_leaf_is_corrupt(position: int, value: object) -> None:
    """Each column has one length and one range."""
    fields = _leaf_fields()
    fields[position] = value
    with pytest.raises(Corrupt):
        decode_node(msgspec.msgpack.encode(fields))


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (2, b""),
        (3, b"bcdd"),
        (3, b"dcd"),
        (4, ONES),
        (5, _u64(2**64 - 1, 1)),
        (6, _u64(1)),
        (7, None),
    ],
)
def test_a_damaged_column_of_an_inner_node_is_corrupt(position: int, value: object) -> None:
    """Each column has one length and one range; there is at least one row."""
    fields = _inner_fields()
    fields[position] = value
    with pytest.raises(Corrupt):
        decode_node(msgspec.msgpack.encode(fields))


def test_an_inner_node_without_rows_is_corrupt() -> None:
    """Only a leaf can be empty."""
    with pytest.raises(Corrupt, match="no rows"):
        decode_node(msgspec.msgpack.encode([1, 1, b"", b"", b"", b"", b"", b""]))


def test_a_node_with_too_many_rows_is_corrupt() -> None:
    """The maximum binds readers too."""
    rows = [Entry(b"%06d" % number, EntryKind.FILE, 0, ONES) for number in range(MAX_ROWS + 1)]
    with pytest.raises(Corrupt, match="more than"):
        decode_node(encode_leaf(rows))


@pytest.mark.parametrize(
    "data", [b"", b"\x01", b"\x90", b"\x97\x01\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00\xc4\x00"]
)
def test_other_values_are_corrupt(data: bytes) -> None:
    """A node is an array of eight and nothing else."""
    with pytest.raises(Corrupt):
        decode_node(data)


@settings(max_examples=200)
@given(st.sampled_from([_leaf_fields(), _inner_fields()]), st.integers(0, 400), st.integers(1, 255))
def test_a_flipped_byte_gives_another_node_or_is_corrupt(
    fields: list[Any], position: int, change: int
) -> None:
    """Damage is refused or is the exact encoding of another node; nothing else is raised."""
    data = bytearray(msgspec.msgpack.encode(fields))
    data[position % len(data)] ^= change
    try:
        node = decode_node(bytes(data))
    except Corrupt:
        return
    if isinstance(node, Leaf):
        assert encode_leaf(list(node.entries())) == bytes(data)
    else:
        assert encode_inner(node.level, list(node.children())) == bytes(data)


def test_the_digest_of_a_link_is_that_of_its_target() -> None:
    """Test support builds links as the format says."""
    assert file_entry(b"l", b"to", EntryKind.SYMLINK).digest == hash_bytes(b"to")


def test_the_examples_of_the_format_page_hold() -> None:
    """The bytes and digests on the page are those of the folders that it tells of."""
    leaf, empty, inner = hex_blocks("tree")
    hello = blake3(b"hello\n").digest()
    rows = [
        Entry(b"README", EntryKind.FILE, 6, Digest(hello)),
        Entry(b"data", EntryKind.DIRECTORY, 0, EMPTY_TREE, 0),
        Entry(b"latest", EntryKind.SYMLINK, 6, Digest(blake3(b"README").digest())),
        Entry(b"run.sh", EntryKind.EXECUTABLE, 6, Digest(hello)),
    ]
    assert encode_leaf(rows) == leaf
    assert encode_leaf(()) == empty
    assert encode_inner(1, [Child(b"README", ONES, 1, 6, 1), Child(b"run.sh", TWOS, 2, 12, 3)]) == inner
    for payload in (leaf, empty):
        assert f"`{blake3(payload, derive_key_context='tether 2026 tree v1').hexdigest()}`" in page("tree")


def test_the_cuts_on_the_format_page_hold() -> None:
    """Each row of the table is what the rule gives."""
    rows = re.findall(
        r"^\| `(.+?)` \| (\d) \| `(.+?)` \| `(.+?)` \| (yes|no) \|$", page("tree"), re.MULTILINE
    )
    assert len(rows) == 4
    for name, level, crc, product, cut in rows:
        assert _reference_crc(name.encode(), int(level)) == int(crc, 16)
        assert int(crc, 16) * 0x9E3779B97F4A7C15 % 2**64 == int(product, 16)
        assert is_cut(name.encode(), int(level)) == (cut == "yes") == (int(product, 16) < 2**55)


@pytest.mark.parametrize("level", [0, 1, 63])
def test_a_row_before_the_last_that_must_end_a_node(level: int) -> None:
    """It is found wherever it is; the last one, and a node of no rows, go on after none."""
    names = [b"%d" % number for number in range(3000)]
    ends = [at for at, name in enumerate(names) if is_cut(name, level)]
    assert ends
    start = 0
    for end in ends:
        assert not goes_on_after_cut(names[start : end + 1], level)
        assert goes_on_after_cut(names[start : end + 2], level)
        start = end + 1
    assert not goes_on_after_cut([], level)
