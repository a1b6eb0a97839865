"""Conditions on runs, such as `lr<0.1` or `status=finished`, and the values that names in them stand for."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tether.errors import InvalidInput, NotFound
from tether.runs.rundoc import RunRecord

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"(?P<name>[^<>=~]+?)\s*(?P<sign><=|>=|!=|<|>|=|~)\s*(?P<value>.*)\Z", re.DOTALL)
_ORDERING = ("<", "<=", ">", ">=")
_DOUBLED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_ORDERING, ("<", ">", "=", "~")),
    **dict.fromkeys(("=", "!="), ("=",)),
}
"""What cannot follow a sign, as it does in other languages. What is equal may begin with `<`: `<pad>`."""
_FORM = "write it like 'lr<0.1' or 'status=finished', with one of < <= > >= = != ~"
_PARTS = ("param", "metric", "seed")
_ENDINGS = ("", ".min", ".max", ".last")
_FACTS = ("id", "name", "status", "started", "ended", "command", "code", "exit")
_NEAR = 3
_MOST_TOLD = 20


def value_of(record: RunRecord, name: str) -> Any:
    """Return what a name in a condition or a column stands for: a parameter, a metric, or a fact of the run.

    `param.NAME`, `metric.NAME` and `seed.NAME` say which; a metric is its last value, or with `.min` and
    `.max` at the end the least and the greatest.
    """
    part, _, rest = name.partition(".")
    if part == "param" or (part not in _PARTS and name in record.parameters):
        return record.parameters.get(rest if part == "param" else name)
    if part == "seed":
        return record.seeds.get(rest)
    metric = _metric_value(record, rest if part == "metric" else name)
    if metric is not None or part == "metric":
        return metric
    plain = {
        "id": record.id,
        "name": record.name,
        "status": str(record.status),
        "started": record.started,
        "ended": record.ended,
        "command": " ".join(record.command),
        "code": record.code.commit if record.code is not None else None,
        "exit": record.exit.code,
    }
    if name in plain:
        return plain[name]
    return getattr(record.resources, name, None) if name in record.resources.__struct_fields__ else None


def has_name(record: RunRecord, name: str) -> bool:
    """Say whether a name stands for something in a run, whether that has a value there or not."""
    part, _, rest = name.partition(".")
    if name in _FACTS or name in record.resources.__struct_fields__:
        return True
    if part == "seed":
        return rest in record.seeds
    if (rest in record.parameters) if part == "param" else (name in record.parameters):
        return True
    metric = rest if part == "metric" else name
    return any(metric.endswith(end) and metric.removesuffix(end) in record.metrics for end in _ENDINGS)


def names_of(records: Iterable[RunRecord]) -> list[str]:
    """Return the names that runs know: of their parameters, metrics, seeds and facts."""
    found: set[str] = set()
    for record in records:
        found.update(record.parameters, record.metrics, (f"seed.{name}" for name in record.seeds))
        found.update(record.resources.__struct_fields__)
    return sorted(found.union(_FACTS))


def unknown_name(name: str, known: Sequence[str], kind: str = "") -> NotFound:
    """Return what is said of a name that no run has, with those that look like it."""
    from difflib import get_close_matches

    part, _, rest = name.partition(".")
    near = get_close_matches(rest if part in _PARTS else name, known, n=_NEAR)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif known:
        more = ", ..." if len(known) > _MOST_TOLD else ""
        hint = f"there are {', '.join(known[:_MOST_TOLD])}{more}"
    else:
        hint = "there are none"
    what = f"the {kind} {name}" if kind else name
    return NotFound(f"no run has {what}", hint=hint)


def _metric_value(record: RunRecord, name: str) -> float | None:
    for ending, field in (("", "last"), (".min", "least"), (".max", "greatest"), (".last", "last")):
        summary = record.metrics.get(name.removesuffix(ending)) if name.endswith(ending) else None
        if summary is not None:
            value = getattr(summary, field)
            return None if value is None else float(value)
    return None


def name_in(text: str) -> str | None:
    """Return the name that a condition is about; None where it is none."""
    match = _CONDITION.match(text.strip())
    return None if match is None else match["name"]


def condition(text: str, *, patterns: bool = True) -> Callable[[RunRecord], bool]:
    """Return the test that a condition is.

    Args:
        text: Such as `lr<0.1`, `status=finished` or `name~base`.
        patterns: Take `~`, whose patterns can be such that looking for them never ends.

    Raises:
        InvalidInput: It is none.
    """
    match = _CONDITION.match(text.strip())
    if match is None:
        raise InvalidInput(f"not a condition: {text!r}", hint=_FORM)
    name, sign, wanted = match["name"], match["sign"], match["value"]
    if sign == "~":
        if not patterns:
            raise InvalidInput(f"patterns are not looked for here: {text!r}", hint="compare with = or !=")
        return _searching(name, wanted)
    if wanted.startswith(_DOUBLED[sign]) or (sign in _ORDERING and not wanted):
        raise InvalidInput(f"not a condition: {text!r}", hint=_FORM)
    return _comparing(name, sign, wanted)


def _searching(name: str, wanted: str) -> Callable[[RunRecord], bool]:
    try:
        pattern = re.compile(wanted)
    except re.error as error:
        raise InvalidInput(f"not a pattern: {wanted!r}: {error}") from None
    return lambda record: pattern.search(text_of(value_of(record, name))) is not None


def _comparing(name: str, sign: str, wanted: str) -> Callable[[RunRecord], bool]:
    compare = _OPERATORS[sign]

    def test(record: RunRecord) -> bool:
        value = value_of(record, name)
        if value is None:
            return sign == "!="
        try:
            return compare(float(value), float(wanted))
        except OverflowError:  # an integer that is larger than any float
            return compare(value, float(wanted))
        except (TypeError, ValueError):
            if sign in _ORDERING and not isinstance(value, str):
                return False  # a number comes neither before a word nor behind it
            return compare(text_of(value), wanted)

    return test


def text_of(value: Any) -> str:
    """Return a value as it is written in a condition."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
