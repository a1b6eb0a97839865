"""What is predicted: how labels and predictions of each task are kept, and what is measured of them."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tether.errors import InvalidInput
from tether.evals.metrics.base import Floats, Measures
from tether.evals.metrics.classification import classification
from tether.evals.metrics.detection import Box, detection
from tether.evals.metrics.regression import regression
from tether.evals.metrics.retrieval import retrieval
from tether.evals.metrics.text import text
from tether.evals.needs import arrow, compute

if TYPE_CHECKING:
    from tether.evals.predictions import Predictions

CLASSIFICATION, REGRESSION = "classification", "regression"
DETECTION, RETRIEVAL, TEXT = "detection", "retrieval", "text"
TASKS = (CLASSIFICATION, REGRESSION, DETECTION, RETRIEVAL, TEXT)
_MOST_CLASSES = 20_000


def guess_task(labels: Any) -> str:
    """Return the task that labels look like: numbers with fractions are a regression, all else are classes.

    Raises:
        InvalidInput: They are neither.
    """
    types = arrow().types
    kind = labels.type.value_type if types.is_dictionary(labels.type) else labels.type
    if types.is_floating(kind) or types.is_decimal(kind):
        return REGRESSION
    if (
        types.is_integer(kind)
        or types.is_boolean(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
    ):
        return CLASSIFICATION
    raise InvalidInput(f"labels of type {kind}", hint=f"say what they are: --task {' | '.join(TASKS)}")


def canonical_values(task: str, values: Any, what: str) -> Any:
    """Return labels or predictions as they are kept: numbers, or texts.

    Args:
        task: One of `TASKS`.
        values: An Arrow array.
        what: For messages.

    Raises:
        InvalidInput: There are nulls, or what the task does not have.
    """
    if values.null_count:
        raise InvalidInput(f"{values.null_count:,} {what} are missing")
    try:
        if task == REGRESSION:
            return _numbers(values, what)
        if task in (DETECTION, RETRIEVAL):
            return _documents(values, what, _box_list if task == DETECTION else _ranking)
        return texts(values)
    except arrow().ArrowException as error:
        raise InvalidInput(f"{what} cannot be read: {str(error).splitlines()[0]}") from None


def texts(values: Any) -> Any:
    """Return an Arrow array as texts, as classes are compared: 3 and 3.0 are the same."""
    pa, pc = arrow(), compute()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_floating(values.type):
        whole = pc.all(pc.equal(pc.floor(values), values)).as_py()
        values = values.cast(pa.int64()) if whole else values.cast(pa.float64())
    return values.cast(pa.string())


def _numbers(values: Any, what: str) -> Any:
    found = values.cast(arrow().float64())
    if not compute().all(compute().is_finite(found)).as_py() and len(found):
        raise InvalidInput(f"some {what} are no finite numbers")
    return found


def _documents(values: Any, what: str, read: Callable[[Any], Any]) -> Any:
    """Return lists as JSON texts, each read once so that what is kept can be measured."""
    rows = values.to_pylist()
    found = []
    for row in rows:
        try:
            value = json.loads(row) if isinstance(row, str) else row
            read(value)
            found.append(json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidInput(f"not such {what}: {str(row)[:80]!r}: {error}", hint=_FORMS) from None
    return arrow().array(found, arrow().string())


_FORMS = (
    "boxes are [{'label', 'box': [x1, y1, x2, y2], 'score'}]; what is relevant or ranked is a list of names"
)


def _box_list(value: Any) -> list[Box]:
    return [_box(row) for row in value]


def _box(row: Any) -> Box:
    x1, y1, x2, y2 = (float(each) for each in row["box"])
    box = Box(
        str(row["label"]), x1, y1, x2, y2, float(row.get("score") or (1.0 if "score" not in row else 0.0))
    )
    if not all(map(math.isfinite, box[1:])) or x2 < x1 or y2 < y1:
        raise ValueError("a box has corners x1 <= x2 and y1 <= y2, and a finite score")
    return box


def _ranking(value: Any) -> list[str]:
    return [*_gains(value)] if isinstance(value, dict) else [_name(each) for each in value]


def _gains(value: Any) -> dict[str, float]:
    """Return what is relevant, with its gain: a list of names, or gains by name."""
    pairs = value.items() if isinstance(value, dict) else ((each, 1.0) for each in value)
    found = {_name(name): float(gain) for name, gain in pairs}
    if not all(math.isfinite(gain) and gain >= 0 for gain in found.values()):
        raise ValueError("a gain is a finite number of at least 0")
    return {name: gain for name, gain in found.items() if gain > 0}


def _name(value: Any) -> str:
    if not isinstance(value, str | int):
        raise TypeError("a name is expected")
    return str(value)


def class_order(name: str) -> tuple[int, int, str]:
    """Return by what classes are sorted: numbers by value, then texts."""
    plain = name.removeprefix("-")
    return (0, int(name), name) if plain.isdecimal() and plain.isascii() and len(plain) < 20 else (1, 0, name)


def classes_of(*tables: "Predictions") -> list[str]:
    """Return all classes of labels, predictions and scores, in order."""
    found: set[str] = set()
    for table in tables:
        for column in (table.labels, table.predictions):
            found.update(compute().unique(column).to_pylist())
        found.update(table.score_classes)
    if len(found) > _MOST_CLASSES:
        raise InvalidInput(f"{len(found):,} classes are too many", hint="is it --task text or regression?")
    return sorted(found, key=class_order)


def measures_of(table: "Predictions", classes: Sequence[str] | None = None) -> Measures:
    """Return what is measured of predictions.

    Args:
        table: The predictions.
        classes: All classes, where more tables than this are looked at together.
    """
    if table.task == CLASSIFICATION:
        return _classification(table, classes_of(table) if classes is None else classes)
    if table.task == REGRESSION:
        return regression(np.asarray(table.labels, np.float64), np.asarray(table.predictions, np.float64))
    labels, predictions = table.labels.to_pylist(), table.predictions.to_pylist()
    if table.task == TEXT:
        return text(labels, predictions)
    wanted, found = [*map(json.loads, labels)], [*map(json.loads, predictions)]
    if table.task == DETECTION:
        return detection([*map(_box_list, wanted)], [*map(_box_list, found)])
    return retrieval([*map(_gains, wanted)], [*map(_ranking, found)])


def _classification(table: "Predictions", classes: Sequence[str]) -> Measures:
    names = arrow().array(classes, arrow().string())
    labels, predictions = (
        np.asarray(compute().index_in(column, value_set=names), np.int64)
        for column in (table.labels, table.predictions)
    )
    return classification(labels, predictions, classes, _by_class(table, classes))


def _by_class(table: "Predictions", classes: Sequence[str]) -> Floats | None:
    """Return the scores in the order of all classes."""
    if table.scores is None or [*table.score_classes] == [*classes]:
        return table.scores
    places: Mapping[str, int] = {name: at for at, name in enumerate(classes)}
    found = np.full((table.count, len(classes)), np.nan)
    for at, name in enumerate(table.score_classes):
        found[:, places[name]] = table.scores[:, at]
    return found
