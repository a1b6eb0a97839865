"""Metrics are those of scikit-learn and SciPy, or of published examples."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tether.evals.intervals import Plan
from tether.evals.measuring import Figure, measure
from tether.evals.metrics.base import Measures
from tether.evals.metrics.classification import Curve, classification
from tether.evals.metrics.detection import Box, average_precision, detection
from tether.evals.metrics.regression import regression
from tether.evals.metrics.retrieval import retrieval
from tether.evals.metrics.text import distance, text, token_f1

NO_DRAWS = Plan(replicates=0)
ABC = ("a", "b", "c")


def oracle() -> Any:
    """Return what is believed; to import it takes long, and most processes of tests need not."""
    from sklearn import metrics

    return metrics


def values(measures: Measures, chosen: NDArray[np.bool_] | None = None) -> dict[str, float | None]:
    """Return each metric without intervals."""
    return {figure.name: figure.value for figure in measure(measures, NO_DRAWS, chosen)}


def expected(labels: NDArray[Any], predictions: NDArray[Any]) -> dict[str, float]:
    """Return what scikit-learn says of classes."""
    there = sorted({*labels.tolist(), *predictions.tolist()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = oracle().precision_recall_fscore_support(
            labels, predictions, labels=there, average="macro", zero_division=0
        )
        balanced = oracle().balanced_accuracy_score(labels, predictions)
    return {
        "accuracy": oracle().accuracy_score(labels, predictions),
        "balanced_accuracy": balanced,
        "precision_macro": found[0],
        "recall_macro": found[1],
        "f1_macro": found[2],
    }


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=40))
def test_classes_are_counted_as_scikit_learn_does(rows: list[tuple[int, int, bool]]) -> None:
    """Of all examples and of any part of them, whichever classes are there."""
    labels, predictions = (np.array([row[at] for row in rows]) for at in range(2))
    chosen = np.array([row[2] for row in rows])
    measures = classification(labels, predictions, ABC)

    for part in (np.ones(len(rows), np.bool_), chosen):
        if part.any():
            found = values(measures, part)
            for name, value in expected(labels[part], predictions[part]).items():
                assert found[name] == pytest.approx(value), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3]), st.sampled_from([1, 8]))
def test_scores_are_measured_as_scikit_learn_does(seed: int, classes: int, levels: int) -> None:
    """Log loss and the area under the curve, also where many scores are equal."""
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(classes), rng.integers(0, classes, 30)]
    scores = np.round(rng.random((len(labels), classes)) * levels) + 0.5
    scores /= scores.sum(axis=1, keepdims=True)

    found = values(classification(labels, scores.argmax(axis=1), ABC[:classes], scores))

    area = (
        oracle().roc_auc_score(labels, scores[:, 1])
        if classes == 2
        else oracle().roc_auc_score(labels, scores, multi_class="ovr")
    )
    assert found["auc"] == pytest.approx(area)
    assert found["log_loss"] == pytest.approx(oracle().log_loss(labels, scores))


def test_scores_that_are_no_probabilities() -> None:
    """They have an area under the curve and no log loss, which is told."""
    labels = np.array([0, 1, 1, 0])
    measures = classification(labels, labels, ABC[:2], np.array([[3.0, -1], [-2, 4], [0, 1], [5, 5]]))

    assert "log_loss" not in values(measures)
    assert values(measures)["auc"] == pytest.approx(oracle().roc_auc_score(labels, [-1, 4, 1, 5]))
    assert measures.warnings


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e6]))
def test_numbers_are_measured_as_scikit_learn_does(seed: int, far: float) -> None:
    """Also far from zero, where differences of squares lose digits."""
    rng = np.random.default_rng(seed)
    labels = rng.normal(far, 3, 40)
    predictions = labels + rng.normal(0, 1, 40)

    found = values(regression(labels, predictions))

    assert found["mae"] == pytest.approx(oracle().mean_absolute_error(labels, predictions))
    assert found["rmse"] == pytest.approx(oracle().root_mean_squared_error(labels, predictions))
    assert found["r2"] == pytest.approx(oracle().r2_score(labels, predictions), abs=1e-6)


def test_labels_that_are_all_equal_explain_no_variance() -> None:
    """There is none to explain."""
    assert values(regression(np.full(3, 2.0), np.array([1.0, 2.0, 3.0])))["r2"] is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_rankings_are_measured_as_scikit_learn_does(seed: int) -> None:
    """The discounted gain with gains of any size."""
    rng = np.random.default_rng(seed)
    gains, scores = (
        rng.integers(0, 4, (3, 12)).astype(float),
        rng.permuted(np.tile(np.arange(12.0), (3, 1)), axis=1),
    )
    gains[:, 0] = 1
    labels = [{str(at): gain for at, gain in enumerate(row) if gain} for row in gains]
    rankings = [[*map(str, np.argsort(-row))] for row in scores]

    found = values(retrieval(labels, rankings))

    assert found["ndcg@10"] == pytest.approx(oracle().ndcg_score(gains, scores, k=10))


def test_hits_in_a_ranking() -> None:
    """Recall at k and the reciprocal rank of the first hit; what stands twice counts once."""
    found = values(retrieval([{"a": 1, "z": 1}, {"b": 1}, {}], [["x", "x", "a", "b"], ["b"], ["c"]]))

    assert (found["recall@1"], found["recall@5"], found["mrr"]) == (0.5, 0.75, 0.75)


def slow_distance(one: str, two: str) -> int:
    """Return the distance by the table of all beginnings."""
    row = list(range(len(two) + 1))
    for at, left in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, right in enumerate(two, 1):
            before, row[to] = row[to], min(row[to] + 1, row[to - 1] + 1, before + (left != right))
    return row[-1]


@settings(max_examples=150, deadline=None)
@given(st.text("abc ", max_size=90), st.text("abc ", max_size=90))
def test_the_distance_of_texts(one: str, two: str) -> None:
    """It is that of the plain algorithm."""
    assert distance(one, two) == slow_distance(one, two)


def test_texts() -> None:
    """Known distances, and rates over all edits."""
    found = values(text(["the cat sat", " a  b "], ["the bat", "a b"]))

    assert distance("kitten", "sitting") == 3
    assert distance("intention", "execution") == 5
    assert (found["exact_match"], found["wer"]) == (0.5, 2 / 5)
    assert found["cer"] == (1 + 4) / (11 + 3)
    assert token_f1(["a", "a", "b"], ["a", "c"]) == pytest.approx(2 / 5)


def test_average_precision_of_a_known_curve() -> None:
    """Hits at ranks 1 and 3 of two true boxes: precision 1 to a recall of 0.5, then 2/3."""
    found = average_precision(np.ones(3), np.array([True, False, True]), np.array(2.0))

    assert found == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)


def test_replicates_of_a_class_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many classes the calls would cost more than the boxes; each replicate has what it has alone."""
    rng = np.random.default_rng(5)
    places = rng.integers(0, 40, (60, 2)).tolist()
    real = [[Box(f"c{at % 30}", x, y, x + 20, y + 20)] for at, (x, y) in enumerate(places)]
    found = [
        [Box(box.label, box.x1 + 3, box.y1, box.x2, box.y2, score), Box("c3", 0, 0, 9, 9, 1 - score)]
        for [box], score in zip(real, rng.random(60).tolist(), strict=True)
    ]
    [curve] = detection(real, found).ranks
    weights = np.asarray(rng.integers(0, 3, (20, 60)), np.float64)
    alone = [curve.figures(row[None]) for row in weights]
    shapes = []

    def noted(mass: Any, *others: Any) -> Any:
        shapes.append(mass.shape)
        return average_precision(mass, *others)

    monkeypatch.setattr("tether.evals.metrics.detection.average_precision", noted)
    together = curve.figures(weights)

    assert len(shapes) == 30
    for name, values in together.items():
        np.testing.assert_allclose(values, [each[name][0] for each in alone], rtol=1e-12)


def test_boxes() -> None:
    """A box counts at the overlaps that it reaches; a second one for the same thing is none."""
    real = [[Box("cat", 0, 0, 10, 10), Box("dog", 0, 0, 4, 4)], []]
    found = [[Box("cat", 0, 0, 10, 8, 0.9), Box("cat", 0, 0, 10, 10, 0.8), Box("dog", 0, 0, 4, 4, 0.7)], []]

    measured = values(detection(real, found))

    assert measured["ap@0.5[dog]"] == pytest.approx(1)
    assert measured["ap@0.5[cat]"] == pytest.approx(1)
    cats = (7 * 1.0 + 3 * 0.5) / 10  # above an overlap of 0.8 the surest box is wrong
    assert measured["ap@0.5:0.95"] == pytest.approx((cats + 1) / 2)
    assert measured["recall@0.5"] == 1
    assert values(detection(real, [[], []]))["ap@0.5"] == 0
    assert values(detection([[]], [found[0]]))["ap@0.5"] is None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_boxes_of_some_images(seed: int) -> None:
    """A part of the images gives what these images give alone."""
    rng = np.random.default_rng(seed)

    def boxes(count: int) -> list[Box]:
        corners = rng.integers(0, 4, (count, 2))
        return [
            Box("ab"[at % 2], x, y, x + 3, y + 3, float(rng.random())) for at, (x, y) in enumerate(corners)
        ]

    pairs = [(boxes(2), boxes(3)) for _ in range(4)]
    chosen = np.array([True, False, True, True])
    some = [pair for pair, kept in zip(pairs, chosen, strict=True) if kept]

    part = values(detection(*zip(*pairs, strict=True)), chosen)
    alone = values(detection(*zip(*some, strict=True)))

    assert part == pytest.approx(alone)


@pytest.mark.parametrize("classes", [2, 3])
def test_what_moves_the_area_under_the_curve(classes: int) -> None:
    """How much examples move it gives the spread of the plain bootstrap, also of equal scores."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, classes, 1500)
    scores = np.round(np.eye(classes)[labels] * 0.3 + rng.random((1500, classes)), 1)
    curve = Curve(labels, scores, ABC[:classes])

    area, moves = curve.influence()["auc"]
    weights = np.stack([np.bincount(rng.integers(0, 1500, 1500), minlength=1500) for _ in range(300)])
    plain = curve.figures(weights.astype(float))["auc"]

    assert area == pytest.approx(curve.figures(np.ones((1, 1500)))["auc"][0])
    assert moves.mean() == pytest.approx(0, abs=1e-12)
    assert np.std(weights @ moves / 1500) == pytest.approx(np.std(plain), rel=0.05)
    assert np.corrcoef(weights @ moves, plain)[0, 1] > 0.99


def test_intervals_hold_the_figure_and_are_seeded() -> None:
    """Each metric has one around its value, the same each time."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 6000)
    predictions = np.where(rng.random(6000) < 0.8, labels, rng.integers(0, 3, 6000))
    scores = np.eye(3)[predictions] * 0.7 + 0.1
    measures = classification(labels, predictions, ABC, scores)

    found, again = (measure(measures, Plan(replicates=200)) for _ in range(2))

    assert found == again
    for figure in found:
        assert isinstance(figure, Figure)
        assert figure.value is not None
        assert figure.interval is not None
        assert figure.interval[0] <= figure.value <= figure.interval[1], figure
        assert figure.interval[1] - figure.interval[0] < 0.1, figure
