"""`--fail-on`: when a comparison is a failure.

    rule   = ["slice:" GLOB ":"] test
    test   = ["new:"] METRIC SIGN NUMBER ["significant"] | "-" NUMBER ["significant"]
    SIGN   = "<" "<=" ">" ">="

`METRIC` is the change from the old to the new model, with `new:` the value of the new one; `wins` and
`regressions` are numbers of examples. `-0.01` alone: the primary metric got worse by more than 0.01,
whichever way is better. With `significant` the whole interval of the change must be there. A change that is
not known is a failure.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tether.errors import InvalidInput
from tether.evals.comparing import Comparison, Part
from tether.evals.metrics.base import direction

_RULE = re.compile(
    r"""\s*(?:slice:(?P<glob>[^:]+):)?\s*
    (?:(?P<worse>-\s*\d*\.?\d+)
      |(?P<new>new:)?\s*(?P<metric>[A-Za-z0-9_@.:\-]+(?:\[.*\])?)\s*(?P<sign><=|>=|<|>)\s*(?P<number>[+-]?\d*\.?\d+))
    (?P<significant>\s+significant)?\s*\Z""",
    re.VERBOSE,
)
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_COUNTS = ("wins", "regressions")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        text: As it was written.
        glob: Which slices; None is all examples together.
        metric: Which metric; None is the primary one, turned so that more is better.
        value: Whether the value of the new model is meant and not the change.
        sign: How it is compared.
        number: With what.
        significant: Whether the whole interval must be there.
    """

    text: str
    glob: str | None
    metric: str | None
    value: bool
    sign: str
    number: float
    significant: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that was broken.

    Attributes:
        rule: As it was written.
        slice: Where; None is all examples together.
        metric: Which metric.
        found: What was found; None where it is not known.
    """

    rule: str
    slice: str | None
    metric: str
    found: float | None


def parse_rule(text: str) -> Rule:
    """Read a rule.

    Raises:
        InvalidInput: It is none.
    """
    match = _RULE.match(text)
    if match is None:
        raise InvalidInput(f"not a rule: {text!r}", hint="write it like 'accuracy<-0.01' or 'slice:*:-0.01'")
    significant = match["significant"] is not None
    if match["worse"] is not None:
        number = float(match["worse"].replace(" ", ""))
        return Rule(text.strip(), match["glob"], None, False, "<", number, significant)
    metric, value = match["metric"], match["new"] is not None
    if significant and (value or metric in _COUNTS):
        raise InvalidInput(f"{text!r}: only the change of a metric can be significant")
    return Rule(
        text.strip(), match["glob"], metric, value, match["sign"], float(match["number"]), significant
    )


def failures(rules: list[Rule], found: Comparison) -> list[Failure]:
    """Return what broke which rule.

    Raises:
        InvalidInput: A rule names a metric or a slice that there is not.
    """
    return [failure for rule in rules for failure in _broken(rule, found)]


def _broken(rule: Rule, found: Comparison) -> Iterator[Failure]:
    metric = rule.metric or found.primary
    if metric not in _COUNTS and found.whole.change(metric) is None:
        known = ", ".join(change.name for change in found.whole.changes if not change.name.endswith("]"))
        raise InvalidInput(f"no metric {metric} in {rule.text!r}", hint=f"there are: {known}")
    parts = [found.whole] if rule.glob is None else [part for part in found.slices if _fits(part, rule.glob)]
    if not parts and rule.glob is not None and not any(sign in rule.glob for sign in "*?["):
        raise InvalidInput(f"no slice {rule.glob} in {rule.text!r}")
    for part in parts:
        if part.supported:
            breaks, value = _breaks(rule, part, metric)
            if breaks:
                yield Failure(rule.text, part.name, metric, value)


def _fits(part: Part, glob: str) -> bool:
    return part.name is not None and fnmatchcase(part.name, glob)


def _breaks(rule: Rule, part: Part, metric: str) -> tuple[bool, float | None]:
    """Return whether a part breaks a rule, and what was found there."""
    if metric in _COUNTS:
        count = part.wins if metric == "wins" else part.regressions
        return _SIGNS[rule.sign](count, rule.number), count
    change = part.change(metric)
    value = None if change is None else change.new if rule.value else change.change
    if change is None or value is None:
        return True, None
    turn = direction(metric) if rule.metric is None else 1
    tested = [value * turn]
    if rule.significant:
        if change.interval is None:
            return False, value
        tested += [end * turn for end in change.interval]
    return all(_SIGNS[rule.sign](each, rule.number) for each in tested), value
