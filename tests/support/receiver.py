"""A server that webhooks are sent to, in threads of the test."""

import hashlib
import hmac
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple


class Received(NamedTuple):
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    def is_signed_with(self, secret: str) -> bool:
        """Say whether the signature is right, as a receiver would."""
        text = self.headers["tether-timestamp"].encode() + b"." + self.body
        wanted = "sha256=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
        return hmac.compare_digest(wanted, self.headers["tether-signature"])


class Receiver:
    """Takes requests and answers 200, or what it is told.

    Attributes:
        received: The requests, in the order in which they came.
        answers: What to say next: a status, headers and a body.
        gate: While it is closed no request is answered.
        came: Set once some request is there.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.gate, self.came = threading.Event(), threading.Event()
        self.gate.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer._take(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.rfile.read(int(headers["content-length"]))
        self.received.append(Received(request.path, headers, body))
        self.came.set()
        self.gate.wait(30)
        status, more, text = self.answers.pop(0) if self.answers else (200, {}, b"thanks")
        try:
            request.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **more}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(text)
        except OSError:  # the hub is gone
            pass

    def serve_tls(self, certificate: Path, key: Path) -> None:
        """Speak TLS from now on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        plain = self._server.get_request

        def encrypted() -> tuple[socket.socket, Any]:
            connection, address = plain()
            return context.wrap_socket(connection, server_side=True), address

        self._server.get_request = encrypted  # type: ignore[method-assign]

    def close(self) -> None:
        """Stop it."""
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
