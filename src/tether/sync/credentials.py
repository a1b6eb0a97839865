"""The tokens of this user, by hub, in a file that nobody else can read."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tether.errors import Conflict, InvalidInput
from tether.storage.local import LocalBackend
from tether.storage.oserrors import translated

_TRIES = 20


class Credentials:
    """Reads and changes the file of tokens.

    Args:
        path: The file; it need not exist.
        override: A token that is used for every hub instead, as from the environment.
    """

    def __init__(self, path: Path, override: str | None = None) -> None:
        self._path, self._override = path, override or None

    def token(self, hub: str) -> str | None:
        """Return the token for a hub, by the `base` of its address; None where there is none.

        Raises:
            InvalidInput: The file is not what we write.
        """
        return self._override or self.stored(hub)

    def stored(self, hub: str) -> str | None:
        """Return the token that the file has for a hub; errors as for `token`."""
        entry = self._parse(self._bytes()).get(hub)
        token = entry.get("token") if isinstance(entry, dict) else None
        return token if isinstance(token, str) else None

    def hubs(self) -> list[str]:
        """Return the hubs that the file has tokens for; errors as for `token`."""
        return sorted(self._parse(self._bytes()))

    def store(self, hub: str, token: str) -> None:
        """Keep the token for a hub in place of the one before.

        Raises:
            InvalidInput: The file is not what we write.
            Forbidden, Unavailable: It cannot be written.
        """
        self._change(hub, {"token": token})

    def forget(self, hub: str) -> bool:
        """Remove the token for a hub and say whether there was one; errors as for `store`."""
        if self.stored(hub) is None:
            return False
        self._change(hub, None)
        return True

    def _change(self, hub: str, entry: Mapping[str, str] | None) -> None:
        import tomli_w

        path = self._path.resolve()  # a linked file is changed where it lies
        with translated(str(path.parent)):
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_private(path)
        backend = LocalBackend(path.parent)
        try:
            for _ in range(_TRIES):
                old = self._bytes()
                table = self._parse(old)
                table.pop(hub, None)
                if entry is not None:
                    table[hub] = dict(entry)
                try:
                    backend.swap(path.name, old, tomli_w.dumps(table).encode())
                except Conflict:
                    continue
                return
        finally:
            backend.close()
        raise Conflict(f"other programs keep changing {path}", hint="run it again")

    def _bytes(self) -> bytes:
        with translated(str(self._path)):
            try:
                return self._path.read_bytes()
            except FileNotFoundError:
                return b""

    def _parse(self, data: bytes) -> dict[str, Any]:
        try:
            return tomllib.loads(data.decode())
        except ValueError as error:
            hint = "correct it in an editor, or remove it and run 'tether login' again"
            raise InvalidInput(f"{self._path} is not a TOML file: {error}", hint=hint) from None


def _make_private(path: Path) -> None:
    """Make the file, if it is not there, and close it to others; a swap keeps its mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
