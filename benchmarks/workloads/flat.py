"""Workload flat: one folder with very many tiny files."""

import random
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.deltas import ChangeWriter
from benchmarks.workloads import SEED

FILES = 1_000_000
BATCH = 5000


def generate(folder: Path, scale: float, jobs: int) -> dict[str, Any]:
    """Write the folder, and a second version with 0.01 % of files new, changed and removed each."""
    count = max(1000, round(FILES * scale))
    edited = max(10, count // 10_000)
    (folder / "v1" / "flat").mkdir(parents=True)
    batches = [(folder / "v1", start, min(start + BATCH, count)) for start in range(0, count, BATCH)]
    with ProcessPoolExecutor(jobs) as pool:
        list(pool.map(write_batch, batches))
    change = ChangeWriter(folder / "v2")
    for number in range(0, edited * 50, 50):
        change.put(name(number)).write_text(text(number) + "changed\n")
        change.remove(name(number + 1))
        change.put(name(count + number)).write_text(text(count + number))
    change.close()
    return {
        "title": f"one folder of {count:,} tiny files",
        "versions": ["v1", "v2"],
        "sample": name(3),
        "touched": [name(count // 2 + step * 9) for step in range(10)],
    }


def name(number: int) -> str:
    """Return the path of a file."""
    return f"flat/{number:07d}.txt"


def text(number: int) -> str:
    """Return the content of a file, different for each."""
    source = random.Random(SEED * 1_000_003 + number)
    return f"{number} {source.getrandbits(64):016x} {source.getrandbits(64):016x}\n"


def write_batch(batch: tuple[Path, int, int]) -> None:
    """Write the files with numbers from start to stop."""
    tree, start, stop = batch
    for number in range(start, stop):
        (tree / name(number)).write_text(text(number))
