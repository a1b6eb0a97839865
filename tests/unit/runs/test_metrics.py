"""Metrics: what a command writes, line by line, and the columns that stay."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tether.core.jsondoc import canonical
from tether.errors import Corrupt
from tether.runs import metrics
from tether.runs.metrics import Metrics, Series, decode_series, encode_series, read_lines
from tether.runs.plotting import curves, parallel
from tether.runs.rundoc import number
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


NUMBERS = st.one_of(
    st.floats(),
    st.integers(),
    st.sampled_from(
        [True, None, "NaN", "Infinity", "-Infinity", "high", 2**62, 2**62 + 1, 10**400, -0.0, [1]]
    ),
)
NAMES = st.sampled_from(["loss", "a", "", "n" * 250, "n" * 251, "a\nb", "é", "name", "value", "step", 7])
ROWS = st.one_of(
    st.builds(lambda name, value: {"name": name, "value": value}, NAMES, NUMBERS),
    st.fixed_dictionaries({"name": NAMES, "value": NUMBERS, "step": NUMBERS}, optional={"time": NUMBERS}),
    st.dictionaries(st.sampled_from(["loss", "a", "b", "step", "time", "name", "value", ""]), NUMBERS),
)
DUMPED = st.builds(
    lambda row, spaces: json.dumps(row, separators=(", ", ": ") if spaces else (",", ":")).encode(),
    ROWS,
    st.booleans(),
)
PLAIN = b'{"name":"loss","value":0.5,"step":1,"time":1.5}'
LINES = st.one_of(
    st.just(PLAIN),
    DUMPED,
    st.builds(lambda line, cut: line[:cut], DUMPED, st.integers(0, 40)),
    st.builds(
        lambda line, at, byte: line[:at] + byte + line[at:], DUMPED, st.integers(0, 40), st.binary(max_size=2)
    ),
    st.sampled_from(
        [b"", b" ", b"\t{}", PLAIN + PLAIN, b"{" + PLAIN, b'{"name":"x",', b'"value":1}', b"[1]", b"{"]
    ),
)


def one_by_one(lines: list[bytes]) -> metrics.Metrics:
    """Return what is read of lines where no two are looked at together."""
    found = metrics.Metrics()
    for line in lines:
        metrics._read_line(line, found)
    return found


@given(
    st.lists(LINES.map(lambda line: line.replace(b"\n", b"")), max_size=6),
    st.sampled_from([b"\n", b"", b"\r\n"]),
)
@example([PLAIN, PLAIN + PLAIN, b'{"name":"x",', b'"value":1}'], b"\n")
@example([PLAIN, b'{"name":"x",', b'"value":1}', b'{"name":"x","value":1}{"name":"x","value":1}'], b"")
@example([b'{"name":"loss","value":-0}', b'{"name":"loss","value":1e999}'], b"\n")
@example([b'{"name":"loss","value":' + b"9" * 400 + b"}", PLAIN], b"\n")
def test_many_lines_at_once_are_read_as_each_by_itself(lines: list[bytes], end: bytes) -> None:
    """Whatever a run wrote, it does not matter what stands beside a line."""
    ended = [line + end for line in lines]

    assert repr(read_lines(ended)) == repr(one_by_one(ended))
    assert repr(read_lines([PLAIN, *ended])) == repr(one_by_one([PLAIN, *ended]))


def test_plain_lines_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `tether.run` writes is not read line by line; with too many names it is, to count the rest."""
    lines = [b'{"name":"%d","value":%d,"step":null,"time":1.5}\n' % (at % 3, at) for at in range(2500)]
    expected = one_by_one(lines)
    read: list[bytes] = []
    slow = metrics._read_line

    def noted(line: bytes, found: metrics.Metrics) -> None:
        read.append(line)
        slow(line, found)

    monkeypatch.setattr(metrics, "_read_line", noted)
    assert read_lines(lines) == expected
    assert read == []

    monkeypatch.setattr(metrics, "_MAX_SERIES", 2)
    found = read_lines(lines)
    assert (sorted(found.series), found.bad_lines) == (["0", "1"], 833)
    assert read == lines


@given(
    st.lists(
        st.tuples(st.floats(), st.integers(-(2**62), 2**62), st.none() | st.floats(0, 1e17)), min_size=1
    ),
    st.sampled_from(["loss", 'a "b"']),
)
@example([(0.0001, 0, 1e15), (9.9e-05, 1, 1e16), (-0.0, 2, None), (math.nan, 3, 2.5)], "é")
@example([(0.5, 0, 1795752000.123456), (1.0, 1, 1795752001.0)], "loss")
def test_columns_are_canonical(points: list[tuple[float, int, float | None]], name: str) -> None:
    """However numbers are written, the bytes are those of the one form that documents have."""
    values, steps, times = ([*column] for column in zip(*points, strict=True))
    columns: Mapping[str, Any] = {"name": name, "steps": steps, "values": [*map(number, values)]}

    data = encode_series(Metrics({name: Series(steps, values, times)}))

    assert data == canonical({**columns, "times": times} if any(t is not None for t in times) else columns)
    assert repr(decode_series(data)[name].values) == repr(values)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, -0.0, 1.0, 2.5, math.nan, math.inf]), st.integers(0, 5)), min_size=1
    )
)
def test_the_least_and_the_greatest_of_any_series(points: list[tuple[float, int]]) -> None:
    """Of points that are equal, the one of the smallest step counts."""
    short = Series([s for _, s in points], [v for v, _ in points], [None] * len(points)).summary()
    numbers = [(value, step) for value, step in points if not math.isnan(value)]

    if not numbers:
        assert (short.least, short.greatest) == (None, None)
        return
    least, greatest = min(v for v, _ in numbers), max(v for v, _ in numbers)
    assert (float(short.least or 0), short.least_step) == (least, min(s for v, s in numbers if v == least))
    assert (float(short.greatest or 0), short.greatest_step) == (
        greatest,
        min(s for v, s in numbers if v == greatest),
    )


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
