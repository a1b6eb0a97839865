"""Single files of a repository on a hub, over HTTP. Nothing that arrives is believed but what is verified."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from urllib.parse import quote

from tether.core.digest import EMPTY_FILE, Digest, parse_digest
from tether.core.kinds import ObjectKind
from tether.core.names import display, path_bytes
from tether.core.tree import EntryKind, name_problem
from tether.errors import Corrupt, InvalidInput, NotFound, Unavailable
from tether.repo.frames import Frame
from tether.repo.objectdb import unpack
from tether.sync.http import HttpClient, Reply, Request
from tether.sync.hubend import HubEnd, repository_path
from tether.sync.remotefiles import PAGE, Look, RemoteEntry, Take

_SMALL = 128 << 10
"""Bytes of a file that can be one chunk."""
_BLOCK = 64 << 10
_TOGETHER = 4096
_TOGETHER_BYTES = 16 << 20
_KINDS = {kind.name.lower(): kind for kind in EntryKind}
_PART = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19})", re.ASCII)
_LARGEST = 2**63


class HubFiles:
    """The files of one repository of a hub; see `remotefiles.RemoteFiles`.

    Args:
        client: Speaks to the hub.
        owner: Whose repository.
        repository: Its name.
    """

    def __init__(self, client: HttpClient, owner: str, repository: str) -> None:
        self._client = client
        self._end = HubEnd(client, owner, repository)
        self._path = repository_path(owner, repository)

    def look(self, rev: str, path: bytes, after: bytes = b"", limit: int = PAGE) -> Look:
        """Return what is at a path, and a page of what is below it."""
        query = f"?limit={limit}&after={quote(after, safe='')}"
        reply = self._client.json("GET", f"{self._address('tree', rev, path)}{query}")
        return _look(reply, path, after)

    def read(self, commit: str, entry: RemoteEntry, start: int, stop: int, take: Take) -> None:
        """Give the bytes of a file; after a cut only what did not come is asked for again."""
        reading = _Reading(
            self._address("files", commit, entry.path), entry, start, min(stop, entry.size), take
        )
        while reading.at < reading.stop:
            before = reading.at
            try:
                self._client.exchange(reading.request, reading.use, block=_BLOCK)
            except _Enough:
                return
            except Unavailable:
                if reading.at == before:
                    raise
            else:
                if reading.at == before:
                    raise Corrupt(f"the hub sent nothing of {display(entry.path)}")

    def small(self, entries: Sequence[RemoteEntry]) -> Iterator[tuple[int, bytes]]:
        """Yield contents of files of one chunk, many in one request."""
        for part in _parts(entries):
            wanted = {entries[at].digest for at in part} - {EMPTY_FILE}
            found = {EMPTY_FILE: b"", **self._chunks(wanted)}
            for at in part:
                data = found.get(entries[at].digest)
                if data is not None and len(data) == entries[at].size:
                    yield at, data

    def _chunks(self, wanted: set[Digest]) -> dict[Digest, bytes]:
        """Return those contents that are one chunk each."""
        found: dict[Digest, bytes] = {}

        def take(frames: Iterator[tuple[Frame, bytes]]) -> None:
            for frame, stored in frames:
                if frame.digest in wanted and frame.kind == ObjectKind.CHUNK:
                    found[frame.digest] = unpack(frame, stored, ObjectKind.CHUNK)

        try:
            if wanted:
                self._end.objects(list(wanted), take)
        except NotFound:
            return {}  # one is lacking: reading them one by one tells which
        return found

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _address(self, what: str, rev: str, path: bytes) -> str:
        return f"{self._path}/{what}/{quote(rev, safe='')}/{quote(path)}"


class _Enough(Exception):
    """The part that is wanted came, and more would follow: the connection ends."""


class _Reading:
    """A part of a file that is on its way.

    Attributes:
        at: Offset of the byte that comes next.
        stop: Offset behind the last one.
    """

    def __init__(self, address: str, entry: RemoteEntry, start: int, stop: int, take: Take) -> None:
        self._address, self._entry, self._take = address, entry, take
        self._tag = f'"{entry.digest.hex()}"'
        self.at, self.stop = start, stop

    def request(self) -> Request:
        """Return the request for what did not come yet."""
        part = {"Range": f"bytes={self.at}-{self.stop - 1}", "If-Range": self._tag}
        return Request("GET", self._address, headers=part)

    def use(self, reply: Reply) -> None:
        """Take what came; of a whole file, which a proxy may send, the part that is wanted.

        Raises:
            Corrupt: It is another file, or another part.
        """
        surplus: int | None = None
        for block in reply.blocks:
            if surplus is None:  # headers may be cut, and then no block comes
                surplus = self._surplus(reply)
            data = block[surplus:]
            surplus = max(surplus - len(block), 0)
            data = data[: self.stop - self.at]
            if data:
                self.at += len(data)
                self._take(data)
            if self.at == self.stop and reply.status == 200:
                raise _Enough

    def _surplus(self, reply: Reply) -> int:
        """Return how many bytes come before those that are wanted."""
        if reply.headers.get("ETag") not in (self._tag, f"W/{self._tag}"):
            raise Corrupt(f"the hub sent another file than {display(self._entry.path)}")
        if reply.status == 200:
            return self.at
        found = _PART.fullmatch(reply.headers.get("Content-Range", ""))
        if reply.status != 206 or not found or (int(found[1]), int(found[3])) != (self.at, self._entry.size):
            raise Corrupt(f"the hub sent another part of {display(self._entry.path)} than was asked for")
        return 0


def _parts(entries: Sequence[RemoteEntry]) -> Iterator[list[int]]:
    """Yield the places of small files, as many as one request is for."""
    part: list[int] = []
    size = 0
    for at, entry in enumerate(entries):
        if entry.size > _SMALL:
            continue
        if len(part) == _TOGETHER or size + entry.size > _TOGETHER_BYTES:
            yield part
            part, size = [], 0
        part.append(at)
        size += entry.size
    if part:
        yield part


def _look(reply: Any, path: bytes, after: bytes) -> Look:
    """Read the reply to a look; Corrupt where it is none."""
    match reply:
        case {"commit": str(commit), "entry": dict(entry), "entries": list(rows), "next": last}:
            parse_digest(commit)
            start = path + b"/" if path else b""
            found, below = _entry(entry), tuple(_entry(row) for row in rows)
            names = [each.path.removeprefix(start) for each in below]
            sound = found.path == path and all(each.path.startswith(start) for each in below)
            sound = (
                sound
                and not any(map(name_problem, names))
                and all(a < b for a, b in pairwise([after, *names]))
            )
            behind = _after(last, names)
            if sound and (found.kind == EntryKind.DIRECTORY or not below):
                return Look(commit, found, below, behind)
    raise Corrupt("the hub sent a list of files of an unknown form", hint="check the address")


def _after(last: Any, names: Sequence[bytes]) -> bytes | None:
    if last is None:
        return None
    if not isinstance(last, str) or not names or path_bytes(last) != names[-1]:
        raise Corrupt("the hub sent a list of files that does not go on")
    return names[-1]


def _entry(row: Any) -> RemoteEntry:
    match row:
        case {
            "path": str(path),
            "kind": str(kind),
            "size": int(size),
            "digest": str(digest),
            "files": int(files),
        }:
            if kind in _KINDS and 0 <= size < _LARGEST and 0 <= files < _LARGEST:
                try:
                    return RemoteEntry(path_bytes(path), _KINDS[kind], size, parse_digest(digest), files)
                except InvalidInput:
                    pass
    raise Corrupt("the hub sent an entry of an unknown form", hint="check the address")
