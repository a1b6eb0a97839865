"""The body of a reply: block by block, or straight to where its reader wants it.

Decision: docs/adr/0080-bodies-without-copies.md.
"""

import http.client
from collections.abc import Iterator

import urllib3
from urllib3.exceptions import ProtocolError

from tether.sync.rate import RateLimit


class Body(Iterator[bytes]):
    """What is left of a body; good until the request is over.

    Args:
        reply: Has it.
        block: Bytes of a block.
    """

    def __init__(self, reply: urllib3.BaseHTTPResponse, block: int) -> None:
        self._blocks = reply.stream(block)
        self._raw = _raw_of(reply)

    def __next__(self) -> bytes:
        return next(self._blocks)

    @property
    def is_direct(self) -> bool:
        """Whether `read_into` may be called, in place of taking blocks: a body of known length, as it is."""
        return self._raw is not None

    def read_into(self, room: memoryview) -> int:
        """Put what comes next into `room`, which it fills but for the end; return its bytes, 0 after the end.

        Raises:
            ProtocolError: It was cut.
            OSError: The connection failed, or nothing came for too long.
        """
        raw = self._raw
        if raw is None:
            raise TypeError("this body comes in blocks alone")
        if not raw.length:
            return 0
        size = raw.readinto(room)
        if not size:
            raise ProtocolError("the body of a reply was cut")
        return size


def body_of(reply: urllib3.BaseHTTPResponse, block: int, rate: RateLimit | None) -> Iterator[bytes]:
    """Return a body in blocks of so many bytes, as fast as they may come."""
    return Body(reply, block) if rate is None else rate.arriving(reply.stream(min(block, rate.piece)))


def _raw_of(reply: urllib3.BaseHTTPResponse) -> http.client.HTTPResponse | None:
    """Return what a reply is read from where its bytes are those of the body; None where they are packed.

    urllib3 copies what it reads twice, and holds the interpreter's lock meanwhile.
    """
    raw = getattr(reply, "_fp", None)
    if not isinstance(raw, http.client.HTTPResponse) or raw.chunked or raw.length is None:
        return None
    return raw if reply.headers.get("Content-Encoding", "identity") == "identity" else None
