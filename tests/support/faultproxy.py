"""A proxy before an HTTP server that makes requests go wrong: refused, lost, cut or slow, as a rule says."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"


class Fault(Enum):
    """What happens to a request."""

    BUSY = "503 before anything is done"
    BROKEN = "500 before anything is done"
    LOST = "done, and then 500"
    CUT_BEFORE = "the connection ends before anything is done"
    CUT_AFTER = "done, and the connection ends before the reply"
    CUT_WITHIN = "done, and the connection ends within the reply"
    STALLED = "done, and the reply stops for long"


class Call(NamedTuple):
    """One request that came."""

    method: str
    path: str
    size: int
    """Bytes of its body."""


Rule = Callable[[int, Call], Fault | None]
"""Says what happens to the request of a number, from 0."""


class Proxy:
    """A proxy that runs.

    Attributes:
        url: Its address.
        rule: May be changed at any time.
        calls: All requests so far.
        replies: The path of each, and the bytes of the body that came back.
        faults: How many of them went wrong, by what happened.
        slow_s: Seconds that each request waits before anything is done.
    """

    def __init__(self, target: str, stall_s: float = 5.0) -> None:
        self.rule: Rule = lambda _number, _call: None
        self.calls: list[Call] = []
        self.replies: list[tuple[str, int]] = []
        self.faults: Counter[Fault] = Counter()
        self.slow_s = 0.0
        self.stall_s = stall_s
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self, "target": urlsplit(target).netloc})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def judged(self, call: Call) -> Fault | None:
        """Note a request and say what happens to it."""
        with self._lock:
            self.calls.append(call)
            fault = self.rule(len(self.calls) - 1, call)
            if fault is not None:
                self.faults[fault] += 1
            return fault


@contextmanager
def before(target: str, stall_s: float = 5.0) -> Iterator[Proxy]:
    """Run a proxy before a server."""
    proxy = Proxy(target, stall_s)
    thread = threading.Thread(target=proxy.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: ClassVar[Proxy]
    target: ClassVar[str]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _pass_on(self) -> None:
        with suppress(OSError):  # the client has gone
            self._passed_on()

    def _passed_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        fault = self.proxy.judged(Call(self.command, self.path, len(body)))
        time.sleep(self.proxy.slow_s)
        if fault in (Fault.BUSY, Fault.BROKEN):
            return self._reply(503 if fault == Fault.BUSY else 500, {}, SLOW_DOWN)
        if fault == Fault.CUT_BEFORE:
            return self._cut()
        status, headers, reply = self._asked(body)
        if fault == Fault.LOST:
            return self._reply(500, {}, SLOW_DOWN)
        if fault == Fault.CUT_AFTER:
            return self._cut()
        if fault == Fault.STALLED:
            time.sleep(self.proxy.stall_s)
        return self._reply(status, headers, reply, whole=fault != Fault.CUT_WITHIN)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass_on

    def _asked(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.target, timeout=60)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def _reply(self, status: int, headers: dict[str, str], body: bytes, *, whole: bool = True) -> None:
        self.send_response_only(status)
        kept = {
            name: v for name, v in headers.items() if name.lower() not in ("transfer-encoding", "connection")
        }
        if not any(name.lower() == "content-length" for name in kept):
            kept["Content-Length"] = str(len(body))
        for name, value in kept.items():
            self.send_header(name, value)
        self.end_headers()
        self.proxy.replies.append((self.path, len(body)))
        if self.command != "HEAD":
            self.wfile.write(body if whole else body[: len(body) // 2])
        if not whole:
            self._cut()

    def _cut(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(2)
