"""Workload history: a small tree and the edits of many commits."""

import random
from pathlib import Path
from typing import Any

from benchmarks.workloads import SEED

COMMITS, FILES, FOLDERS = 2_000, 1_000, 20
EDITS, LINES = 3, 40


def generate(folder: Path, scale: float, jobs: int) -> dict[str, Any]:
    """Write the tree of the first commit; later ones are computed when they are needed."""
    del jobs  # a small tree
    for number in range(FILES):
        path = folder / "v1" / name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(number, 0))
    commits = max(20, round(COMMITS * scale))
    return {
        "title": f"{commits:,} commits of {EDITS} edits each to {FILES:,} text files",
        "versions": ["v1"],
        "sample": name(3),
        "touched": [name(step * 9) for step in range(10)],
        "commits": commits,
    }


def name(number: int) -> str:
    """Return the path of a file."""
    return f"notes/{number % FOLDERS:02d}/{number:04d}.txt"


def text(number: int, edition: int) -> str:
    """Return a file of lines of which every edition changes one."""
    source = random.Random(SEED * 1_000_003 + number)
    lines = [f"{source.getrandbits(160):040x}" for _ in range(LINES)]
    if edition:
        lines[edition % LINES] = f"edition {edition}"
    return "\n".join(lines) + "\n"


def edit(tree: Path, commit: int) -> None:
    """Make the changes of one commit in the tree."""
    source = random.Random(SEED * 7 + commit)
    for number in source.sample(range(FILES), EDITS):
        (tree / name(number)).write_text(text(number, commit))
