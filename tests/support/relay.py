"""Servers between a client and a hub, as offices have them: a proxy, and TLS with an own authority."""

import base64
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

_BLOCK = 64 << 10


class Certificates(NamedTuple):
    """The files of an authority and of a server that it vouches for."""

    ca: Path
    server: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and a certificate of it for `localhost`."""
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-x509", "-subj", "/CN=office", "-days", "3000", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*new, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signed = ("-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    openssl("x509", *signed, "-extfile", "names", "-days", "3000", "-out", "server.pem")
    return Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_BLOCK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _join(one: socket.socket, other: socket.socket) -> None:
    """Pass on what comes from each side to the other until both have ended."""
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()


@contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection in a thread; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextmanager
def tls_before(url: str, certificates: Certificates) -> Iterator[str]:
    """Speak TLS before a hub; yield the address, of `localhost`."""
    target = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.key)

    def serve(plain: socket.socket) -> None:
        with (
            context.wrap_socket(plain, server_side=True) as connection,
            socket.create_connection((target.hostname or "", target.port or 0)) as hub,
        ):
            _join(connection, hub)

    with _listening(serve) as port:
        yield f"https://localhost:{port}"


class Proxy:
    """A proxy that runs.

    Attributes:
        url: Its address.
        asked: The first line of each connection.
        secret: `USER:PASSWORD` that it wants, or None.
    """

    def __init__(self, secret: str | None) -> None:
        self.url, self.asked, self.secret = "", list[str](), secret

    def serve(self, client: socket.socket) -> None:
        """Answer one connection: a tunnel for CONNECT, else the request to the server that it names."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(_BLOCK)
            if not data:
                return
            head += data
        line, _, rest = head.partition(b"\r\n")
        self.asked.append(line.decode())
        secret = f"Basic {base64.b64encode((self.secret or '').encode()).decode()}"
        if (
            self.secret is not None
            and f"proxy-authorization: {secret}".lower() not in rest.decode("latin-1").lower()
        ):
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        method, target, version = line.decode().split()
        if method == "CONNECT":
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _join(client, server)
            return
        parts = urlsplit(target)
        path = target.removeprefix(f"{parts.scheme}://{parts.netloc}")
        with socket.create_connection((parts.hostname or "", parts.port or 80)) as server:
            server.sendall(f"{method} {path} {version}\r\nConnection: close\r\n".encode() + rest)
            _join(client, server)


@contextmanager
def proxy(secret: str | None = None) -> Iterator[Proxy]:
    """Run a proxy."""
    made = Proxy(secret)
    with _listening(made.serve) as port:
        made.url = f"http://127.0.0.1:{port}"
        yield made
