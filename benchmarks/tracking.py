"""What `tether run` adds to a training: `python -m benchmarks.tracking [--pairs 5] [--seconds 10]`.

A training reads declared data, multiplies matrices with NumPy and logs a metric a hundred times; its code
is in Git. It is run by itself and by `tether run`, in turns. It tells when its first line runs and when its
last one does, so what comes before and after is known apart from how long it trains, which varies by more
than what is measured. Processor time is that of `tether` and of all that it starts, less that of the
training.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

TETHER = Path(sys.executable).with_name("tether")
_TRAIN = """
import time
began = time.monotonic()
import json, os, sys
import numpy

data = numpy.load(os.environ.get("TETHER_DATA_TRAIN", sys.argv[1]) + "/x.npy")
weights = numpy.zeros((data.shape[1], 64))
metrics = open(os.environ.get("TETHER_METRICS", os.devnull), "a", buffering=1)
for step in range(100):
    for _ in range(int(sys.argv[2])):
        weights += 1e-6 * data.T @ numpy.tanh(data @ weights + 1)
    print(json.dumps({"name": "loss", "value": float(weights.mean()), "step": step}), file=metrics)
ended = time.monotonic()
own = time.process_time()
print(json.dumps([began, ended, own]))
"""


class Took(NamedTuple):
    """What one training took, in seconds."""

    before: float
    trained: float
    after: float
    others: float
    """Of the processor, beside the training."""


def timed(command: list[str | Path], folder: Path, environ: dict[str, str]) -> Took:
    """Run a training and return what it took."""
    used, start = _used(), time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environ, stdout=subprocess.PIPE, check=True)
    end = time.monotonic()
    began, ended, own = json.loads(done.stdout.splitlines()[-1])
    return Took(began - start, ended - began, end - ended, _used() - used - own)


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def prepare(top: Path, environ: dict[str, str]) -> None:
    """Make the repository with data, and the code in Git."""
    make = "import numpy; numpy.save('data/x.npy', numpy.random.default_rng(1).random((2000, 256)))"
    (top / "data").mkdir()
    (top / "code").mkdir()
    (top / "code/train.py").write_text(_TRAIN)
    steps: list[tuple[str, list[str | Path]]] = [
        (".", [sys.executable, "-c", make]),
        (".", [TETHER, "init", "-q"]),
        (".", [TETHER, "add", "-q", "data"]),
        (".", [TETHER, "commit", "-q", "-m", "Data"]),
        ("code", ["git", "init", "-q"]),
        ("code", ["git", "add", "train.py"]),
        (
            "code",
            ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "Code"],
        ),
    ]
    for folder, command in steps:
        subprocess.run(command, cwd=top / folder, env=environ, check=True)


def main() -> None:
    """Print the medians of both, and what `tether run` adds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0, help="of a training, about")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        own = {"HOME": folder, "TETHER_USER_NAME": "Ada", "TETHER_USER_EMAIL": "ada@example.org"}
        # Compiled files are written, as they are for whoever installs a package.
        environ = {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": ""}
        prepare(top, environ)
        train: list[str | Path] = [sys.executable, "train.py", top / "data"]
        run: list[str | Path] = [TETHER, "run", "-q", "--data", "train=HEAD:data", "--"]
        speed = timed([*train, "1"], top / "code", environ).trained
        count = str(max(1, round(options.seconds / speed)))
        timed([*run, *train, "1"], top / "code", environ)
        pairs = [
            [timed([*way, *train, count], top / "code", environ) for way in ([], run)]
            for _ in range(options.pairs)
        ]
    report([[each[way] for each in pairs] for way in range(2)])


def report(ways: list[list[Took]]) -> None:
    """Print what was found."""
    alone, ran = (Took(*(statistics.median(column) for column in zip(*rows, strict=True))) for rows in ways)
    for title, row in (("by itself", alone), ("tether run", ran)):
        shown = (f"{name} {value:.3f}" for name, value in zip(row._fields, row, strict=True))
        print(f"{title:10}  {'  '.join(shown)} s")
    ends, others = ran.before - alone.before + ran.after - alone.after, ran.others - alone.others
    slower = statistics.median(second.trained / first.trained for first, second in zip(*ways, strict=True))
    print(f"before and after: {ends:.3f} s more, {ends / alone.trained:.1%} of the training")
    print(f"processor beside the training: {others:.3f} s more, {others / alone.trained:.1%}")
    print(f"the training itself: {slower - 1:+.1%} (median of the pairs)")


if __name__ == "__main__":
    main()
