"""Bytes that checkpoints of a training take: `python -m benchmarks.checkpoints FOLDER...`.

Each folder has the checkpoints of one training as files, in the order of their names (`benchmarks.finetune`
makes some). Each becomes a version of one file; every system stores one version after the other, and what
it has stored is read back and compared.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import zstandard

from benchmarks.__main__ import RESULTS, default_tether
from benchmarks.adapters.base import Adapter
from benchmarks.adapters.dvc import Dvc
from benchmarks.adapters.git_lfs import GitLfs
from benchmarks.adapters.oxen import Oxen
from benchmarks.adapters.tether import Tether, TetherSmallest
from benchmarks.machine import describe
from benchmarks.measure import Plan, run
from benchmarks.pages import Filler
from benchmarks.session import Session, Settings
from benchmarks.trees import stored_bytes
from benchmarks.workloads import Workload
from benchmarks.workloads.weights import FILE

_BLOCK = 1 << 20


class TetherDifferences(Tether):
    """Tether, and at the end a garbage collection that looks for differences."""

    name = "tether gc --differences"

    def finish(self) -> Plan:
        """Store the checkpoints as differences."""
        return [self.run("gc", "--differences", "--prune-now")]


SYSTEMS: tuple[type[Adapter], ...] = (Tether, TetherSmallest, TetherDifferences, GitLfs, Dvc, Oxen)


class Row(NamedTuple):
    """What one way of storing all checkpoints took."""

    name: str
    stored: int
    cpu_s: float
    error: str | None = None


def measured(system: type[Adapter], files: Sequence[Path], settings: Settings, room: Path) -> Row:
    """Store all checkpoints with one system, read some back, and return what it took."""
    labels = tuple(f"v{number}" for number in range(1, len(files) + 1))
    first = room / "data" / "v1"
    first.mkdir(parents=True)
    (first / FILE).symlink_to(files[0].resolve())
    workload = Workload("B", room / "data", "checkpoints", labels, FILE, (), {})
    session = Session(room, workload, settings)
    session.home.mkdir()
    session.tree.mkdir()
    adapter = system(session)
    session.environment = adapter.environment()
    adapter.prepare()
    cpu_s = 0.0
    for number, label in enumerate(("init", *labels)):
        if number:
            shutil.copyfile(files[number - 1], session.tree / FILE)
            adapter.labels.append(label)
        done = run((adapter.add_commit(label) if number else adapter.init()) or [], session.place())
        cpu_s += done.cpu_s
        if done.error:
            return Row(system.name, 0, cpu_s, done.error)
    if isinstance(adapter, TetherDifferences):
        done = run(adapter.finish(), session.place())
        cpu_s += done.cpu_s
        if done.error:
            return Row(system.name, 0, cpu_s, done.error)
    return Row(system.name, stored_bytes(adapter.store()), cpu_s, _wrong(adapter, files))


def _wrong(adapter: Adapter, files: Sequence[Path]) -> str | None:
    """Return which checkpoint cannot be read back as it was; None where all can, or there is no way to."""
    got = adapter.session.room / "read"
    for back, path in enumerate(reversed(files)):
        plan = adapter.read(back, FILE)
        if plan is None:
            return None
        done = run(plan, adapter.session.place(), got)
        if done.error or not _same(got, path):
            return f"{path.name} reads back as something else: {done.error or ''}"
    return None


def _same(left: Path, right: Path) -> bool:
    with left.open("rb") as one, right.open("rb") as two:
        while block := one.read(_BLOCK):
            if block != two.read(_BLOCK):
                return False
        return not two.read(1)


def compressed(files: Sequence[Path]) -> int:
    """Return how large the files are, each compressed with `zstd -3`."""
    total = 0
    for path in files:
        packer = zstandard.ZstdCompressor(3).compressobj(path.stat().st_size)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                total += len(packer.compress(block))
        total += len(packer.flush())
    return total


def table(folder: Path, files: Sequence[Path], rows: Sequence[Row]) -> str:
    """Return the results as Markdown."""
    whole = rows[0].stored
    lines = [
        f"\n{folder}: {len(files)} files, {whole:,} bytes\n",
        "| stored by | bytes | share | CPU s |\n|---|---|---|---|",
    ]
    for row in rows:
        if row.error:
            lines.append(f"| {row.name} | failed: {row.error} | | |")
        else:
            cpu = f"{row.cpu_s:.1f}" if row.cpu_s else ""
            lines.append(f"| {row.name} | {row.stored:,} | {row.stored / whole:.1%} | {cpu} |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpoints", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--tether", default=default_tether(), help="the command to measure")
    parser.add_argument("--systems", help="names, separated by commas (default: all that are installed)")
    parser.add_argument("--scratch", type=Path, default=Path("/var/tmp/tether-bench"))
    parser.add_argument("--environments", type=Path, help="default: SCRATCH/environments")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    options = arguments()
    options.scratch.mkdir(parents=True, exist_ok=True)
    environments = options.environments or options.scratch / "environments"
    settings = Settings(Filler(options.scratch), (options.tether,), environments, 1, None, 3600)
    chosen = [s for s in SYSTEMS if not options.systems or s.name in options.systems.split(",")]
    record = {"machine": describe(), "folders": {}}
    for folder in options.folders:
        files = sorted(path for path in folder.iterdir() if path.is_file())
        rows = [Row("sum of the files", sum(path.stat().st_size for path in files), 0)]
        rows.append(Row("zstd -3 of each", compressed(files), 0))
        for system in chosen:
            reason = system.missing(settings)
            if reason:
                print(f"{system.name}: {reason}")
                continue
            with tempfile.TemporaryDirectory(dir=options.scratch) as room:
                rows.append(measured(system, files, settings, Path(room)))
        print(table(folder, files, rows), flush=True)
        record["folders"][str(folder)] = [row._asdict() for row in rows]
    RESULTS.mkdir(exist_ok=True)
    name = f"checkpoints-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    (RESULTS / name).write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
