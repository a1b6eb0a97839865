"""Filters, orders and pages as clients ask for them."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tether.errors import InvalidInput
from tether.mlflow.filters import fits, ordered, page, read_filter

RUN = {
    ("metric", "loss"): 0.25,
    ("metric", "a b"): 2.0,
    ("param", "lr"): "0.10",
    ("tag", "mlflow.runName"): "Base one",
    ("attribute", "status"): "FINISHED",
    ("attribute", "start_time"): 1000,
}


def look(run: dict[tuple[str, str], Any], kind: str, key: str) -> Any:
    """Return a value of a run."""
    return run.get((kind, key))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("metrics.loss < 0.5", True),
        ("metrics.loss < 0.5 and params.lr = '0.10'", True),
        ("metrics.loss<=.25 AND metric.`a b` = 2", True),
        ('metrics."a b" >= 1e1', False),
        ("params.lr = '0.1'", False),
        ("params.missing != 'x'", False),
        ("params.missing IS NULL and params.lr is not null", True),
        ("tags.mlflow.runName LIKE 'Base%'", True),
        ("tags.`mlflow.runName` LIKE 'base%'", False),
        ("tags.mlflow.runName ILIKE 'base\\_one'", False),
        ("tags.mlflow.runName ILIKE 'b_se%'", True),
        ("tags.mlflow.runName NOT LIKE '%two'", True),
        ("attributes.status IN ('RUNNING', 'FINISHED')", True),
        ("status NOT IN ('RUNNING')", True),
        ("attribute.start_time > 999 and start_time <> 1001", True),
    ],
)
def test_a_filter_says_what_it_means(text: str, holds: bool) -> None:
    """All conditions must hold; what a run does not have fulfils none but IS NULL."""
    assert fits(RUN, read_filter(text), look) is holds


@pytest.mark.parametrize(
    "text",
    [
        "metrics.loss",
        "metrics.loss <",
        "metrics.loss < 'much'",
        "metrics.loss < 1 or metrics.loss > 2",
        "metrics.loss < 1 and",
        "things.loss = 1",
        "params.lr = lr",
        "params.lr IN '1'",
        "params.lr BETWEEN 1 AND 2",
        "name = 'x' ; drop",
        "tags.x LIKE '%a%a%a%a%a%a%a%a%a%'",
    ],
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    """It is the client's mistake, and is told as one."""
    with pytest.raises(InvalidInput):
        read_filter(text)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text is a filter or a mistake of the client."""
    with suppress(InvalidInput):
        fits(RUN, read_filter(text), look)


def test_orders_put_what_is_missing_last() -> None:
    """Either way round, and NaN with it; the first order counts most."""
    runs: list[dict[tuple[str, str], Any]] = [
        {("metric", "m"): 1.0, ("param", "p"): "a"},
        {},
        {("metric", "m"): float("nan")},
        {("metric", "m"): 3.0},
        {("metric", "m"): 1.0, ("param", "p"): "b"},
    ]

    up = [runs.index(each) for each in ordered(runs, ["metrics.m", "params.p DESC"], look)]
    down = [runs.index(each) for each in ordered(runs, ["metrics.`m` desc"], look)]

    assert (up, down) == ([4, 0, 3, 1, 2], [3, 0, 4, 1, 2])


def test_pages() -> None:
    """Each page names the next one; a token that is none is refused."""
    first, token = page("abcde", 2, "")
    second, _ = page("abcde", 2, str(token))
    last, end = page("abcde", 2, "4")

    assert (first, second, last, end) == (["a", "b"], ["c", "d"], ["e"], None)
    for most, wrong in ((2, "-1"), (2, "x"), (2, "9" * 30), (0, ""), (10**9, "")):
        with pytest.raises(InvalidInput):
            page("abc", most, wrong)
