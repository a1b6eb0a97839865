"""A server with the connections of hubs around any application, for requests written byte by byte."""

import socket
import threading
import time
from contextlib import closing

import uvicorn
from starlette.types import ASGIApp

from tether.hub.connection import connection_class

NEXT = b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class RawServer:
    """A server in a thread, until it is stopped.

    Args:
        application: Answers.
        stall_s: After how long connections on which nothing moves are cut, in seconds.
    """

    def __init__(self, application: ASGIApp, stall_s: float) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            application, http=connection_class(stall_s), lifespan="off", log_config=None, ws="none"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: self.server.run(sockets=[self.listener]))
        self.thread.start()

    def stop(self) -> None:
        """End it."""
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()

    def connected(self) -> socket.socket:
        """Return a connection."""
        return socket.create_connection(self.listener.getsockname(), timeout=20)

    def exchange(self, *parts: bytes, pause_s: float = 0) -> bytes:
        """Send parts, and return all that comes until the server closes."""
        with closing(self.connected()) as connection:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause_s)
            return b"".join(iter(lambda: connection.recv(65536), b""))
