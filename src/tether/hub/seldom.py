"""Lines of the log that anybody could call forth as often as they like."""

import time
from collections.abc import Callable
from threading import Lock


class Seldom:
    """Says when the next line is due; safe for use from several threads.

    Args:
        every_s: Seconds between two lines.
        monotonic: Gives seconds that only go forward.
    """

    def __init__(self, every_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._monotonic = every_s, monotonic
        self._next: float | None = None
        self._passed_over = 0
        self._lock = Lock()

    def due(self) -> int | None:
        """Return how many were passed over since the last line; None where this one is to be too."""
        with self._lock:
            now = self._monotonic()
            if self._next is not None and now < self._next:
                self._passed_over += 1
                return None
            passed_over, self._passed_over = self._passed_over, 0
            self._next = now + self._every_s
            return passed_over
