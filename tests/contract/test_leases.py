"""Leases keep those apart who share a backend only, whatever clocks do and whoever dies."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.contract.places import KINDS
from tests.support.faults import Faults, Stopped
from tests.support.s3 import S3Server, s3_server

from tether.errors import Corrupt, Unavailable
from tether.storage.backend import Backend
from tether.storage.buckets import BucketAddress, open_bucket
from tether.storage.leases import LeaseLock, LeaseLocks, Pace, decode_leases

TERM_S = 30.0


@dataclass
class Times:
    """A clock that stands until it is moved, or until somebody waits."""

    now_s: float = 0.0
    fences: list[str] = field(default_factory=list)
    waiting: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Let time pass, and what others do meanwhile."""
        self.now_s += seconds
        self.waiting()

    def locks(self, backend: Backend, name: str = "") -> LeaseLocks:
        """Return the locks as another machine sees them."""
        pace = Pace(TERM_S, lambda: self.now_s, self.sleep, renews=False)
        return LeaseLocks(backend, lambda: self.fences.append(name), pace)


@pytest.fixture(params=["memory", "s3"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A backend that machines share."""
    made = KINDS[request.param](tmp_path / "store")
    yield made.backend
    made.backend.close()


def writer(locks: LeaseLocks, command: str = "push", timeout_s: float = 0.0) -> LeaseLock:
    """Return the lock of writers and gc."""
    return locks.lock("writer", command=command, started=0, timeout_s=timeout_s)


def taken(lock: AbstractContextManager[None]) -> ExitStack:
    """Take a lock that no `with` gives back: its holder dies, or is paused."""
    stack = ExitStack()
    stack.enter_context(lock)
    return stack


def test_sharers_go_together_and_exclude_one_alone(backend: Backend) -> None:
    """Two writers hold it at once; gc waits for both, and they for gc."""
    times = Times()
    one, two, gc = (times.locks(backend) for _ in range(3))

    with writer(one).shared(), writer(two).shared():
        lock = writer(gc, "gc").exclusive()
        with pytest.raises(Unavailable, match=r"in use by `tether push`"), lock:
            pass
    with writer(gc, "gc").exclusive():
        for lock in (writer(one).shared(), writer(two).exclusive()):
            with pytest.raises(Unavailable, match=r"in use by `tether gc`"), lock:
                pass
    with writer(one).exclusive():
        pass
    assert times.fences == []


def test_another_name_is_another_lock(backend: Backend) -> None:
    """Locks of different names know nothing of each other."""
    locks = Times().locks(backend)
    with writer(locks).exclusive(), locks.lock("other", command="", started=0, timeout_s=0).exclusive():
        pass


def test_a_lease_that_is_renewed_lives(backend: Backend) -> None:
    """However long it is held, nobody takes it from a holder who works."""
    times = Times()
    worker, gc = times.locks(backend), times.locks(backend)
    times.waiting = worker.renew

    with writer(worker).shared():
        lock = writer(gc, timeout_s=5 * TERM_S).exclusive()
        with pytest.raises(Unavailable), lock:
            pass
        worker.confirm()
    assert times.now_s >= 5 * TERM_S


@pytest.mark.parametrize("shift_s", [-1e9, 0.0, 1e9])
def test_the_lease_of_the_dead_is_taken_over(backend: Backend, shift_s: float) -> None:
    """It ends a term after somebody began to look, whatever the clock of the dead one said."""
    times = Times()
    dead, gc = times.locks(backend), times.locks(backend, "gc")
    held = taken(writer(dead).shared())
    times.now_s += shift_s
    began_s = times.now_s

    with writer(gc, timeout_s=2 * TERM_S).exclusive():
        assert TERM_S <= times.now_s - began_s <= TERM_S + 1
        assert times.fences == ["gc"]
        with pytest.raises(Unavailable, match="others went on without it"):
            dead.confirm()
    held.close()


def test_who_was_paused_gives_nothing_back_that_is_not_its_own(backend: Backend) -> None:
    """Leaving the block after the lease was lost leaves the lease of the other one alone."""
    times = Times()
    paused, gc = times.locks(backend), times.locks(backend)
    held = taken(writer(paused).shared())

    with writer(gc, timeout_s=2 * TERM_S).exclusive():
        held.close()
        gc.confirm()
        with pytest.raises(Unavailable), writer(paused).shared():
            pass


def test_a_writer_that_takes_over_from_a_dead_gc_fences_too(backend: Backend) -> None:
    """Gc may be only paused; afterwards the lock is shared as ever."""
    times = Times()
    gc, one, two = times.locks(backend), times.locks(backend, "one"), times.locks(backend)
    held = taken(writer(gc, "gc").exclusive())

    with writer(one, timeout_s=2 * TERM_S).shared(), writer(two).shared():
        assert times.fences == ["one"]
        with pytest.raises(Unavailable, match="others went on without it"):
            gc.confirm()
    held.close()


def test_one_that_dies_before_its_fence_leaves_it_to_the_next(backend: Backend) -> None:
    """Until the fence is done a lease that took the place of a dead one is alone, so the next meets it."""
    times = Times()
    gc, next_one = times.locks(backend), times.locks(backend, "next")

    machine = Faults(backend)

    def die() -> None:
        machine.stopped = True
        raise Stopped

    dying = LeaseLocks(machine, die, Pace(TERM_S, lambda: times.now_s, times.sleep, renews=False))
    held = taken(writer(gc, "gc").exclusive())
    with pytest.raises(Stopped):
        taken(writer(dying, timeout_s=2 * TERM_S).shared())

    with writer(next_one, timeout_s=2 * TERM_S).shared():
        assert times.fences == ["next"]
    held.close()


def test_who_waits_is_told_for_whom_and_may_give_up(backend: Backend) -> None:
    """The callback of a command decides, as with locks of a folder."""
    times = Times()
    seen: list[str] = []

    def wait(holder: object) -> bool:
        seen.append(str(holder))
        return len(seen) < 3

    with writer(times.locks(backend), "gc").exclusive():
        lock = writer(times.locks(backend)).shared(wait)
        with pytest.raises(Unavailable), lock:
            pass
    assert len(seen) == 3
    assert seen[0].startswith("`tether gc` (pid ")


@pytest.mark.parametrize(
    "value",
    [b"", b"[]", b"{}", b"\xff", b'{"version": 2, "leases": []}', b"[" * 100_000,
     b'{"version": 1, "leases": [{}]}', b'{"version": 1, "leases": [{"name": 1, "alone": true, "count": 0,'
     b' "pid": 0, "command": "", "started": 0}]}'],
)  # fmt: skip
def test_a_lock_that_is_none_is_corrupt(value: bytes) -> None:
    """Nothing but what holders write is taken for a lock."""
    with pytest.raises(Corrupt):
        decode_leases(value)


def test_of_many_who_share_and_exclude_none_overlap(backend: Backend) -> None:
    """Threads with leases of their own, really at once: whoever is alone is alone."""
    inside: list[str] = []
    guard = threading.Lock()
    wrong: list[list[str]] = []

    def work(number: int) -> None:
        locks = LeaseLocks(backend, lambda: None, Pace(5.0))
        for _ in range(3):
            kind = "alone" if number % 2 else "shared"
            lock = writer(locks, timeout_s=60)
            with lock.exclusive() if number % 2 else lock.shared():
                with guard:
                    inside.append(kind)
                    if "alone" in inside and len(inside) > 1:
                        wrong.append(list(inside))
                with guard:
                    inside.remove(kind)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


HOLD = """
import json, sys, time
from tether.storage.buckets import BucketAddress, open_bucket
from tether.storage.leases import LeaseLocks, Pace

place = open_bucket(BucketAddress("s3", "data", sys.argv[1]), json.loads(sys.argv[2]))
locks = LeaseLocks(place, lambda: None, Pace(2.0))
with locks.lock("writer", command="push", started=0, timeout_s=0).shared():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def server() -> S3Server:
    """The real server."""
    return s3_server()


def test_the_lease_of_a_killed_process_ends(server: S3Server) -> None:
    """While it lives it is renewed; a term after it was killed gc goes on."""
    import json
    import time

    prefix = server.new_prefix()
    command = [sys.executable, "-c", HOLD, prefix, json.dumps(server.keys())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        backend = open_bucket(BucketAddress("s3", server.bucket, prefix), server.keys())
        fences: list[str] = []
        locks = LeaseLocks(backend, lambda: fences.append("gc"), Pace(2.0))
        lock = writer(locks, "gc", timeout_s=5.0).exclusive()
        with pytest.raises(Unavailable, match=f"pid {process.pid}"), lock:
            pass
        process.kill()
        process.wait()

        began_s = time.monotonic()
        with writer(locks, "gc", timeout_s=10.0).exclusive():
            assert fences == ["gc"]
        assert time.monotonic() - began_s < 6
