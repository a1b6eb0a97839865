"""One measured operation: time, processor time, memory, and the time until its result is on disk."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.memory import PeakMemory
from benchmarks.scratch import sync

Plan = list[list[str]]
"""Commands run one after another as one operation."""

TAIL = 600


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run of an operation took."""

    wall_s: float
    sync_s: float
    cpu_s: float
    other_cpu_s: float
    peak_bytes: int
    error: str | None = None
    server_cpu_s: float = 0.0

    @property
    def durable_s(self) -> float:
        """Return the time until everything the operation wrote was on the disk."""
        return self.wall_s + self.sync_s


@dataclass(frozen=True, slots=True)
class Place:
    """Where commands run: working folder, variables, limits, and the servers that work for them."""

    cwd: Path
    environment: Mapping[str, str]
    timeout_s: float
    servers: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class _Ended:
    cpu_s: float
    peak_bytes: int
    error: str | None


def run(plan: Plan, place: Place, stdout: Path | None = None) -> Sample:
    """Run the commands of one operation after a sync, up to one that fails; return what they took."""
    sync(place.cwd)
    busy, served = busy_s(), _served_s(place)
    start = time.perf_counter()
    ended = []
    for argv in plan:
        ended.append(_run_command(argv, place, stdout))
        if ended[-1].error:
            break
    wall = time.perf_counter() - start
    cpu = sum(part.cpu_s for part in ended)
    sync_s = sync(place.cwd)
    servers = max(0.0, _served_s(place) - served)
    return Sample(
        wall_s=wall,
        sync_s=sync_s,
        cpu_s=cpu,
        other_cpu_s=max(0.0, busy_s() - busy - cpu - servers),
        peak_bytes=max(part.peak_bytes for part in ended),
        error=ended[-1].error,
        server_cpu_s=servers,
    )


def _served_s(place: Place) -> float:
    """Return the processor seconds that the servers, and children of theirs that ended, have spent so far."""
    ticks = 0
    for pid in place.servers:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it is gone, which the command tells
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _run_command(argv: list[str], place: Place, stdout: Path | None) -> _Ended:
    errors = Path(f"/dev/shm/benchmark-{os.getpid()}.stderr")  # memory: must not add to the disk's work
    with (stdout or Path(os.devnull)).open("wb") as output, errors.open("wb") as messages:
        process = subprocess.Popen(
            argv,
            cwd=place.cwd,
            env=dict(place.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=messages,
            start_new_session=True,
        )
        timer = threading.Timer(place.timeout_s, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            with PeakMemory(process.pid) as memory:
                _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # interrupted: the room cannot go while it runs
            process.wait()
            raise
        finally:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    text = errors.read_bytes()[-TAIL:].decode(errors="replace").strip()
    errors.unlink()
    error = f"{argv[0]}: exit {process.returncode}: {text}" if process.returncode else None
    peak = max(memory.peak, usage.ru_maxrss * 1024)
    return _Ended(usage.ru_utime + usage.ru_stime, peak, error)


def busy_s() -> float:
    """Return the processor seconds the whole machine has spent so far, waiting not counted."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _, _, interrupt, soft, _ = map(int, fields)
    return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")
