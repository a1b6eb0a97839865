"""Whether the hub can write where uploads go: tried now and then, when somebody asks whether it is ready."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from tether.errors import Unavailable

_EVERY_S = 5.0
_LONGEST_S = 10.0
_TRIED = bytes(64 << 10)


class Writable:
    """Tries to write to a folder; safe for use from several threads, none of which waits for another.

    Args:
        every_s: Seconds for which the outcome of a try counts.
        monotonic: Gives seconds that only go forward.
    """

    def __init__(self, every_s: float = _EVERY_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._monotonic = every_s, monotonic
        self._trying = Lock()
        self._began: float | None = None
        self._failure: OSError | None = None

    def require(self, folder: Path) -> None:
        """Refuse where the last try failed; the first who asks after a while makes another one.

        Raises:
            Unavailable: Nothing can be written there, or a write takes longer than ten seconds; the message
                is for the log.
        """
        if self._trying.acquire(blocking=False):
            try:
                if self._is_due():
                    self._began = self._monotonic()
                    self._failure = _failure_in(folder)
            finally:
                self._trying.release()
        elif self._began is not None and self._monotonic() - self._began > _LONGEST_S:
            raise _refused(f"a write to {folder} takes longer than {_LONGEST_S:.0f} seconds")
        if (failure := self._failure) is not None:
            raise _refused(f"cannot write to {folder}: {failure.strerror or failure}") from failure

    def _is_due(self) -> bool:
        return self._began is None or self._monotonic() - self._began >= self._every_s


def _failure_in(folder: Path) -> OSError | None:
    """Write a file without a name to a folder, bring it to the disk, and let go of it."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            written = 0
            while written < len(_TRIED):
                written += os.write(file.fileno(), _TRIED[written:])
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None


def _refused(message: str) -> Unavailable:
    ours = Unavailable(message, hint="free some space there, or look at the disk")
    ours.of_storage = True
    return ours
