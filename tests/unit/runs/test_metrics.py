"""Metrics: what a command writes, line by line, and the columns that stay."""

import math

import pytest

from tether.errors import Corrupt
from tether.runs.metrics import Metrics, Series, decode_series, encode_series, read_lines
from tether.runs.plotting import curves, parallel
from tether.runs.textplot import text_parallel


def test_lines_of_both_forms() -> None:
    """One metric or several a line; steps are counted where they are not given; bad lines are counted."""
    found = read_lines(
        [
            b'{"name": "loss", "value": 0.5, "step": 3, "time": 12.5}\n',
            b'{"step": 4.0, "loss": NaN, "accuracy": 1}\n',
            b'{"loss": "Infinity"}\n',
            b"\n",
            b'{"loss": "high"}\n',
            b'{"step": "x", "loss": 1}\n',
            b"[1]\n",
            b'{"loss": 0.2',
        ]
    )

    loss = found.series["loss"]
    assert (loss.steps, loss.times) == ([3, 4, 5], [12.5, None, None])
    assert loss.values[0] == 0.5
    assert math.isnan(loss.values[1])
    assert found.series["accuracy"] == Series([4], [1.0], [None])
    assert found.bad_lines == 4


def test_series_in_short() -> None:
    """The last value may be none; the least and the greatest are numbers, where they came first."""
    series = Series([0, 1, 2, 3], [2.0, 1.0, 1.0, math.nan], [None] * 4)

    short = series.summary()

    assert (short.count, short.last, short.last_step) == (4, "NaN", 3)
    assert (short.least, short.least_step, short.greatest, short.greatest_step) == (1.0, 1, 2.0, 0)
    assert Series([0], [math.nan], [None]).summary().least is None


def test_columns_come_back() -> None:
    """What is stored is what was written, in order of the names."""
    series = {"b": Series([0, 1], [1.0, -math.inf], [None, 2.0]), "a": Series([5], [0.25], [None])}

    data = encode_series(Metrics(series))

    assert data.splitlines()[0] == b'{"name":"a","steps":[5],"values":[0.25]}'
    assert decode_series(data) == series


@pytest.mark.parametrize(
    "line", [b"{}", b'{"name":"a","steps":[1],"values":[]}', b'{"name":"a","steps":[1],"values":["x"]}']
)
def test_damaged_columns(line: bytes) -> None:
    """What no writer writes is refused."""
    with pytest.raises(Corrupt):
        decode_series(line + b"\n")


def test_drawings_have_a_line_for_each_run_and_no_markup_of_theirs() -> None:
    """Gaps cut a line; names are escaped; ten thousand points become few."""
    long = Series([*range(10_000)], [math.sin(step / 100) for step in range(10_000)], [None] * 10_000)
    cut = Series([0, 1, 2], [1.0, math.nan, 0.5], [None] * 3)

    drawn = curves("<b>", {"long": long, "<script>": cut})
    lines = parallel("all", ["lr", "kind"], {"a": [0.1, "adam"], "b": [0.2, "sgd"], "c": [None, "sgd"]})

    assert drawn.count("<polyline") == 3
    assert "<script>" not in drawn
    assert len(drawn) < 60_000
    assert lines.count("<polyline") == 3
    assert ">adam<" in lines
    assert ">c<" in lines


def test_a_line_does_not_cross_an_axis_at_which_its_run_has_no_value() -> None:
    """It is cut there, as SVG and as text; it would seem to have the value that lies on its way."""
    rows: dict[str, list[object]] = {"a": [0.0, "sgd", 0.0], "b": [1.0, None, 1.0]}

    drawn = parallel("all", ["lr", "kind", "loss"], rows)
    text = text_parallel(["lr", "kind", "loss"], rows, width=34, height=3)

    assert [line.count(",") for line in drawn.splitlines() if "<polyline" in line] == [3, 1, 1]
    assert text == [
        "lr        kind      loss",
        "1         sgd       1",
        "+         |         +",
        "|         |         |",
        "* * * * * * * * * * *",
        "0         sgd       0",
        "* a",
        "+ b",
    ]


def test_more_runs_than_there_is_room_for_are_counted() -> None:
    """The key of a drawing says how many it leaves out."""
    drawn = parallel("all", ["lr"], {f"run {number}": [number] for number in range(50)})

    named = drawn.count(">run ")
    assert named == 19
    assert f">and {50 - named} more<" in drawn
