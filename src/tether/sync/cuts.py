"""What a connection that failed tells, and replies that were cut."""

import urllib3
from urllib3.exceptions import MaxRetryError, ProtocolError


def reason_of(error: Exception) -> Exception:
    """Return what lies below the wrappers of an error."""
    while isinstance(error, MaxRetryError) and error.reason is not None:
        error = error.reason
    return error


def require_length(reply: urllib3.BaseHTTPResponse) -> None:
    """Refuse a reply whose end nobody could tell: its headers were cut, and its body would seem empty."""
    told = reply.headers.get("Content-Length") is not None or "Transfer-Encoding" in reply.headers
    if reply.status != 204 and not told:
        raise ProtocolError("the headers of a reply were cut")
