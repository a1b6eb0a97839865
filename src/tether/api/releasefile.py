"""A TOML file that says what is released, for those who write it down once and use it for each version."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tether.api.releaserequest import ReleaseRequest
from tether.errors import InvalidInput, NotFound

_MOST = 1 << 20
_TEXTS = ("run", "lock", "description", "card")
_LISTS = ("weights", "checkpoints", "private", "evaluations", "benches", "bases")
_ROLES = ("data", "code", "documents", "profiles")
_TABLES = ("licences", "parameters", "tolerance")


def read_file(path: Path) -> dict[str, Any]:
    """Return the fields of a request that a file has.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no TOML, or has a field that there is not, or one of another sort.
    """
    try:
        with path.open("rb") as file:
            written = tomllib.loads(file.read(_MOST).decode())
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"no such file: {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is no TOML: {error}") from None
    return {name: _field(path, name, value) for name, value in written.items()}


def _field(path: Path, name: str, value: Any) -> Any:
    if name in _TEXTS and isinstance(value, str):
        return value
    if name in _LISTS and _is_list(value):
        return _texts(value)
    if name == "profiles" and _is_list(value):
        return _texts(value)
    if name in _ROLES and isinstance(value, dict) and all(map(_is_list, value.values())):
        return tuple(f"{role}={place}" for role, places in value.items() for place in _texts(places))
    if name in _TABLES and isinstance(value, dict):
        return _table(path, name, value)
    if name in (*_TEXTS, *_LISTS, *_ROLES, *_TABLES):
        raise InvalidInput(f"{name} in {path} is not of the sort that it must be")
    known = ", ".join((*_TEXTS, *_LISTS, *_ROLES, *_TABLES))
    raise InvalidInput(f"{path} has a field {name}", hint=f"there are: {known}")


def _is_list(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    )


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _table(path: Path, name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    sorts = {"licences": str, "tolerance": int | float, "parameters": str | int | float | bool}
    for key, each in value.items():
        if not isinstance(each, sorts[name]):
            raise InvalidInput(f"{name}.{key} in {path} is not of the sort that it must be")
    return {key: float(each) for key, each in value.items()} if name == "tolerance" else dict(value)


def request_of(
    label: tuple[str, str],
    written: Mapping[str, Any],
    given: Mapping[str, Any],
    folder: Path,
    environ: Mapping[str, str],
) -> ReleaseRequest:
    """Return a request: what was written in a file, and what was given with the command, which wins.

    Args:
        label: Name and version.
        written: Fields of the file.
        given: Fields of the command.
        folder: What paths of the disk are relative to.
        environ: The environment.
    """
    fields = dict(written)
    card = fields.pop("card", None)
    if card is not None:
        fields["documents"] = (*fields.get("documents", ()), f"model-card={card}")
    for name, value in given.items():
        if name in _TABLES:
            fields[name] = {**fields.get(name, {}), **value}
        else:
            fields[name] = value
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return ReleaseRequest(*label, folder, environ, **fields)
