"""Profiles of data as people read them. Names in them were written by others, so all is made printable."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from tether.cli.format import count_text, size_text
from tether.cli.render_commit import printable
from tether.cli.style import Style

if TYPE_CHECKING:
    from tether.api.releases import Release
    from tether.releases.profiles.document import Array, Column, Counts, Numbers, Profile

_WIDE, _VALUES, _LABELS = 20, 4, 10
_HEADS = ("column", "type", "distinct", "missing", "least", "median", "most", "mean", "")


def profile_lines(style: Style, found: "Profile") -> Iterator[str]:
    """Yield what data is like."""
    if found.files is not None:
        files = found.files
        yield style("heading", f"{count_text(files.count, 'file')}, {size_text(files.bytes)}")
        kinds = (f"{count_text(each.files, 'file')} of {name}" for name, each in files.kinds.items())
        yield from [f"  {', '.join(kinds)}"] if files.kinds else []
        yield from _counted("by folder", files.folders, at_least=found.at_least)
    for table in found.tables:
        yield from _table_lines(style, table.rows, table.files, table.left_out, table.columns)
    least = "at least " if found.at_least else ""
    if found.more_tables:
        yield f"and {least}{count_text(found.more_tables, 'table')} with other columns"
    for array in found.arrays:
        yield from _array_lines(style, array)
    if found.more_arrays:
        yield f"and {least}{count_text(found.more_arrays, 'array')} of other shapes"
    if found.images is not None:
        images = found.images
        yield style("heading", f"{count_text(images.count, 'picture')}")
        yield f"  width       {_range(images.width)}"
        yield f"  height      {_range(images.height)}"
        yield f"  brightness  {_range(images.brightness)} ({images.decoded:,} decoded)"
        yield from _counted("modes", images.modes)
    if found.texts is not None:
        yield style("heading", count_text(found.texts.count, "text"))
        yield f"  characters  {_range(found.texts.characters)}"
    for damage in found.damaged.files:
        yield style("warning", f"not read: {printable(damage.path)}: {printable(damage.reason)}")
    if found.damaged.count > len(found.damaged.files):
        yield style("warning", f"and {found.damaged.count - len(found.damaged.files):,} more")


def profile_words(release: "Release", path: str) -> str:
    """Return a profile of a release in a few words; empty where it is of another form, or not here."""
    from tether.errors import TetherError
    from tether.releases.profiles.document import LARGEST, Profile
    from tether.releases.profiles.telling import summary

    try:
        data = release.read(path)
        return summary(Profile.decode(data)) if len(data) <= LARGEST else ""
    except TetherError:
        return ""


def _table_lines(
    style: Style, rows: int, files: int, left_out: int, columns: "Sequence[Column]"
) -> Iterator[str]:
    of = f" in {count_text(files, 'file')}" if files > 1 else ""
    odd = f", {count_text(left_out, 'row')} of another length left out" if left_out else ""
    yield style("heading", f"{count_text(rows, 'row')}{of}, {count_text(len(columns), 'column')}{odd}")
    lines = [_HEADS, *(_cells(each) for each in columns)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(_HEADS) - 1)]
    for number, line in enumerate(lines):
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=False)]
        text = "  " + "  ".join([*cells, line[-1]]).rstrip()
        yield text if number else style("faint", text.rstrip())


def _cells(column: "Column") -> tuple[str, ...]:
    distinct = f"{column.distinct:,}" if column.distinct is not None else "-"
    if column.more_than is not None:
        distinct = f"> {column.more_than:,}"
    numbers = column.numbers
    told = ["", "", "", ""]
    if numbers is not None and numbers.quantiles:
        told = [_number(each) for each in (numbers.min, numbers.quantiles[4], numbers.max, numbers.mean)]
    values = _values(column.values, _LABELS if column.label else _VALUES) if column.values is not None else ""
    if column.label:
        values = f"label: {values}"
    elif column.lengths is not None:
        values = values or f"lengths {_range(column.lengths)}"
    return (
        _name(column.name),
        column.kind,
        distinct,
        f"{column.nulls:,}" if column.nulls else "-",
        *told,
        values,
    )


def _array_lines(style: Style, array: "Array") -> Iterator[str]:
    where = f"{printable(array.path)} " if array.path is not None else ""
    shape = "x".join(map(str, (array.rows, *array.shape)))
    of = f", {count_text(array.files, 'file')}" if array.files > 1 else ""
    yield f"{style('heading', f'{where}{printable(array.name)}')}: {array.dtype} {shape}{of}"
    if array.numbers is not None:
        deviation = _number(array.numbers.deviation)
        yield f"  {_range(array.numbers)}, mean {_number(array.numbers.mean)}, deviation {deviation}"
    if array.values is not None:
        yield from _counted("values", array.values)


def _counted(title: str, counts: "Counts", *, at_least: bool = False) -> Iterator[str]:
    if counts.values:
        yield f"  {title}: {_values(counts, _LABELS, at_least=at_least)}"


def _values(counts: "Counts", most: int, *, at_least: bool = False) -> str:
    shown = ", ".join(f"{_name(value)} {count:,}" for value, count in counts.values[:most])
    left = len(counts.values) - most + counts.more
    least = "at least " if at_least and counts.more else ""
    return f"{shown}, and {least}{left:,} more" if left > 0 else shown


def _range(numbers: "Numbers") -> str:
    if not numbers.quantiles:
        return "-"
    least, median, most = (_number(each) for each in (numbers.min, numbers.quantiles[4], numbers.max))
    return least if least == most else f"{least} to {most}, median {median}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _name(text: str) -> str:
    shown = " ".join(printable(text).split())
    return shown if len(shown) <= _WIDE else f"{shown[: _WIDE - 3]}..."
