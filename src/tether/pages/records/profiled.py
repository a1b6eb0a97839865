"""The profile of data as the page of a release draws it. Whoever pushed it may have written anything."""

import math
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import NamedTuple

import numpy as np

from tether.releases.profiles.document import Column, Counts, Numbers, Profile
from tether.releases.profiles.sketching import edges_of
from tether.releases.profiles.telling import summary

MOST_BYTES = 2 << 20
"""Of one profile that a page reads."""
MOST_ROWS, MOST_VALUES, MOST_DAMAGED = 100, 25, 10
"""Columns of all profiles of a page, and values of a label and damaged files of each, that are shown."""
_BUCKETS, WIDE, HIGH = 24, 96, 24
"""Bars of a drawing, and its size."""
_LONGEST = 80
_MOST_COUNTED = 5
_MEDIAN = 4
_FAR = 8
"""A drawing reaches from the least to the most, unless that is so many times wider than from 1 % to 99 %."""


class Bar(NamedTuple):
    """A bar of a drawing, from its upper left corner."""

    x: float
    y: float
    height: float


class Drawing(NamedTuple):
    """How numbers are spread.

    Attributes:
        bars: From left to right.
        said: The same in words.
    """

    bars: list[Bar]
    said: str


class Row(NamedTuple):
    """Numbers of a column, an array, or another fact of all examples.

    Attributes:
        name: Of it.
        under: What else it is.
        drawing: None where there is nothing to draw.
        values: The most frequent ones, in words.
        missing: As a share of all in words; empty for none.
        distinct: In words; empty where it is not known.
        numbers: None where it has none.
    """

    name: str
    under: str
    drawing: Drawing | None
    values: str
    missing: str
    distinct: str
    numbers: Numbers | None

    @property
    def median(self) -> float | None:
        """The median of the numbers."""
        numbers = self.numbers
        return numbers.quantiles[_MEDIAN] if numbers is not None and numbers.quantiles else None


class Value(NamedTuple):
    """How often a value is there; `width` is relative to the most frequent one, out of 100."""

    name: str
    amount: int
    share: float
    width: float


class Counted(NamedTuple):
    """The values of a label, with what is left out."""

    title: str
    values: list[Value]
    more: int
    least: bool = False
    """Whether there may be even more."""


class Drawn(NamedTuple):
    """A profile for a page.

    Attributes:
        summary: In a few words.
        counted: Labels and folders.
        rows: Columns, arrays and other facts.
        more: Rows that are not shown.
        least: Whether there may be even more.
        damaged: Files that were not read, as far as they are listed.
        damages: How many there are.
    """

    summary: str
    counted: list[Counted]
    rows: list[Row]
    more: int
    least: bool
    damaged: list[tuple[str, str]]
    damages: int


def drawn(data: bytes, most_rows: int = MOST_ROWS) -> Drawn:
    """Return a profile for a page.

    Args:
        data: Its bytes, at most `MOST_BYTES`.
        most_rows: Rows that are drawn.

    Raises:
        Corrupt, Unsupported: It is none, or a newer one.
    """
    found = Profile.decode(data)
    total = sum(len(table.columns) for table in found.tables) + len(found.arrays)
    return Drawn(
        summary(found),
        [*islice((each for each in _counted(found) if each.values), _MOST_COUNTED)],
        [*islice(_rows(found), most_rows)],
        max(total - most_rows, 0) + found.more_tables + found.more_arrays,
        found.at_least and found.more_tables + found.more_arrays > 0,
        [(_cut(each.path), _cut(each.reason)) for each in found.damaged.files[:MOST_DAMAGED]],
        found.damaged.count,
    )


def _counted(found: Profile) -> Iterator[Counted]:
    for table in found.tables:
        for column in table.columns:
            if column.label and column.values is not None:
                yield _values(column.name, column.values)
    for array in found.arrays:
        if array.values is not None:
            yield _values(array.name, array.values)
    if found.files is not None:
        yield _values("Folder", found.files.folders)._replace(
            least=found.at_least and found.files.folders.more > 0
        )
    if found.images is not None:
        yield _values("Mode", found.images.modes)


def _values(title: str, counts: Counts) -> Counted:
    shown = counts.values[:MOST_VALUES]
    total = sum(count for _, count in counts.values) + counts.count or 1
    most = max((count for _, count in shown), default=0) or 1
    values = [Value(_cut(name), count, 100 * count / total, 100 * count / most) for name, count in shown]
    return Counted(_cut(title), values, len(counts.values) - len(shown) + counts.more)


def _rows(found: Profile) -> Iterator[Row]:
    for table in found.tables:
        yield from map(_column, table.columns)
    for array in found.arrays:
        shape = " x ".join(f"{size:,}" for size in (array.rows, *array.shape)[:8])
        under = f"{array.dtype} {shape}" + (f", {array.path}" if array.path is not None else "")
        yield _row(array.name, under, array.numbers)
    if found.images is not None:
        images = found.images
        yield _row("width", "pictures, pixels", images.width)
        yield _row("height", "pictures, pixels", images.height)
        yield _row("brightness", f"pictures, 0 to 255, of {images.decoded:,}", images.brightness)
    if found.texts is not None:
        yield _row("characters", "texts", found.texts.characters)
        yield _row("lines", "texts", found.texts.lines)
    if found.files is not None:
        yield _row("size", "files, bytes", found.files.sizes)


def _row(name: str, under: str, numbers: Numbers | None) -> Row:
    return Row(_cut(name), _cut(under), _drawing(numbers), "", "", "", numbers)


def _column(column: Column) -> Row:
    total = column.count + column.nulls
    missing = f"{100 * column.nulls / total:.3g} %" if column.nulls else ""
    distinct = f"{column.distinct:,}" if column.distinct is not None else ""
    if column.more_than is not None:
        distinct = f"more than {column.more_than:,}"
    numbers, under = column.numbers, column.kind
    if numbers is None and column.lengths is not None:
        numbers, under = column.lengths, f"{column.kind}, by length"
    elif column.items is not None:
        numbers, under = column.items, f"{column.kind}, its numbers"
    values = ""
    if column.values is not None and not column.label and column.kind != "integer":
        shown = (f"{_cut(name, 24)} {count:,}" for name, count in column.values.values[:4])
        left = len(column.values.values[4:]) + column.values.more
        values = ", ".join(shown) + (f" and {left:,} more" if left > 0 else "")
    return Row(_cut(column.name), _cut(under), _drawing(numbers), values, missing, distinct, numbers)


def _drawing(numbers: Numbers | None) -> Drawing | None:
    """Return bars over buckets of one width; None where all numbers are one, or too far apart to draw."""
    if numbers is None or numbers.bins is None or numbers.min is None or numbers.max is None:
        return None
    low, high = float(numbers.min), float(numbers.max)
    said = "from the least to the most"
    if numbers.quantiles and high - low > _FAR * (numbers.quantiles[-1] - numbers.quantiles[0]) > 0:
        low, high, said = numbers.quantiles[0], numbers.quantiles[-1], "from 1 % to 99 %"
    if not 0 < high - low < math.inf:
        return None
    amounts = _buckets(numbers, low, high)
    most = max(amounts)
    if not most > 0:
        return None
    width = WIDE / _BUCKETS
    bars = [
        Bar(at * width, HIGH - each, each)
        for at, each in enumerate(HIGH * amount / most for amount in amounts)
        if each > 0
    ]
    return Drawing(bars, f"How numbers are spread {said}")


def _buckets(numbers: Numbers, low: float, high: float) -> list[float]:
    """Return how many numbers are in each bucket; those of a bin lie evenly in it."""
    bins, scale = numbers.bins, _BUCKETS / (high - low)
    if bins is None or not math.isfinite(scale):
        return [0.0] * _BUCKETS
    keys = np.fromiter(accumulate(bins.keys), np.int64, len(bins.keys))
    counts = np.array(bins.counts, np.float64)
    with np.errstate(over="ignore"):  # what lies too far away is beyond the ends all the same
        first, last = (
            np.clip((ends - low) * scale, -1.0, _BUCKETS + 1.0) for ends in edges_of(keys, bins.drop)
        )
    wide = last - first >= 1e-9
    at = np.where(first == _BUCKETS, _BUCKETS - 1, np.floor(first)).astype(np.int64)
    inside = ~wide & (at >= 0) & (at < _BUCKETS)
    amounts = np.bincount(at[inside], counts[inside], _BUCKETS)
    first, last, bucket = first[wide, None], last[wide, None], np.arange(_BUCKETS)
    parts = np.clip(np.minimum(last, bucket + 1) - np.maximum(first, bucket), 0, None) / (last - first)
    found: list[float] = (amounts + counts[wide] @ parts).tolist()
    return found


def _cut(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
