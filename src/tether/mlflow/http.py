"""HTTP/1.1 between one connection and the answers, as much of it as clients of the tracking server use.

A training may ask a hundred thousand times, and this is written for that: a request costs a few calls of the
system.
"""

import hmac
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, unquote

import msgspec

from tether.mlflow.calls import MOST_BODY, Answer, Call
from tether.mlflow.listening import Handle
from tether.mlflow.routes import is_upload
from tether.mlflow.store import Store

_MOST_LINE = 64 << 10
_MOST_HEADERS = 100
_MOST_HEADS = 256
"""That one connection remembers."""
_MOST_DRAINED = 1 << 30
_BLOCK = 1 << 20
_IDLE_S = 600.0
_REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found", 413: b"Content Too Large"}
_HEADERS = frozenset({b"content-length", b"transfer-encoding", b"expect", b"connection"})
_METHODS = frozenset({b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"})


class Lines(Protocol):
    """What comes from a client."""

    def readline(self, most: int = ..., /) -> bytes:
        """Return a line, or as much of it as that."""
        ...

    def read(self, most: int = ..., /) -> bytes:
        """Return so many bytes; fewer at the end."""
        ...

    def peek(self) -> bytes:
        """Return what has come and was not read yet; it waits where that is nothing."""
        ...


class _Refused(Exception):
    """The request cannot be read; the connection ends."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Head(NamedTuple):
    """The beginning of a request."""

    method: str
    target: bytes
    path: str
    """Of the target, below the secret; undone of percent signs."""
    query: str
    is_upload: bool
    length: int | None
    """Bytes of the body; None where it comes in chunks."""
    waits: bool
    """Whether the client wants to be told to go on."""
    closes: bool


class Exchange:
    """Answers connections.

    Args:
        store: What the requests are about.
        secret: The first part of every path.
        handle: Answers a request.
    """

    def __init__(self, store: Store, secret: str, handle: Handle) -> None:
        self._store, self._secret, self._handle = store, secret, handle
        self._busy = 0
        self._changed = threading.Condition()
        self._finished = False

    def finish(self, grace_s: float) -> None:
        """Take no further requests, and wait for those under way."""
        deadline = time.monotonic() + grace_s
        with self._changed:
            self._finished = True
            while self._busy and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection until either side ends it."""
        connection.settimeout(_IDLE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        heads: dict[bytes, _Head] = {}
        with suppress(OSError, ValueError), _buffered(connection) as stream:
            while self._one(connection, stream, heads):
                pass

    def _one(self, connection: socket.socket, stream: Lines, heads: dict[bytes, _Head]) -> bool:
        """Answer one request; say whether another one may come."""
        try:
            head = _next_head(stream, len(self._secret) + 1, heads)
            if head is None:
                return False
            if not _is_below(self._secret, head.target):
                raise _Refused(404, "no such endpoint")
            with self._changed:
                if self._finished:
                    return False
                self._busy += 1
            try:
                return self._answered(connection, stream, head)
            finally:
                self._answered_one()
        except _Refused as error:
            code = "ENDPOINT_NOT_FOUND" if error.status == 404 else "BAD_REQUEST"
            said = msgspec.json.encode({"error_code": code, "message": str(error)})
            _send(connection, Answer(error.status, said), closes=True)
            return False

    def _answered_one(self) -> None:
        with self._changed:
            self._busy -= 1
            if self._finished:
                self._changed.notify_all()

    def _answered(self, connection: socket.socket, stream: Lines, head: _Head) -> bool:
        upload, query = head.is_upload, head.query
        if not upload and (head.length or 0) > MOST_BODY:
            raise _Refused(413, f"a request has at most {MOST_BODY} bytes")
        if head.waits:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        blocks = _body(stream, head.length)
        call = Call(
            store=self._store,
            method=head.method,
            path=head.path,
            query=parse_qs(query, keep_blank_values=True, max_num_fields=10_000) if query else {},
            body=b"" if upload else _joined(blocks),
            blocks=blocks if upload else None,
        )
        answer = _safely(self._handle, call)
        if upload:
            _drain(blocks)
        _send(connection, answer, closes=head.closes)
        return not head.closes


def _buffered(connection: socket.socket) -> io.BufferedReader:
    return io.BufferedReader(connection.makefile("rb", 0), _MOST_LINE)


def _is_below(secret: str, path: bytes) -> bool:
    """Say whether a path begins with the secret, in a time that tells nothing of it."""
    wanted = f"/{secret}/".encode()
    return hmac.compare_digest(path[: len(wanted)], wanted)


def _safely(handle: Callable[[Call], Answer], call: Call) -> Answer:
    """Let no mistake of ours end the connection without a word."""
    try:
        return handle(call)
    except (OSError, _Refused):
        raise
    except Exception as error:  # a mistake of ours is told to the client, whose script shows it
        said = {"error_code": "INTERNAL_ERROR", "message": f"{type(error).__name__}: {error}"}
        return Answer(422, msgspec.json.encode(said))


def _next_head(stream: Lines, secret: int, heads: dict[bytes, _Head]) -> _Head | None:
    """Read the lines before the body; None where the client has ended the connection.

    Args:
        stream: What comes from the client.
        secret: The length of the first part of the path.
        heads: Those that came before on this connection. Most are the same but for the length of the body,
            and taking them apart is a fourth of the work.
    """
    some = stream.peek()
    end = some.find(b"\n\r\n") + len(b"\n\r\n")
    begin = some[:end]
    # The rest has not come yet, or a line without a return ends it somewhere else.
    if not begin.endswith(b"\n\r\n") or b"\n\n" in begin:
        return _read_head(stream, secret)
    known = heads.get(begin)
    if known is not None:
        stream.read(end)
        return known
    head = _read_head(stream, secret)
    if head is not None:
        if len(heads) >= _MOST_HEADS:
            heads.clear()
        heads[begin] = head
    return head


def _read_head(stream: Lines, secret: int) -> _Head | None:
    line = stream.readline(_MOST_LINE)
    if not line:
        return None
    words = line.split()
    if len(words) != 3 or words[0] not in _METHODS or not words[2].startswith(b"HTTP/1."):
        raise _Refused(400, "not a request")
    headers = _read_headers(stream)
    length: int | None = _length(headers.get(b"content-length", b"0"))
    if b"transfer-encoding" in headers:
        if headers[b"transfer-encoding"].lower() != b"chunked" or b"content-length" in headers:
            raise _Refused(400, "no such encoding")
        length = None
    waits = headers.get(b"expect", b"").lower() == b"100-continue"
    closes = words[2] == b"HTTP/1.0" or headers.get(b"connection", b"").lower() == b"close"
    method, target = words[0].decode(), words[1]
    path, _, query = target[secret:].decode("ascii", "replace").partition("?")
    if "%" in path:
        path = unquote(path)
    return _Head(method, target, path, query, is_upload(method, path), length, waits, closes)


def _read_headers(stream: Lines) -> dict[bytes, bytes]:
    """Return the headers that matter here, by their names in small letters."""
    found: dict[bytes, bytes] = {}
    for _ in range(_MOST_HEADERS):
        line = stream.readline(_MOST_LINE)
        if line in (b"\r\n", b"\n"):
            return found
        name, colon, value = line.partition(b":")
        if not colon or not line.endswith(b"\n"):
            raise _Refused(400, "not a header")
        name = name.lower()
        if name in _HEADERS and found.setdefault(name, value.strip()) != value.strip():
            raise _Refused(400, "two headers that differ")
    raise _Refused(400, "too many headers")


def _length(value: bytes) -> int:
    if not value.isdigit() or len(value) > 18:
        raise _Refused(400, "not a length")
    return int(value)


def _body(stream: Lines, length: int | None) -> Iterator[bytes]:
    """Yield the blocks of a body.

    Raises:
        ConnectionError: It ends too early.
    """
    if length is not None:
        yield from _counted(stream, length)
        return
    while True:
        line = stream.readline(_MOST_LINE).partition(b";")[0].strip()
        try:
            size = int(line, 16)
        except ValueError:
            raise _Refused(400, "not a chunk") from None
        if not 0 <= size < 1 << 60:
            raise _Refused(400, "not a chunk")
        yield from _counted(stream, size)
        while (end := stream.readline(_MOST_LINE)) not in (b"\r\n", b"\n"):
            if size or not end:
                raise _Refused(400, "not a chunk")
        if not size:
            return


def _counted(stream: Lines, length: int) -> Iterator[bytes]:
    while length:
        data = stream.read(min(length, _BLOCK))
        if not data:
            raise ConnectionError("the body ended too early")
        length -= len(data)
        yield data


def _joined(blocks: Iterator[bytes]) -> bytes:
    found, size = [], 0
    for block in blocks:
        size += len(block)
        if size > MOST_BODY:
            raise _Refused(413, f"a request has at most {MOST_BODY} bytes")
        found.append(block)
    return found[0] if len(found) == 1 else b"".join(found)


def _drain(blocks: Iterator[bytes]) -> None:
    """Read what nobody wanted, so that the client gets to the answer."""
    size = 0
    for block in blocks:
        size += len(block)
        if size > _MOST_DRAINED:
            raise ConnectionError("a refused body is too long")


def _send(connection: socket.socket, answer: Answer, *, closes: bool) -> None:
    size = len(answer.body) if answer.blocks is None else answer.size
    kind = b"application/json" if answer.blocks is None else b"application/octet-stream"
    head = b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n" % (
        answer.status,
        _REASONS.get(answer.status, b"Error"),
        kind,
        size,
        b"Connection: close\r\n" if closes else b"",
    )
    connection.sendall(head + answer.body)
    for block in answer.blocks or ():
        connection.sendall(block)
