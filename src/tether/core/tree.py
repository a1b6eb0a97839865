"""Tree nodes: the rows of a folder, the bytes of a node, and the rule that says where a node ends.

A folder is a sorted list of entries cut into leaves; the leaves are rows of inner nodes, cut by the
same rule, until one node is left. Where a node ends depends on the names alone, so the same entries
have the same digest whatever the order of the edits that led to them.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from functools import partial
from itertools import chain, repeat
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zlib import crc32

from tether.core.codec import decode, encode, pack_u16, pack_u64, unpack_u16, unpack_u64
from tether.core.digest import DIGEST_SIZE, Buffer, Digest
from tether.core.kinds import ObjectKind, object_digest
from tether.core.rownames import cut_names, problem_of
from tether.core.rownames_pure import MASK, MULTIPLIER, SHIFT
from tether.errors import Corrupt, InvalidInput

if TYPE_CHECKING:
    from array import array

VERSION = 1
MAX_ROWS = 2048
"""A node ends after so many rows whatever their names, so that crafted names cannot make it grow."""
MAX_LEVEL = 63
MAX_NAME = 1020
"""Bytes in one name; every file system that we know allows fewer."""

_TOTAL_LIMIT = 2**64
_ROWS = Struct(f"{DIGEST_SIZE}s")


class EntryKind(IntEnum):
    """What an entry is; the numbers are part of the format."""

    FILE = 0
    EXECUTABLE = 1
    SYMLINK = 2
    DIRECTORY = 3


_KINDS = tuple(EntryKind)


class Entry(NamedTuple):
    """One name in a folder."""

    name: bytes
    kind: EntryKind
    size: int
    """Bytes of the file, of the target of the link, or of everything below the folder."""
    digest: Digest
    """Of the content, of the target of the link, or of the folder's tree."""
    files: int = 1
    """Files and links below a folder; 1 for everything else."""


class Child(NamedTuple):
    """One row of an inner node: a node of the level below."""

    name: bytes
    """The last name below the child."""
    digest: Digest
    files: int
    bytes: int
    entries: int
    """Entries of this folder below the child, not counting what is in its folders."""


class Leaf(NamedTuple):
    """A decoded node of level 0, by columns."""

    names: list[bytes]
    kinds: bytes
    sizes: "array[int]"
    digests: bytes
    totals: "array[int]"
    """Files below, for the folders only, in order."""

    @property
    def level(self) -> int:
        """Always 0."""
        return 0

    def entries(self) -> Iterable[Entry]:
        """Return the rows in order; they can be taken once."""
        kinds = map(_KINDS.__getitem__, self.kinds)
        files: Iterable[int] = repeat(1)
        if self.totals:
            totals = iter(self.totals)
            files = [next(totals) if kind == EntryKind.DIRECTORY else 1 for kind in self.kinds]
        columns = zip(self.names, kinds, self.sizes, split_digests(self.digests), files, strict=False)
        return map(_entry, columns)

    def entry(self, index: int) -> Entry:
        """Return one row."""
        kind = _KINDS[self.kinds[index]]
        files = self.totals[self.kinds.count(kind, 0, index)] if kind == EntryKind.DIRECTORY else 1
        return Entry(self.names[index], kind, self.sizes[index], digest_at(self.digests, index), files)

    def total(self, digest: Digest) -> Child:
        """Return the row that stands for this node one level up."""
        files = len(self.names) - len(self.totals) + sum(self.totals)
        name = self.names[-1] if self.names else b""
        return Child(name, digest, files, sum(self.sizes), len(self.names))


class Inner(NamedTuple):
    """A decoded node of level 1 or more, by columns."""

    level: int
    names: list[bytes]
    digests: bytes
    files: "array[int]"
    bytes: "array[int]"
    entries: "array[int]"

    def children(self) -> Iterable[Child]:
        """Return the rows in order; they can be taken once."""
        return map(Child, self.names, split_digests(self.digests), self.files, self.bytes, self.entries)

    def total(self, digest: Digest) -> Child:
        """Return the row that stands for this node one level up."""
        return Child(self.names[-1], digest, sum(self.files), sum(self.bytes), sum(self.entries))


Node: TypeAlias = Leaf | Inner


_entry = partial(tuple.__new__, Entry)
"""Makes an entry of five values without a call of a Python function: twice as fast for a million."""


def zip_entries(
    names: Iterable[bytes], kinds: Iterable[EntryKind], sizes: Iterable[int], digests: Iterable[Digest]
) -> Iterable[Entry]:
    """Return the entries of files and links given by columns; they can be taken once."""
    return map(_entry, zip(names, kinds, sizes, digests, repeat(1), strict=False))


def split_digests(column: bytes) -> list[Digest]:
    """Cut a column into digests; the last one is short where the column has a wrong length."""
    if len(column) % DIGEST_SIZE:
        return [Digest(column[at : at + DIGEST_SIZE]) for at in range(0, len(column), DIGEST_SIZE)]
    # A third of the time: trees have millions of rows.
    return list(chain.from_iterable(_ROWS.iter_unpack(column)))


def digest_at(column: bytes, index: int) -> Digest:
    """Return the digest of one row."""
    return Digest(column[index * DIGEST_SIZE : (index + 1) * DIGEST_SIZE])


def is_cut(name: bytes, level: int) -> bool:
    """Say whether a node of `level` ends after the row `name`, about one row in 512."""
    return not (crc32(name, level) * MULTIPLIER & MASK) >> SHIFT


def find_ends(names: Sequence[bytes], level: int) -> list[int]:
    """Return where nodes end in rows that begin a node; rows after the last end are not finished."""
    true_ends = [
        at for at, name in enumerate(names, 1) if not (crc32(name, level) * MULTIPLIER & MASK) >> SHIFT
    ]
    ends: list[int] = []
    start = 0
    for end in true_ends:
        ends.extend(range(start + MAX_ROWS, end, MAX_ROWS))
        ends.append(end)
        start = end
    ends.extend(range(start + MAX_ROWS, len(names) + 1, MAX_ROWS))
    return ends


def name_problem(name: bytes) -> str | None:
    """Say what is wrong with one name, or None."""
    return problem_of([name], MAX_NAME)


def encode_leaf(rows: Sequence[Entry]) -> bytes:
    """Return the bytes of a node of level 0.

    Raises:
        InvalidInput: The rows are not sorted, or hold what the format cannot say.
    """
    names, kinds, sizes, digests, files = zip(*rows, strict=True) if rows else ((),) * 5
    try:
        kind_column, size_column = bytes(kinds), pack_u64(sizes)
        totals = [row[4] for row in rows if row[1] == EntryKind.DIRECTORY] if 3 in kind_column else []
        if max(kind_column, default=0) >= len(_KINDS):
            raise InvalidInput("a folder would hold an entry of an unknown kind")
        if sum(files) != len(rows) - len(totals) + sum(totals):
            raise InvalidInput("only a folder can stand for a number of files other than one")
        if sum(sizes) >= _TOTAL_LIMIT or sum(totals) >= _TOTAL_LIMIT:
            raise InvalidInput("a folder would be larger than 2^64 bytes or files")
        columns = [kind_column, size_column, _digest_column(digests), pack_u64(totals)]
    except (OverflowError, ValueError, TypeError):
        raise InvalidInput("a folder would hold a size or kind that is out of range") from None
    return encode([VERSION, 0, *_name_columns(names), *columns])


def encode_inner(level: int, rows: Sequence[Child]) -> bytes:
    """Return the bytes of a node of level 1 or more; errors as for `encode_leaf`."""
    names, digests, *totals = zip(*rows, strict=True)
    if not 0 < level <= MAX_LEVEL:
        raise InvalidInput(f"a folder would need {level} levels of nodes")
    if any(sum(column) >= _TOTAL_LIMIT for column in totals):
        raise InvalidInput("a folder would be larger than 2^64 bytes or files")
    columns = [_digest_column(digests), *map(pack_u64, totals)]
    return encode([VERSION, level, *_name_columns(names), *columns])


def _name_columns(names: Sequence[bytes]) -> tuple[bytes, bytes]:
    problem = problem_of(names, MAX_NAME)
    if problem:
        raise InvalidInput(f"a folder would hold {problem}")
    return pack_u16(map(len, names)), b"".join(names)


def _digest_column(digests: Sequence[bytes]) -> bytes:
    if any(len(digest) != DIGEST_SIZE for digest in digests):
        raise InvalidInput("a folder would hold a digest of the wrong length")
    return b"".join(digests)


def decode_node(data: Buffer) -> Node:
    """Read the bytes of a node.

    Raises:
        Corrupt: They are not a node in canonical form with sorted, valid names.
    """
    level, lengths, joined, columns = _read_fields(data)
    names = _read_names(lengths, joined)
    if len(names) > MAX_ROWS:
        raise damaged(f"has more than {MAX_ROWS} rows")
    return _read_leaf(names, columns) if level == 0 else _read_inner(level, names, columns)


def _read_fields(data: Buffer) -> tuple[int, Any, Any, list[Any]]:
    """Return the level of a node, the lengths of its names, these, and the columns behind them."""
    fields = decode(data, "tree node")
    if type(fields) is not list or len(fields) != 8:
        raise damaged("is not an array of eight")
    version, level, lengths, joined, *columns = fields
    if type(version) is not int or version != VERSION:
        raise damaged("has an unknown version")
    if type(level) is not int or not 0 <= level <= MAX_LEVEL:
        raise damaged("has an unknown level")
    return level, lengths, joined, columns


class Rows(NamedTuple):
    """What a node names, without the names."""

    files: bytes
    """Digests of files and links, one after the other."""
    below: list[Digest]
    """Folders of a node of level 0; the nodes below one of another level."""
    long: list[Digest]
    """Those of the files that are at least as long as was asked for."""
    names: tuple[int, bytes, bytes, bytes]
    """Equal for nodes of one level that have the same names of the same kinds, in the same order."""


def decode_rows(data: Buffer, least: int = _TOTAL_LIMIT) -> Rows:
    """Read what a node names, for whoever follows digests alone: in a third of the time of `decode_node`.

    Whether the names are such as a node may have is not looked at: that is for those who receive a node.

    Args:
        data: The bytes of the node.
        least: From how many bytes on a file is called long.

    Raises:
        Corrupt: They are not a node in canonical form, apart from its names.
    """
    level, lengths, joined, columns = _read_fields(data)
    blank = [b""] * len(unpack_u16(lengths, "tree node"))
    if level:
        below = split_digests(_read_inner(level, blank, columns).digests)
        return Rows(b"", below, [], (level, lengths, joined, b""))
    leaf = _read_leaf(blank, columns)
    names = level, lengths, joined, leaf.kinds
    long = _long_in(leaf, least)
    if not leaf.totals:
        return Rows(leaf.digests, [], long, names)
    sorted_out = list[Digest](), list[Digest]()
    for kind, digest in zip(leaf.kinds, split_digests(leaf.digests), strict=True):
        sorted_out[kind == EntryKind.DIRECTORY].append(digest)
    return Rows(b"".join(sorted_out[0]), sorted_out[1], long, names)


def rows_from(node: Node, least: int) -> list[int]:
    """Return the rows of a node, of files and folders or of nodes, that have at least so many bytes."""
    sizes = node.bytes if isinstance(node, Inner) else node.sizes
    if max(sizes, default=0) < least:
        return []
    return [index for index, size in enumerate(sizes) if size >= least]


def _long_in(leaf: Leaf, least: int) -> list[Digest]:
    rows = rows_from(leaf, least)
    return [digest_at(leaf.digests, at) for at in rows if leaf.kinds[at] != EntryKind.DIRECTORY]


def damaged(problem: str) -> Corrupt:
    """Return the error for a node with a fault."""
    return Corrupt(f"tree node {problem}", hint="run `tether fsck`")


def _read_names(lengths: Any, joined: Any) -> list[bytes]:
    sizes = unpack_u16(lengths, "tree node")
    try:
        names = cut_names(sizes, joined)
    except (ValueError, TypeError):
        raise damaged("has names of the wrong length") from None
    problem = problem_of(names, MAX_NAME)
    if problem:
        raise damaged(f"holds {problem}")
    return names


def _read_leaf(names: list[bytes], columns: list[Any]) -> Leaf:
    kinds, sizes, digests, totals = columns
    if type(kinds) is not bytes or len(kinds) != len(names) or max(kinds, default=0) >= len(_KINDS):
        raise damaged("has unknown kinds")
    folders = kinds.count(EntryKind.DIRECTORY)
    size_column = _read_totals(sizes, len(names))
    return Leaf(names, kinds, size_column, _read_digests(digests, len(names)), _read_totals(totals, folders))


def _read_inner(level: int, names: list[bytes], columns: list[Any]) -> Inner:
    digests, files, sizes, entries = columns
    count = len(names)
    if not count:
        raise damaged("of an upper level has no rows")
    digest_column = _read_digests(digests, count)
    file_column, byte_column = _read_totals(files, count), _read_totals(sizes, count)
    return Inner(level, names, digest_column, file_column, byte_column, _read_totals(entries, count))


def _read_digests(column: Any, count: int) -> bytes:
    if type(column) is not bytes or len(column) != count * DIGEST_SIZE:
        raise damaged("has a column of digests of the wrong length")
    return column


def _read_totals(column: Any, count: int) -> "array[int]":
    values = unpack_u64(column, "tree node")
    if len(values) != count or sum(values) >= _TOTAL_LIMIT:
        raise damaged("has a column of numbers that is out of range")
    return values


def node_encoder(level: int) -> Callable[[Sequence[Any]], bytes]:
    """Return what turns the rows of a node of `level` into bytes."""
    return encode_leaf if level == 0 else lambda rows: encode_inner(level, rows)


EMPTY_PAYLOAD = encode_leaf(())
"""Bytes of the folder with nothing in it."""

EMPTY_TREE = object_digest(ObjectKind.TREE, EMPTY_PAYLOAD)
"""Digest of the folder with nothing in it."""
