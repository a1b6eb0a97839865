"""How many pages are made at once: few, since each of them keeps the interpreter busy.

Forty threads that all want the interpreter hand it to each other at every question to the database, and each
time one waits until another has had its share. Measured with 50 readers of files of a large repository: 53
pages a second and 15.9 ms of a processor each with 40 threads, 97 and 9.8 ms with 4. Whoever waits for
something else, such as an engine for tables, gives its turn back meanwhile.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 4
AT_ONCE_FAR = 16
"""Where contents are read over a network, and threads wait more than they work."""

_MINE = threading.local()


class Turns:
    """Turns of threads that make pages.

    Args:
        limit: How many make one at once.
    """

    def __init__(self, limit: int = AT_ONCE) -> None:
        self._free = threading.Semaphore(limit)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a turn for a `with` block, unless this thread has one."""
        if getattr(_MINE, "turns", None) is not None:
            yield
            return
        self._free.acquire()
        _MINE.turns = self._free
        try:
            yield
        finally:
            _MINE.turns = None
            self._free.release()


@contextmanager
def waiting() -> Iterator[None]:
    """Give back the turn of this thread, if it has one, for a `with` block in which it waits."""
    mine: threading.Semaphore | None = getattr(_MINE, "turns", None)
    if mine is None:
        yield
        return
    _MINE.turns = None
    mine.release()
    try:
        yield
    finally:
        mine.acquire()
        _MINE.turns = mine
