"""What all sources of examples give: batches of columns with the id of each example."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from blake3 import blake3

from tether.core.codec import encode
from tether.errors import InvalidInput
from tether.evals.needs import arrow

CONTEXT = "tether 2026 example v1"
ID_BYTES = 16
LABEL = "label"
BATCH = 16_384


class Batch(NamedTuple):
    """Some examples in a row."""

    ids: Any
    """Arrow texts."""
    columns: Mapping[str, Any]
    """Arrow arrays by name, the label among them."""


@dataclass(frozen=True, slots=True)
class DataOptions:
    """What the user says of the data.

    Attributes:
        label: The column with the labels; None looks for one.
        key: The column that says which example it is; None hashes each row.
        inputs: The columns that a model sees; empty is all others.
        wanted: Columns that slices ask for.
    """

    label: str | None = None
    key: str | None = None
    inputs: tuple[str, ...] = ()
    wanted: frozenset[str] = frozenset()


PLAIN = DataOptions()


class ExampleSource(Protocol):
    """Where examples come from."""

    identity: str
    """What an id is: `content`, `row`, or `column NAME`."""
    label: str
    """The column with the labels."""
    inputs: tuple[str, ...]
    """The columns that a model sees."""
    feed: Mapping[str, Any]
    """How a built-in runner takes them, for its process."""

    def batches(self) -> Iterator[Batch]:
        """Yield all examples, always in the same order."""


def row_hasher(names: list[str]) -> Any:
    """Return what hashes the values of rows with these columns; copy it for each row."""
    return blake3(encode(names), derive_key_context=CONTEXT)


def row_ids(columns: Mapping[str, Any], names: list[str]) -> Any:
    """Return an id for each row from its values, in the order of the names of the columns."""
    hasher, found = row_hasher(names), []
    lists = [_plain_column(columns[name]) for name in names]
    for row in zip(*lists, strict=True):
        each = hasher.copy()
        each.update(encode([*map(_plain, row)]))
        found.append(each.hexdigest(ID_BYTES))
    return arrow().array(found, arrow().string())


def _plain_column(column: Any) -> list[Any]:
    types = arrow().types
    kind = column.type
    if types.is_dictionary(kind):
        return list(column.dictionary_decode().to_pylist())
    if types.is_temporal(kind) or types.is_decimal(kind):
        column = column.cast(arrow().string())
    return list(column.to_pylist())


def _plain(value: Any) -> Any:
    """Return a value of a row in a form that has one encoding."""
    if isinstance(value, dict):
        return [[name, _plain(each)] for name, each in sorted(value.items())]
    if isinstance(value, list | tuple):
        return [*map(_plain, value)]
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    return str(value)


def found_column(name: str | None, names: list[str], usual: tuple[str, ...], option: str) -> str:
    """Return the column that the user named, or the one that is usually called so.

    Raises:
        InvalidInput: There is none.
    """
    found = name if name is not None else next((each for each in usual if each in names), None)
    if found is None or found not in names:
        missing = f"no column {found}" if found else f"no column is called {' or '.join(usual)}"
        raise InvalidInput(missing, hint=f"name it with {option}; there are: {', '.join(names)}"[:300])
    return found
