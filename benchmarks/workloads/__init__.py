"""The workloads: what each holds, and the cache of generated ones.

A generator writes `v1/`, a plain tree, and one folder per later version that holds only the change (see
`benchmarks.deltas`). Generators run in a process of their own, so that the one that measures stays small.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEED = 71_993
"""Start of every random sequence; the same seed, scale and library versions give the same bytes."""

NAMES = ("A", "B", "C", "D", "flat", "history")


@dataclass(frozen=True, slots=True)
class Workload:
    """A generated workload on disk."""

    name: str
    folder: Path
    title: str
    versions: tuple[str, ...]
    sample: str
    touched: tuple[str, ...]
    about: dict[str, Any]

    def version(self, name: str) -> Path:
        """Return the folder of a version: a tree for the first, a change for the others."""
        return self.folder / name


def load(folder: Path) -> Workload:
    """Read the description a generator left beside its versions."""
    about = json.loads((folder / "about.json").read_text())
    return Workload(
        name=about["name"],
        folder=folder,
        title=about["title"],
        versions=tuple(about["versions"]),
        sample=about["sample"],
        touched=tuple(about["touched"]),
        about=about,
    )


def prepare(data: Path, name: str, scale: float, jobs: int) -> Workload:
    """Return the workload from the cache under `data`, generating it first where it is missing.

    A generator that is stopped half-way leaves nothing that a later run would take for a whole workload.
    """
    folder = data / f"scale-{scale:g}" / name
    if not (folder / "about.json").exists():
        unfinished = folder.with_name(name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.mkdir(parents=True)
        print(f"generating workload {name} at scale {scale:g}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "benchmarks.workloads", name, str(unfinished), str(scale), str(jobs)]
        root = Path(__file__).resolve().parents[2]
        if subprocess.run(command, cwd=root, check=False).returncode:
            raise SystemExit(f"error: workload {name} could not be generated")
        unfinished.rename(folder)
    return load(folder)
