"""Resident memory of a process and everything it started, sampled from /proc."""

import os
import threading
from pathlib import Path

INTERVAL_S = 0.01
PAGE = os.sysconf("SC_PAGE_SIZE")


def tree_of(pid: int) -> list[int]:
    """Return the process and its living descendants."""
    found = [pid]
    for parent in found:
        try:
            for task in Path(f"/proc/{parent}/task").iterdir():
                found.extend(int(child) for child in (task / "children").read_bytes().split())
        except OSError:
            continue
    return found


def resident(pid: int) -> int:
    """Return the resident bytes of one process, mapped files included; 0 when it has gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


class PeakMemory:
    """The largest sum of resident bytes seen over a process tree while the context is open.

    Pages shared by several processes count once for each, so the sum is never too small for the moments seen;
    a peak shorter than the interval can be missed.
    """

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid = pid
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "PeakMemory":
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, sum(resident(pid) for pid in tree_of(self._pid)))
            if self._done.wait(INTERVAL_S):
                return
