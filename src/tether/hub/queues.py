"""Requests that take seconds of a processor: few are answered at a time, few wait, and others are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from tether.errors import Unavailable


class Queue:
    """A queue of a hub's threads for one kind of answer.

    Args:
        what: What is asked for, as in "too many ask for a lineage now".
        at_once: How many are answered at a time: many would hold up all else.
        waiting: How many more may wait: each has a thread of the hub, and others need some too.
        wait_s: How long one waits.
    """

    def __init__(self, what: str, *, at_once: int = 2, waiting: int = 6, wait_s: float = 20.0) -> None:
        self._what, self._wait_s = what, wait_s
        self._turns = BoundedSemaphore(at_once)
        self._places = BoundedSemaphore(at_once + waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and have it for a `with` block.

        Raises:
            Unavailable: Too many wait, or it took too long.
        """
        error = Unavailable(f"too many ask for {self._what} now", hint="try again in a minute")
        if not self._places.acquire(blocking=False):
            raise error
        try:
            if not self._turns.acquire(timeout=self._wait_s):
                raise error
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()


HEAVY = Queue("models, benches or releases")
"""That of what is read and computed with for one request: models, benches, releases that are verified or
exported, and lists of runs that are sorted."""
