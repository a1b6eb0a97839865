"""Filters and orders as clients write them: `metrics.loss < 0.5 and tags.team = 'a'`, `params.lr DESC`."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from tether.errors import InvalidInput

_T = TypeVar("_T")
Look = Callable[[_T, str, str], Any]
"""Gives the value of something: `look(run, "metric", "loss")`; None where it has none."""

MOST_RESULTS = 50_000
_MOST_FILTER = 1 << 16
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")
  | (?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
  | (?P<name>[A-Za-z_]\w*(?:\.(?:`[^`]*`|"[^"]*"|'[^']*'|[\w.\-/]+))?|`[^`]*`(?:\.`[^`]*`)?)
  | (?P<sign>!=|<>|<=|>=|=|<|>)
  | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)
_ORDER = re.compile(r"\s*(?P<name>.+?)(?:\s+(?P<way>asc|desc))?\s*\Z", re.IGNORECASE | re.DOTALL)
_KINDS = {
    **dict.fromkeys(("metric", "metrics"), "metric"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("dataset", "datasets"), "dataset"),
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
}
_SIGNS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Token(NamedTuple):
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison.

    Attributes:
        kind: `metric`, `param`, `tag`, `dataset` or `attribute`.
        key: What is compared.
        holds: Says whether it is true of a value, which is None where there is none.
    """

    kind: str
    key: str
    holds: Callable[[Any], bool]


def read_filter(text: str) -> list[Condition]:
    """Return the conditions of a filter, all of which must hold.

    Raises:
        InvalidInput: It is no filter.
    """
    tokens = _Tokens(text)
    found: list[Condition] = []
    while tokens.left:
        if found:
            tokens.word("and")
        found.append(_condition(tokens))
    return found


def fits(thing: _T, conditions: Iterable[Condition], look: "Look[_T]") -> bool:
    """Say whether all conditions hold of something."""
    return all(each.holds(look(thing, each.kind, each.key)) for each in conditions)


def ordered(things: Sequence[_T], orders: Iterable[str], look: "Look[_T]") -> list[_T]:
    """Sort by several orders, the first one foremost; what has no value, or none that is a number, is last.

    Raises:
        InvalidInput: One is no order.
    """
    found = list(things)
    for text in reversed([*orders]):
        match = _ORDER.match(text)
        if match is None or len(text) > _MOST_FILTER:
            raise InvalidInput(f"not an order: {text[:200]!r}")
        kind, key = _name(_Token("name", match["name"]))
        having: list[tuple[Any, _T]] = []
        lacking: list[tuple[Any, _T]] = []
        for thing in found:
            value = look(thing, kind, key)
            lacks = value is None or (isinstance(value, float) and math.isnan(value))
            (lacking if lacks else having).append((value, thing))
        having.sort(key=lambda pair: pair[0], reverse=(match["way"] or "").lower() == "desc")
        found = [thing for _, thing in having + lacking]
    return found


def page(things: Sequence[_T], most: int, token: str) -> tuple[list[_T], str | None]:
    """Return one page and the token of the next one, None where there is none.

    Raises:
        InvalidInput: The token is not one of ours, or the number is not possible.
    """
    if not 0 < most <= MOST_RESULTS:
        raise InvalidInput(f"max_results must be from 1 to {MOST_RESULTS}, not {most}")
    if token and not (token.isascii() and token.isdigit() and len(token) < 19):
        raise InvalidInput("not a page_token of this server")
    begin = int(token or 0)
    end = begin + most
    return list(things[begin:end]), str(end) if end < len(things) else None


class _Tokens:
    """The words of a filter, one after the other."""

    def __init__(self, text: str) -> None:
        if len(text) > _MOST_FILTER:
            raise InvalidInput("the filter is too long")
        self.left = list(_tokens(text))
        self.left.reverse()

    def next(self) -> _Token:
        if not self.left:
            raise InvalidInput("the filter ends too early")
        return self.left.pop()

    def word(self, *words: str) -> str:
        found = self.next().text.lower()
        if found not in words:
            raise InvalidInput(f"the filter has {found[:200]!r} where it needs {' or '.join(words)}")
        return found

    def is_next(self, word: str) -> bool:
        return bool(self.left) and self.left[-1].text.lower() == word


def _tokens(text: str) -> Iterator[_Token]:
    at, text = 0, text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise InvalidInput(f"not a filter: {text[at : at + 200]!r}")
        yield _Token(match.lastgroup, match[match.lastgroup])
        at = match.end()


def _condition(tokens: _Tokens) -> Condition:
    kind, key = _name(tokens.next())
    sign = tokens.next()
    if sign.kind == "sign":
        return Condition(kind, key, _comparison(_SIGNS[sign.text], _value(tokens.next()), kind))
    word = sign.text.lower()
    if word == "is":
        wanted = not tokens.is_next("not")
        if not wanted:
            tokens.next()
        tokens.word("null")
        return Condition(kind, key, lambda value: (value is None) == wanted)
    negated = word == "not"
    if negated:
        word = tokens.next().text.lower()
    if word == "in":
        values = frozenset(_values(tokens))
        return Condition(kind, key, lambda value: value is not None and (str(value) in values) != negated)
    if word not in ("like", "ilike"):
        raise InvalidInput(f"not a comparison: {word[:200]!r}")
    pattern = _pattern(str(_value(tokens.next())), ignore_case=word == "ilike")
    return Condition(
        kind, key, lambda value: value is not None and (pattern.fullmatch(str(value)) is not None) != negated
    )


def _comparison(sign: Callable[[Any, Any], bool], wanted: str | float, kind: str) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if value is None:
            return False
        if isinstance(value, int | float):
            return sign(value, wanted_number)
        return sign(str(value), str(wanted))

    try:
        wanted_number = float(wanted)
    except ValueError:
        if kind == "metric":
            raise InvalidInput(f"a metric is compared with a number, not {wanted!r}") from None
        wanted_number = math.nan
    return holds


def _values(tokens: _Tokens) -> Iterator[str]:
    tokens.word("(")
    while not tokens.is_next(")"):
        yield str(_value(tokens.next()))
        if not tokens.is_next(")"):
            tokens.word(",")
    tokens.next()


def _value(token: _Token) -> str | float:
    if token.kind == "number":
        return float(token.text) if token.text.lstrip("+-").isdigit() is False else int(token.text)
    if token.kind != "string":
        raise InvalidInput(f"the filter has {token.text[:200]!r} where it needs a value in quotes")
    inner = token.text[1:-1]
    return inner.replace("''", "'") if token.text[0] == "'" else inner


def _name(token: _Token) -> tuple[str, str]:
    """Return kind and key of `metrics.loss`, ``tags.`a b` `` or `name`."""
    if token.kind != "name":
        raise InvalidInput(f"the filter has {token.text[:200]!r} where it needs a name")
    kind, dot, key = token.text.strip().partition(".")
    if not dot:
        return "attribute", _unquoted(kind)
    found = _KINDS.get(_unquoted(kind).lower())
    if found is None:
        raise InvalidInput(f"not something to compare: {token.text[:200]!r}")
    return found, _unquoted(key)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "`\"'" else text


def _pattern(text: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Return what `%` and `_` mean; several `%` in a row are one, so that no pattern takes for ever."""
    parts = (".*" if part[0] == "%" else "." if part == "_" else re.escape(part) for part in _parts(text))
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _parts(text: str) -> list[str]:
    if text.count("%") > 8:
        raise InvalidInput("a pattern has at most 8 '%'")
    return re.findall(r"%+|_|[^%_]+", text)
