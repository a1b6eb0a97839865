"""Settings in two TOML files: the user's, and the repository's, which overrides it.

Files are read when first asked and written whole, atomically and durably; comments in a file do not
survive a write. Settings in a file that this version does not know are kept and not used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tether.errors import Conflict, InvalidInput, NotFound
from tether.repo.settings import Setting, find_setting, split_key
from tether.storage.local import LocalBackend
from tether.storage.oserrors import translated

ATTEMPTS = 100

Layers: TypeAlias = list[tuple[Path, dict[str, str]]]
"""The values of each file, the overriding file first."""


class Config:
    """The settings in force.

    Args:
        paths: The files, the overriding one first; those that do not exist hold nothing.
    """

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._layers: Layers | None = None

    @classmethod
    def load(cls, repo_path: Path | None, user_path: Path | None) -> "Config":
        """Return the settings of a repository's file over those of the user's; either may be None."""
        return cls(tuple(path for path in (repo_path, user_path) if path is not None))

    def get(self, key: str) -> str | None:
        """Return the value, else the default, else None.

        Raises:
            InvalidInput: No such setting, a value it may not have, or a file that is not TOML.
        """
        setting = find_setting(key)
        origin = self.origin(key)
        return setting.default if origin is None else _checked(setting, key, self._value(key), origin)

    def integer(self, key: str) -> int:
        """Return a setting that is a whole number and has a default; errors as for `get`."""
        value = self.get(key)
        if value is None or not find_setting(key).integer:
            raise InvalidInput(f"{key} is not a number")
        return int(value)

    def origin(self, key: str) -> Path | None:
        """Return the file that sets `key`, or None."""
        return next((path for path, values in self._read() if key in values), None)

    def list(self) -> dict[str, str]:
        """Return every value that is set, known or not, by key in order."""
        merged: dict[str, str] = {}
        for _, values in reversed(self._read()):
            merged.update(values)
        return dict(sorted(merged.items()))

    def names(self, section: str) -> tuple[str, ...]:
        """Return the names below a section, such as those of the remotes for "remote"."""
        split = (split_key(key) for key in self.list())
        return tuple(sorted({parts[1] for parts in split if len(parts) == 3 and parts[0] == section}))

    def set(self, path: Path, key: str, value: str) -> None:
        """Write one value to the file at `path`; errors as for `update`."""
        self.update(path, {key: value})

    def unset(self, path: Path, key: str) -> None:
        """Remove one value from the file at `path`.

        Raises:
            NotFound: The file does not set it.
        """
        if key not in _flatten(_parse(path, _bytes(path))):
            raise NotFound(f"{key} is not set in {path}")
        self.update(path, {key: None})

    def update(self, path: Path, changes: Mapping[str, str | None]) -> None:
        """Write several values at once, all or none; None removes one.

        Raises:
            InvalidInput: A key or a value is not allowed, or the file is not TOML.
            Forbidden, Unavailable: The file cannot be written.
        """
        for key, value in changes.items():
            if value is not None:
                find_setting(key).check(key, value)
        real = path.resolve()  # a linked file is changed where it lies
        with translated(str(real.parent)):
            real.parent.mkdir(parents=True, exist_ok=True)
        backend = LocalBackend(real.parent)
        try:
            _swap(backend, real, changes)
        finally:
            backend.close()
        self._layers = None

    def _value(self, key: str) -> str:
        return next(values[key] for _, values in self._read() if key in values)

    def _read(self) -> Layers:
        if self._layers is None:
            self._layers = [(path, _flatten(_parse(path, _bytes(path)))) for path in self._paths]
        return self._layers


def _checked(setting: Setting, key: str, value: str, origin: Path) -> str:
    try:
        return setting.check(key, value)
    except InvalidInput as error:
        raise InvalidInput(f"{error} in {origin}", hint=error.hint) from None


def _bytes(path: Path) -> bytes | None:
    with translated(str(path)):
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None


def _parse(path: Path, data: bytes | None) -> dict[str, Any]:
    if not data:
        return {}
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except ValueError as error:  # not UTF-8, or not TOML
        raise InvalidInput(f"{path} is not a TOML file: {error}", hint="correct it in an editor") from None


def _flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return the strings, whole numbers and booleans of nested tables as text by dotted key."""
    found: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            found.update(_flatten(value, f"{prefix}{name}."))
        elif isinstance(value, bool):
            found[prefix + name] = "true" if value else "false"
        elif isinstance(value, str | int):
            found[prefix + name] = str(value)
    return {key: value for key, value in found.items() if prefix or _is_key(key)}


def _is_key(key: str) -> bool:
    try:
        split_key(key)
    except InvalidInput:
        return False
    return True


def _swap(backend: LocalBackend, path: Path, changes: Mapping[str, str | None]) -> None:
    """Replace the file by one with the changes, again as often as another writer was faster."""
    import tomli_w

    for _ in range(ATTEMPTS):
        old = _bytes(path)
        table = _parse(path, old)
        for key, value in changes.items():
            _change(table, key, value)
        try:
            backend.swap(path.name, old, tomli_w.dumps(table).encode())
        except Conflict:
            continue
        return
    raise Conflict(f"other writers keep changing {path}", hint="run it again")


def _change(table: dict[str, Any], key: str, value: str | None) -> None:
    """Set or remove one value in nested tables; tables left empty go."""
    *folders, variable = split_key(key)
    chain = [table]
    for name in folders:
        inner = chain[-1].setdefault(name, {})
        if not isinstance(inner, dict):
            raise InvalidInput(f"cannot set {key}: {name} is a value in the file, not a table")
        chain.append(inner)
    if value is not None:
        chain[-1][variable] = int(value) if find_setting(key).integer else value
        return
    chain[-1].pop(variable, None)
    for outer, name in zip(reversed(chain[:-1]), reversed(folders), strict=True):
        if not outer[name]:
            del outer[name]
