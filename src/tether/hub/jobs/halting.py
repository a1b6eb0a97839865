"""How the work of a turn learns that it must end: its worker was told to stop, or has lost the job."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tether.hub.database.jobs import Job
from tether.hub.hub import Hub
from tether.hub.jobs.turns import LEASE_S, renew
from tether.storage.locks import Holder

RENEW_S = LEASE_S / 4
_PATIENCE_S = 60.0
_logger = logging.getLogger("tether.hub")


class Parked(Exception):
    """The work ends before its end."""


class Halt:
    """Whether the work of one turn must end. It is the `Progress` of that work, and ends it at the next step.

    Args:
        stop: Set once the worker is told to stop.
        monotonic: Gives seconds that only go forward.
    """

    def __init__(self, stop: threading.Event, monotonic: Callable[[], float]) -> None:
        self._stop, self._monotonic, self._lost = stop, monotonic, threading.Event()

    def is_set(self) -> bool:
        """Say whether it must."""
        return self._stop.is_set() or self._lost.is_set()

    def patience(self) -> Callable[[Holder], bool]:
        """Return what a lock is asked with from now on, whether to wait for it: a minute, if nothing ends."""
        deadline = self._monotonic() + _PATIENCE_S
        return lambda _: not self.is_set() and self._monotonic() < deadline

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Look whether to go on."""
        self.advance(0)

    def advance(self, amount: int) -> None:
        """Look whether to go on.

        Raises:
            Parked: No.
        """
        if self.is_set():
            raise Parked

    def finish(self) -> None:
        """Do nothing."""

    @contextmanager
    def kept(self, hub: Hub, job: Job, every_s: float = RENEW_S) -> Iterator[None]:
        """Keep a job as long as the block runs; if it is lost all the same, the work is to end."""
        over = threading.Event()

        def keep() -> None:
            while not over.wait(every_s):
                try:
                    if not renew(hub, job):
                        self._lost.set()
                        return
                except Exception as error:  # the database is away: the lease ends some time
                    _logger.warning("cannot keep the job %s: %s", job.id, error)

        thread = threading.Thread(target=keep, name="job-lease")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
