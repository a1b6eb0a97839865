"""HTTP to a hub: one pool of connections, retries, a deadline on every wait, errors of our tree.

Every request of ours can be sent twice without harm, so a cut connection, a timeout and a reply that asks to
come again are all answered by sending it again, a bounded number of times. The deadline is one of progress:
it ends a wait in which not one byte moves, however long the whole transfer takes.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, ProxyError, SSLError

from tether import errors
from tether.core.digest import Buffer
from tether.errors import InvalidInput, TetherError, Unavailable
from tether.sync.body import body_of
from tether.sync.cuts import reason_of, require_length
from tether.sync.httppool import open_pool
from tether.sync.rate import RateLimit
from tether.sync.sending import pieces_of

T = TypeVar("T")

_CONNECT_S = 15.0
_PROGRESS_S = 60.0
_ELSEWHERE_S = 5.0
"""For a connection to where a hub sends us: the hub itself is there, too."""
_TAKEN_ELSEWHERE = {"GET": frozenset({200}), "PUT": frozenset({200, 201, 204, 412})}
"""Replies of other servers that count; 412 is that of a store where something is already."""
_REFUSED_ELSEWHERE = frozenset({400, 401, 403})
_TRIES = 5
_TRIES_UNMET = 3
"""As long as nothing has replied at an address and no connection is to be had: it is likely a wrong one."""
_FIRST_PAUSE_S = 0.3
_LONGEST_PAUSE_S = 20.0
_LIMITED = 429
_AGAIN = frozenset({_LIMITED, 502, 503, 504})
_WAITS = 5
"""So many times more often than other failures a request is sent again where requests are limited."""
_LARGEST_ERROR = 64 << 10
_BLOCK = 256 << 10  # still in the processor's cache when it is copied on
_CONNECTIONS = 8

_KINDS: dict[str, type[TetherError]] = {
    kind.code: kind
    for kind in (
        errors.InvalidInput,
        errors.TooLarge,
        errors.NotFound,
        errors.AlreadyExists,
        errors.Conflict,
        errors.Unauthenticated,
        errors.Forbidden,
        errors.Corrupt,
        errors.Unavailable,
        errors.RateLimited,
        errors.QuotaExceeded,
        errors.Unsupported,
    )
}
_BY_STATUS: dict[int, type[TetherError]] = {
    400: errors.InvalidInput,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    429: errors.RateLimited,
}


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """How connections are made.

    Attributes:
        proxy: Address of a proxy, or None; `USER:PASSWORD@` before its host signs in there.
        ca_file: Certificates to trust instead of the usual ones, or None.
        jobs: Requests that transfers have under way at once; None for what is usual.
        rate: Holds all connections that have it to so many bytes in a second; None for no limit.
        progress_s: How long to wait for the next byte.
        tries: How often a request is sent before it counts as failed.
        sleep: Waits for seconds between two tries.
        traceparent: Sent to the hub with each request: what all of them are a part of; None for nothing.
    """

    proxy: str | None = None
    ca_file: str | None = None
    jobs: int | None = None
    rate: RateLimit | None = None
    progress_s: float = _PROGRESS_S
    tries: int = _TRIES
    sleep: Callable[[float], None] = time.sleep
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request below the base address.

    Attributes:
        method: As in `GET`.
        path: Begins with `/`; quoted already.
        body: What is sent, or None.
        kind: Media type of the body.
        headers: Further ones.
    """

    method: str
    path: str
    body: Buffer | None = None
    kind: str = "application/octet-stream"
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a hub answered with success.

    Attributes:
        status: A number from 200 to 299.
        headers: By name, in any capitals.
        blocks: The body as it comes; good until the request is over.
    """

    status: int
    headers: Mapping[str, str]
    blocks: Iterator[bytes]


class HttpClient:
    """Speaks to one hub; safe for use from several threads.

    Args:
        base: `http(s)://HOST[:PORT][/PREFIX]`, without a slash at the end.
        token: Sent with every request; None asks as nobody.
        options: How connections are made.

    Attributes:
        base: The address, as it was given.

    Raises:
        InvalidInput: The address is not one of HTTP, or that of the proxy, or the file has no certificates.
    """

    def __init__(self, base: str, token: str | None = None, options: HttpOptions | None = None) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"not an address of a hub: {base}", hint="write https://HOST")
        self._host = parts.netloc
        self.base, self._options = base.rstrip("/"), options or HttpOptions()
        self._headers = {"User-Agent": "tether", "Accept-Encoding": "identity"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        if self._options.traceparent is not None:
            self._headers["traceparent"] = self._options.traceparent
        self._met = False
        self.jobs = self._options.jobs
        timeout = urllib3.Timeout(connect=_CONNECT_S, read=self._options.progress_s)
        settings = {"timeout": timeout, "retries": False, "maxsize": max(_CONNECTIONS, self.jobs or 0)}
        self._pool = open_pool(settings, self._options.proxy, self._options.ca_file, parts.scheme)

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def json(self, method: str, path: str, body: object = None) -> Any:
        """Send and receive JSON; None where the reply is empty.

        Raises:
            TetherError: What the hub replied, by its code.
            Unavailable: The hub could not be reached, or did not answer in time.
        """
        data = None if body is None else json.dumps(body).encode()
        reply = self.call(Request(method, path, data, "application/json"))
        try:
            return json.loads(reply) if reply else None
        except ValueError:
            raise Unavailable(f"{self._host} did not reply as a hub does", hint="check the address") from None

    def call(self, request: Request, take: Callable[[Iterator[bytes]], object] | None = None) -> bytes:
        """Send a request and return the body of its reply.

        Args:
            request: What to send.
            take: Takes the blocks of the body as they come instead, from the first on again when the request
                had to be repeated; then the result is empty.

        Raises:
            TetherError: What the hub replied, by its code.
            Unavailable: The hub could not be reached, or did not answer in time.
        """
        if take is None:
            return self.exchange(lambda: request, lambda reply: b"".join(reply.blocks))
        self.exchange(lambda: request, lambda reply: take(reply.blocks))
        return b""

    def exchange(self, make: Callable[[], Request], use: Callable[[Reply], T], *, block: int = _BLOCK) -> T:
        """Send the request that `make` gives for each try, and return what `use` makes of the reply.

        So what came before a cut need not be asked for again, and tries are counted from there. Errors of
        `use` that are no OSError end it.

        Args:
            make: Returns the request.
            use: Takes the reply.
            block: Bytes of a block of the body; one that a cut left incomplete is lost.

        Raises:
            TetherError: What the hub replied, by its code.
            Unavailable: The hub could not be reached, or did not answer in time.
        """
        asked = None
        while True:
            request = make()
            if request != asked:  # what came before the cut is not asked for again: it went on
                turns, asked = _Turns(self._options.tries), request
            try:
                with self._sent(request) as reply:
                    pause = turns.after(reply)
                    if pause is not None:
                        reply.drain_conn()
                        self._options.sleep(pause)
                        continue
                    if reply.status >= 300:
                        raise self._refused(reply)
                    require_length(reply)
                    return use(Reply(reply.status, reply.headers, body_of(reply, block, self._options.rate)))
            except (HTTPError, OSError) as error:
                last = not turns.failed() or isinstance(error, SSLError)
                if last or (turns.failures >= _TRIES_UNMET and self._is_unmet(error)):
                    raise self._unreachable(error) from error
                self._options.sleep(_pause(turns.failures, None))

    def fetch_elsewhere(self, url: str, take: Callable[[Iterator[bytes]], object]) -> None:
        """Give the blocks of what is at an address of another server, asked once, as nobody.

        Raises:
            Forbidden: The address does not count, as when its time is over.
            Unavailable: It is not to be had, or was cut. The address, which may be a secret, is not told.
        """
        with self._elsewhere("GET", url, {}) as reply:
            require_length(reply)
            take(body_of(reply, _BLOCK, self._options.rate))

    def put_elsewhere(self, url: str, data: Buffer, headers: Mapping[str, str]) -> None:
        """Put a body at an address of another server, once, as nobody.

        What is there already stays, and counts as put: who gave the address looks at it.

        Args:
            url: The address.
            data: The body.
            headers: Sent with it, its length among them.

        Raises:
            Forbidden, Unavailable: It could not be put there, or nobody knows; see `fetch_elsewhere`.
        """
        with self._elsewhere("PUT", url, headers, data) as reply:
            reply.drain_conn()

    @contextmanager
    def _elsewhere(
        self, method: str, url: str, headers: Mapping[str, str], body: Buffer | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Yield the reply of another server to one request; errors in the block as for `fetch_elsewhere`."""
        host = urlsplit(url).hostname
        connect_s = _ELSEWHERE_S if body is None else _CONNECT_S  # it is also that for sending a piece
        timeout = urllib3.Timeout(connect=connect_s, read=self._options.progress_s)
        headers = {"User-Agent": "tether", "Accept-Encoding": "identity", **headers}
        try:
            reply = self._pool.request(
                method,
                url,
                body=None if body is None else self._pieces(body),
                headers=headers,
                preload_content=False,
                redirect=False,
                timeout=timeout,
            )
            try:
                if reply.status not in _TAKEN_ELSEWHERE[method]:
                    kind = errors.Forbidden if reply.status in _REFUSED_ELSEWHERE else Unavailable
                    raise kind(f"{host} replied with status {reply.status}")
                yield reply
            except BaseException:
                reply.close()
                raise
            finally:
                reply.release_conn()
        except (HTTPError, OSError) as error:
            raise Unavailable(f"no connection to {host}: {type(reason_of(error)).__name__}") from None

    @contextmanager
    def _sent(self, request: Request) -> Iterator[urllib3.BaseHTTPResponse]:
        headers = {**self._headers, **(request.headers or {})}
        body = request.body
        if body is not None:
            headers["Content-Type"] = request.kind
            headers["Content-Length"] = str(memoryview(body).nbytes)
        reply = self._pool.request(
            request.method,
            self.base + request.path,
            body=self._pieces(body) if body else None,
            headers=headers,
            preload_content=False,
            redirect=False,
        )
        self._met = True
        try:
            yield reply
        except BaseException:
            reply.close()  # what is left unread must not be taken for the reply to the next request
            raise
        finally:
            reply.release_conn()

    def _pieces(self, body: Buffer) -> Iterator[bytes]:
        """Return a body piece by piece, as fast as it may go; each has the whole deadline for itself."""
        rate = self._options.rate
        return pieces_of(body) if rate is None else rate.pieces(body)

    def _refused(self, reply: urllib3.BaseHTTPResponse) -> TetherError:
        data = reply.read(_LARGEST_ERROR)
        try:
            given = json.loads(data)["error"]
            kind = _KINDS[given["code"]]
            return kind(str(given["message"]), hint=given.get("hint"))
        except (ValueError, KeyError, TypeError):
            kind = _BY_STATUS.get(reply.status, Unavailable)
            return kind(f"{self._host} replied with status {reply.status}", hint="check the address")

    def _is_unmet(self, error: Exception) -> bool:
        return not self._met and isinstance(reason_of(error), NewConnectionError | ProxyError)

    def _unreachable(self, error: Exception) -> Unavailable:
        reason, hint = reason_of(error), "check the address and the network"
        where = self._host
        if isinstance(reason, ProxyError):
            where, hint = (
                f"{where} through the proxy",
                "check the proxy: 'http.proxy' or the variable HTTPS_PROXY",
            )
        elif isinstance(reason, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(reason):
            hint = "if it has a certificate of your own authority, set 'http.ca' to the file of that"
        return Unavailable(
            f"no connection to {where}: {type(reason).__name__}",
            hint=f"{hint}, then run the command again: it goes on where it was",
        )


class _Turns:
    """How often one request may still be sent.

    A hub that limits requests is no failure: others with the same limit may come first several times.
    """

    def __init__(self, tries: int) -> None:
        self._tries, self._waits = tries, (tries - 1) * _WAITS
        self.failures = 0

    def failed(self) -> bool:
        """Count a failure; say whether the request may be sent again."""
        self.failures += 1
        return self.failures < self._tries

    def after(self, reply: urllib3.BaseHTTPResponse) -> float | None:
        """Return the seconds after which to send the request again; None where the reply counts."""
        if reply.status not in _AGAIN:
            return None
        if reply.status == _LIMITED:
            self._waits -= 1
            again = self._waits >= 0
        else:
            again = self.failed()
        pause = _pause(max(self.failures, 1), reply.headers.get("Retry-After"))
        return pause if again and pause <= _LONGEST_PAUSE_S else None


def _pause(turn: int, asked: str | None) -> float:
    """Return how long to wait in seconds: longer each time, a bit at random, at least what the hub says."""
    longest = min(_FIRST_PAUSE_S * 4.0 ** (turn - 1), _LONGEST_PAUSE_S)
    least = float(asked) if asked is not None and asked.isascii() and asked.isdigit() else 0.0
    return max(longest * (0.5 + random.random() / 2), least)
