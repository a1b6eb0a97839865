"""Documents that last as JSON: one form of bytes, and structs that are read from them."""

import json
from typing import Any, TypeVar

import msgspec

from tether.errors import Corrupt, Unsupported

Document = TypeVar("Document", bound=msgspec.Struct)


class _Version(msgspec.Struct):
    version: int


def canonical(value: Any) -> bytes:
    """Return a JSON value as bytes in the one form that it has: sorted keys, ASCII, one line."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode() + b"\n"


def read_document(
    data: bytes, kind: type[Document], name: str, *, version: int | None = None, hint: str | None = None
) -> Document:
    """Return a document.

    Args:
        data: Its bytes.
        kind: What it is.
        name: What to call it in messages.
        version: The one that is known; None takes any.
        hint: What to do about damage.

    Raises:
        Unsupported: It has another version.
        Corrupt: It is no such document.
    """
    try:
        found = version if version is None else msgspec.json.decode(data, type=_Version).version
        if found == version:
            return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Corrupt(f"{name} is damaged: {error}", hint=hint) from None
    raise Unsupported(f"{name} has version {found}", hint="a newer Tether may know it")
