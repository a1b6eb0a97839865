"""Conditions mean what Python would make of them, and files of slices are read strictly."""

import operator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tether.errors import InvalidInput, Unsupported
from tether.evals.expressions import columns_of, holds, parse_condition
from tether.evals.slices import read_slices

COLUMNS = {
    "n": pa.array([1, 2, 3, None, -5]),
    "x": pa.array([0.5, 2.0, 3.5, 1.0, None]),
    "name": pa.array(["cat", "dog", "it's", "", None]),
    "odd": pa.array([True, False, True, None, True]),
    "odd name": pa.array([1, 1, 2, 2, 2]),
    "tags": pa.array([["a"], [], ["a", "b"], None, ["c"]]),
}


def rows(text: str) -> list[int]:
    """Return the places for which a condition holds."""
    return [at for at, held in enumerate(holds(parse_condition(text), COLUMNS).to_pylist()) if held]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("n > 1", [1, 2]),
        ("n >= 1 and n < 3", [0, 1]),
        ("n = 1 or n == 3", [0, 2]),
        ("not n > 1", [0, 4]),
        ("n != 2", [0, 2, 4]),
        ("n = -5", [4]),
        ("x < n", [0]),
        ("name = 'cat' or name = \"dog\"", [0, 1]),
        (r"name = 'it\'s'", [2]),
        ("name ~ 'o'", [1]),
        ("length(name) > 3", [2]),
        ("length(tags) = 2", [2]),
        ("name in ('cat', 'cow')", [0]),
        ("name not in ('cat', 'cow')", [1, 2, 3]),
        ("n in (1, 3)", [0, 2]),
        ("n is null", [3]),
        ("n is not null and x is not null", [0, 1, 2]),
        ("odd", [0, 2, 4]),
        ("not odd", [1]),
        ("odd = false", [1]),
        ("`odd name` = 2", [2, 3, 4]),
        ("(n = 1 or n = 2) and x > 1", [1]),
        ("n = 1 or n = 2 and x > 100", [0]),
        ("x < 1.5e0", [0, 3]),
    ],
)
def test_conditions(text: str, wanted: list[int]) -> None:
    """What is unknown is not in a slice."""
    assert rows(text) == wanted


SIGNS: dict[str, Any] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
CONDITIONS: st.SearchStrategy[tuple[str, Any]] = st.recursive(
    st.tuples(st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), st.integers(-3, 3)).map(
        lambda pair: (f"n {pair[0]} {pair[1]}", lambda n: SIGNS[pair[0]](n, pair[1]))
    ),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", lambda n: not one[1](n))),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) and ({two[1][0]})", lambda n: two[0][1](n) and two[1][1](n))
        ),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) or ({two[1][0]})", lambda n: two[0][1](n) or two[1][1](n))
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(CONDITIONS)
def test_conditions_are_joined_as_in_python(made: tuple[str, Any]) -> None:
    """However deep."""
    text, function = made
    numbers = [*range(-4, 5)]

    found = holds(parse_condition(text), {"n": pa.array(numbers)}).to_pylist()

    assert found == [function(n) for n in numbers]


@pytest.mark.parametrize(
    "text",
    ["", "n >", "n > 1 2", "(n > 1", "n > 1)", "1 < n", "n in ()", "and", "n is 3", "n > 'a",
     "__import__('os')", "n; m", "(" * 100 + "n" + ")" * 100, "not " * 100 + "odd",
     "n > 1 or " * 400 + "odd", "n.__class__()"],
)  # fmt: skip
def test_what_is_no_condition(text: str) -> None:
    """It is refused, and runs nothing."""
    with pytest.raises(InvalidInput, match="condition"):
        parse_condition(text)


@settings(max_examples=150, deadline=None)
@given(st.text("nx()'\"`<>=!~, andorti.0123-\\", max_size=40))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    """Nothing else is raised."""
    try:
        condition = parse_condition(text)
        if columns_of(condition) <= COLUMNS.keys():
            holds(condition, COLUMNS)
    except InvalidInput:
        pass


@pytest.mark.parametrize("text", ["missing > 1", "name > 1", "n", "length(n) > 1", "n = 'a'"])
def test_what_the_columns_do_not_have(text: str) -> None:
    """It is said which."""
    with pytest.raises(InvalidInput):
        rows(text)


def test_a_file() -> None:
    """Both forms, and what a slice has by default."""
    found = read_slices(b"min: 7\nslices:\n  a: n > 1\n  b: {where: 'x < 2', min: 3, note: far}\n")

    assert [(each.name, each.where, each.least, each.note) for each in found] == [
        ("a", "n > 1", 7, None),
        ("b", "x < 2", 3, "far"),
    ]
    assert found[0].columns == {"n"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "slices: []", "slices: {a: 1}", "slices: {a: 'n >'}", "slices: {'a b': n}", "slices: {1: n}",
     "slices: {a: {where: n, why: 1}}", "slices: {a: n}\nmore: 1", "slices: {a: n, a: x}",
     "min: 0\nslices: {}", "slices: {a: &x n, b: *x}", "slices: {a: !!python/name:os.system ''}",
     "slices: {a: {where: n, min: true}}", "{", "slices: {a: \xff", "- " * 5000],
)  # fmt: skip
def test_files_that_are_none(text: str) -> None:
    """Each is refused."""
    with pytest.raises(InvalidInput):
        read_slices(text.encode("latin-1"))


def test_a_newer_file() -> None:
    """It is not misread."""
    with pytest.raises(Unsupported):
        read_slices(b"version: 2\nslices: {}\n")
