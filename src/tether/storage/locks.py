"""Locks between processes on this machine: `flock` on a file that is never removed.

The kernel drops a lock when its process ends, however it ends, so a lock cannot go stale. Who holds
it is written beside it, one small file a holder in `NAME.holders/`, for the message to those who
wait; each of these files is locked by its writer, so one left by a stopped process is recognised.

A lock belongs to one `with` block: taking the same lock again in the same process, in the same
thread or another, waits like a stranger would. Shared and shared go together, all else excludes.
A process forked inside the block keeps nothing: the end of the block unlocks for all.
"""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol

from tether.errors import Unavailable
from tether.storage.oserrors import translated

POLL_S = 0.05
TIMEOUT_S = 60.0
BUSY = frozenset({errno.EAGAIN, errno.EACCES})


class Holder(NamedTuple):
    """Who holds a lock."""

    pid: int
    """Process id; 0 when it is not known (it is just taking or leaving the lock)."""
    command: str
    """What it does, as in "add"."""
    started: int = 0
    """When it began, microseconds since 1970; 0 when not known."""

    def __str__(self) -> str:
        name = f"`tether {self.command}`" if self.command else "another process"
        return f"{name} (pid {self.pid})" if self.pid else name


UNKNOWN = Holder(0, "")

Wait = Callable[[Holder], bool]
"""Called about every 50 ms while waiting, with one holder; False gives up."""


class Lock(Protocol):
    """A lock that several may share or one may have alone; taken for the length of a `with` block."""

    def shared(self, wait: Wait | None = None) -> AbstractContextManager[None]:
        """Hold the lock together with other sharers.

        Raises:
            Unavailable: `wait` gave up or the time is over; names who holds it.
        """
        ...

    def exclusive(self, wait: Wait | None = None) -> AbstractContextManager[None]:
        """Hold the lock alone; errors as for `shared`."""
        ...


class Locks(Protocol):
    """The locks of one repository."""

    def lock(self, name: str, *, command: str, started: int, timeout_s: float) -> Lock:
        """Return a lock by its name; see `LockFile` for the rest."""
        ...

    def confirm(self) -> None:
        """Make sure that the lock which this thread took last is held still; without one nothing happens.

        Raises:
            Unavailable: It was lost: others may hold it now.
        """
        ...


class FolderLocks:
    """Locks as files of a folder that must exist, between processes on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lock(self, name: str, *, command: str, started: int, timeout_s: float) -> "LockFile":
        """Return a lock by its name."""
        return LockFile(self._folder / name, command=command, started=started, timeout_s=timeout_s)

    def confirm(self) -> None:
        """Do nothing: the kernel takes no lock from a process that lives."""


class LockFile:
    """A lock that several may share or one may have alone.

    Args:
        path: The lock's file; made when missing, in a folder that must exist.
        command: What this process does, for those who wait for it.
        started: When it began, microseconds since 1970.
        timeout_s: How long to wait without asking `wait`; with a `wait` callback it decides alone.
        sleep: Waits that many seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        command: str = "",
        started: int = 0,
        timeout_s: float = TIMEOUT_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self.me = Holder(os.getpid(), command, started)
        self._folder = path.with_name(path.name + ".holders")
        self._timeout_s = timeout_s
        self._sleep = sleep

    @contextmanager
    def shared(self, wait: Wait | None = None) -> Iterator[None]:
        """Hold the lock together with other sharers.

        Raises:
            Unavailable: `wait` gave up or the time is over; names who holds it.
        """
        with self._held(fcntl.LOCK_SH, wait):
            yield

    @contextmanager
    def exclusive(self, wait: Wait | None = None) -> Iterator[None]:
        """Hold the lock alone; errors as for `shared`."""
        with self._held(fcntl.LOCK_EX, wait):
            yield

    def holders(self) -> list[Holder]:
        """Return who holds the lock now, oldest first; removes what stopped processes left."""
        found = []
        with suppress(OSError):  # it is for a message only
            for path in self._folder.iterdir():
                holder = _read_holder(path)
                if holder is not None:
                    found.append(holder)
        return sorted(found, key=lambda each: (each.started, each.pid))

    @contextmanager
    def _held(self, mode: int, wait: Wait | None) -> Iterator[None]:
        with translated(str(self.path)):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            wait_for(
                lambda: self._try(descriptor, mode),
                self.holders,
                wait,
                timeout_s=self._timeout_s,
                sleep=self._sleep,
            )
            try:
                with self._announced():
                    yield
            finally:
                fcntl.flock(descriptor, fcntl.LOCK_UN)  # for a forked child's copy too
        finally:
            os.close(descriptor)

    def _try(self, descriptor: int, mode: int) -> bool:
        with translated(str(self.path)):
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in BUSY:
                    return False
                raise
        return True

    @contextmanager
    def _announced(self) -> Iterator[None]:
        """Say who holds the lock; without it the lock is as good, so what goes wrong here is let pass."""
        path = self._folder / f"{self.me.pid}-{os.urandom(6).hex()}"
        descriptor = -1
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(descriptor, f"{self.me.pid}\n{self.me.started}\n{self.me.command}".encode())
        try:
            yield
        finally:
            if descriptor >= 0:
                with suppress(OSError):
                    path.unlink()
                with suppress(OSError):
                    fcntl.flock(descriptor, fcntl.LOCK_UN)
                os.close(descriptor)


def wait_for(
    attempt: Callable[[], bool],
    holders: Callable[[], list[Holder]],
    wait: Wait | None,
    *,
    timeout_s: float,
    sleep: Callable[[float], None],
) -> None:
    """Try to take a lock until it is taken.

    Args:
        attempt: Takes it, or returns False at once.
        holders: Says who has it.
        wait: Decides alone where it is given; see `Wait`.
        timeout_s: How long to wait where it is not.
        sleep: Waits that many seconds.

    Raises:
        Unavailable: `wait` gave up or the time is over; names who holds it.
    """
    waited_s = 0.0
    while not attempt():
        holder = next(iter(holders()), UNKNOWN)
        go_on = wait(holder) if wait is not None else waited_s < timeout_s
        if not go_on:
            raise Unavailable(
                f"the repository is in use by {holder}", hint="wait for it to finish, then run it again"
            )
        sleep(POLL_S)
        waited_s += POLL_S


def _read_holder(path: Path) -> Holder | None:
    """Return what a holder wrote, or None if it is gone (then its file is removed) or not yet written."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # its writer lives
        return _parse(os.pread(descriptor, 4096, 0))
    else:
        with suppress(OSError):
            path.unlink()
        return None
    finally:
        os.close(descriptor)


def _parse(data: bytes) -> Holder | None:
    pid, _, rest = data.decode(errors="replace").partition("\n")
    started, _, command = rest.partition("\n")
    return parse_holder(pid, started, command)


def parse_holder(pid: str, started: str, command: str) -> Holder | None:
    """Return what a holder said of itself, or None where that is nothing of ours."""
    if not (pid.isdecimal() and started.isdecimal()):
        return None
    return Holder(int(pid), "".join(each for each in command if each.isprintable())[:200], int(started))
