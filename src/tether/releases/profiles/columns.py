"""Columns of tables as their values come, and what a profile says of each."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tether.evals.needs import arrow, compute
from tether.releases.profiles.document import Column as ToldColumn
from tether.releases.profiles.document import Counts
from tether.releases.profiles.spread import Spread, counts_of

MOST_DISTINCT = 1 << 14
"""Different texts of a column that are told apart."""
MOST_LABELS, MOST_VALUES = 1000, 100
"""Values that are told of a label, and of other columns."""
LABELS = frozenset(("label", "labels", "class", "target", "category", "y"))
"""Names of columns, in any case, that are labels."""
_OFTEN, _OFTEN_LABEL = 5, 2
"""How often each value has to be there on average to be told."""
LONGEST = 100
"""Characters; a column with a longer text is no list of values."""
_INTEGER = r"^[+-]?(0|[1-9][0-9]{0,17})$"
_FLOAT = r"^[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_MICROS = 1_000_000


class Texts:
    """Texts with how often each is there, up to a bound, and their lengths."""

    def __init__(self) -> None:
        self.tally: dict[str, int] | None = {}
        """None where there are too many."""
        self.short = True
        self.lengths = Spread()

    def add(self, array: Any) -> None:
        """Take an Arrow array of texts without nulls."""
        lengths = np.asarray(compute().utf8_length(array))
        self.lengths.add(lengths)
        self.short &= not len(lengths) or int(lengths.max()) <= LONGEST
        if self.tally is not None:
            found = compute().value_counts(array)
            self._count(zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True))

    def _count(self, pairs: Iterable[tuple[str, int]]) -> None:
        tally = self.tally
        if tally is None:
            return
        for text, count in pairs:
            key = text if len(text) <= LONGEST else hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
            tally[key] = tally.get(key, 0) + count
            if len(tally) > MOST_DISTINCT:
                self.tally = None
                return

    def merge(self, other: "Texts") -> None:
        """Take all that another one took."""
        self.lengths.merge(other.lengths)
        self.short &= other.short
        if other.tally is None:
            self.tally = None
        else:
            self._count(other.tally.items())


class Spelled:
    """Values of a file of separated values: numbers if all of them are, else texts."""

    def __init__(self) -> None:
        self.numbers: Spread | None = Spread()
        self.texts = Texts()

    def add(self, array: Any) -> None:
        """Take an Arrow array of texts, none of them empty."""
        self.texts.add(array)
        if self.numbers is None or not len(array):
            return
        for pattern, kind in ((_INTEGER, "int64"), (_FLOAT, "float64")):
            if compute().all(compute().match_substring_regex(array, pattern)).as_py():
                plain = compute().replace_substring_regex(array, r"^\+", "")
                self.numbers.add(np.asarray(plain.cast(kind)))
                return
        self.numbers = None

    def merge(self, other: "Spelled") -> None:
        """Take all that another one took."""
        self.texts.merge(other.texts)
        if self.numbers is None or other.numbers is None:
            self.numbers = None
        else:
            self.numbers.merge(other.numbers)


class Column:
    """One column."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nulls = self.booleans = self.true = self.other = 0
        self.kinds: set[str] = set()
        self.numbers, self.items, self.lengths = Spread(), Spread(), Spread()
        self.texts, self.spelled = Texts(), Spelled()

    def merge(self, other: "Column") -> None:
        """Take all that another one took."""
        self.nulls += other.nulls
        self.booleans += other.booleans
        self.true += other.true
        self.other += other.other
        self.kinds |= other.kinds
        for mine, new in (
            (self.numbers, other.numbers), (self.items, other.items), (self.lengths, other.lengths)
        ):  # fmt: skip
            mine.merge(new)
        self.texts.merge(other.texts)
        self.spelled.merge(other.spelled)

    # -- values that come -------------------------------------------------------------------

    def add_spelled(self, array: Any) -> None:
        """Take an Arrow array of texts of a file of separated values."""
        there = array.filter(compute().not_equal(array, ""))
        self.nulls += len(array) - len(there)
        if len(there):
            self.kinds.add("spelled")
            self.spelled.add(there)

    def add_arrow(self, array: Any) -> None:
        """Take an Arrow array of any type."""
        types = arrow().types
        if types.is_dictionary(array.type):
            array = array.dictionary_decode()
        self.nulls += array.null_count
        if types.is_null(array.type) or array.null_count == len(array):
            return
        array, kind = array.drop_null(), array.type
        if types.is_boolean(kind):
            self._booleans(len(array), int(array.true_count))
        elif types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
            plain = array.cast("float64") if types.is_decimal(kind) else array
            self.add_numbers(np.asarray(plain))
        elif types.is_timestamp(kind) or types.is_date(kind):
            moments = array.cast(arrow().timestamp("us"), safe=False).cast("int64")
            self.kinds.add("time")
            self.numbers.add(np.asarray(moments) / _MICROS)
        elif types.is_string(kind) or types.is_large_string(kind):
            self.kinds.add("text")
            self.texts.add(array)
        elif types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
            self.kinds.add("bytes")
            self.lengths.add(np.asarray(compute().binary_length(array)))
        elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
            self._lists(array)
        else:
            self._others(len(array))

    def add_numbers(self, values: Any) -> None:
        """Take an array of integers or floats."""
        self.kinds.add("integer" if values.dtype.kind in "iu" else "float")
        self.numbers.add(values)

    def add_values(self, values: Sequence[Any]) -> None:
        """Take values as JSON has them."""
        sorts: dict[type, list[Any]] = {}
        for value in values:
            sorts.setdefault(type(value), []).append(value)
        self.nulls += len(sorts.pop(type(None), ()))
        booleans = sorts.pop(bool, [])
        if booleans:
            self._booleans(len(booleans), sum(booleans))
        if int in sorts:
            self.add_numbers(_integers(sorts.pop(int)))
        if float in sorts:
            self.add_numbers(np.array(sorts.pop(float), np.float64))
        if str in sorts:
            self.kinds.add("text")
            self.texts.add(arrow().array(sorts.pop(str), arrow().large_string()))
        if list in sorts:
            self._listed(sorts.pop(list))
        if sorts:
            self._others(sum(map(len, sorts.values())))

    def _listed(self, lists: list[list[Any]]) -> None:
        self.kinds.add("list")
        self.lengths.add(np.array([len(each) for each in lists]))
        items = [item for each in lists for item in each if type(item) in (int, float)]
        if items:
            self.items.add(np.array(items, np.float64))

    def _booleans(self, count: int, true: int) -> None:
        self.kinds.add("boolean")
        self.booleans += count
        self.true += true

    def _others(self, count: int) -> None:
        self.kinds.add("nested")
        self.other += count

    def _lists(self, array: Any) -> None:
        self.kinds.add("list")
        types = arrow().types
        self.lengths.add(np.asarray(compute().list_value_length(array)))
        items = compute().list_flatten(array).drop_null()
        while types.is_list(items.type) or types.is_fixed_size_list(items.type):
            items = compute().list_flatten(items).drop_null()
        if len(items) and (types.is_integer(items.type) or types.is_floating(items.type)):
            self.items.add(np.asarray(items))

    # -- what is told -----------------------------------------------------------------------

    def told(self, asked: frozenset[str]) -> ToldColumn:
        """Return what a profile says of it.

        Args:
            asked: Names of columns that are labels, whatever they are called.
        """
        numbers, texts, kinds = self._joined()
        count = self.booleans + numbers.count + self.other
        count += (texts.lengths.count if texts is not None else 0) + self.lengths.count
        kind = kinds.pop() if len(kinds) == 1 else "mixed" if kinds else "empty"
        label = self.name in asked or self.name.lower() in LABELS
        tally, more_than = self._tally(kind, numbers, texts)
        distinct = len(tally) if tally is not None else None
        if kind in ("float", "time"):
            distinct = numbers.distinct
        values = None
        if tally and (kind != "text" or (texts is not None and texts.short)):
            values = _shown(tally, count, label=label, asked=self.name in asked)
        key = kind == "integer" and distinct == count and count > 1 and values is None
        lengths = texts.lengths if kind == "text" and texts is not None else self.lengths
        return ToldColumn(
            self.name,
            kind,
            count,
            self.nulls,
            label=label and values is not None,
            distinct=distinct,
            more_than=more_than,
            numbers=numbers.told() if numbers.count and not key else None,
            lengths=lengths.told() if lengths.count else None,
            items=self.items.told() if self.items.count else None,
            values=values,
        )

    def _joined(self) -> tuple[Spread, Texts | None, set[str]]:
        """Return numbers, texts and kinds, with those of files of separated values as what they are."""
        kinds, numbers, texts = set(self.kinds), Spread(), None
        numbers.merge(self.numbers)
        if "text" in kinds:
            texts = Texts()
            texts.merge(self.texts)
        if "spelled" in kinds:
            kinds.discard("spelled")
            found = self.spelled.numbers
            if found is not None and "text" not in kinds:
                numbers.merge(found)
                kinds.add("integer" if found.whole else "float")
            else:
                texts = texts or Texts()
                texts.merge(self.spelled.texts)
                kinds.add("text")
        if kinds == {"integer", "float"}:
            kinds = {"float"}
        return numbers, texts, kinds

    def _tally(
        self, kind: str, numbers: Spread, texts: Texts | None
    ) -> tuple[dict[str, int] | None, int | None]:
        """Return how often each value is there, or what their number surpasses."""
        if kind == "boolean":
            found = {"true": self.true, "false": self.booleans - self.true}
            return {name: count for name, count in found.items() if count}, None
        if kind == "text" and texts is not None:
            return texts.tally, None if texts.tally is not None else MOST_DISTINCT
        if kind in ("integer", "float", "time"):
            return numbers.tally() if kind == "integer" else None, numbers.more_than
        return None, None


def _shown(tally: dict[str, int], count: int, *, label: bool, asked: bool) -> Counts | None:
    """Return the values of a column where they are few, and not those of single rows."""
    often = count >= len(tally) * (_OFTEN_LABEL if label else _OFTEN)
    few = len(tally) <= (MOST_LABELS if label else MOST_VALUES)
    if asked or (often and few):
        return counts_of(tally, MOST_LABELS)
    return None


def _integers(values: list[int]) -> Any:
    try:
        return np.array(values, np.int64)
    except OverflowError:
        return np.array([float(each) if abs(each) < 1 << 1023 else np.inf for each in values])
