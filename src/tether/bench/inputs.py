"""The inputs of a bench: rows of a table or of arrays, drawn by a seed, in the form that the model takes."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tether.errors import InvalidInput, NotFound, Unsupported
from tether.runs.journal import files_below

Column = NDArray[Any]
_DTYPES = {
    "F16": "float16", "F32": "float32", "F64": "float64", "BOOL": "bool", "STRING": "str",
    **{f"I{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"U{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
}  # fmt: skip


class Wanted(NamedTuple):
    """An input that a model takes."""

    name: str
    dtype: str
    """As `tether.model` names it."""
    shape: tuple[int | str, ...]
    """Sizes, or names of sizes that are not fixed."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns are no inputs.

    Attributes:
        id: Names each row; None numbers them.
        label: What the model should answer.
        groups: For accuracy by group.
        columns: The inputs, in this order; empty takes all others.
    """

    id: str | None = None
    label: str | None = None
    groups: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


@dataclass(slots=True)
class Examples:
    """Rows of data.

    Attributes:
        ids: Of the rows.
        columns: The inputs by name, each with a row for each id; none where the ids are files.
        labels: What the model should answer, where it is known.
        groups: Columns for accuracy by group.
        total: Rows of the data that these were drawn from.
        names: Of the inputs, as the data has them.
        notes: What was done with the columns, for people.
    """

    ids: list[str]
    columns: dict[str, Column] = field(default_factory=dict)
    labels: Column | None = None
    groups: dict[str, Column] = field(default_factory=dict)
    total: int = 0
    names: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)


def read_examples(path: Path, roles: Roles, sample: int, seed: int) -> Examples:
    """Return a sample of the rows at a place, in the order in which they were drawn.

    Args:
        path: A `.npz`, `.npy`, `.csv` or `.parquet` file, or a folder, whose files are the rows.
        roles: Of the columns.
        sample: How many rows, or all if there are fewer.
        seed: Of the draw.

    Raises:
        InvalidInput: The file is damaged, or has not the columns that were named.
        Unsupported: It is of no such format.
    """
    if path.is_dir():
        names = [name for name, _ in files_below(path, "")]
        rows = drawn(len(names), sample, seed)
        return Examples([names[row].lstrip("/") for row in rows], total=len(names))
    table = _reader(path)(path)
    sizes = {len(column) for column in table.values()}
    if len(sizes) != 1 or not max(sizes):
        raise InvalidInput(f"the columns of {path.name} are not equally long, or have no rows")
    count = sizes.pop()
    rows = drawn(count, sample, seed)
    names = [name for name in (roles.id, roles.label, *roles.groups) if name is not None]
    for name in (*names, *roles.columns):
        if name not in table:
            raise NotFound(f"{path.name} has no column {name}", hint=f"it has {', '.join(list(table)[:20])}")
    inputs = roles.columns or tuple(name for name in table if name not in names)
    return Examples(
        [str(table[roles.id][row]) if roles.id is not None else str(row) for row in rows],
        {name: table[name][rows] for name in inputs},
        table[roles.label][rows] if roles.label is not None else None,
        {name: table[name][rows] for name in roles.groups},
        count,
        inputs,
    )


def drawn(count: int, sample: int, seed: int) -> list[int]:
    """Return which of `count` rows are drawn, without any twice, in the order of the draw."""
    chosen: list[int] = np.random.default_rng(seed).permutation(count)[:sample].tolist()
    return chosen


def _reader(path: Path) -> Callable[[Path], dict[str, Column]]:
    readers = {".npz": _arrays, ".npy": _arrays, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise Unsupported(
            f"no rows are read from {path.name}", hint="npz, npy, csv, parquet, or a folder with files"
        )
    return reader


def _arrays(path: Path) -> dict[str, Column]:
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {"x": found}
            columns = {name: found[name] for name in found.files}
        return {name: column for name, column in columns.items() if column.ndim}
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from None


def _csv(path: Path) -> dict[str, Column]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.reader(file))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise InvalidInput(f"the rows of {path.name} are not equally long")
    return {name: _typed([row[at] for row in rows[1:]]) for at, name in enumerate(rows[0])}


def _typed(texts: Sequence[str]) -> Column:
    """Return texts as whole numbers, else as numbers, else as they are."""
    for kind in (np.int64, np.float64):
        try:
            return np.array(texts).astype(kind)
        except (ValueError, OverflowError):
            continue
    return np.array(texts)


def _parquet(path: Path) -> dict[str, Column]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise Unsupported("pyarrow is not installed", hint="pip install 'tether[evals]'") from None
    try:
        table = pyarrow.parquet.read_table(path, use_threads=False, pre_buffer=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from None
    return {name: _column(name, table.column(name)) for name in table.column_names}


def _column(name: str, column: Any) -> Column:
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype != object:
        return np.asarray(values)
    if len(values) and isinstance(values[0], np.ndarray):
        try:
            return np.stack(list(values))
        except ValueError:
            raise InvalidInput(f"the lists of the column {name} are not equally long") from None
    return np.array(["" if value is None else str(value) for value in values])


# -- the form that a model takes ------------------------------------------------------------


def arranged(examples: Examples, wanted: Sequence[Wanted] | None) -> dict[str, Column]:
    """Return the inputs as the model takes them, and note in `examples` what was done with them.

    Args:
        examples: The rows.
        wanted: The inputs of the model; None where it takes one table of numbers, or one list of texts.

    Raises:
        InvalidInput: The columns do not fit.
    """
    columns = examples.columns
    if wanted is None:
        return {"x": _together(columns, examples.notes)}
    if all(each.name in columns for each in wanted):
        chosen = {each.name: columns[each.name] for each in wanted}
    elif len(wanted) == 1:
        chosen = {wanted[0].name: _together(columns, examples.notes)}
    else:
        missing = [each.name for each in wanted if each.name not in columns]
        raise InvalidInput(
            f"there is no column for the input {missing[0]}", hint="--columns names them in order"
        )
    return {each.name: _fitted(chosen[each.name], each, examples.notes) for each in wanted}


def _together(columns: Mapping[str, Column], notes: list[str]) -> Column:
    if len(columns) == 1:
        return next(iter(columns.values()))
    wrong = [name for name, column in columns.items() if column.ndim != 1 or column.dtype.kind not in "biuf"]
    if wrong or not columns:
        raise InvalidInput(
            f"the column {wrong[0]} has not one number for each row"
            if wrong
            else "there are no columns for the model",
            hint=f"--columns NAME,... names those that are inputs; there are {', '.join([*columns][:20])}",
        )
    notes.append(f"{len(columns)} columns side by side")
    return np.stack(list(columns.values()), axis=1)


def _fitted(column: Column, wanted: Wanted, notes: list[str]) -> Column:
    """Return a column in type and shape of an input; numbers change their type, and nothing else."""
    kind = _DTYPES.get(wanted.dtype)
    if kind is None:
        raise InvalidInput(f"the input {wanted.name} is of the type {wanted.dtype}, which no data has")
    if (kind == "str") != (column.dtype.kind in "UO"):
        raise InvalidInput(f"the input {wanted.name} takes {kind}, and its column has {column.dtype}")
    if kind != "str" and column.dtype != np.dtype(kind):
        notes.append(f"{wanted.name}: {column.dtype} became {kind}")
        column = column.astype(kind)
    sizes = wanted.shape[1:]
    fixed = [size for size in sizes if isinstance(size, int) and size > 0]
    if len(fixed) == len(sizes):
        if int(np.prod(column.shape[1:])) != int(np.prod(fixed)):
            raise InvalidInput(f"a row of {wanted.name} has the shape {column.shape[1:]}, not {tuple(fixed)}")
        if column.shape[1:] != tuple(fixed):
            notes.append(f"{wanted.name}: rows of {column.shape[1:]} became {tuple(fixed)}")
            column = column.reshape(len(column), *fixed)
    elif column.ndim != len(wanted.shape):
        raise InvalidInput(
            f"{wanted.name} takes {len(wanted.shape)} dimensions, and its column has {column.ndim}"
        )
    return np.ascontiguousarray(column) if kind != "str" else column.astype(str)


def random_examples(
    wanted: Sequence[Wanted], sizes: Mapping[str, tuple[int, ...]], sample: int, seed: int
) -> Examples:
    """Return inputs that were drawn from nowhere, for a model whose speed alone is asked for.

    Numbers are normal, whole numbers 0 or 1.

    Args:
        wanted: The inputs of the model.
        sizes: What it leaves open: a size by its name, or the shape of a row by the name of the input.
        sample: How many.
        seed: Of the draw.

    Raises:
        InvalidInput: An input takes texts, or a size is not known.
    """
    random = np.random.default_rng(seed)
    columns = dict[str, Column]()
    for each in wanted:
        kind = _DTYPES.get(each.dtype, "str")
        if kind == "str":
            raise InvalidInput(f"no random texts for {each.name}", hint="give data with --data")
        shape = (sample, *_row_shape(each, sizes))
        values = random.standard_normal(shape) if kind.startswith("float") else random.integers(0, 2, shape)
        columns[each.name] = values.astype(kind)
    return Examples(
        [str(row) for row in range(sample)], columns, total=sample, notes=["random numbers, no data"]
    )


def _row_shape(wanted: Wanted, sizes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape of a row of an input, with what the user says of sizes that are open."""
    said = sizes.get(wanted.name, wanted.shape[1:])
    found = [sizes.get(size, (0,))[0] if isinstance(size, str) else size for size in said]
    if len(said) != len(wanted.shape[1:]) or any(size < 1 for size in found):
        shown = "x".join(str(size) if isinstance(size, str) or size > 0 else "?" for size in wanted.shape[1:])
        raise InvalidInput(
            f"the model does not say how large a row of {wanted.name} is: {shown}",
            hint=f"write it like --size {wanted.name}=3x224x224, or a size by its name",
        )
    return tuple(found)
