"""One request to the tracking server and its answer, and how what it asks for is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from tether.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RateLimited,
    TetherError,
    Unauthenticated,
    Unavailable,
)
from tether.mlflow.store import Store

MOST_BODY = 32 << 20
"""Bytes of a request that is no artefact."""
_MOST_NAME = 250
_MOST_VALUE = 1 << 16
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        store: What it is about.
        method: Of HTTP.
        path: Below the address of the server, beginning with `/api/`; undone of percent signs.
        query: Values by name.
        body: Of a request that is no artefact.
        blocks: Of one that is.
        user: Who asks, if that is known.
    """

    store: Store
    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    blocks: Iterator[bytes] | None = None
    user: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it is answered with: JSON, or the blocks of a file.

    Attributes:
        status: Of HTTP.
        body: All of it; empty where there are blocks.
        blocks: Of a file.
        size: Of the file in bytes.
    """

    status: int
    body: bytes = b""
    blocks: Iterator[bytes] | None = None
    size: int = 0


EMPTY = Answer(200, b"{}")


def shown(**fields: Any) -> Answer:
    """Return a JSON answer without the fields that are None."""
    return Answer(200, msgspec.json.encode(given(**fields)))


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that are not None; clients refuse null, and numbers that are empty."""
    return {name: value for name, value in fields.items() if value is not None}


# In the words of MLflow's protocol. Clients repeat requests for minutes after 500 and 503, so only what may
# pass has such a status.
_CODES: tuple[tuple[type[TetherError], int, str], ...] = (
    (NotFound, 404, "RESOURCE_DOES_NOT_EXIST"),
    (AlreadyExists, 400, "RESOURCE_ALREADY_EXISTS"),
    (InvalidInput, 400, "INVALID_PARAMETER_VALUE"),
    (Conflict, 400, "INVALID_STATE"),
    (Unauthenticated, 401, "UNAUTHENTICATED"),
    (Forbidden, 403, "PERMISSION_DENIED"),
    (RateLimited, 429, "REQUEST_LIMIT_EXCEEDED"),
    (Unavailable, 503, "TEMPORARILY_UNAVAILABLE"),
)


def refused(error: TetherError) -> Answer:
    """Return what a client is told of an error."""
    status, code = next(
        ((status, code) for kind, status, code in _CODES if isinstance(error, kind)), (422, "INTERNAL_ERROR")
    )
    message = str(error) if error.hint is None else f"{error}; {error.hint}"
    return Answer(status, msgspec.json.encode({"error_code": code, "message": message}))


def unknown(call: Call) -> Answer:
    """Return what a client is told that asks for what there is not; it takes another way then, or none."""
    message = f"no such endpoint: {call.method} {call.path[:200]}"
    return Answer(404, msgspec.json.encode({"error_code": "ENDPOINT_NOT_FOUND", "message": message}))


def decoded(body: bytes, kind: type[_T]) -> _T:
    """Read a body as a type of ours; numbers may be written as text, as the protocol allows.

    Raises:
        InvalidInput: It is no such thing.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"not such a request: {error}") from None


class Arguments:
    """What a request says, from its body or its query.

    Args:
        call: The request.

    Raises:
        InvalidInput: The body is no JSON object.
    """

    def __init__(self, call: Call) -> None:
        self._values: dict[str, Any] = (
            dict(call.query) if call.method == "GET" else decoded(call.body, dict[str, Any])
        )

    def has(self, name: str) -> bool:
        """Say whether there is such a value."""
        return self._values.get(name) not in (None, [])

    def text(self, name: str, *others: str, most: int = _MOST_VALUE) -> str:
        """Return a text, under the first of several names that is there.

        Raises:
            InvalidInput: There is none, or it is too long.
        """
        for each in (name, *others):
            if self.has(each):
                return _text(self._one(each), each, most)
        raise InvalidInput(f"Missing value for required parameter '{name}'")

    def text_or(self, name: str, default: str = "") -> str:
        """Return a text, or what stands for none."""
        return _text(self._one(name), name, _MOST_VALUE) if self.has(name) else default

    def name(self, name: str, *others: str) -> str:
        """Return a text that can be a name: not empty, not long, on one line."""
        value = self.text(name, *others)
        if not value or len(value) > _MOST_NAME or not value.isprintable():
            raise InvalidInput(f"not a value of '{name}': {value[:_MOST_NAME]!r}")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number of 64 bits."""
        if not self.has(name):
            if default is None:
                raise InvalidInput(f"Missing value for required parameter '{name}'")
            return default
        value = self._one(name)
        try:
            number = int(value) if isinstance(value, int | str) else None
        except ValueError:
            number = None
        if number is None or abs(number) >= 1 << 63:
            raise InvalidInput(f"not a number: '{name}'")
        return number

    def flag(self, name: str) -> bool:
        """Return a truth value."""
        return self._one(name) in (True, "true", "True") if self.has(name) else False

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        return [_text(each, name, _MOST_VALUE) for each in self._list(name)]

    def objects(self, name: str) -> list[dict[str, Any]]:
        """Return a list of objects."""
        found = self._list(name)
        if not all(isinstance(each, dict) for each in found):
            raise InvalidInput(f"not a list of objects: '{name}'")
        return found

    def pairs(self, name: str) -> dict[str, str]:
        """Return a list of `{"key": ..., "value": ...}` by key."""
        return pairs(self.objects(name))

    def _list(self, name: str) -> list[Any]:
        found = self._values.get(name) or []
        if not isinstance(found, list):
            raise InvalidInput(f"not a list: '{name}'")
        return found

    def _one(self, name: str) -> Any:
        value = self._values[name]
        return value[0] if isinstance(value, list) and value else value


def pairs(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Return rows of `{"key": ..., "value": ...}` by key."""
    return {
        _text(row.get("key"), "key", _MOST_NAME): _text(row.get("value", ""), "value", _MOST_VALUE)
        for row in rows
    }


def rows(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return values as rows of `{"key": ..., "value": ...}`."""
    return [{"key": key, "value": value} for key, value in values.items()]


def texts_of(row: object) -> dict[str, str]:
    """Return the texts of an object by name."""
    if not isinstance(row, dict):
        raise InvalidInput("not an object")
    return {str(name): value for name, value in row.items() if isinstance(value, str)}


def _text(value: object, name: str, most: int) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or len(value) > most:
        raise InvalidInput(f"not a text of at most {most} characters: '{name}'")
    return value
