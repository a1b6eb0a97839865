"""Files as bodies of requests: sent by the system where it can, and piece by piece over TLS."""

import random
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

import pytest
from tests.support.relay import make_certificates

from tether.errors import Corrupt, Unavailable
from tether.sync.http import HttpClient, HttpOptions, Request
from tether.sync.rate import RateLimit
from tether.sync.sending import MappedFile

DATA = random.Random(9).randbytes(12 << 20)
NOTHING = b"HTTP/1.1 204 No Content\r\n\r\n"


class Server:
    """Takes bodies, one on each connection, up to as many bytes as it is told to; the rest is cut."""

    def __init__(self, *takes: int, tls: ssl.SSLContext | None = None) -> None:
        self.bodies = list[bytes]()
        self.takes, self._tls = takes, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        for most in self.takes:
            with suppress(OSError):
                connection, _ = self._listener.accept()
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                with connection:
                    self._take(connection, most)

    def _take(self, connection: socket.socket, most: int) -> None:
        came = bytearray()
        while b"\r\n\r\n" not in came:
            came += connection.recv(4096)
        body = came.partition(b"\r\n\r\n")[2]
        while len(body) < min(most, len(DATA)) and (some := connection.recv(1 << 20)):
            body += some
        self.bodies.append(bytes(body))
        if most >= len(DATA):
            connection.sendall(NOTHING)

    def close(self) -> None:
        """Wait for the thread."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@contextmanager
def serving(*takes: int, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server."""
    server = Server(*takes, tls=tls)
    try:
        yield server
    finally:
        server.close()


def client_of(server: Server, rate: RateLimit | None = None) -> HttpClient:
    """Return a client of it that tries as often as it takes connections."""
    options = HttpOptions(tries=len(server.takes), sleep=lambda _: None, rate=rate)
    return HttpClient(f"http://127.0.0.1:{server.port}", options=options)


@pytest.fixture
def body(tmp_path: Path) -> memoryview:
    """Return a file as a body."""
    (tmp_path / "file").write_bytes(DATA)
    return memoryview(MappedFile(FileIO(tmp_path / "file")))


def test_a_file_is_sent_by_the_system(body: memoryview, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, without a look at its bytes; what is only a part of one goes as always."""
    sent: list[int] = []
    usual = socket.socket.sendfile

    def counted(self: socket.socket, file: FileIO, offset: int, count: int) -> int:
        sent.append(count)
        return usual(self, file, offset, count)

    monkeypatch.setattr(socket.socket, "sendfile", counted)
    with serving(len(DATA)) as server:
        client_of(server).call(Request("PUT", "/", body))
    assert server.bodies == [DATA]
    assert sent == [len(DATA)]

    with serving(len(DATA) - 1) as server, pytest.raises(Unavailable):
        client_of(server).call(Request("PUT", "/", body[1:]))
    assert server.bodies == [DATA[1:]]
    assert len(sent) == 1


@pytest.mark.parametrize("at", [0, 1, 5 << 20])
def test_a_cut_is_made_good_from_the_first_byte_on(body: memoryview, at: int) -> None:
    """However much was taken."""
    with serving(at, len(DATA)) as server:
        client_of(server).call(Request("PUT", "/", body))
    assert server.bodies[-1] == DATA

    with serving(at, at) as server, pytest.raises(Unavailable):
        client_of(server).call(Request("PUT", "/", body))


def test_a_file_that_became_shorter_is_told(tmp_path: Path, body: memoryview) -> None:
    """Mapped memory would end the process."""
    with (tmp_path / "file").open("r+b") as file:
        file.truncate(len(DATA) // 2)
    with serving(len(DATA)) as server:
        client = client_of(server)
        with pytest.raises(Corrupt, match="shorter"):
            client.call(Request("PUT", "/", body))
        client.close()
    assert server.bodies == [DATA[: len(DATA) // 2]]


def test_over_tls_it_comes_in_pieces(tmp_path: Path, body: memoryview) -> None:
    """Its bytes have to be made unreadable first."""
    certificates = make_certificates(tmp_path / "certificates")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.key)
    with serving(len(DATA), tls=context) as server:
        options = HttpOptions(tries=1, ca_file=str(certificates.ca))
        HttpClient(f"https://localhost:{server.port}", options=options).call(Request("PUT", "/", body))
    assert server.bodies == [DATA]


def test_under_a_limit_it_comes_in_pieces(body: memoryview) -> None:
    """Each when it may be sent."""
    waited: list[float] = []
    with serving(len(DATA)) as server:
        client_of(server, RateLimit(1 << 20, lambda: 0.0, waited.append)).call(Request("PUT", "/", body))
    assert server.bodies == [DATA]
    assert len(waited) > 100
