"""The profile of data as it is kept: canonical JSON of version 1. See docs/format/profile.md."""

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import msgspec

from tether.core.jsondoc import canonical, read_document
from tether.errors import Corrupt

VERSION = 1
FORMAT: Literal["tether-profile"] = "tether-profile"
FILE = "profile.json"
SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
"""Of which shares quantiles are told."""
DEEPEST = 62
"""Bits of a float64 that a sketch can drop; then only signs and whether a number is very large are left."""
LARGEST = 8 << 20
"""Bytes of a profile that somebody pushed which are read."""
MOST_BINS = 256
"""Of one sketch."""
_FINITE = 1.79e308
_INFINITE = 0x7FF0_0000_0000_0000
"""The bits of a float64 that are larger than those of each finite one."""


Amount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
"""How much there is of something."""


class _Value(msgspec.Struct, frozen=True):
    """What all parts are: immutable. Fields that are not known are borne."""


class Bins(_Value, frozen=True):
    """A sketch: how often numbers are in which bin."""

    drop: Annotated[int, msgspec.Meta(ge=0, le=DEEPEST)]
    """Bits at the end of a float64 that are not looked at; with 0 each bin is one number."""
    keys: tuple[int, ...]
    """The first key, then by how much each is larger than the one before."""
    counts: tuple[Amount, ...]


class Numbers(_Value, frozen=True):
    """How numbers are spread. All but the first three are of the finite ones."""

    count: Amount
    nan: Amount
    infinite: Amount
    min: int | float | None = None
    max: int | float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    """Of `SHARES`; empty of nothing."""
    exact: bool = True
    """Whether the quantiles are exact."""
    bins: Bins | None = None


class Counts(_Value, frozen=True):
    """How often values are there: the most frequent first, those of one count by name."""

    values: tuple[tuple[str, Amount], ...]
    more: Amount = 0
    """Values that are left out."""
    count: Amount = 0
    """How often those are there, together."""


class Column(_Value, frozen=True):
    """One column."""

    name: str
    kind: str
    """`integer`, `float`, `boolean`, `text`, `time`, `list`, `bytes`, `nested`, `mixed` or `empty`."""
    count: Amount
    """Values that are there."""
    nulls: Amount
    label: bool = False
    distinct: Amount | None = None
    """How many different values; None where that is not known."""
    more_than: Amount | None = None
    """There are more different ones than this."""
    numbers: Numbers | None = None
    """Of numbers, or of seconds since 1970."""
    lengths: Numbers | None = None
    """Of texts in characters, of lists in elements, of bytes."""
    items: Numbers | None = None
    """Of the numbers in lists."""
    values: Counts | None = None


class Table(_Value, frozen=True):
    """All tables whose columns have the same names."""

    files: Amount
    rows: Amount
    left_out: Amount
    """Rows that do not fit the heading."""
    columns: tuple[Column, ...]


class Array(_Value, frozen=True):
    """An array, or all arrays of one name, type and shape of a row."""

    path: str | None
    """The file; None where several were put together."""
    name: str
    dtype: str
    rows: Amount
    shape: tuple[Amount, ...]
    """Of a row; empty for a vector."""
    files: Amount
    numbers: Numbers | None = None
    values: Counts | None = None


class Images(_Value, frozen=True):
    """Pictures: sizes of all that tell them, the rest of those that were decoded."""

    count: Amount
    formats: Counts
    width: Numbers
    height: Numbers
    decoded: Amount
    """How many were decoded: those with the smallest digests."""
    modes: Counts
    brightness: Numbers
    """The mean of all pixels of each, in grey, from 0 to 255."""


class Texts(_Value, frozen=True):
    """Text files."""

    count: Amount
    characters: Numbers
    lines: Numbers


class Kind(_Value, frozen=True):
    """Files of one kind."""

    files: Amount
    bytes: Amount


class Damage(_Value, frozen=True):
    """A file that could not be read."""

    path: str
    reason: str


class Damaged(_Value, frozen=True):
    """Files that could not be read: the first ones by name."""

    count: Amount = 0
    files: tuple[Damage, ...] = ()


class Files(_Value, frozen=True):
    """The files of a folder, whatever is in them."""

    count: Amount
    bytes: Amount
    sizes: Numbers
    kinds: dict[str, Kind]
    folders: Counts
    """Files by the first folder below."""
    read: Amount
    """Files that were looked into."""


class Profile(_Value, frozen=True, kw_only=True):
    """What data is like."""

    format: Literal["tether-profile"]
    version: int
    files: Files | None = None
    """None for a single file: two files with equal rows have equal profiles, however they were written."""
    tables: tuple[Table, ...] = ()
    more_tables: Amount = 0
    arrays: tuple[Array, ...] = ()
    more_arrays: Amount = 0
    at_least: bool = False
    """Whether there were too many tables, arrays or folders to be told apart: there may be more."""
    images: Images | None = None
    texts: Texts | None = None
    damaged: Damaged = Damaged()

    def __repr__(self) -> str:
        return f"Profile({len(self.tables)} tables, {len(self.arrays)} arrays)"

    def encode(self) -> bytes:
        """Return the bytes; `at_least` is left out where it is false, as before there was such a field."""
        found = msgspec.to_builtins(self)
        if not self.at_least:
            del found["at_least"]
        return canonical(found)

    @classmethod
    def decode(cls, data: bytes) -> "Profile":
        """Return a profile.

        Raises:
            Unsupported: It needs a newer Tether.
            Corrupt: It is none, or says what no profile does.
        """
        found = read_document(data, cls, "the profile", version=VERSION)
        if not all(map(_sound, _numbers(found))):
            raise Corrupt("the profile is damaged: it has numbers that no profile has")
        return found

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(each.rows for each in self.tables)


def _numbers(found: Profile) -> Iterator[Numbers]:
    every: list[Numbers | None] = [found.files.sizes if found.files is not None else None]
    for column in (column for table in found.tables for column in table.columns):
        every += [column.numbers, column.lengths, column.items]
    every += [each.numbers for each in found.arrays]
    if found.images is not None:
        every += [found.images.width, found.images.height, found.images.brightness]
    if found.texts is not None:
        every += [found.texts.characters, found.texts.lines]
    return (each for each in every if each is not None)


def _sound(found: Numbers) -> bool:
    told = [found.min, found.max, found.mean, found.deviation, *found.quantiles]
    if not all(each is None or -_FINITE <= each <= _FINITE for each in told):
        return False
    if len(found.quantiles) not in (0, len(SHARES)):
        return False
    bins = found.bins
    if bins is None:
        return True
    return (
        0 < len(bins.keys) == len(bins.counts) <= MOST_BINS
        and all(each > 0 for each in bins.keys[1:])
        and all(abs(each) << bins.drop < _INFINITE for each in (*bins.keys[:1], sum(bins.keys)))
    )
