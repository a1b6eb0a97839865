"""Two tables of predictions: pairs by id, wins and regressions, and rules that fail."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.support.predicted import predicted

from tether.errors import InvalidInput, TetherError
from tether.evals.comparing import Comparison, compare
from tether.evals.failing import Failure, failures, parse_rule
from tether.evals.intervals import Plan
from tether.evals.predictions import Predictions, read_header, read_predictions
from tether.evals.tasks import canonical_values

PLAN = Plan(replicates=100)
LABELS = ["a", "b"] * 50
OLD = [*LABELS[:80], *(["x"] * 20)]
"""The last twenty are wrong."""
NEW = [*(["x"] * 4), *LABELS[4:95], *(["x"] * 5)]
"""The first four and the last five are wrong."""


def table(predictions: list[str], labels: list[str] | None = None, start: int = 0) -> Predictions:
    """Return predictions of a hundred examples, the first ten of which are a slice."""
    ids = pa.array([f"e{at + start:03}" for at in range(len(predictions))])
    masks = {"first": np.arange(len(predictions)) < 10, "few": np.arange(len(predictions)) < 3}
    return Predictions("classification", ids, pa.array(labels or LABELS), pa.array(predictions), slices=masks)


def compared(old: Predictions, new: Predictions, *, common: bool = False) -> Comparison:
    """Compare with a slice that needs five examples."""
    return compare(old, new, {"first": 5, "few": 5}, PLAN, common=common)


def test_pairs() -> None:
    """The order of the rows does not count."""
    shuffled = table(NEW).take(np.random.default_rng(0).permutation(100))

    found = compared(table(OLD), shuffled)

    accuracy = found.whole.change("accuracy")
    assert accuracy is not None
    assert (accuracy.old, accuracy.new) == (0.8, 0.91)
    assert (found.whole.wins, found.whole.regressions) == (15, 4)
    assert accuracy.p == pytest.approx(0.019211, abs=1e-5)  # 2 P(X <= 4), X of 19 tosses
    first, few = found.slices
    assert (first.name, first.count, first.wins, first.regressions, first.supported) == (
        "first",
        10,
        0,
        4,
        True,
    )
    assert (few.supported, few.changes) == (False, ())
    assert {each.id for each in found.worst} == {"e000", "e001", "e002", "e003"}
    assert found.worst[0].slices == ("first", "few")
    assert (found.worst[0].label, found.worst[0].old, found.worst[0].new) == ("a", "a", "x")
    assert len(found.best) == 15


def test_slices_that_no_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header names any number of them, each of which is as long as the table."""
    data = predicted("regression", [1.0] * 30, [2.0] * 30, slices=["a", "b", "c"])

    assert set(read_predictions(io.BytesIO(data)).slices) == {"a", "b", "c"}
    monkeypatch.setattr("tether.evals.predictions._MOST_MASKS", 89)
    monkeypatch.setattr("tether.evals.predictions._masks", None)  # it is told before they are made
    with pytest.raises(InvalidInput, match="3 slices of 30 examples"):
        read_predictions(io.BytesIO(data))
    assert read_header(io.BytesIO(data)).slices == ("a", "b", "c")


def test_sets_that_differ() -> None:
    """They are refused, unless what both have is wanted; a label that was corrected counts as another."""
    relabelled = ["b", *LABELS[1:]]
    shifted = table(NEW, relabelled, start=0)
    longer = table(OLD, start=1)

    with pytest.raises(InvalidInput, match="1 have another label"):
        compared(table(OLD), shifted)
    with pytest.raises(InvalidInput, match="1 examples are only in the one, 1 only in the other"):
        compared(table(OLD), longer)
    found = compared(table(OLD), shifted, common=True)
    assert (found.whole.count, found.left_out) == (99, (0, 0, 1))
    with pytest.raises(InvalidInput, match="no example in common"):
        compared(table(OLD), table(OLD, start=500), common=True)


def test_numbers_have_wins_too() -> None:
    """An example is better where its error is smaller."""
    ids, labels = pa.array(["a", "b", "c"]), pa.array([1.0, 2.0, 3.0])
    old, new = (
        Predictions("regression", ids, labels, pa.array(values))
        for values in ([1.0, 2.5, 5.0], [1.5, 2.5, 3.0])
    )

    found = compare(old, new, {}, PLAN)

    assert (found.whole.wins, found.whole.regressions, found.primary) == (1, 1, "rmse")
    assert found.worst[0].id == "a"
    rule = parse_rule("-0.1")
    assert failures([rule], found) == []
    assert [each.metric for each in failures([rule], compare(new, old, {}, PLAN))] == ["rmse"]


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ("accuracy<-0.01", []),
        ("accuracy > 0.1", [None]),
        ("accuracy>0 significant", [None]),
        ("accuracy>0.1 significant", []),
        ("new:accuracy<0.95", [None]),
        ("-0.01", []),
        ("slice:*:-0.01", ["first"]),
        ("slice:f*:accuracy<-0.5", []),
        ("slice:first:new:accuracy<=0.6", ["first"]),
        ("slice:few:-0.01", []),
        ("regressions>3", [None]),
        ("slice:first:regressions>=4", ["first"]),
        ("wins<10", []),
        ("recall[a]<-1", []),
    ],
)
def test_rules(rule: str, where: list[str | None]) -> None:
    """What breaks one is told with its place."""
    found = failures([parse_rule(rule)], compared(table(OLD), table(NEW)))

    assert [each.slice for each in found] == where
    assert all(isinstance(each, Failure) and each.rule == rule for each in found)


@pytest.mark.parametrize(
    "rule", ["", "accuracy", "accuracy<", "slice:*", "<0.1", "accuracy=1", "0.1", "wins>1 significant"]
)
def test_what_is_no_rule(rule: str) -> None:
    """It is refused, so that no gate stands open by a slip."""
    with pytest.raises(InvalidInput):
        parse_rule(rule)


@pytest.mark.parametrize("rule", ["acuracy<-0.01", "slice:frist:-0.01"])
def test_rules_of_what_there_is_not(rule: str) -> None:
    """They are refused too."""
    with pytest.raises(InvalidInput):
        failures([parse_rule(rule)], compared(table(OLD), table(NEW)))


def test_a_table_comes_back(tmp_path: Path) -> None:
    """Scores, slices and what it is of."""
    made = Predictions(
        "classification",
        pa.array(["1", "2"]),
        pa.array(["a", "b"]),
        pa.array(["a", "a"]),
        np.array([[0.75, 0.25], [0.5, 0.5]]),
        ("a", "b"),
        {"one": np.array([False, True]), "none": np.array([False, False])},
        {"model": None},
    )
    made.write(tmp_path / "p.parquet", np.array([0.0, 1.0]))

    found = read_predictions(tmp_path / "p.parquet")

    assert (found.task, found.score_classes, found.about) == (made.task, made.score_classes, made.about)
    assert found.ids.equals(made.ids)
    assert found.labels.equals(made.labels)
    assert found.scores is not None
    assert found.scores.tolist() == [[0.75, 0.25], [0.5, 0.5]]
    assert {name: mask.tolist() for name, mask in found.slices.items()} == {
        "one": [False, True],
        "none": [False] * 2,
    }


def test_a_table_of_others(tmp_path: Path) -> None:
    """It is refused, and so is what is no table."""
    parquet.write_table(pa.table({"example_id": ["1"]}), tmp_path / "other.parquet")
    (tmp_path / "none.parquet").write_bytes(b"PAR1 and nothing else")

    for name in ("other.parquet", "none.parquet"):
        with pytest.raises(InvalidInput, match="no predictions"):
            read_predictions(tmp_path / name)


@pytest.mark.parametrize(
    "header",
    [b"", b"[]", b"{", b'{"version": 1}',
     b'{"version": 1, "task": "x", "classes": [], "slices": [], "about": 0}',
     b'{"version": 1, "task": "classification", "classes": [1], "slices": [], "about": 0}',
     b'{"version": 1, "task": "classification", "classes": ["a", "b"], "slices": [], "about": 0}',
     b'{"version": 1, "task": "classification", "classes": [], "slices": ["one"], "about": 0}'],
)  # fmt: skip
def test_headers_that_lie(tmp_path: Path, header: bytes) -> None:
    """What does not fit the columns is refused."""
    columns = pa.table(
        {
            "example_id": ["1"],
            "label": ["a"],
            "prediction": ["a"],
            "scores": pa.array([[0.5]], pa.list_(pa.float64(), 1)),
            "slices": [["other"]],
        }
    )
    made = columns.replace_schema_metadata({b"tether.predictions": header})
    parquet.write_table(made, tmp_path / "p.parquet")

    with pytest.raises(TetherError):
        read_predictions(tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("task", "values"),
    [
        ("regression", pa.array([1.0, float("nan")])),
        ("regression", pa.array(["a"])),
        ("classification", pa.array(["a", None])),
        ("detection", pa.array(["{"])),
        ("detection", pa.array(['[{"label": "a", "box": [3, 0, 1, 1]}]'])),
        ("retrieval", pa.array(["3"])),
        ("retrieval", pa.array(['{"a": -1}'])),
    ],
)
def test_labels_that_the_task_does_not_have(task: str, values: pa.Array) -> None:
    """They are refused."""
    with pytest.raises(InvalidInput):
        canonical_values(task, values, "labels")


def test_classes_are_texts() -> None:
    """The same number is the same class, whatever its type."""
    for values in (pa.array([3, 10]), pa.array([3.0, 10.0]), pa.array(["3", "10"])):
        assert canonical_values("classification", values, "labels").to_pylist() == ["3", "10"]
    assert canonical_values("classification", pa.array([True]), "labels").to_pylist() == ["true"]
