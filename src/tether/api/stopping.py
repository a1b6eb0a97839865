"""Runs whose work is done in this process: a signal that ends it is what they are stored with."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from tether.api.opened import Opened
from tether.api.runinputs import RunRequest
from tether.api.running import Begun, begun, note_altered
from tether.errors import Stopped
from tether.runs.rundoc import Exit, Resources, Status
from tether.runs.sealing import Ending, note_ending, seal

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a block by `Stopped`, so that it can say that it was ended.

    Only where the process would have ended without a word: what somebody handles or ignores stays so, and
    threads other than the main one cannot hear of it.
    """

    def stop(number: int, _: FrameType | None) -> NoReturn:
        raise Stopped(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def recorded(repo: Opened, request: RunRequest) -> Iterator[Begun]:
    """Begin a run as `begun` does; one that Ctrl-C or a signal ends is stored as such.

    One that ends by another exception leaves nothing.

    Raises:
        Stopped: It was ended so; its hint names the run.
    """
    with stoppable(), begun(repo, request) as run:
        began = time.monotonic()
        try:
            yield run
        except KeyboardInterrupt as error:
            if run.journal.kept:  # it was being stored, or is: the next run does what is missing
                raise
            number = error.signal if isinstance(error, Stopped) else int(signal.SIGINT)
            _store(repo, run, number, time.monotonic() - began)
            hint = f"'tether runs show {run.journal.id}' shows what is known of it"
            raise Stopped(number, hint=hint) from None


def _store(repo: Opened, run: Begun, number: int, wall_s: float) -> None:
    status = Status.INTERRUPTED if number == signal.SIGINT else Status.KILLED
    # Before the data is looked at, which takes as long as it is large: who presses Ctrl-C twice leaves to the
    # next run what is missing.
    run.journal.kept = True
    ending = Ending(status, Exit(signal=number), Resources(wall_s=round(wall_s, 6)))
    ending = note_ending(repo.repository, run.journal, ending, run.unchecked)
    note_altered(repo, run)
    seal(repo.repository, run.journal, ending, repo.author)
