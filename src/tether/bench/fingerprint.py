"""What the figures of a bench depend on beside the model, and how quiet it was meanwhile.

Two benches can be ranked where all of this is equal.
"""

import os
import resource
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from tether.bench.runners import cpu_quota
from tether.core.jsondoc import canonical

MACHINE = (
    "processor", "flags", "architecture", "cores", "cores_allowed", "quota", "memory_gib", "governor",
    "accelerators", "system", "release", "distribution",
)  # fmt: skip
"""What no software can change; benches that differ here are never ranked."""
SOFTWARE = ("threads", "python", "runtime", "blas")
"""What may be the very thing that is compared."""
_GOVERNORS = Path("/sys/devices/system/cpu")
_BUSY = (0, 1, 2, 5, 6, 7)
"""Columns of /proc/stat: user, nice, system, irq, softirq, and what other guests of the host took."""
_MUCH_LOAD, _MUCH_OTHER, _MUCH_SPREAD = 0.5, 0.25, 0.1


def fingerprint(environment: Mapping[str, Any], threads: int, runtime: Mapping[str, Any]) -> dict[str, Any]:
    """Return what figures depend on.

    Args:
        environment: As `tether.runs.environment.describe` gives it.
        threads: That the runtime may use.
        runtime: What the runner says of itself.
    """
    machine, python = environment["machine"], environment["python"] or {}
    found = {name: machine.get(name) for name in MACHINE}
    memory = machine.get("memory_bytes")
    found |= {
        "memory_gib": None if memory is None else round(memory / 2**30, 1),
        "quota": cpu_quota(),
        "governor": governor(),
        "accelerators": environment["accelerators"],
        "flags": sorted(machine.get("flags") or []),
        "threads": threads,
        "python": {key: python.get(key) for key in ("implementation", "version")},
        "runtime": {key: value for key, value in runtime.items() if key != "model"},
        "blas": [
            {key: row[key] for key in ("library", "config") if key in row} for row in python.get("blas") or []
        ],
    }
    return {**found, "digest": blake3(canonical(found)).hexdigest()}


def governor(root: Path = _GOVERNORS) -> str | None:
    """Return how the clock of the processor is governed; None where the system does not tell."""
    found = set[str]()
    for path in root.glob("cpu[0-9]*/cpufreq/scaling_governor"):
        with suppress(OSError):
            found.add(path.read_text().strip())
    return ", ".join(sorted(found)) or None


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return the names of what differs between two fingerprints."""
    return [name for name in (*MACHINE, *SOFTWARE) if old.get(name) != new.get(name)]


@dataclass(frozen=True, slots=True)
class Quiet:
    """What else the machine did, from a moment on.

    Attributes:
        load: Of the last minute, at that moment.
    """

    load: float | None
    _at: float
    _busy: float | None
    _own: float

    @classmethod
    def now(cls) -> "Quiet":
        """Return how it is now."""
        return cls(_load(), time.monotonic(), _busy_s(), _own_s())

    def until(self, end: "Quiet") -> dict[str, float | None]:
        """Return load before and after, and the cores that others used in between."""
        others = None
        if self._busy is not None and end._busy is not None and end._at > self._at:
            used = (end._busy - self._busy) - (end._own - self._own)
            others = round(max(0.0, used) / (end._at - self._at), 3)
        return {"before": self.load, "after": end.load, "other_cores": others}


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def _busy_s() -> float | None:
    """Return the seconds that all cores were at work since the machine started."""
    with suppress(OSError, ValueError, IndexError):
        row = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        return sum(int(row[at]) for at in _BUSY) / os.sysconf("SC_CLK_TCK")
    return None


def _own_s() -> float:
    """Return the seconds that this process and its children that ended were at work."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def noise(load: Mapping[str, float | None], cores: int, spreads: Sequence[float | None]) -> list[str]:
    """Return why figures are not to be trusted much; nothing where they are.

    Args:
        load: As `Quiet.until` gives it.
        cores: That the process may use.
        spreads: How far the rounds of each section lie apart, relative to their middle.
    """
    found = []
    before, others = load.get("before"), load.get("other_cores")
    if before is not None and before > _MUCH_LOAD * cores:
        found.append(f"the load was {before:.2f} when it began")
    if others is not None and others > _MUCH_OTHER:
        found.append(f"other work used {others:.2f} cores")
    widest = max((each for each in spreads if each is not None), default=0.0)
    if widest > _MUCH_SPREAD:
        found.append(f"the medians of the rounds lie {100 * widest:.0f} % apart")
    return found
