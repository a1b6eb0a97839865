"""Makes the profile of files: each is read once, in blocks, and what was read of it is merged."""

import codecs
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

from tether.core.namekinds import DataKind, kind_of_name
from tether.core.names import path_bytes
from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput, Unsupported
from tether.releases.profiles import arrays, reading
from tether.releases.profiles.bounded import MOST_DIFFERENT, Damages, Different, Least
from tether.releases.profiles.document import (
    FORMAT,
    VERSION,
    Counts,
    Damage,
    Damaged,
    Files,
    Kind,
    Profile,
    Texts,
)
from tether.releases.profiles.pictures import Pictures
from tether.releases.profiles.spread import Spread, counts_of

MOST_FOLDERS = 1000
MOST_TABLES, MOST_ARRAYS, MOST_NAMED, MOST_DAMAGED = 20, 200, 50, 100
"""Tables and arrays that are told, and kept while files are read; arrays up to which each has its file;
damaged files that are named. `MOST_NAMED` is at most `MOST_ARRAYS`."""
_BLOCK = 1 << 20


class Item(NamedTuple):
    """A file.

    Attributes:
        path: Below what the profile is of, or its name.
        size: Bytes.
        open: Opens it.
        digest: Gives the digest of its content.
    """

    path: str
    size: int
    open: Callable[[], BinaryIO]
    digest: Callable[[], bytes]


def make_profile(
    items: Iterable[Item], labels: Iterable[str] = (), progress: Progress = SILENT, *, folder: bool
) -> Profile:
    """Return the profile of files.

    Args:
        items: The files, in any order; names of tables and arrays come out in the order of paths.
        labels: Columns that are labels, whatever they are called.
        progress: Told of the bytes.
        folder: Whether they are those of a folder; else there is one.

    Raises:
        InvalidInput: No table has a column of a label.
        Unsupported: A package that reads one of the files is not installed, or a single file is of no form
            that is read.
    """
    maker = _Maker(frozenset(labels))
    progress.start("profiling", None, "bytes")
    for item in items:
        maker.add(item)
        progress.advance(item.size)
    progress.finish()
    return maker.told(folder=folder)


class _Maker:
    def __init__(self, labels: frozenset[str]) -> None:
        self._labels, self._missing = labels, set(labels)
        self._files = self._bytes = self._read = self._elsewhere = 0
        self._sizes, self._characters, self._lines = Spread(), Spread(), Spread()
        self._kinds: dict[str, list[int]] = {}
        self._folders: dict[str, int] = {}
        self._tables: dict[tuple[str, ...], reading.Table] = {}
        self._more_tables, self._more_arrays = Different(), Different()
        self._arrays: list[arrays.Array] = []
        self._joined: dict[str, arrays.Array] = {}
        self._pictures = Pictures()
        self._damaged: Damages = Least(lambda each: each.path, MOST_DAMAGED)

    def add(self, item: Item) -> None:
        """Take a file."""
        self._files += 1
        self._bytes += item.size
        self._sizes.one(item.size)
        kind = kind_of_name(path_bytes(item.path))
        counted = self._kinds.setdefault(kind, [0, 0])
        counted[0] += 1
        counted[1] += item.size
        folder, slash, _ = item.path.partition("/")
        if slash:
            self._count_in(folder)
        try:
            self._read += self._look(item, kind)
        except InvalidInput as error:
            self._damaged.add(Damage(item.path, str(error)))

    def _count_in(self, folder: str) -> None:
        self._folders[folder] = self._folders.get(folder, 0) + 1
        if len(self._folders) >= 2 * MOST_DIFFERENT:  # so that sorting costs little for each
            self._cut_folders()

    def _cut_folders(self) -> None:
        """Keep the folders whose names come first; files of others are counted, in one folder at least."""
        for folder in sorted(self._folders)[MOST_DIFFERENT:]:
            self._elsewhere += self._folders.pop(folder)

    def _look(self, item: Item, kind: DataKind) -> bool:
        """Look into a file; False for one of a form that is not looked into."""
        ending = item.path.lower().rpartition(".")[2]
        if ending in reading.ENDINGS:
            with item.open() as file:
                self._take_table(reading.read_table(ending, file))
        elif ending in arrays.ENDINGS:
            with item.open() as file:
                self._take_arrays(_arrays(item.path, file))
        elif kind == DataKind.IMAGES:
            return self._pictures.add(item.path, item.digest, item.size, lambda size: _start(item, size))
        elif kind == DataKind.TEXT:
            with item.open() as file:
                characters, lines = _lengths(file)
            self._characters.one(characters)
            self._lines.one(lines)
        else:
            return False
        return True

    def _take_table(self, table: reading.Table) -> None:
        if not table.columns:
            return
        self._missing.difference_update(table.columns)
        if table.key in self._tables:
            self._tables[table.key].merge(table)
        elif len(self._tables) < MOST_TABLES:
            self._tables[table.key] = table
        else:
            self._more_tables.add(table.key)

    def _take_arrays(self, found: list[arrays.Array]) -> None:
        """Take arrays: by their files while they are few, else only by what they have in common."""
        if self._joined or len(self._arrays) + len(found) > MOST_NAMED:
            for each in [*self._arrays, *found]:
                self._join(each)
            self._arrays = []
        else:
            self._arrays += found

    def _join(self, array: arrays.Array) -> None:
        """Take an array where there are many: those whose keys come first are kept, others are counted."""
        key = str(array.key)
        if key in self._joined:
            self._joined[key].merge(array)
            return
        self._joined[key] = array
        if len(self._joined) > MOST_ARRAYS:
            last = max(self._joined)  # never comes back: all that are kept come before it
            self._more_arrays.add(self._joined.pop(last).key)

    def _told_files(self) -> Files:
        kinds = {name: Kind(files, size) for name, (files, size) in sorted(self._kinds.items())}
        folders = counts_of(self._folders, MOST_FOLDERS)
        if self._elsewhere:
            folders = Counts(folders.values, folders.more + 1, folders.count + self._elsewhere)
        return Files(self._files, self._bytes, self._sizes.told(), kinds, folders, self._read)

    def told(self, *, folder: bool) -> Profile:
        """Return the profile."""
        if not folder and not self._read and not self._damaged.count:
            hint = "tables, arrays, pictures, texts and folders of them are"
            raise Unsupported("a file of this form is not looked into", hint=hint)
        self._cut_folders()
        pictures = self._pictures.told(self._damaged)
        if self._missing:
            raise InvalidInput(
                f"no table has a column {min(self._missing)}", hint="name one with --label that is there"
            )
        every = [*self._joined.values()] or self._arrays
        ordered = sorted(every, key=lambda each: ("" if self._joined else each.path, str(each.key)))
        return Profile(
            format=FORMAT,
            version=VERSION,
            files=self._told_files() if folder else None,
            tables=tuple(each.told(self._labels) for each in self._tables.values()),
            more_tables=self._more_tables.count,
            arrays=tuple(each.told(named=not self._joined) for each in ordered),
            more_arrays=self._more_arrays.count,
            at_least=self._more_tables.at_least or self._more_arrays.at_least or self._elsewhere > 0,
            images=pictures,
            texts=(
                Texts(self._lines.count, self._characters.told(), self._lines.told())
                if self._lines.count
                else None
            ),
            damaged=Damaged(self._damaged.count, self._damaged.first()),
        )


def _arrays(path: str, file: BinaryIO) -> list[arrays.Array]:
    try:
        return arrays.read_arrays(path, file)
    except (InvalidInput, Unsupported):
        raise InvalidInput("not arrays that can be read") from None


def _start(item: Item, size: int) -> bytes:
    with item.open() as file:
        return file.read(size)


def _lengths(file: BinaryIO) -> tuple[int, int]:
    """Return characters and lines of a text.

    Raises:
        InvalidInput: It is not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    characters = lines = 0
    last = ""
    try:
        while block := file.read(_BLOCK):
            text = decoder.decode(block)
            characters += len(text)
            lines += text.count("\n")
            last = text[-1:] or last
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise InvalidInput("not UTF-8") from None
    return characters, lines + (bool(last) and last != "\n")
