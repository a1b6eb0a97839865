"""A file system of one file, for an engine that reads by name: contents of a store, by range, and counted."""

from datetime import UTC, datetime
from io import RawIOBase
from typing import Any

from fsspec.spec import AbstractFileSystem

PROTOCOL = "tether-table"
NAME = f"{PROTOCOL}://table"
"""The name of the only file."""
_NEVER = datetime(2020, 1, 1, tzinfo=UTC)


class OneFile(AbstractFileSystem):  # type: ignore[misc]  # it has no types
    """Gives the same contents, whatever is asked for; nothing can be written or listed.

    Args:
        opened: Returns the contents, seekable, from their start.
        size: Their bytes.
    """

    protocol = PROTOCOL
    cachable = False

    def __init__(self, opened: Any, size: int) -> None:
        super().__init__()
        self._opened, self._size = opened, size

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Describe the file."""
        return {"name": path, "size": self._size, "type": "file"}

    def exists(self, path: str, **_: Any) -> bool:
        """Say that it is there."""
        del path
        return True

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the name as it is: no character of it stands for others."""
        return [path]

    def modified(self, path: str) -> datetime:
        """Return one time for all: contents never change."""
        del path
        return _NEVER

    def open(self, path: str, mode: str = "rb", **_: Any) -> RawIOBase:
        """Open it for reading."""
        if mode != "rb":
            raise PermissionError(f"{path} is read-only")
        opened: RawIOBase = self._opened()
        return opened
