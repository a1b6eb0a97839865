"""Readers at once, in a process of their own: `python -m benchmarks.reading.load` reads a job on stdin.

Each reader keeps a connection, asks for one page after another from a list that all of them go through in
turns, and notes when the first byte of each reply came and when the last. HTTP is read by httptools.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httptools

PAGE = {
    "Accept": "text/html,*/*",
    "Accept-Encoding": "gzip",
    "Sec-Fetch-Site": "same-origin",
    "User-Agent": "readers",
}


@dataclass
class Seen:
    """What the readers met: milliseconds to the first and to the last byte, bytes, and what went wrong."""

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    received: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


class Exchange(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self._parser: Any = None
        self._done: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self.first = self.last = 0.0
        self.received = 0
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    async def ask(self, request: bytes) -> str:
        """Send a request and wait for the whole reply; return its status."""
        assert self._transport is not None
        self._parser, self.first, self.received = httptools.HttpResponseParser(self), 0.0, 0
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        await self._done
        return str(self._parser.get_status_code())

    def data_received(self, data: bytes) -> None:
        """Note the first byte, and go on."""
        self.first = self.first or time.perf_counter()
        self.received += len(data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Note the last byte."""
        self.last = time.perf_counter()
        self.closed = not self._parser.should_keep_alive()
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell who waits; a reply without a length ends here."""
        self.closed = True
        if self._done is not None and not self._done.done():
            if self.first and error is None:
                self.last = time.perf_counter()
                self._done.set_result(None)
            else:
                self._done.set_exception(ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()


async def read_pages(job: dict[str, Any]) -> dict[str, Any]:
    """Let the readers read for as long as the job says; return what they met.

    Who waits for a reply then still gets it if it comes within `patience` seconds.
    """
    place = urlsplit(job["url"])
    fields = {"Host": place.netloc, **PAGE, **job["headers"]}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    requests = [f"GET {path} HTTP/1.1\r\n{head}\r\n".encode() for path in job["paths"]]
    random.Random(1).shuffle(requests)
    seen, begun = Seen(), time.perf_counter()
    turn = iter(range(10**9))

    async def reader() -> None:
        exchange: Exchange | None = None
        until = begun + job["seconds"]
        while time.perf_counter() < until:
            request = requests[next(turn) % len(requests)]
            started = time.perf_counter()
            try:
                if exchange is None or exchange.closed:
                    loop = asyncio.get_running_loop()
                    _, exchange = await loop.create_connection(Exchange, place.hostname, place.port)
                left = until + job["patience"] - time.perf_counter()
                status = await asyncio.wait_for(exchange.ask(request), left)
            except (OSError, TimeoutError, httptools.HttpParserError) as error:
                seen.statuses["no reply" if isinstance(error, TimeoutError) else type(error).__name__] += 1
                if exchange is not None:
                    exchange.close()
                exchange = None
                continue
            seen.statuses[status] += 1
            seen.received += exchange.received
            if status == "200":
                seen.first.append(1000 * (exchange.first - started))
                seen.whole.append(1000 * (exchange.last - started))

    await asyncio.gather(*(reader() for _ in range(job["readers"])))
    return {
        "first": sorted(seen.first),
        "whole": sorted(seen.whole),
        "bytes": seen.received,
        "statuses": dict(seen.statuses),
        "seconds": time.perf_counter() - begun,
    }


if __name__ == "__main__":
    json.dump(asyncio.run(read_pages(json.load(sys.stdin))), sys.stdout)
