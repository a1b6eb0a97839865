"""Curves as text, and what is drawn where nobody says."""

import math
import re

from tether.runs.metrics import Metrics, Series
from tether.runs.plotting import curves, histogram, parallel
from tether.runs.rundoc import RunRecord, Status
from tether.runs.textplot import chosen_axes, chosen_metric, text_curves, text_parallel


def record(parameters: dict[str, float], **metrics: list[float]) -> RunRecord:
    """Return a run with parameters and metrics."""
    series = {name: Series([*range(len(each))], each, [None] * len(each)) for name, each in metrics.items()}
    summaries = Metrics(series).summaries()
    return RunRecord("x", Status.FINISHED, (), "", parameters=dict(parameters), metrics=summaries)


def test_curves_rise_and_fall() -> None:
    """High values are above, later steps to the right; each run has its mark, and what is no number none."""
    lines = text_curves(
        "loss", {"a": Series([0, 10], [1.0, 0.0], [None] * 2), "b": Series([5], [math.nan], [None])}, 40, 5
    )

    assert lines[0] == "loss"
    assert lines[1].endswith("|*")
    assert lines[5].index("*") == 39
    assert lines[-2:] == ["* a", "+ b"]
    assert text_curves("loss", {}) == ["loss", "no points"]


def test_more_runs_than_marks() -> None:
    """Where marks begin to stand for several runs, the key says so."""
    one = Series([0], [1.0], [None])
    for drawn in (
        text_curves("loss", {str(number): one for number in range(100)}),
        text_parallel(["a"], {str(number): [number] for number in range(100)}),
    ):
        key = drawn[-101:]
        said = [number for number, line in enumerate(key) if line.startswith("there are ")]
        marks = [line[0] for line in key[: said[0]]]
        assert (len(said), len(set(marks))) == (1, said[0])
        assert key[said[0]].startswith(f"there are {said[0]} marks")
        assert key[said[0] + 1] == f"* {said[0]}"


def test_lines_of_a_drawing_can_be_told_apart() -> None:
    """More of them than there are colours are broken in ways that the key shows."""
    names = [str(number) for number in range(19)]
    for drawn in (
        curves("loss", {name: Series([0, 1], [1.0, 2.0], [None] * 2) for name in names}),
        parallel("all", ["a", "b"], {name: [1, 2] for name in names}),
    ):
        lines = re.findall(r'<polyline fill="none" (stroke.*?) points', drawn)
        key = re.findall(r'<path d=".*?" (stroke.*?)/>', drawn)
        assert len(lines) == len(set(lines)) == 19
        assert [line.replace(' stroke-width="1.5"', "") for line in lines[8:]] == key


def test_the_metric_that_says_most() -> None:
    """One that most runs have as a curve; of those a loss before others."""
    runs = [
        record({}, loss=[2, 1], accuracy=[0.5, 0.6], size=[3]),
        record({}, loss=[2, 1], accuracy=[0.5, 0.6]),
    ]

    assert chosen_metric(runs) == "loss"
    assert chosen_metric([*runs, record({}, accuracy=[0.1, 0.2])]) == "accuracy"
    assert chosen_metric([record({}, size=[3])]) is None


def test_the_axes_that_tell_runs_apart() -> None:
    """Parameters that are the same everywhere say nothing."""
    runs = [record({"lr": 0.1, "seed": 1}, score=[0.5]), record({"lr": 0.2, "seed": 1}, score=[0.6])]

    assert chosen_axes(runs) == ["param.lr", "metric.score"]


def test_a_histogram_has_a_strip_for_each_row() -> None:
    """Bars for what is there, and texts that are safe in a page."""
    drawn = histogram("latency of <x>", "ms", {"single 1": [1.0, 1.1, 5.0], "offline 32": [2.0, math.inf]})

    assert drawn.count("<rect") == 1 + 4
    assert "&lt;x&gt;" in drawn
    assert histogram("nothing", "ms", {}).endswith("</svg>\n")
