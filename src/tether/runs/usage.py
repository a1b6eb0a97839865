"""What a process and all that it starts use: memory while they run, the rest when they ended.

From `/proc`; where there is none, only what the system tells of every child is known.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

_PROC = Path("/proc")
_FIRST_S = 0.05
_LONGEST_S = 1.0
_GROWTH = 1.5


class Sampler:
    """Looks at the memory of a process and of those below it, often at first and then once a second.

    Attributes:
        peak_bytes: The most that they had together; None where the system does not tell.
    """

    def __init__(self, pid: int) -> None:
        self.peak_bytes: int | None = None
        self._pid = pid
        self._stop = Event()
        self._thread = Thread(target=self._run, name="usage", daemon=True)

    def start(self) -> None:
        """Begin."""
        if _PROC.is_dir():
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        pause = _FIRST_S
        while True:
            resident = sum(map(_resident, below(self._pid)))
            if resident:
                self.peak_bytes = max(resident, self.peak_bytes or 0)
            if self._stop.wait(pause):
                return
            pause = min(pause * _GROWTH, _LONGEST_S)


def below(pid: int) -> Iterator[int]:
    """Yield a process and those that it and its children started and that run."""
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        yield each
        for task in _tasks(each):
            try:
                waiting += map(int, (task / "children").read_text().split())
            except (OSError, ValueError):
                continue


def _tasks(pid: int) -> list[Path]:
    try:
        return list((_PROC / str(pid) / "task").iterdir())
    except OSError:
        return []


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process has, 0 where it is gone."""
    try:
        return int((_PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def moved_bytes(pid: int | str) -> tuple[int, int] | None:
    """Return the bytes that a process read and wrote by system calls, with those of children that ended."""
    try:
        rows = (line.split() for line in (_PROC / str(pid) / "io").read_text().splitlines())
        found = {row[0]: int(row[1]) for row in rows}
        return found["rchar:"], found["wchar:"]
    except (OSError, ValueError, KeyError, IndexError):
        return None
