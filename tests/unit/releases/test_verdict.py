"""What counts as reproduced, and as how well."""

import msgspec
import pytest

from tether.releases.verdict import Level, Result, Rules, compare_runs, package_changes
from tether.runs.metrics import Metrics, Series
from tether.runs.rundoc import Artefact, RunRecord, Status, Summary


def summaries(**values: float) -> dict[str, Summary]:
    """Return metrics of one point each."""
    return Metrics({name: Series([0], [value], [None]) for name, value in values.items()}).summaries()


_EXACT = Rules()


def level(
    old: tuple[dict[str, str], dict[str, float]],
    new: tuple[dict[str, str], dict[str, float]],
    rules: Rules = _EXACT,
    *,
    tensors: bool = False,
    status: Status = Status.FINISHED,
    printed: tuple[str | None, str | None] = ("a", "a"),
) -> Level:
    """Return how two runs compare, each given as digests of artefacts and values of metrics."""
    record = RunRecord("0" * 26, Status.FINISHED, ("true",), "2026-01-01T00:00:00+00:00")
    artefacts = tuple(Artefact(path, digest, 1) for path, digest in old[0].items())
    record = msgspec.structs.replace(record, artefacts=artefacts, metrics=summaries(**old[1]))
    result = Result(status, new[0], summaries(**new[1]), printed[1])
    return compare_runs(record, printed[0], result, rules, lambda _: tensors)[0]


W, V = {"w.bin": "1"}, {"w.bin": "2"}


@pytest.mark.parametrize(
    ("old", "new", "rules", "expected"),
    [
        ((W, {"loss": 1}), (W, {"loss": 1}), Rules(), "bitwise"),
        ((W, {}), (W, {"other": 1}), Rules(), "bitwise"),
        ((W, {"loss": 1}), (V, {"loss": 1}), Rules(), "metrics"),
        ((W, {"loss": 1}), (V, {"loss": 1.01}), Rules(), "different"),
        ((W, {"loss": 1}), (V, {"loss": 1.01}), Rules({"loss": 0.02}), "tolerance"),
        ((W, {"loss": 1}), (V, {"loss": 1.03}), Rules({"loss": 0.02}), "different"),
        ((W, {"loss": 1}), (W, {"loss": 1.01}), Rules({"loss": 0.02}), "tolerance"),
        ((W, {"loss": float("nan")}), (W, {"loss": float("nan")}), Rules(), "bitwise"),
        ((W, {"loss": float("nan")}), (W, {"loss": 1}), Rules({"loss": 9}), "different"),
        ((W, {"loss": 1}), (W, {}), Rules(), "different"),
        ((W, {"seconds": 1}), (W, {"seconds": 2}), Rules(ignored=("seconds",)), "bitwise"),
        ((W, {}), (V, {}), Rules(), "different"),
        ((W, {}), ({}, {}), Rules(), "different"),
        (({**W, "log": "1"}, {}), ({**W, "log": "2"}, {}), Rules(ignored=("log",)), "bitwise"),
        (({}, {"loss": 1}), ({}, {"loss": 1}), Rules(), "metrics"),
    ],
)
def test_the_verdict_is_the_weakest_of_what_holds(
    old: tuple[dict[str, str], dict[str, float]],
    new: tuple[dict[str, str], dict[str, float]],
    rules: Rules,
    expected: str,
) -> None:
    """Artefacts and metrics count together; what is ignored does not count."""
    assert level(old, new, rules) == expected


def test_tensors_count_where_bytes_differ() -> None:
    """A file with another time in its header is as good."""
    assert level((W, {}), (V, {}), tensors=True) == Level.TENSORS
    assert level((W, {"loss": 1}), (V, {"loss": 2}), tensors=True) == Level.DIFFERENT


def test_what_was_printed_counts_where_there_is_nothing_else() -> None:
    """A run without artefacts and metrics is compared by its output; without that nothing shows it."""
    assert level(({}, {}), ({}, {})) == Level.BITWISE
    assert level(({}, {}), ({}, {}), printed=("a", "b")) == Level.DIFFERENT
    assert level(({}, {}), ({}, {}), printed=(None, None)) == Level.DIFFERENT


def test_a_command_that_fails_reproduces_nothing() -> None:
    """Even if all artefacts are there."""
    assert level((W, {}), (W, {}), status=Status.FAILED) == Level.FAILED
    assert not Level.FAILED.is_good
    assert Level.TOLERANCE.is_good


def test_packages_that_differ_are_told() -> None:
    """Names are compared as indexes do, and Python is one of them; a command that is no Python has none."""
    old = {"python": {"version": "3.11.2", "packages": {"NumPy": "1.0", "a_b": "1"}}}
    new = {"python": {"version": "3.12.0", "packages": {"numpy": "2.0", "a-b": "1", "c": "3"}}}

    assert package_changes(old, new) == {
        "python": ("3.11.2", "3.12.0"),
        "numpy": ("1.0", "2.0"),
        "c": (None, "3"),
    }
    assert package_changes({"python": None}, {"python": None}) == {}
