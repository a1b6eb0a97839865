"""A hub that takes what is sent slowly, but all the time."""

import socket
import threading
import time

from tether.sync.http import HttpClient, HttpOptions, Request

SIZE, PIECE = 16 << 20, 1 << 20
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


def slowly(listener: socket.socket, taken: list[int]) -> None:
    """Answer one request, and take the body of the next one piece by piece."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(PIECE)
        connection.sendall(NOTHING)
        while sum(taken) < SIZE:
            taken.append(len(connection.recv(PIECE)))
            if not taken[-1]:
                return
            time.sleep(0.12)
        connection.sendall(NOTHING)


def test_the_deadline_is_one_of_progress() -> None:
    """A body may take longer than the wait for one byte."""
    taken: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=slowly, args=(listener, taken))
        thread.start()
        options = HttpOptions(progress_s=1.5, tries=1)
        client = HttpClient(f"http://127.0.0.1:{listener.getsockname()[1]}", None, options)
        client.call(Request("GET", "/"))
        client.call(Request("PUT", "/", bytes(SIZE)))
        client.close()
        thread.join()

    assert sum(taken) >= SIZE
