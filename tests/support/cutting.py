"""A proxy in front of a hub that counts what comes back, and cuts connections."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes bytes on, in threads of its own.

    Attributes:
        url: Its address.
        received: Bytes that the hub sent.
        cuts: After how many bytes of the hub each of the next connections is cut, one for each.
        connections: How many there were.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.received = self.connections = 0
        self.cuts: list[int] = []
        self._open: list[socket.socket] = []
        self._passing: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._passing:
            thread.join()
        for each in self._open:
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                break
            self.connections += 1
            hub = socket.create_connection(self._target)
            self._open += [client, hub]
            limit = self.cuts.pop(0) if self.cuts else None
            for args in ((client, hub, None, False), (hub, client, limit, True)):
                thread = threading.Thread(target=self._pass, args=args)
                thread.start()
                self._passing.append(thread)

    def _pass(self, source: socket.socket, target: socket.socket, left: int | None, counted: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536 if left is None else min(left, 65536)):
                if counted:
                    self.received += len(data)
                target.sendall(data)
                if left is not None:
                    left -= len(data)
                    if not left:
                        break
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
