"""Which versions of a table have a row: for questions about one example of data that lies in a table.

What the versions are is told by names: the table that was asked about, and every file of its name among what
runs and releases read. Each content is read once, however many runs read it, row by row.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from tether.core.digest import Digest, parse_digest
from tether.core.names import display, path_bytes
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, Inner, Node, split_digests
from tether.core.treeread import BATCH, find, read_nodes
from tether.errors import InvalidInput, TetherError
from tether.evals.needs import arrow, parquet
from tether.releases.reading import releases_of
from tether.repo.repository import Repository
from tether.runs.pinning import DATA, WORK
from tether.runs.reading import runs_of

_FIELD = 16 << 20
"""Bytes that a field of separated values, or a line of JSON, may have."""
_ROWS = 4096
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)
Row = Mapping[str, str]
"""Values by column, as they are written."""


@dataclass(slots=True)
class Versions:
    """Which versions of a table have a row.

    Attributes:
        having: Those that do, by digest, with the name of the table.
        read: How many versions were read.
        problems: Versions that could not be read, and records of runs and releases.
    """

    having: dict[Digest, bytes] = field(default_factory=dict)
    read: int = 0
    problems: list[TetherError] = field(default_factory=list)


def parse_row(words: Iterable[str], key: str | None, table: str) -> dict[str, str]:
    """Return the row that a user means by `COLUMN=VALUE`, or by a `VALUE` of the key.

    Args:
        words: What was written.
        key: The columns of the key, with commas; None where nobody said which they are.
        table: Its name, for messages.

    Raises:
        InvalidInput: A column is missing or named twice.
    """
    found: dict[str, str] = {}
    words = list(words)
    columns = [each for each in (key or "").split(",") if each]
    bare = [word for word in words if "=" not in word]
    if bare and len(bare) == len(words):
        if not columns:
            hint = (
                "write --row COLUMN=VALUE, or put a line such as 'labels.csv key=id' into .tetherattributes"
            )
            raise InvalidInput(f"{table} has no key", hint=hint)
        if len(bare) != len(columns):
            hint = f"give --row {len(columns)} times, for {', '.join(columns)}"
            raise InvalidInput(f"the key of {table} has {len(columns)} columns", hint=hint)
        return dict(zip(columns, bare, strict=True))
    for word in words:
        column, equals, value = word.partition("=")
        if not equals or not column or column in found:
            raise InvalidInput(
                f"not a value of a row: {word}", hint="write each column once, as COLUMN=VALUE"
            )
        found[column] = value
    return found


def find_versions(repository: Repository, table: Entry, name: bytes, row: Row) -> Versions:
    """Return which versions of a table have a row, among those that runs and releases read.

    Args:
        repository: Where.
        table: The version that was asked about.
        name: What the files are called that are versions of it.
        row: The values that all must be there, in one row.

    Raises:
        InvalidInput: It is no table, or no version has a column of that name.
        Unsupported: A package that reads it is not installed.
    """
    if table.kind == EntryKind.DIRECTORY:
        raise InvalidInput(f"{display(name)} is a folder", hint="name a table in it")
    reader = _reader_of(name)
    found, known = Versions(), set[str]()
    digests = {table.digest: None} if repository.objects.has(table.digest) else {}
    digests |= dict.fromkeys(_versions(repository, name, found.problems))
    for digest in digests:
        try:
            with _opened(repository, digest) as file:
                has = _has_row(reader(file, [*row]), row, known)
        except (TetherError, csv.Error, ValueError, RecursionError) as error:
            problem = error if isinstance(error, TetherError) else InvalidInput(str(error).splitlines()[0])
            found.problems.append(_named(problem, name, digest))
            continue
        found.read += 1
        if has:
            found.having[digest] = name
    lacking = [column for column in row if column not in known]
    if lacking and not found.problems:
        hint = f"columns are {', '.join(sorted(known)[:20])}" if known else None
        raise InvalidInput(f"no version of {display(name)} has a column {lacking[0]}", hint=hint)
    return found


def _named(problem: TetherError, name: bytes, digest: Digest) -> TetherError:
    """Return a problem that says of which version it is."""
    text = f"{display(name)} {digest.hex()[:12]} cannot be read: {problem}"
    return type(problem)(text, hint=problem.hint)


def _opened(repository: Repository, digest: Digest) -> io.BufferedReader:
    return io.BufferedReader(repository.contents.open(digest), 1 << 20)


# -- which versions there are ---------------------------------------------------------------


def _versions(repository: Repository, name: bytes, problems: list[TetherError]) -> Iterator[Digest]:
    """Yield the contents of files of a name that runs and releases read; some come twice.

    A file that was an input by itself lies under the name of the input, so records say what it was called.
    """
    folders: dict[Digest, None] = {}
    for run in runs_of(repository, problems):
        for each in run.record.data:
            if each.kind != "directory" and path_bytes(each.path).rpartition(b"/")[2] == name:
                yield parse_digest(each.digest)
        folders |= _folders(repository, run.tree, (DATA, WORK))
    for release in releases_of(repository, problems):
        for part in release.manifest.data:
            called = part.source.path if part.source is not None else part.path
            if part.kind != "directory" and path_bytes(called).rpartition(b"/")[2] == name:
                yield parse_digest(part.digest)
            elif part.kind == "directory" and repository.objects.has(parse_digest(part.digest)):
                folders[parse_digest(part.digest)] = None  # also of data that is named and not included
    yield from _files_named(repository, [*folders], name)


def _folders(repository: Repository, tree: Digest | None, names: Iterable[str]) -> dict[Digest, None]:
    if tree is None:
        return {}
    entries = (find(repository.objects, tree, name.encode()) for name in names)
    return {each.digest: None for each in entries if each is not None and each.kind == EntryKind.DIRECTORY}


def _files_named(repository: Repository, trees: list[Digest], name: bytes) -> Iterator[Digest]:
    """Yield the contents of all files of a name below some trees; each node is read once."""
    seen, waiting = {EMPTY_TREE, *trees}, trees
    while waiting:
        some, waiting = waiting[-BATCH:], waiting[:-BATCH]
        for node in read_nodes(repository.objects, some):
            for kind, digest in _below(node, name):
                if kind != EntryKind.DIRECTORY:
                    yield digest
                elif digest not in seen:
                    seen.add(digest)
                    waiting.append(digest)


def _below(node: Node, name: bytes) -> Iterator[tuple[EntryKind, Digest]]:
    """Yield the nodes below one, and its files of a name."""
    if isinstance(node, Inner):
        yield from ((EntryKind.DIRECTORY, digest) for digest in split_digests(node.digests))
        return
    for entry in node.entries():
        is_file = entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE) and entry.name == name
        if is_file or entry.kind == EntryKind.DIRECTORY:
            yield entry.kind, entry.digest


# -- rows -----------------------------------------------------------------------------------

_Rows = Iterator[Mapping[str, Any]]
_Reader = Callable[[BinaryIO, list[str]], _Rows]
"""Yields the rows of a table; a row of None says first which columns there are, where a heading does."""


def _reader_of(name: bytes) -> _Reader:
    """Return what reads the tables of a name.

    Raises:
        InvalidInput: It is no table.
    """
    ending = name.rpartition(b".")[2].lower()
    readers: dict[bytes, _Reader] = {
        b"csv": lambda file, _: _separated(file, ","),
        b"tsv": lambda file, _: _separated(file, "\t"),
        b"jsonl": lambda file, _: _lines(file),
        b"ndjson": lambda file, _: _lines(file),
        b"parquet": _parquet,
    }
    if ending not in readers:
        hint = "rows are looked for in .csv, .tsv, .jsonl, .ndjson and .parquet"
        raise InvalidInput(f"{display(name)} is no table", hint=hint)
    return readers[ending]


def _separated(file: BinaryIO, separator: str) -> _Rows:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    before = csv.field_size_limit(_FIELD)
    try:
        rows = csv.reader(text, delimiter=separator)
        heading = next(rows, [])
        yield dict.fromkeys(heading)
        for row in rows:
            yield dict(zip(heading, row, strict=False))
    finally:
        csv.field_size_limit(before)


def _lines(file: BinaryIO) -> _Rows:
    while line := file.readline(_FIELD):
        if not line.strip():
            continue
        row = json.loads(line)
        if not isinstance(row, dict):
            raise InvalidInput("a line is no object")
        yield row


def _parquet(file: BinaryIO, columns: list[str]) -> _Rows:
    exception = arrow().ArrowException
    try:
        table = parquet().ParquetFile(file)
        names = table.schema_arrow.names
        yield dict.fromkeys(names)
        wanted = [each for each in columns if each in names]
        if len(wanted) == len(columns):
            for batch in table.iter_batches(_ROWS, columns=wanted):
                yield from batch.to_pylist()
    except exception as error:
        raise InvalidInput(str(error).splitlines()[0]) from None


def _has_row(rows: _Rows, row: Row, known: set[str]) -> bool:
    """Say whether one of some rows has all values; notes which columns there are."""
    for each in rows:
        if not each.keys() <= known:
            known.update(each)
        if all(column in each and is_written(each[column], text) for column, text in row.items()):
            return True
    return False


def is_written(value: object, text: str) -> bool:
    """Say whether a value is what somebody wrote: the same text or number; null is no value."""
    if value is None:
        return False
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    if isinstance(value, int | float):
        return str(value) == text or (_NUMBER.match(text) is not None and float(text) == value)
    if isinstance(value, bytes):
        return value == text.encode()
    return str(value) == text
