"""Locks between machines that share nothing but a backend: leases, each renewed while its holder works.

One value has all holders of a lock and moves by compare-and-swap alone, so who holds it is never in doubt. No
clocks are compared: a lease has no date, but a count that its holder raises every few seconds. Whoever waits
for one watches the count, and takes it for dead when it stood still for a whole term on the watcher's clock.

A holder that was only paused (a laptop asleep, a machine that was moved) may come back. Hence whoever takes
its lease away does, before anything else, what makes its next move fail (`fence`: the root moves), and a
holder looks whether it still has its lease before each move (`confirm`), after it read what it moves.

Byte layout: docs/format/leases.md.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from typing import Any

from tether.errors import Conflict, Corrupt, NotFound, TetherError, Unavailable
from tether.storage.backend import Backend
from tether.storage.locks import Holder, Wait

FOLDER = "locks"
TERM_S = 30.0
"""A lease that was not renewed for so long is dead."""
_RENEWALS = 5
_POLL_S = 0.25
_TRIES = 200
_PAUSE_S = 0.02
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Lease:
    """One holder of a lock, as it stands in the value.

    Attributes:
        name: 32 hexadecimal digits, drawn for it.
        alone: Whether it excludes all others.
        count: Raised at each renewal.
        holder: For the message to those who wait.
    """

    name: str
    alone: bool
    count: int
    holder: Holder


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of leases, and what measures them.

    Attributes:
        term_s: How long a lease lives without a renewal.
        monotonic: Gives seconds that only rise.
        sleep: Waits that many seconds.
        renews: Whether a thread renews leases; a test does it itself.
    """

    term_s: float = TERM_S
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    renews: bool = True


PACE = Pace()


class LeaseLocks:
    """The locks of one repository, as values of a backend; see `storage.locks.Locks`.

    Args:
        backend: Keeps them.
        fence: Called when a lease of another was taken away, before the one who took it goes on.
        pace: How long things take.
    """

    def __init__(self, backend: Backend, fence: Callable[[], None], pace: Pace = PACE) -> None:
        self._backend, self._pace, self.fence = backend, pace, fence
        self._held: dict[str, HeldLease] = {}
        self._guard = Lock()

    def lock(self, name: str, *, command: str, started: int, timeout_s: float) -> "LeaseLock":
        """Return a lock by its name; see `LockFile` for the rest."""
        me = Holder(os.getpid(), command, started)
        return LeaseLock(self, f"{FOLDER}/{name}", me, timeout_s)

    def confirm(self) -> None:
        """Refuse to go on where a lease that is held here was taken away; asks the backend.

        Raises:
            Unavailable: It was lost.
        """
        with self._guard:
            held = list(self._held.values())
        for each in held:
            each.confirm()

    def renew(self) -> None:
        """Renew what is held, once; for tests of time."""
        with self._guard:
            held = list(self._held.values())
        for each in held:
            each.renew()

    def read(self, key: str) -> tuple[bytes | None, tuple[Lease, ...]]:
        """Return the value of a lock, and who holds it."""
        try:
            data = self._backend.read(key)
        except NotFound:
            return None, ()
        return data, decode_leases(data)

    def change(self, key: str, edit: Callable[[tuple[Lease, ...]], Sequence[Lease] | None]) -> bool:
        """Edit the holders of a lock in one step; False, and nothing done, where `edit` gives None.

        Raises:
            Unavailable: Others edit it all the time.
        """
        for _ in range(_TRIES):
            data, leases = self.read(key)
            edited = edit(leases)
            if edited is None:
                return False
            with suppress(Conflict):
                self._backend.swap(key, data, encode_leases(edited))
                return True
            self._pace.sleep(_PAUSE_S * (1 + os.urandom(1)[0] / 64))
        raise Unavailable("the lock of the repository is never free to be changed", hint="run it again")

    @contextmanager
    def hold(self, key: str, lease: Lease) -> Iterator[None]:
        """Keep a lease that was taken alive for the block; then give it back."""
        held = HeldLease(self, key, lease, self._pace)
        with self._guard:
            self._held[lease.name] = held
        try:
            with held.kept():
                yield
        finally:
            with self._guard:
                del self._held[lease.name]
            with suppress(TetherError):  # it ends by itself
                self.change(key, lambda leases: _without(leases, lease.name))

    @property
    def pace(self) -> Pace:
        """How long things take."""
        return self._pace


class HeldLease:
    """A lease of this process."""

    def __init__(self, locks: LeaseLocks, key: str, lease: Lease, pace: Pace) -> None:
        self._locks, self._key, self._name, self._pace = locks, key, lease.name, pace

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew it in a thread for the length of the block."""
        if not self._pace.renews:
            yield
            return
        done = Event()
        thread = Thread(target=self._keep, args=(done,), name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _keep(self, done: Event) -> None:
        while not done.wait(self._pace.term_s / _RENEWALS):
            with suppress(TetherError):  # the next time; or it is lost, and `confirm` says so
                self.renew()

    def renew(self) -> None:
        """Raise the count, unless the lease was taken away."""
        self._locks.change(self._key, self._raised)

    def confirm(self) -> None:
        """Raise Unavailable if it was taken away."""
        if all(each.name != self._name for each in self._locks.read(self._key)[1]):
            raise Unavailable(
                "this command stood still for so long that others went on without it; nothing has changed",
                hint="run it again",
            )

    def _raised(self, leases: tuple[Lease, ...]) -> Sequence[Lease] | None:
        if all(each.name != self._name for each in leases):
            return None
        return [replace(each, count=each.count + 1) if each.name == self._name else each for each in leases]


class LeaseLock:
    """One lock; see `storage.locks.Lock`."""

    def __init__(self, locks: LeaseLocks, key: str, me: Holder, timeout_s: float) -> None:
        self._locks, self._key, self._me, self._timeout_s = locks, key, me, timeout_s

    @contextmanager
    def shared(self, wait: Wait | None = None) -> Iterator[None]:
        """Hold the lock together with other sharers."""
        with self._taken(wait, alone=False):
            yield

    @contextmanager
    def exclusive(self, wait: Wait | None = None) -> Iterator[None]:
        """Hold the lock alone."""
        with self._taken(wait, alone=True):
            yield

    @contextmanager
    def _taken(self, wait: Wait | None, *, alone: bool) -> Iterator[None]:
        pace, watch = self._locks.pace, _Watch(self._locks.pace)
        begun_s = pace.monotonic()
        taking = _Taking(Lease(os.urandom(16).hex(), alone, 0, self._me), watch)
        while not self._locks.change(self._key, taking):
            holder = taking.others[0].holder
            waited_s = pace.monotonic() - begun_s
            if not (wait(holder) if wait is not None else waited_s < self._timeout_s):
                hint = "wait for it to finish, then run it again"
                raise Unavailable(f"the repository is in use by {holder}", hint=hint)
            pace.sleep(_POLL_S)
        with self._locks.hold(self._key, taking.lease):
            if taking.dead:
                self._locks.fence()
            if taking.lease.alone and not alone:
                self._locks.change(self._key, taking.shared)
            yield


class _Watch:
    """For how long the leases of others stood still."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._seen: dict[str, tuple[int, float]] = {}

    def is_dead(self, lease: Lease) -> bool:
        """Say whether a lease was seen with this count a whole term ago."""
        now_s = self._pace.monotonic()
        count, since_s = self._seen.get(lease.name, (-1, now_s))
        if count != lease.count:
            self._seen[lease.name] = (lease.count, now_s)
            return False
        return now_s - since_s >= self._pace.term_s


class _Taking:
    """Adds a lease where no living one excludes it.

    Where it takes the place of dead ones it is alone until the fence is done, so that, if its holder dies
    before, the next one meets a dead lease too and does it.
    """

    def __init__(self, lease: Lease, watch: _Watch) -> None:
        self.lease, self._alone, self._watch = lease, lease.alone, watch
        self.others: list[Lease] = []
        self.dead: list[Lease] = []

    def __call__(self, leases: tuple[Lease, ...]) -> Sequence[Lease] | None:
        excluding = [each for each in leases if each.alone or self._alone]
        self.dead = [each for each in excluding if self._watch.is_dead(each)]
        self.others = [each for each in excluding if each not in self.dead]
        if self.others:
            return None
        self.lease = replace(self.lease, alone=self._alone or bool(self.dead))
        return [*(each for each in leases if each not in self.dead), self.lease]

    def shared(self, leases: tuple[Lease, ...]) -> Sequence[Lease]:
        """Let others share it."""
        return [replace(each, alone=False) if each.name == self.lease.name else each for each in leases]


def encode_leases(leases: Sequence[Lease]) -> bytes:
    """Return the value of a lock."""
    rows = [
        {
            "name": each.name,
            "alone": each.alone,
            "count": each.count,
            "pid": each.holder.pid,
            "command": each.holder.command,
            "started": each.holder.started,
        }
        for each in leases
    ]
    # Two values are never the same, so that whoever lost a reply recognises its own.
    return json.dumps({"version": 1, "change": os.urandom(16).hex(), "leases": rows}).encode()


def decode_leases(data: bytes) -> tuple[Lease, ...]:
    """Read the value of a lock.

    Raises:
        Corrupt: It is none.
    """
    try:
        document = json.loads(data) if len(data) <= _MOST else None
        if isinstance(document, dict) and document["version"] == 1:
            return tuple(_lease(row) for row in document["leases"])
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise Corrupt("the lock of the repository cannot be read", hint="is a newer Tether at work there?")


def _lease(row: Any) -> Lease:
    command = "".join(each for each in row["command"] if each.isprintable())[:200]
    name, alone, count = row["name"], row["alone"], row["count"]
    pid, started = row["pid"], row["started"]
    if not (isinstance(name, str) and isinstance(alone, bool)):
        raise TypeError
    if not all(isinstance(each, int) for each in (count, pid, started)):
        raise TypeError
    return Lease(name, alone, count, Holder(pid, command, started))


def _without(leases: tuple[Lease, ...], name: str) -> Sequence[Lease] | None:
    left = [each for each in leases if each.name != name]
    return left if len(left) < len(leases) else None
