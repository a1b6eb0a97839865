"""A private server on loopback for one command. What answers is imported with the first request.

Every user of the machine can reach a port on loopback, so the address has a secret that only the command is
told.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tether.mlflow.calls import Answer, Call
    from tether.mlflow.http import Exchange

Handle = Callable[["Call"], "Answer"]
_HOST = "127.0.0.1"
_SECRET_BYTES = 24
_MOST_CONNECTIONS = 256
_BACKLOG = 128
_GRACE_S = 2.0
"""How long requests that came before the end of the command have to be answered."""


class Listener:
    """Answers requests at an address of its own until it is stopped.

    Args:
        make: Makes what answers; called at the first request.

    Attributes:
        address: What a client takes for the address of its server.
    """

    def __init__(self, make: Callable[[], "Exchange"]) -> None:
        self._make = make
        self._exchange: Exchange | None = None
        self._making = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._changing = threading.Lock()
        self._stopped = False
        # Not `socket.create_server`: it asks a resolver, which every command would wait for.
        self._socket = socket.socket()
        self._socket.bind((_HOST, 0))
        self._socket.listen(_BACKLOG)
        self.secret = os.urandom(_SECRET_BYTES).hex()
        self.address = f"http://{_HOST}:{self._socket.getsockname()[1]}/{self.secret}"
        self._thread = threading.Thread(target=self._accept, name="mlflow", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer what was asked already, and then nothing more."""
        self._stopped = True
        with suppress(OSError), socket.socket() as waking:  # it wakes the thread that waits for the next one
            waking.settimeout(_GRACE_S)
            waking.connect(self._socket.getsockname())
        self._thread.join(_GRACE_S)
        self._socket.close()
        if self._exchange is not None:
            self._exchange.finish(_GRACE_S)
        with self._changing:
            left = dict(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + _GRACE_S
        for thread in left.values():
            thread.join(max(0.0, deadline - time.monotonic()))

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self._stopped or len(self._open) >= _MOST_CONNECTIONS:
                connection.close()
                if self._stopped:
                    return
                continue
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._changing:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with self._making:
                exchange = self._exchange = self._exchange or self._make()
            exchange.serve(connection)
        finally:
            with self._changing:
                self._open.pop(connection, None)
            connection.close()
