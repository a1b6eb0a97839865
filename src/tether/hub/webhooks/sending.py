"""Sends one delivery by HTTP: to an address that was checked, signed, within a time, without redirects."""

import hashlib
import hmac
import http.client
import io
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from tether.errors import InvalidInput, TetherError
from tether.hub.webhooks.addresses import Address, Network, Resolve, checked_addresses, resolve

EXCERPT = 1024
"""Bytes of a reply that are kept."""
_MOST_READ = 1 << 16
_SOME = 4
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?|[0-9A-Fa-f:.]+")
_HINT = "write https://HOST/PATH, without user or password"


class Target(NamedTuple):
    """Where a webhook is sent."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the header Host says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Read the address of a webhook.

    Raises:
        InvalidInput: It is none, or has what it may not have.
    """
    if not (url.isascii() and url.isprintable()) or " " in url or "\\" in url:
        raise InvalidInput("the address of a webhook has characters that it may not have", hint=_HINT)
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise InvalidInput("the address of the webhook is none", hint=_HINT) from None
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or "@" in parts.netloc:
        raise InvalidInput("the address of the webhook is none", hint=_HINT)
    query = f"?{parts.query}" if parts.query else ""
    return Target(parts.scheme == "https", host, port, (parts.path or "/") + query)


class Outcome(NamedTuple):
    """What came of an attempt.

    Attributes:
        status: Of the reply; None if none came.
        reply: Its beginning.
        error: What went wrong, or None.
    """

    status: int | None
    reply: str | None
    error: str | None

    @property
    def good(self) -> bool:
        """Whether the receiver took it."""
        return self.error is None


def signed(secret: str, seconds: int, event: str, delivery: str, body: bytes) -> dict[str, str]:
    """Return the headers that tell a receiver what it got, when it was sent and that this hub sent it."""
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return {
        "Tether-Event": event,
        "Tether-Delivery": delivery,
        "Tether-Timestamp": str(seconds),
        "Tether-Signature": f"sha256={mac.hexdigest()}",
    }


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends requests of webhooks.

    Attributes:
        monotonic: Gives seconds that only go forward.
        timeout_s: For all of one attempt.
        allowed: Private networks that may be reached.
        resolve: Gives the addresses of a host.
        trusted: Whose certificates are believed; None: those that the system trusts.
    """

    monotonic: Callable[[], float]
    timeout_s: float
    allowed: Sequence[Network] = ()
    resolve: Resolve = resolve
    trusted: ssl.SSLContext | None = None

    def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send one request and return what came of it; it never raises for what the other side does."""
        until = self.monotonic() + self.timeout_s
        try:
            target = parse_target(url)
            addresses = checked_addresses(target.host, target.port, self.allowed, self.resolve)
            with closing(self._connect(target, addresses, until)) as connection:
                return self._exchange(connection, _head(target, headers, body) + body, until)
        except TetherError as error:
            return Outcome(None, None, str(error))
        except TimeoutError:
            return Outcome(None, None, f"no answer within {self.timeout_s:g} seconds")
        except ssl.SSLError as error:
            return Outcome(None, None, f"TLS failed: {error.reason or 'no certificate to trust'}")
        except OSError as error:
            return Outcome(
                None, None, f"cannot connect: {(error.strerror or 'the connection broke').lower()}"
            )
        except (http.client.HTTPException, ValueError):
            return Outcome(None, None, "the reply is no HTTP")

    def _connect(self, target: Target, addresses: Sequence[Address], until: float) -> socket.socket:
        """Connect to one of the addresses, and to nothing else."""
        failure: OSError = TimeoutError()
        for address in addresses[:_SOME]:
            family = socket.AF_INET6 if isinstance(address, ipaddress.IPv6Address) else socket.AF_INET
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(self._left(until))
                connection.connect((str(address), target.port))
                return self._wrapped(connection, target, until)
            except OSError as error:
                connection.close()
                failure = error
        raise failure

    def _wrapped(self, connection: socket.socket, target: Target, until: float) -> socket.socket:
        """Begin TLS if the address asks for it; the certificate must be that of the host's name."""
        if not target.secure:
            return connection
        connection.settimeout(self._left(until))
        context = self.trusted or ssl.create_default_context()
        return context.wrap_socket(connection, server_hostname=target.host)

    def _exchange(self, connection: socket.socket, request: bytes, until: float) -> Outcome:
        connection.settimeout(self._left(until))
        connection.sendall(request)
        with closing(http.client.HTTPResponse(_Timed(connection, lambda: self._left(until)))) as reply:  # type: ignore[arg-type]
            reply.begin()
            text = _excerpt(reply)
        if 200 <= reply.status < 300:
            return Outcome(reply.status, text, None)
        if 300 <= reply.status < 400:
            return Outcome(reply.status, text, "redirects are not followed")
        return Outcome(reply.status, text, f"the receiver answered {reply.status}")

    def _left(self, until: float) -> float:
        left = until - self.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class _Timed(io.RawIOBase):
    """Reads a socket until a time, and not without end."""

    def __init__(self, connection: socket.socket, left: Callable[[], float]) -> None:
        self._connection, self._left, self._taken = connection, left, 0

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the file that a reply is read from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        self._connection.settimeout(self._left())
        count = self._connection.recv_into(buffer)
        self._taken += count
        if self._taken > _MOST_READ:
            raise http.client.HTTPException
        return count


def _head(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = {
        "Host": target.authority,
        "User-Agent": "Tether-Hub",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{text}\r\n".encode("ascii")


def _excerpt(reply: http.client.HTTPResponse) -> str:
    """Return the beginning of the body as text that any database can keep; a body that breaks off is none."""
    try:
        data = reply.read(EXCERPT)
    except (http.client.HTTPException, OSError, ValueError):
        data = b""
    return data.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
