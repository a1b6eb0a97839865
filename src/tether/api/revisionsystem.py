"""Versions of repositories as fsspec reads them, wherever they lie: what our file systems share.

What is absent, forbidden or a folder raises what fsspec expects, `FileNotFoundError` and the like; all else
is of `tether.errors`.
"""

import io
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from fsspec import AbstractFileSystem

from tether.api.remotefile import follow_links, open_remote
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.errors import Forbidden, NotFound, Unauthenticated, Unsupported
from tether.sync.remotefiles import Look, RemoteEntry, RemoteFiles, list_folder, read_whole

_TYPES = {EntryKind.DIRECTORY: "directory", EntryKind.SYMLINK: "link"}


class Place(NamedTuple):
    """What a path names: the part of it that is before the files, and where they come from."""

    repository: str
    files: RemoteFiles
    rev: str
    path: bytes


class RevisionSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Files of revisions, read-only; who inherits says what a path names."""

    root_marker = ""

    @abstractmethod
    def place(self, path: str) -> Place:
        """Return what a path without protocol names.

        Raises:
            FileNotFoundError: It can name nothing.
        """
        ...

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        """List a folder; a file is listed as itself."""
        del options
        with self._at(path) as place:
            look = place.files.look(place.rev, place.path)
            entries = [look.entry]
            if look.entry.kind == EntryKind.DIRECTORY:
                entries = list(list_folder(place.files, look))
            infos = [_info(place.repository, entry, look.commit) for entry in entries]
        return infos if detail else [info["name"] for info in infos]

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        """Describe a file or a folder; a link as what it leads to."""
        del options
        with self._at(path) as place:
            look = place.files.look(place.rev, place.path, limit=1)
            led = follow_links(place.files, look)
            name = _info(place.repository, look.entry, look.commit)["name"]
            is_link = look.entry.kind == EntryKind.SYMLINK
            return {**_info(place.repository, led.entry, look.commit), "name": name, "islink": is_link}

    def ukey(self, path: str) -> str:
        """Return the digest of a file or a folder, which names exactly these bytes."""
        return str(self.info(path)["digest"])

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **options: Any) -> bytes:
        """Return a file, verified, or the part between two offsets; negative ones count from its end."""
        del options
        with self._at(path) as place:
            look = _file(place)
            first, stop, _ = slice(start, end).indices(look.entry.size)
            if (first, stop) == (0, look.entry.size):
                return read_whole(place.files, look.commit, look.entry)
            parts: list[bytes] = []
            place.files.read(look.commit, look.entry, first, max(first, stop), parts.append)
            return b"".join(parts)

    def _open(self, path: str, mode: str = "rb", **options: Any) -> io.BufferedReader:
        del options
        if mode != "rb":
            raise Unsupported(
                f"files of a repository cannot be opened with mode {mode!r}", hint="commit and push"
            )
        with self._at(path) as place:
            return open_remote(place.files, _file(place))

    @contextmanager
    def _at(self, path: str) -> Iterator[Place]:
        """Yield what a path names; errors become those that fsspec knows too."""
        try:
            yield self.place(self._strip_protocol(path))
        except NotFound as error:
            raise FileNotFoundError(str(error)) from error
        except (Forbidden, Unauthenticated) as error:
            raise PermissionError(str(error)) from error


def _file(place: Place) -> Look:
    """Return the file at a path, following links."""
    look = follow_links(place.files, place.files.look(place.rev, place.path, limit=1))
    if look.entry.kind == EntryKind.DIRECTORY:
        raise IsADirectoryError(f"{display(place.path) or 'the top'} is a folder")
    return look


def _info(repository: str, entry: RemoteEntry, commit: str) -> dict[str, Any]:
    path = entry.path.decode("utf-8", "surrogateescape")
    return {
        "name": f"{repository}/{path}" if path else repository,
        "size": entry.size,
        "type": _TYPES.get(entry.kind, "file"),
        "digest": entry.digest.hex(),
        "commit": commit,
    }
