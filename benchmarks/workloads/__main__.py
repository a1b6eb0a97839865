"""Generate one workload: `python -m benchmarks.workloads NAME FOLDER SCALE JOBS`."""

import importlib
import json
import sys
from pathlib import Path

from benchmarks.trees import count_tree
from benchmarks.workloads import SEED

MODULES = {"A": "images", "B": "weights", "C": "tables", "D": "events", "flat": "flat", "history": "history"}


def main() -> None:
    """Write the workload into the folder, and last of all the description that makes it usable."""
    name, target, scale, jobs = sys.argv[1:]
    folder = Path(target)
    generator = importlib.import_module(f"benchmarks.workloads.{MODULES[name]}")
    about = generator.generate(folder, float(scale), int(jobs))
    files, size = count_tree(folder / "v1")
    about |= {"name": name, "scale": float(scale), "seed": SEED, "files": files, "bytes": size}
    (folder / "about.json").write_text(json.dumps(about, indent=2) + "\n")


if __name__ == "__main__":
    main()
