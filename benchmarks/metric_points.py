"""What logging 100,000 points of metrics adds to a run: `python -m benchmarks.metric_points [--rounds 5]`.

Each way runs once with the points and once without, in turns: the same processes, the same imports, the same
loop that works out the values; lines that a command writes itself go nowhere without. The time is that of the
processor, user and system, of all processes from start to end, so with what is written, read again, summed
up, compressed and stored when the run ends.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TETHER = Path(sys.executable).with_name("tether")
POINTS = 100_000
TARGET_S = 1.0
_VALUES = "(0.01 + 1 / (1 + step / 1000) for step in range({points}))"
_METRIC = """
import tether
with tether.run() as run:
    for step, loss in enumerate({values}):
        if {logged}:
            run.metric("loss", loss, step)
"""
_LINES = """
import json, os
with open(os.environ["TETHER_METRICS"] if {logged} else os.devnull, "a", buffering=1) as metrics:
    for step, loss in enumerate({values}):
        print(json.dumps({{"name": "loss", "value": loss, "step": step}}), file=metrics)
"""
_WAYS = {
    "run.metric in a script": ([], _METRIC),
    "run.metric in a command": ([TETHER, "run", "-q", "--"], _METRIC),
    "lines of a command": ([TETHER, "run", "-q", "--"], _LINES),
}


def used(command: list[str | Path], folder: Path, environ: dict[str, str]) -> tuple[float, float]:
    """Run a command; return the seconds of the processor that it took, and those on the wall."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environ, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return processor, time.monotonic() - begin


def prepare(folder: Path, environ: dict[str, str]) -> None:
    """Make a repository with one file."""
    (folder / "data.txt").write_text("one\n")
    for words in (["init"], ["add", "data.txt"], ["commit", "-m", "Data"]):
        subprocess.run([TETHER, words[0], "-q", *words[1:]], cwd=folder, env=environ, check=True)


def main() -> int:
    """Print what the points add, each way; return 1 where it is more than the target."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--points", type=int, default=POINTS)
    options = parser.parse_args()
    slow = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = {"HOME": name, "TETHER_USER_NAME": "Ada", "TETHER_USER_EMAIL": "ada@example.org"}
        environ = {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": ""}
        prepare(folder, environ)
        for way, (start, source) in _WAYS.items():
            values = _VALUES.format(points=options.points)
            scripts = [source.format(values=values, logged=logged) for logged in (False, True)]
            rounds = [
                [used([*start, sys.executable, "-c", script], folder, environ) for script in scripts]
                for _ in range(options.rounds)
            ]
            added = statistics.median(more[0] - less[0] for less, more in rounds)
            wall = statistics.median(more[1] - less[1] for less, more in rounds)
            slow |= added > TARGET_S
            print(f"{way:24} {added:.2f} s of the processor more, {wall:.2f} s on the wall", flush=True)
    return int(slow)


if __name__ == "__main__":
    sys.exit(main())
