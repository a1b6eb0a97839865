"""`tether://HOST/OWNER/NAME@REV/PATH` for fsspec, and so for pandas, Arrow and others that read through it.

It needs `pip install 'tether[fsspec]'`, which registers it. Files are read-only. What is absent, forbidden or
a folder raises what fsspec expects, `FileNotFoundError` and the like; all else is of `tether.errors`.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from fsspec import AbstractFileSystem

from tether.api.remotefile import follow_links, open_remote
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.errors import Forbidden, NotFound, Unauthenticated, Unsupported
from tether.repo.revision import clean_path
from tether.sync.address import parse_hub_address
from tether.sync.http import HttpClient
from tether.sync.hubfiles import HubFiles
from tether.sync.remotefiles import Look, RemoteEntry, list_folder, read_whole

_PREFIX = "tether://"
_PLACE = re.compile(
    r"(?P<repository>(?P<owner>[^/@]+)/(?P<name>[^/@]+)(?:@(?P<rev>[^/]+))?)(?:/(?P<path>.*))?", re.S
)
_TYPES = {EntryKind.DIRECTORY: "directory", EntryKind.SYMLINK: "link"}


class _Place(NamedTuple):
    repository: str
    files: HubFiles
    rev: str
    path: bytes


class TetherFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The repositories of one hub, read-only.

    Paths are `OWNER/NAME[@REV]/PATH`, REV with `%2F` for `/`. Each file is of the version that REV names when
    it is opened; name a tag or a commit to read several files of the same one.

    Args:
        host: `HOST[:PORT]` of the hub; an address has it before the path.
        token: Of the hub; None asks as nobody.
        plain_http: Speak HTTP without TLS; if not given, with this machine alone.
    """

    protocol = "tether"
    root_marker = ""

    def __init__(
        self, host: str = "", token: str | None = None, plain_http: bool | None = None, **options: Any
    ) -> None:
        super().__init__(host=host, token=token, plain_http=plain_http, **options)
        plain = _is_here(host) if plain_http is None else plain_http
        self._host = host
        self._client = HttpClient(parse_hub_address(f"{'http' if plain else 'https'}://{host}").base, token)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        text = str(path)
        if text.startswith(_PREFIX):
            text = text.removeprefix(_PREFIX).partition("/")[2]
        return text.strip("/")

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        if not path.startswith(_PREFIX):
            return {}
        return {"host": path.removeprefix(_PREFIX).partition("/")[0]}

    def unstrip_protocol(self, name: str) -> str:
        """Return a path with the host of this hub before it."""
        return name if name.startswith(_PREFIX) else f"{_PREFIX}{self._host}/{self._strip_protocol(name)}"

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

    def close(self) -> None:
        """Close the connections; they are made again when they are needed."""
        self._client.close()

    def _open(self, path: str, mode: str = "rb", **options: Any) -> io.BufferedReader:
        del options
        if mode != "rb":
            raise Unsupported(
                f"files of a repository cannot be opened with mode {mode!r}", hint="commit and push"
            )
        with self._at(path) as place:
            return open_remote(place.files, _file(place))

    @contextmanager
    def _at(self, path: str) -> Iterator[_Place]:
        """Yield what a path names; errors become those that fsspec knows too."""
        text = self._strip_protocol(path)
        found = _PLACE.fullmatch(text)
        if found is None:
            raise FileNotFoundError(f"no repository in {text!r}: write tether://HOST/OWNER/NAME@REV/PATH")
        files = HubFiles(self._client, found["owner"], found["name"])
        where = clean_path(found["path"] or "")
        try:
            yield _Place(found["repository"], files, unquote(found["rev"] or "HEAD"), where)
        except NotFound as error:
            raise FileNotFoundError(str(error)) from error
        except (Forbidden, Unauthenticated) as error:
            raise PermissionError(str(error)) from error


def _file(place: _Place) -> Look:
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


def _is_here(host: str) -> bool:
    """Say whether a host is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
