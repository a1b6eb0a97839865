"""A process that does jobs and sends what webhooks are told, and serves nothing."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from tether.hub.database.bells import JOBS
from tether.hub.hub import Hub
from tether.hub.jobs.scheduler import Ran, Scheduler
from tether.hub.logs import logging_to
from tether.hub.webhooks.postman import postman, send_one, sender_of


def work(hub: Hub, worker: str, monotonic: Callable[[], float], *, log: TextIO) -> None:
    """Do jobs until SIGINT or SIGTERM; one that takes long is parked then, and a delivery ended.

    Args:
        hub: Whose jobs.
        worker: The name of this process, for the list of jobs.
        monotonic: Gives seconds that only go forward.
        log: Gets a line for each job that ended.
    """
    with logging_to(log), _until_told(hub) as stop, postman(hub, monotonic):
        Scheduler(hub, worker, monotonic, stop).run()


def work_once(hub: Hub, worker: str, monotonic: Callable[[], float], *, log: TextIO) -> tuple[list[Ran], int]:
    """Do what is due now; return the turns, and how many deliveries were sent. Arguments as above.

    Raises:
        Unavailable: The database does not answer.
    """
    sender, sent = sender_of(hub, monotonic), 0
    with logging_to(log, quiet=True), _until_told(hub) as stop:
        ran = list(Scheduler(hub, worker, monotonic, stop).run_due())
        while not stop.is_set() and send_one(hub, sender):
            sent += 1
    return ran, sent


@contextmanager
def _until_told(hub: Hub) -> Iterator[threading.Event]:
    """Yield what is set when the process is told to end."""
    stop = threading.Event()

    def told(*_: object) -> None:
        stop.set()
        hub.database.bells.ring(JOBS)

    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, told) for number in signals]
    try:
        yield stop
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
