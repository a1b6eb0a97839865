"""`slices.yml`: named parts of evaluation sets, kept beside the data so that a part once found stays tested.

version: 1
min: 20
slices:
  zeros: label == 0
  dark:
    where: brightness < 0.12
    min: 50
    note: as the cameras of the night shift see
"""

import re
from dataclasses import dataclass
from typing import Any

from tether.errors import InvalidInput, Unsupported
from tether.evals.expressions import Condition, columns_of, parse_condition
from tether.evals.needs import needed

FILE = "slices.yml"
VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
_MOST_BYTES = 1 << 20
_MOST_SLICES = 1000
_MIN = 20


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of an evaluation set.

    Attributes:
        name: Letters, digits, `_`, `.` and `-`.
        where: The condition as it was written.
        condition: As it was understood.
        least: With fewer examples nothing is measured of it.
        note: For people.
    """

    name: str
    where: str
    condition: Condition
    least: int = _MIN
    note: str | None = None

    @property
    def columns(self) -> set[str]:
        """The columns that it asks for."""
        return columns_of(self.condition)


def read_slices(data: bytes) -> tuple[Slice, ...]:
    """Read a file of slices, in the order in which they stand there.

    Raises:
        InvalidInput: It is none.
        Unsupported: It has a version that is not known.
    """
    found = _plain(data)
    if not isinstance(found, dict) or not isinstance(found.get("slices"), dict):
        raise InvalidInput("not a file of slices: it has no 'slices'", hint="see docs/format/slices.md")
    version = found.get("version", VERSION)
    if version != VERSION or isinstance(version, bool):
        raise Unsupported(f"slices of version {version}", hint="a newer Tether may know it")
    unknown = found.keys() - {"version", "min", "slices"}
    if unknown:
        raise InvalidInput(f"slices: unknown field {min(map(str, unknown))!r}")
    least = _least(found.get("min", _MIN), "the file")
    if len(found["slices"]) > _MOST_SLICES:
        raise InvalidInput(f"more than {_MOST_SLICES} slices")
    return tuple(_slice(name, given, least) for name, given in found["slices"].items())


def _slice(name: Any, given: Any, least: int) -> Slice:
    if not isinstance(name, str) or _NAME.match(name) is None:
        hint = "letters, digits, '_', '.' and '-'; a number stands in quotes"
        raise InvalidInput(f"not a name of a slice: {name!r}", hint=hint)
    fields = {"where": given} if isinstance(given, str) else given
    if not isinstance(fields, dict) or not isinstance(fields.get("where"), str):
        raise InvalidInput(f"slice {name} has no condition", hint=f"write {name}: size < 3")
    unknown = fields.keys() - {"where", "min", "note"}
    if unknown:
        raise InvalidInput(f"slice {name}: unknown field {min(map(str, unknown))!r}")
    note = fields.get("note")
    where = " ".join(fields["where"].split())
    try:
        condition = parse_condition(where)
    except InvalidInput as error:
        raise InvalidInput(f"slice {name}: {error}", hint=error.hint) from None
    return Slice(name, where, condition, _least(fields.get("min", least), name), note and str(note))


def _least(given: Any, where: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidInput(f"slices: 'min' of {where} is no whole number of at least 1: {given!r}")
    return given


def _plain(data: bytes) -> Any:
    """Return what YAML says, without aliases, tags that make objects, or keys that stand twice."""
    if len(data) > _MOST_BYTES:
        raise InvalidInput(f"a file of slices has at most {_MOST_BYTES:,} bytes, not {len(data):,}")
    yaml = needed("yaml")
    try:
        events = [*yaml.parse(data, yaml.SafeLoader)]
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise InvalidInput("slices: aliases are not taken")
        _refuse_twice(yaml, yaml.compose(data, yaml.SafeLoader))
        return yaml.load(data, yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidInput(f"slices: not YAML: {' '.join(str(error).split())[:200]}") from None


def _refuse_twice(yaml: Any, node: Any) -> None:
    if isinstance(node, yaml.MappingNode):
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = {name for name in names if names.count(name) > 1} if len(names) <= _MOST_SLICES else set()
        if twice:
            raise InvalidInput(f"slices: {min(twice)!r} stands twice")
        for _, value in node.value:
            _refuse_twice(yaml, value)
