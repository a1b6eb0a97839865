"""A provider of sign-ins in a process of its own, a browser for it, and one between who lies."""

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from tests.support.hub import SECOND, HubRoom, Reply
from tests.support.tables import lay_tables

from tether.core.digest import hash_bytes

VERIFIER = "v" * 43
CHALLENGE = hash_bytes(VERIFIER.encode()).hex()
PEOPLE: dict[str, dict[str, Any]] = {
    "s-ada": {"email": "Ada@example.org", "email_verified": True, "preferred_username": "ada"},
    "s-bob": {"email": "bob@example.org", "email_verified": False, "preferred_username": "bob"},
    "s-eve": {"email": "eve@evil.example", "email_verified": True, "preferred_username": "ada"},
}


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


def fetch(address: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
    """Send one request and follow no redirect."""
    request = urllib.request.Request(address, data, headers or {})
    try:
        with _opener.open(request, timeout=30) as reply:
            return Reply(reply.status, {k.lower(): v for k, v in reply.headers.items()}, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, {k.lower(): v for k, v in error.headers.items()}, error.read())


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def provider_process() -> Iterator[str]:
    """Yield the address of a provider that knows `PEOPLE`."""
    port = free_port()
    people = [f"--user-claims={json.dumps({'sub': sub, **claims})}" for sub, claims in PEOPLE.items()]
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), *people]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                fetch(f"{issuer}/.well-known/openid-configuration")
                break
            except urllib.error.URLError:
                assert process.poll() is None
                time.sleep(0.1)
        yield issuer
    finally:
        process.kill()
        process.wait()


@cache
def first_key() -> RSAKey:
    """Return the key of all who stand before a provider; its making takes long."""
    return RSAKey.generate_key(parameters={"kid": "one", "use": "sig"})


@dataclass
class Between:
    """Stands before a provider, signs its tokens with a key of its own, and may change them.

    Attributes:
        issuer: Its address.
        change: Changes the claims of each id token.
        sign: Makes the token from header and claims.
        described: Changes the description.
        forms: What was sent for tokens.
        asked: How often the keys were asked for.
    """

    behind: str
    issuer: str = ""
    key: RSAKey = field(default_factory=first_key)
    published: list[RSAKey] | None = None
    change: Callable[[dict[str, Any]], Any] = lambda claims: None
    sign: Callable[[RSAKey, dict[str, Any]], str] = lambda key, claims: jwt.encode(
        {"alg": "RS256", "kid": key.kid}, claims, key
    )
    described: dict[str, Any] = field(default_factory=dict)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    asked: int = 0

    def answer(self, path: str, status: int, body: bytes) -> tuple[int, bytes]:
        """Return what goes back instead of the reply of the provider."""
        if path == "/jwks":
            self.asked += 1
            keys = self.published or [self.key]
            return 200, json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps(json.loads(body) | self.described).encode()
        if path == "/oauth2/token" and status == 200:
            reply = json.loads(body)
            claims = json.loads(jws.extract_compact(reply["id_token"].encode()).payload)
            self.change(claims)
            reply["id_token"] = self.sign(self.key, claims)
            return 200, json.dumps(reply).encode()
        return status, body


@contextmanager
def between(behind: str) -> Iterator[Between]:
    """Yield one who stands before the provider at an address."""
    state = Between(behind)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass(None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/oauth2/token":
                state.forms.append(parse_qs(body.decode()))
            self._pass(body)

        def _pass(self, body: bytes | None) -> None:
            kept = ("host", "authorization", "content-type")
            sent = {name: value for name, value in self.headers.items() if name.lower() in kept}
            got = fetch(state.behind + self.path, body, sent)
            status, data = state.answer(urlsplit(self.path).path, got.status, got.body)
            self.send_response(status)
            for name in ("location", "content-type"):
                if name in got.headers:
                    self.send_header(name, got.headers[name])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def consent(address: str, subject: str) -> str:
    """Sign in at the provider as a browser would; return where it sends the browser."""
    reply = fetch(address, urlencode({"sub": subject}).encode())
    assert reply.status in (302, 303), reply
    return reply.headers["location"]


def room_with(root: Path, issuer: str, more: str = "", **settings: Any) -> HubRoom:
    """Return a hub that knows one provider, at the time of today."""
    lay_tables(root)
    (root / "secret").write_text("s3cret/+\n")
    (root / "hub.toml").write_text(
        f'[oidc.work]\nissuer = "{issuer}"\nclient_id = "the-hub"\nclient_secret_file = "secret"\n{more}\n'
    )
    room = HubRoom(root, public_url="https://hub.example.org", **settings)
    room.now = int(time.time()) * SECOND
    return room


@dataclass
class Browser:
    """A browser that signs in to a hub in the test."""

    hub: HubRoom
    provider: str = "work"
    cookie: str = ""

    def start(self) -> str:
        """Begin; return the address at the provider."""
        reply = self.hub.call("GET", f"/api/v1/oidc/{self.provider}/start?challenge={CHALLENGE}")
        assert reply.status == 303, reply
        self.cookie = reply.headers["set-cookie"].partition(";")[0]
        return reply.headers["location"]

    def back(self, address: str) -> Reply:
        """Come back from the provider."""
        parts = urlsplit(address)
        headers = {"cookie": self.cookie} if self.cookie else {}
        return self.hub.call("GET", f"{parts.path}?{parts.query}", headers=headers)

    def code(self, subject: str) -> str:
        """Sign in; return the code that the page shows."""
        return shown(self.back(consent(self.start(), subject)))


def shown(page: Reply) -> str:
    """Return the code on a page."""
    assert page.status == 200, page
    return "tth_" + page.body.decode().partition("<p><code>tth_")[2].partition("</code>")[0]


def redeem(hub: HubRoom, code: str, token: str | None = None, **more: Any) -> Reply:
    """Ask for the token that a code is good for."""
    return hub.api("POST", "/oidc/token", token, {"code": code, "verifier": VERIFIER, **more})
