"""What a model or a person gives as predictions, and how it is tied to the examples by their ids."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tether.errors import InvalidInput, NotFound
from tether.evals.data.opening import Examples
from tether.evals.data.tables import csv_batches, csv_types, reading, typed
from tether.evals.metrics.base import Floats
from tether.evals.needs import arrow, compute, parquet
from tether.evals.predictions import Predictions, whole
from tether.evals.predictor import CLASSES, INDEXED
from tether.evals.tasks import CLASSIFICATION, canonical_values, class_order, texts

_ID, _PREDICTION, _SCORES, _SCORE = "example_id", "prediction", "scores", "score."
_NAMES = (_PREDICTION, "pred", "predicted")
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Outputs:
    """Predictions as they were given.

    Attributes:
        prediction: An Arrow array.
        keys: Arrow texts that say of which example each is; None where the order does.
        by_path: The keys are paths of files.
        scores: Of shape (rows, classes).
        classes: Whose scores these are; None where nobody said.
        indexed: The predictions are places of classes.
    """

    prediction: Any
    keys: Any | None
    by_path: bool = False
    scores: Floats | None = None
    classes: tuple[str, ...] | None = None
    indexed: bool = False


def read_outputs(path: Path, key: str | None = None) -> Outputs:
    """Read a Parquet or CSV file with predictions.

    Args:
        path: The file.
        key: The column that is the key of the data.

    Raises:
        NotFound: There is no file.
        InvalidInput: It has no predictions.
    """
    if not path.is_file():
        raise NotFound(f"no file with predictions: {path.name}")
    with reading(path):
        ids = (_ID, key, "path")
        table = _csv(path, ids) if path.suffix in (".csv", ".tsv") else parquet().read_table(path)
    names = table.column_names
    prediction = next((name for name in _NAMES if name in names), None)
    if prediction is None:
        raise InvalidInput(
            f"{path.name} has no column {_PREDICTION}", hint=f"it has: {', '.join(names)}"[:300]
        )
    by = next((name for name in ids if name is not None and name in names), None)
    metadata = table.schema.metadata or {}
    named = json.loads(metadata[CLASSES]) if CLASSES in metadata else None
    scores, classes = _scores(table)
    return Outputs(
        whole(table[prediction]),
        None if by is None else texts(whole(table[by])),
        by_path=by == "path" and by != key,
        scores=scores,
        classes=tuple(named) if named is not None else classes,
        indexed=INDEXED in metadata,
    )


def _csv(path: Path, ids: tuple[str | None, ...]) -> Any:
    """Return a table with types that its texts have; ids stay as they are written, as 007 does."""
    types = {name: arrow().string() if name in ids else kind for name, kind in csv_types(path).items()}
    rows = [*csv_batches(path)]
    found = arrow().Table.from_batches(rows)
    columns = {name: typed(whole(found[name]), kind) for name, kind in types.items()}
    return arrow().table(columns)


def _scores(table: Any) -> tuple[Floats | None, tuple[str, ...] | None]:
    """Return scores from a column of lists, or from columns `score.CLASS`."""
    named = [name for name in table.column_names if name.startswith(_SCORE)]
    if named:
        columns = [np.asarray(whole(table[name]), np.float64) for name in named]
        return _sound(np.stack(columns, axis=1)), tuple(name.removeprefix(_SCORE) for name in named)
    if _SCORES not in table.column_names:
        return None, None
    lists = whole(table[_SCORES])
    lengths = compute().unique(compute().list_value_length(lists)).to_pylist()
    if len(lengths) != 1 or not lengths[0]:
        raise InvalidInput("scores are lists of one length, a number for each class")
    return _sound(np.asarray(lists.flatten(), np.float64).reshape(len(lists), lengths[0])), None


def _sound(scores: Floats) -> Floats:
    if not np.isfinite(scores).all():
        raise InvalidInput("some scores are no finite numbers")
    return scores


def join(task: str, examples: Examples, given: Outputs, classes: Sequence[str] | None = None) -> Predictions:
    """Return predictions in the order of the examples.

    Args:
        task: What is predicted.
        examples: What it was to be predicted of.
        given: What was predicted.
        classes: The names of the classes whose scores were given, in order.

    Raises:
        InvalidInput: An example has no prediction, or two; or the classes cannot be told.
    """
    rows = _places(examples, given)
    labels = canonical_values(task, examples.labels, "labels")
    prediction = given.prediction.take(rows)
    scores: Floats | None = None
    names: Sequence[str] = ()
    if task == CLASSIFICATION and (given.scores is not None or given.indexed):
        names = _class_names(labels, given, classes)
        scores = None if given.scores is None else given.scores[np.asarray(rows)]
        if given.indexed:
            prediction = arrow().array(names, arrow().string()).take(prediction.cast(arrow().int64()))
    found = canonical_values(task, prediction, "predictions")
    return Predictions(task, examples.ids, labels, found, scores, tuple(names), examples.slices)


def _places(examples: Examples, given: Outputs) -> Any:
    """Return in which row of what was given the prediction of each example is."""
    count = len(given.prediction)
    if given.keys is None:
        if count != len(examples.ids):
            raise InvalidInput(
                f"{count:,} predictions for {len(examples.ids):,} examples, and no column {_ID}"
            )
        return arrow().array(np.arange(count))
    wanted = examples.paths if given.by_path else examples.ids
    if wanted is None:
        raise InvalidInput("the predictions are by path, the data has no paths", hint=f"give a column {_ID}")
    if len(compute().unique(given.keys)) != count:
        raise InvalidInput("some examples have two predictions")
    rows = compute().index_in(wanted, value_set=given.keys)
    if rows.null_count:
        missing = wanted.filter(compute().is_null(rows))[:_SHOWN].to_pylist()
        raise InvalidInput(
            f"{rows.null_count:,} of {len(rows):,} examples have no prediction: {', '.join(missing)}",
            hint="'tether eval --examples FILE DATA' writes the examples with their ids",
        )
    if count > len(rows):
        raise InvalidInput(f"{count - len(rows):,} predictions are of no example of this data")
    return rows


def _class_names(labels: Any, given: Outputs, classes: Sequence[str] | None) -> Sequence[str]:
    """Return the classes of scores: as said, or as the labels say if that leaves no doubt."""
    named = classes or given.classes
    width = 0 if given.scores is None else given.scores.shape[1]
    if named is None:
        distinct = sorted(compute().unique(labels).to_pylist(), key=class_order)
        numbers = [str(at) for at in range(width)]
        named = numbers if set(distinct) <= set(numbers) else distinct
    if (width and len(named) != width) or len(set(named)) < len(named):
        hint = f"name them in the order of the scores: --classes A,B; there are {width} scores"
        raise InvalidInput(f"the {len(named)} classes do not fit the scores", hint=hint)
    return named
