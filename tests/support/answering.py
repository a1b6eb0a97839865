"""A server that says what it is told to, whatever it is asked."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tether.sync.http import HttpClient, HttpOptions
from tether.sync.rate import RateLimit


@contextmanager
def answering(*replies: bytes, rate: RateLimit | None = None) -> Iterator[HttpClient]:
    """Yield a client of a server that gives one of these on each connection, and then closes it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for reply in replies:
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        options = HttpOptions(tries=len(replies), sleep=lambda _: None, rate=rate)
        client = HttpClient(f"http://127.0.0.1:{server.getsockname()[1]}", options=options)
        try:
            yield client
        finally:
            client.close()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            thread.join()
