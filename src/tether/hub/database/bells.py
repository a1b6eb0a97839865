"""Wakes threads of this process that wait for rows, once the rows are there.

Nobody relies on it alone: other processes add rows too, so who waits asks the database from time to time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

DELIVERIES, JOBS = "deliveries", "jobs"
LOOK_S = 5.0
"""How long a process that has nothing to do waits until it asks for what others left to it."""
_RINGS = "rings"


class Bell:
    """What one thread waits with; a signal handler of that thread may ring it."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.RLock())
        self._rung = False

    def ring(self) -> None:
        """Wake who waits, or who will next."""
        with self._condition:
            self._rung = True
            self._condition.notify_all()

    def clear(self) -> None:
        """Forget that it rang: who waits looks for work after this, and then waits."""
        with self._condition:
            self._rung = False

    def wait(self, timeout_s: float) -> bool:
        """Wait for so many seconds, or until it rings; say whether it did."""
        with self._condition:
            return self._condition.wait_for(lambda: self._rung, timeout_s)


class Bells:
    """The bells of one database in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: dict[str, tuple[Bell, ...]] = {}

    @contextmanager
    def heard(self, name: str) -> Iterator[Bell]:
        """Yield a bell that rings with others of its name."""
        bell = Bell()
        with self._lock:
            self._heard[name] = (*self._heard.get(name, ()), bell)
        try:
            yield bell
        finally:
            with self._lock:
                self._heard[name] = tuple(each for each in self._heard[name] if each is not bell)

    def ring(self, name: str) -> None:
        """Ring those of a name."""
        for bell in self._heard.get(name, ()):
            bell.ring()

    def ring_for(self, session: Session) -> None:
        """Ring what a transaction asked for that holds now."""
        for name in session.info.pop(_RINGS, ()):
            self.ring(name)


def ring_after(session: Session, name: str) -> None:
    """Let bells ring once a transaction holds."""
    session.info.setdefault(_RINGS, set()).add(name)
