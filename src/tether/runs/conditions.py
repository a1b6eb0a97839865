"""Conditions on runs, such as `lr<0.1` or `status=finished`, and the values that names in them stand for."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from tether.errors import InvalidInput
from tether.runs.rundoc import RunRecord

_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"(?P<name>.+?)\s*(?P<sign><=|>=|!=|<|>|=|~)\s*(?P<value>.*)\Z", re.DOTALL)
_PARTS = ("param", "metric", "seed")


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


def _metric_value(record: RunRecord, name: str) -> float | None:
    for ending, field in (("", "last"), (".min", "least"), (".max", "greatest"), (".last", "last")):
        summary = record.metrics.get(name.removesuffix(ending)) if name.endswith(ending) else None
        if summary is not None:
            value = getattr(summary, field)
            return None if value is None else float(value)
    return None


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
        raise InvalidInput(f"not a condition: {text!r}", hint="write it like 'lr<0.1' or 'status=finished'")
    name, sign, wanted = match["name"], match["sign"], match["value"]
    if sign == "~":
        if not patterns:
            raise InvalidInput(f"patterns are not looked for here: {text!r}", hint="compare with = or !=")
        try:
            pattern = re.compile(wanted)
        except re.error as error:
            raise InvalidInput(f"not a pattern: {wanted!r}: {error}") from None
        return lambda record: pattern.search(text_of(value_of(record, name))) is not None
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
            return compare(text_of(value), wanted)

    return test


def text_of(value: Any) -> str:
    """Return a value as it is written in a condition."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
