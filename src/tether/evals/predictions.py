"""`predictions.parquet`: what a model said of each example. See docs/format/evaluation.md."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tether.errors import InvalidInput, Unsupported
from tether.evals.metrics.base import Floats
from tether.evals.needs import arrow, compute, parquet
from tether.evals.tasks import REGRESSION, TASKS
from tether.runs.purposes import PREDICTIONS_FILE

FILE = PREDICTIONS_FILE
VERSION = 1
_KEY = b"tether.predictions"
_COLUMNS = ("example_id", "label", "prediction")
COLUMNS = (*_COLUMNS, "scores", "slices")
"""What is read of the table; whatever else it has is passed over."""
_MOST_HEADER = 16 << 20
_MOST_MASKS = 1 << 30
"""Slices times examples, each a byte."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions by example, with what they are measured by.

    Attributes:
        task: One of `TASKS`.
        ids: Arrow texts, each once.
        labels: Arrow array in the form of the task.
        predictions: As `labels`.
        scores: Of shape (examples, score classes).
        score_classes: Whose scores they are.
        slices: Which examples are in a slice, by its name.
        about: The model and the data, as plain JSON.
    """

    task: str
    ids: Any
    labels: Any
    predictions: Any
    scores: Floats | None = None
    score_classes: tuple[str, ...] = ()
    slices: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Of examples."""
        return len(self.ids)

    def write(self, path: Path, error: Floats) -> None:
        """Write the table.

        Args:
            path: A new file.
            error: How wrong each is, for readers of the file.
        """
        pa = arrow()
        columns = {"example_id": self.ids, "label": self.labels, "prediction": self.predictions}
        if self.scores is not None:
            flat = pa.array(np.ascontiguousarray(self.scores).ravel())
            columns["scores"] = pa.FixedSizeListArray.from_arrays(flat, len(self.score_classes))
        columns |= {"error": pa.array(error), "slices": self._slice_lists()}
        header = {
            "version": VERSION,
            "task": self.task,
            "classes": [*self.score_classes],
            "slices": [*self.slices],
            "about": self.about,
        }
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False)
        table = pa.table(columns).replace_schema_metadata({_KEY: text.encode()})
        parquet().write_table(table, path, compression="zstd")

    def _slice_lists(self) -> Any:
        """Return the names of the slices of each example."""
        pa = arrow()
        masks = [*self.slices.values()]
        lengths = np.sum(masks, axis=0, dtype=np.int64) if masks else np.zeros(self.count, np.int64)
        offsets = np.r_[0, np.cumsum(lengths)].astype(np.int32)
        codes = np.nonzero(np.stack(masks, axis=1))[1] if masks else np.zeros(0, np.intp)
        names = pa.DictionaryArray.from_arrays(
            pa.array(codes, pa.int32()), pa.array([*self.slices], pa.string())
        )
        return pa.ListArray.from_arrays(pa.array(offsets), names)

    def take(self, rows: Any) -> "Predictions":
        """Return some of the examples in another order; `rows` is an Arrow or NumPy array of places."""
        places = np.asarray(rows)
        return Predictions(
            self.task,
            self.ids.take(arrow().array(places)),
            self.labels.take(arrow().array(places)),
            self.predictions.take(arrow().array(places)),
            None if self.scores is None else self.scores[places],
            self.score_classes,
            {name: mask[places] for name, mask in self.slices.items()},
            self.about,
        )


class Header(NamedTuple):
    """What a table says of itself.

    Attributes:
        task: One of `TASKS`.
        classes: Whose scores it has.
        slices: The names of all slices.
        about: The model and the data, as plain JSON.
        columns: The names of its columns, each as often as it is there.
    """

    task: str
    classes: tuple[str, ...]
    slices: tuple[str, ...]
    about: Mapping[str, Any]
    columns: tuple[str, ...]


def read_header(source: Path | BinaryIO, name: str = FILE) -> Header:
    """Return what a table says of itself; none of its values are read.

    Args:
        source: A file.
        name: For messages.

    Raises:
        InvalidInput: It is no such table.
        Unsupported: It has a version that is not known.
    """
    with _understood(name):
        return _header(parquet().ParquetFile(source).schema_arrow, name)


def read_predictions(source: Path | BinaryIO, name: str = FILE) -> Predictions:
    """Read the table.

    Args:
        source: A file.
        name: For messages.

    Raises:
        InvalidInput: It is no such table.
        Unsupported: It has a version that is not known.
    """
    with _understood(name):
        file = parquet().ParquetFile(source)
        header = _header(file.schema_arrow, name)
        table = file.read([column for column in COLUMNS if column in header.columns]).combine_chunks()
        return _parsed(table, header)


@contextmanager
def _understood(name: str) -> Iterator[None]:
    """Tell of whatever a damaged table leads to in our words."""
    try:
        yield
    except (arrow().ArrowException, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        raise InvalidInput(f"{name} has no predictions as Tether keeps them: {_line(error)}") from None


def _header(schema: Any, name: str) -> Header:
    data = (schema.metadata or {}).get(_KEY)
    if data is None or len(data) > _MOST_HEADER:
        raise InvalidInput(f"{name} has no predictions as Tether keeps them", hint="'tether eval' makes them")
    header = json.loads(data)
    if not isinstance(header, dict) or header.get("version") != VERSION:
        raise Unsupported(f"predictions of another version in {name}", hint="a newer Tether may know it")
    task, classes, names = header["task"], header["classes"], header["slices"]
    if task not in TASKS or not all(isinstance(each, str) for each in (*classes, *names)):
        raise ValueError("the header is damaged")
    return Header(task, tuple(classes), tuple(names), header["about"], tuple(schema.names))


def _parsed(table: Any, header: Header) -> Predictions:
    task, classes = header.task, header.classes
    if len(header.slices) * len(table) > _MOST_MASKS:
        raise ValueError(f"{len(header.slices):,} slices of {len(table):,} examples are too many")
    ids, labels, predictions = (whole(table[column]) for column in _COLUMNS)
    kind = arrow().float64() if task == REGRESSION else arrow().string()
    if any(each.null_count for each in (ids, labels, predictions)) or len(compute().unique(ids)) != len(ids):
        raise ValueError("ids are not unique, or values are missing")
    scores = None
    if "scores" in table.column_names:
        flat = whole(table["scores"]).flatten()
        scores = np.asarray(flat, np.float64).reshape(len(ids), len(classes))
    return Predictions(
        task,
        ids.cast(arrow().string()),
        labels.cast(kind),
        predictions.cast(kind),
        scores,
        classes,
        _masks(whole(table["slices"]), header.slices),
        header.about,
    )


def _masks(lists: Any, names: tuple[str, ...]) -> dict[str, NDArray[np.bool_]]:
    rows = np.asarray(compute().list_parent_indices(lists))
    values = compute().list_flatten(lists)
    if arrow().types.is_dictionary(values.type):
        values = values.dictionary_decode()
    places = compute().index_in(values, value_set=arrow().array(names, arrow().string()))
    if places.null_count:
        raise ValueError("an example is in a slice that the header does not have")
    codes = np.asarray(places)
    found = np.zeros((len(names), len(lists)), np.bool_)
    found[codes, rows] = True
    return {name: found[at] for at, name in enumerate(names)}


def whole(column: Any) -> Any:
    """Return a column in one piece."""
    array = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    return arrow().concat_arrays(array.chunks) if hasattr(array, "chunks") else array


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
