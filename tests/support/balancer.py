"""A plain reverse proxy on TCP in front of some servers, which can also break connections on purpose."""

import asyncio
import random
import threading
from collections import Counter
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

_BLOCK = 1 << 16


class Proxy:
    """Passes connections on to the servers in turn, to the next one where one does not answer.

    Args:
        upstreams: Addresses of servers, `http://HOST:PORT`.
        cut: How likely it is for a block of a request to be passed on in half, before both ends are closed.
        lose: How likely it is for a reply to be thrown away, and both ends closed; the work is done then.
        seed: For what is left to chance.

    Attributes:
        url: Its own address.
        counts: How many connections there were, and how many were broken in which way.
        calm: Break nothing as long as this is true.
    """

    def __init__(self, upstreams: list[str], *, cut: float = 0.0, lose: float = 0.0, seed: int = 0) -> None:
        parts = [urlsplit(upstream) for upstream in upstreams]
        self._upstreams = [(str(part.hostname), int(part.port or 0)) for part in parts]
        self._cut, self._lose, self._random = cut, lose, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.calm = False
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        ).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Close all connections."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counts["connections"] += 1
        there: asyncio.StreamWriter | None = None
        try:
            answer, there = await self._connect()
            passing = [
                asyncio.create_task(self._pass(reader, there, self._cut, "cut")),
                asyncio.create_task(self._pass(answer, writer, self._lose, "lost")),
            ]
            try:
                await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in passing:
                    task.cancel()
                ends = await asyncio.gather(*passing, return_exceptions=True)
            if not all(end is None for end in ends if not isinstance(end, asyncio.CancelledError)):
                writer.transport.abort()
                there.transport.abort()
        except asyncio.CancelledError:  # the proxy is closed
            pass
        except OSError:
            self.counts["unreachable"] += 1
        finally:
            writer.close()
            if there is not None:
                there.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._turn += 1
        for number in range(len(self._upstreams)):
            host, port = self._upstreams[(self._turn + number) % len(self._upstreams)]
            with suppress(ConnectionError):
                return await asyncio.open_connection(host, port)
        raise ConnectionRefusedError

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, chance: float, name: str
    ) -> None:
        """Pass on what comes until one end closes, or chance breaks it."""
        while block := await source.read(_BLOCK):
            if not self.calm and self._random.random() < chance:
                self.counts[name] += 1
                if name == "cut":
                    target.write(block[: len(block) // 2])
                    await target.drain()
                raise ConnectionAbortedError
            target.write(block)
            await target.drain()
