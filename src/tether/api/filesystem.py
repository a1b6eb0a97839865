"""`tether://HOST/OWNER/NAME@REV/PATH` for fsspec, and so for pandas, Arrow and others that read through it.

It needs `pip install 'tether[fsspec]'`, which registers it. Files are read-only; errors are those of
`revisionsystem`.
"""

import re
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from tether.api.revisionsystem import Place, RevisionSystem
from tether.errors import InvalidInput
from tether.repo.revision import clean_path
from tether.sync.address import parse_hub_address
from tether.sync.http import HttpClient
from tether.sync.hubfiles import HubFiles

_PREFIX = "tether://"
_HOW = 'write fsspec.filesystem("tether", host="HOST:PORT"), or read tether://HOST/OWNER/NAME@REV/PATH'
_PLACE = re.compile(
    r"(?P<repository>(?P<owner>[^/@]+)/(?P<name>[^/@]+)(?:@(?P<rev>[^/]+))?)(?:/(?P<path>.*))?", re.S
)


class TetherFileSystem(RevisionSystem):
    """The repositories of one hub, read-only.

    Paths are `OWNER/NAME[@REV]/PATH`, REV with `%2F` for `/`. Each file is of the version that REV names when
    it is opened; name a tag or a commit to read several files of the same one.

    Args:
        host: `HOST[:PORT]` of the hub; an address has it before the path.
        token: Of the hub; None asks as nobody.
        plain_http: Speak HTTP without TLS; if not given, with this machine alone.

    Raises:
        InvalidInput: No host is given, or it is none.
    """

    protocol = "tether"

    def __init__(
        self, host: str = "", token: str | None = None, plain_http: bool | None = None, **options: Any
    ) -> None:
        super().__init__(host=host, token=token, plain_http=plain_http, **options)
        plain = _is_here(host) if plain_http is None else plain_http
        self._host = host
        self._client = HttpClient(_base_of(host, plain=plain), token)

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

    def close(self) -> None:
        """Close the connections; they are made again when they are needed."""
        self._client.close()

    def place(self, path: str) -> Place:
        """Return what a path names."""
        found = _PLACE.fullmatch(path)
        if found is None:
            raise FileNotFoundError(f"no repository in {path!r}: write tether://HOST/OWNER/NAME@REV/PATH")
        files = HubFiles(self._client, found["owner"], found["name"])
        rev = unquote(found["rev"] or "HEAD")
        return Place(found["repository"], files, rev, clean_path(found["path"] or ""))


def _base_of(host: str, *, plain: bool) -> str:
    """Return the address of a hub."""
    if not host:
        raise InvalidInput("no host of a hub is given", hint=_HOW)
    try:
        if "/" in host:
            raise InvalidInput("a host has no path and no scheme")
        return parse_hub_address(f"{'http' if plain else 'https'}://{host}").base
    except InvalidInput:
        raise InvalidInput(f"not a host of a hub: {host}", hint=_HOW) from None


def _is_here(host: str) -> bool:
    """Say whether a host is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
