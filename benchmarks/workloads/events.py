"""Workload D: a log of JSON lines that grows at its end."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.deltas import ChangeWriter
from benchmarks.workloads import SEED

TOTAL = 1 << 30
APPENDS = 5
FILE = "events.jsonl"
KINDS = ("view", "click", "purchase", "login", "error")
PAGES = tuple(f"/p/{number:x}" for number in range(3000))
BATCH = 1000


def generate(folder: Path, scale: float, jobs: int) -> dict[str, Any]:
    """Write the log, then five changes that each add one per cent of its first size."""
    del jobs  # one file, written from its beginning to its end
    lines = batches()
    total = round(TOTAL * scale)
    (folder / "v1").mkdir()
    fill(folder / "v1" / FILE, lines, total)
    for number in range(2, APPENDS + 2):
        change = ChangeWriter(folder / f"v{number}")
        fill(change.append(FILE), lines, total // 100)
        change.close()
    return {
        "title": f"a JSON lines log of {total / 1e6:,.0f} MB, then 1 % more five times",
        "versions": [f"v{number}" for number in range(1, APPENDS + 2)],
        "sample": FILE,
        "touched": [],
    }


def fill(path: Path, lines: Iterator[str], size: int) -> None:
    """Write whole batches of lines until the file has at least this size."""
    with path.open("w") as file:
        written = 0
        while written < size:
            batch = next(lines)
            file.write(batch)
            written += len(batch)


def batches() -> Iterator[str]:
    """Yield lines of one endless, seeded log, many at a time."""
    source = random.Random(SEED * 10 + 7)
    first = 0
    while True:
        kinds, pages = source.choices(KINDS, k=BATCH), source.choices(PAGES, k=BATCH)
        sessions = source.randbytes(5 * BATCH).hex()
        delays = [source.random() for _ in range(BATCH)]
        yield "".join(
            f'{{"seq":{first + i},"ts":{1_700_000_000_000 + 37 * (first + i)},"event":"{kinds[i]}",'
            f'"page":"{pages[i]}","session":"{sessions[10 * i : 10 * i + 10]}",'
            f'"latency":{delays[i]:.4f},"ok":{"true" if delays[i] < 0.98 else "false"}}}\n'
            for i in range(BATCH)
        )
        first += BATCH
