"""Does the jobs that are due, one after the other, in any number of processes over one database."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tether.errors import Corrupt, TetherError, Unavailable
from tether.hub.database.bells import JOBS, LOOK_S
from tether.hub.database.jobs import Job
from tether.hub.hub import Hub
from tether.hub.jobs.enrolling import enrol
from tether.hub.jobs.halting import Halt, Parked
from tether.hub.jobs.kinds import KINDS, Kind, Turn
from tether.hub.jobs.listing import job_name
from tether.hub.jobs.turns import MOST_LOST, SECOND, Outcome, Result, claim, end, next_due

ENROL_S, AFTER_FAILURE_S = 5.0, 10.0
_AGAIN_S = 1.0
"""How soon to look again at what somebody else takes at this moment, or which jobs there are."""
_UNWANTED_S = 3600
"""When somebody may look again at a job that settings of this process do not want."""
_LEVELS = {Outcome.FAILED: logging.WARNING, Outcome.DAMAGED: logging.ERROR}
_logger = logging.getLogger("tether.hub")


class Ran(NamedTuple):
    """A turn that this process did."""

    kind: str
    repository: str | None
    outcome: Outcome
    message: str
    took: int
    """Microseconds."""

    @property
    def name(self) -> str:
        """What was done, for people."""
        return job_name(self.kind, self.repository)


class Scheduler:
    """One worker.

    Args:
        hub: Whose jobs it does.
        worker: Its name, for the list of jobs.
        monotonic: Gives seconds that only go forward.
        stop: Set to end it, and the bell of jobs rung then; a job that takes long is parked, and begun anew
            by whoever comes next.
    """

    def __init__(self, hub: Hub, worker: str, monotonic: Callable[[], float], stop: threading.Event) -> None:
        self._hub, self._worker, self._monotonic, self._stop = hub, worker, monotonic, stop
        self._enrolled: float | None = None
        self._rung = False

    def run(self) -> None:
        """Do what comes due, until told to stop; what goes wrong is logged and tried again."""
        with self._hub.database.bells.heard(JOBS) as bell:
            while True:
                bell.clear()
                if self._stop.is_set():
                    return
                self._rung |= bell.wait(self._guarded_look())

    def _guarded_look(self) -> float:
        try:
            return self._look()
        except TetherError as error:
            _logger.warning("jobs wait: %s", error)
        except Exception:
            _logger.exception("jobs wait")
        return AFTER_FAILURE_S

    def _look(self) -> float:
        """Do one job that is due; return for how many seconds nothing is to do unless the bell rings."""
        if self._until_enrolling() <= 0:
            self._enrolled, self._rung = self._monotonic(), False
            enrol(self._hub)
        if self._run_one(self._hub.now()) is not None:
            return 0.0
        due, now = next_due(self._hub), self._hub.now()
        pause_s = LOOK_S if due is None else (due - now) / SECOND
        # What is due already somebody else takes at this moment.
        return min(pause_s if pause_s > 0 else _AGAIN_S, LOOK_S, max(self._until_enrolling(), 0.0))

    def _until_enrolling(self) -> float:
        if self._enrolled is None:
            return 0.0
        return self._enrolled + (_AGAIN_S if self._rung else ENROL_S) - self._monotonic()

    def run_due(self) -> Iterator[Ran]:
        """Do what is due now, once, or until told to stop.

        Raises:
            Unavailable: The database does not answer.
        """
        enrol(self._hub)
        until = self._hub.now()
        while not self._stop.is_set() and (ran := self._run_one(until)) is not None:
            yield ran

    def _run_one(self, until: int) -> Ran | None:
        """Do one job that is due by then; None if there was none."""
        job = claim(self._hub, self._worker, until)
        if job is None:
            return None
        began = self._monotonic()
        kind, halt = KINDS.get(job.kind), Halt(self._stop, self._monotonic)
        if job.lost >= MOST_LOST or kind is None:
            result = Result(Outcome.FAILED, _given_up(job, kind))
        else:
            with halt.kept(self._hub, job):
                result = _done(kind, Turn(self._hub, job.repository, job.claims, halt))
        took = int((self._monotonic() - began) * 1_000_000)
        every_s: int | None = (kind.every_s(self._hub.settings) if kind else 0) or _UNWANTED_S
        if kind is not None and kind.on_request:
            every_s = None
        end(self._hub, job, result, every_s=every_s, took=took)
        address = job.repository.full_name if job.repository else None
        ran = Ran(job.kind, address, result.outcome, result.message, took)
        level = _LEVELS.get(ran.outcome, logging.INFO)
        _logger.log(level, "job %s: %s in %.1f s%s", ran.name, ran.outcome, took / 1e6, _behind(ran.message))
        return ran


def _done(kind: Kind, turn: Turn) -> Result:
    """Do a job; what it raises becomes its result."""
    about = {} if turn.repository is None else {"repository": turn.repository.id}
    try:
        with turn.hub.tracer.job(kind.name, **about) as span:
            result = kind.work(turn)
            span.note(outcome=result.outcome.value)
            return result
    except Parked:
        return Result(Outcome.PARKED, "")
    except Corrupt as error:
        return Result(Outcome.DAMAGED, str(error))
    except Unavailable as error:
        if turn.halt.is_set():
            return Result(Outcome.PARKED, "")
        return Result(Outcome.FAILED, _told(kind, turn, error), soon=True)
    except TetherError as error:
        return Result(Outcome.FAILED, _told(kind, turn, error))
    except Exception as error:
        _logger.exception("the job %s failed", kind.name)
        return Result(Outcome.FAILED, f"{type(error).__name__}, see the log")


def _told(kind: Kind, turn: Turn, error: TetherError) -> str:
    """Return what the owner of a repository may read of a failure: where storage is, is not for them."""
    if not error.of_storage:
        return str(error)
    name = job_name(kind.name, turn.repository.full_name if turn.repository else None)
    _logger.warning("the job %s cannot use storage: %s", name, error)
    return "the hub could not use its storage, see the log"


def _given_up(job: Job, kind: Kind | None) -> str:
    if kind is None:
        return "no worker of this version knows how to do it"
    return f"{job.lost} workers ended in the middle of it"


def _behind(message: str) -> str:
    return f": {message}" if message else ""


@contextmanager
def scheduling(hub: Hub, worker: str, monotonic: Callable[[], float]) -> Iterator[None]:
    """Do jobs in a thread until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=Scheduler(hub, worker, monotonic, stop).run, name="jobs")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        hub.database.bells.ring(JOBS)
        thread.join()
