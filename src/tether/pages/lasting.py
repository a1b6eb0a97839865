"""Until when the page that is being made says the truth; known to whoever keeps pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_FOREVER = 1 << 62
_ENDS: ContextVar[list[int] | None] = ContextVar("ends", default=None)


@contextmanager
def lasting() -> Iterator[list[int]]:
    """Find out until when what is made in a `with` block says the truth.

    The list has one time, in microseconds since 1970: the first that something in the block ends at.
    """
    until = [_FOREVER]
    before = _ENDS.set(until)
    try:
        yield until
    finally:
        _ENDS.reset(before)


def ends_at(micros: int) -> None:
    """Say that something of the page reads otherwise from a time on (microseconds since 1970)."""
    until = _ENDS.get()
    if until is not None:
        until[0] = min(until[0], micros)


def passing() -> None:
    """Say that the page holds for now alone: what failed, or took too long, may go better the next time."""
    ends_at(0)
