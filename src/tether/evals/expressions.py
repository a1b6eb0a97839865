"""Conditions over columns, as slices have them: read by a parser of our own, never by Python.

    condition = all ("or" all)*            all  = each ("and" each)*
    each      = "not" each | "(" condition ")" | COLUMN | compared
    compared  = value SIGN (value | LITERAL) | value ["not"] "in" "(" LITERAL ("," LITERAL)* ")"
              | value "is" ["not"] "null"
    value     = COLUMN | "length" "(" COLUMN ")"
    SIGN      = "=" "==" "!=" "<" "<=" ">" ">=" "~"      ("~": the text is in it)
    LITERAL   = number | 'text' | "text" | true | false

A column whose name is no word stands in backquotes. What is compared with null is unknown, as in SQL, and
what is unknown is not in the slice.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from tether.errors import InvalidInput
from tether.evals.needs import arrow, compute

_LONGEST = 2000
_DEEPEST = 40
_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | (?P<quoted>`[^`]+`)
  | (?P<word>[^\W\d][\w.]*)
  | (?P<sign><=|>=|==|!=|[<>=~(),])
    )""",
    re.VERBOSE,
)
_SIGNS = {
    "=": "equal",
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
    "~": "match_substring",
}
_WORDS = frozenset(["and", "or", "not", "in", "is", "null", "true", "false", "length"])

Literal: TypeAlias = str | int | float | bool
Columns: TypeAlias = Mapping[str, Any]
"""Arrow arrays of one length, by name."""


@dataclass(frozen=True, slots=True)
class Value:
    """A column, or the length of its texts or lists."""

    column: str
    length: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A column and a literal or another column."""

    sign: str
    left: Value
    right: Value | Literal


@dataclass(frozen=True, slots=True)
class Among:
    """A column and the literals that it may be."""

    left: Value
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a column has nothing."""

    left: Value


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: "Condition"


@dataclass(frozen=True, slots=True)
class Joined:
    """Two conditions, both of which, or one of which, hold."""

    both: bool
    left: "Condition"
    right: "Condition"


Condition: TypeAlias = Value | Compared | Among | IsNull | Not | Joined


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        InvalidInput: It is none.
    """
    if len(text) > _LONGEST:
        raise InvalidInput(f"a condition of {len(text):,} characters is longer than {_LONGEST:,}")
    parser = _Parser(text)
    found = parser.condition(0)
    parser.end()
    return found


def columns_of(condition: Condition) -> set[str]:
    """Return the names of the columns that a condition asks for."""
    match condition:
        case Value():
            return {condition.column}
        case Compared():
            right = {condition.right.column} if isinstance(condition.right, Value) else set()
            return {condition.left.column} | right
        case Among() | IsNull():
            return {condition.left.column}
        case Not():
            return columns_of(condition.inner)
        case Joined():
            return columns_of(condition.left) | columns_of(condition.right)


def holds(condition: Condition, columns: Columns) -> Any:
    """Return for which rows a condition holds: an Arrow array of truth without nulls.

    Raises:
        InvalidInput: A column is not there, or cannot be compared like that.
    """
    try:
        found = _holds(condition, columns)
        return compute().fill_null(found, False)
    except arrow().ArrowException as error:
        raise InvalidInput(f"these cannot be compared: {str(error).splitlines()[0]}") from None


def _holds(condition: Condition, columns: Columns) -> Any:
    pc = compute()
    match condition:
        case Value():
            return _truth(condition, columns)
        case Compared(sign, left, right):
            function: Callable[..., Any] = getattr(pc, _SIGNS[sign])
            return function(
                _array(left, columns), _array(right, columns) if isinstance(right, Value) else right
            )
        case Among(left, values):
            array = _array(left, columns)
            found = pc.is_in(array, value_set=arrow().array(values).cast(array.type))
            return pc.if_else(pc.is_valid(array), found, None)
        case IsNull(left):
            return pc.is_null(_array(left, columns), nan_is_null=True)
        case Not(inner):
            return pc.invert(_holds(inner, columns))
        case Joined(both, left, right):
            join = pc.and_kleene if both else pc.or_kleene
            return join(_holds(left, columns), _holds(right, columns))


def _truth(value: Value, columns: Columns) -> Any:
    array = _array(value, columns)
    if array.type != arrow().bool_():
        raise InvalidInput(f"{value.column} is not true or false", hint=f"compare it: {value.column} > 0")
    return array


def _array(value: Value, columns: Columns) -> Any:
    if value.column not in columns:
        raise InvalidInput(f"no column {value.column}", hint=f"there are: {', '.join(columns)}"[:300])
    array, types, pc = columns[value.column], arrow().types, compute()
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not value.length:
        return array
    lists = (
        types.is_list(array.type) or types.is_large_list(array.type) or types.is_fixed_size_list(array.type)
    )
    return pc.list_value_length(array) if lists else pc.utf8_length(array)


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [*_tokens(text)]
        self._at = 0

    def condition(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise self._wrong("it is nested too deeply")
        found = self._all(depth)
        while self._took("word", "or"):
            found = Joined(False, found, self._all(depth))
        return found

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise self._wrong(f"{self._tokens[self._at].text!r} is not expected")

    def _all(self, depth: int) -> Condition:
        found = self._each(depth)
        while self._took("word", "and"):
            found = Joined(True, found, self._each(depth))
        return found

    def _each(self, depth: int) -> Condition:
        if self._took("word", "not"):
            if depth > _DEEPEST:
                raise self._wrong("it is nested too deeply")
            return Not(self._each(depth + 1))
        if self._took("sign", "("):
            found = self.condition(depth + 1)
            self._expect("sign", ")")
            return found
        return self._compared(self._value())

    def _compared(self, left: Value) -> Condition:
        if self._took("word", "is"):
            negated = self._took("word", "not")
            self._expect("word", "null")
            return Not(IsNull(left)) if negated else IsNull(left)
        negated = self._took("word", "not")
        if negated or self._peek("word", "in"):
            self._expect("word", "in")
            among = Among(left, tuple(self._literals()))
            return Not(among) if negated else among
        token = self._next("sign")
        if token is None or token.text not in _SIGNS:
            self._at -= token is not None
            return left
        literal = self._literal()
        return Compared(token.text, left, self._value() if literal is None else literal)

    def _literals(self) -> Iterator[Literal]:
        self._expect("sign", "(")
        while True:
            literal = self._literal()
            if literal is None:
                raise self._wrong("a number or a text is expected")
            yield literal
            if not self._took("sign", ","):
                break
        self._expect("sign", ")")

    def _literal(self) -> Literal | None:
        if token := self._next("number"):
            return float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
        if token := self._next("text"):
            return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL)
        for word in ("true", "false"):
            if self._took("word", word):
                return word == "true"
        return None

    def _value(self) -> Value:
        if token := self._next("quoted"):
            return Value(token.text[1:-1])
        if self._took("word", "length"):
            self._expect("sign", "(")
            inner = self._value()
            self._expect("sign", ")")
            return Value(inner.column, length=True)
        token = self._next("word")
        if token is None or token.text in _WORDS:
            self._at -= token is not None
            raise self._wrong("the name of a column is expected")
        return Value(token.text)

    def _peek(self, kind: str, text: str) -> bool:
        return self._at < len(self._tokens) and self._tokens[self._at][:2] == (kind, text)

    def _took(self, kind: str, text: str) -> bool:
        found = self._peek(kind, text)
        self._at += found
        return found

    def _next(self, kind: str) -> _Token | None:
        if self._at < len(self._tokens) and self._tokens[self._at].kind == kind:
            self._at += 1
            return self._tokens[self._at - 1]
        return None

    def _expect(self, kind: str, text: str) -> None:
        if not self._took(kind, text):
            raise self._wrong(f"{text!r} is expected")

    def _wrong(self, why: str) -> InvalidInput:
        at = self._tokens[self._at].at if self._at < len(self._tokens) else len(self._text)
        return InvalidInput(
            f"not a condition: {self._text!r}: at {at + 1}, {why}", hint="write it like size < 3"
        )


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise InvalidInput(f"not a condition: {text!r}: {text[at:].strip()[:20]!r} cannot be read")
        yield _Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup))
        at = match.end()
