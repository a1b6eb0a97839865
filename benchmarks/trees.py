"""What is in a tree: its size, and whether it holds the files it should.

Run as a process of its own (`python -m benchmarks.trees count PATH...`, `... check WORKLOAD VERSIONS TREE`):
the tables of a million files would make the measuring process large, and so every process it starts.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.workloads import load

BESIDE = (".tether", ".git", ".gitattributes", ".gitignore", ".dvc", "*.dvc", ".dvcignore", ".oxen")
"""What systems put into a working copy."""


def count_tree(*roots: Path) -> tuple[int, int]:
    """Return the number of files below the roots and the sum of their sizes, each inode counted once."""
    seen: set[tuple[int, int]] = set()
    size = 0
    pending = [str(root) for root in roots if root.exists()]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
                key = (status.st_dev, status.st_ino)
                if key not in seen:
                    seen.add(key)
                    size += status.st_size
    return len(seen), size


def expected_sizes(folder: Path, versions: tuple[str, ...]) -> dict[str, int]:
    """Return the size of every file of the last of these versions, from the record alone."""
    first = folder / versions[0]
    sizes = {str(path.relative_to(first)): path.stat().st_size for path in first.rglob("*") if path.is_file()}
    for name in versions[1:]:
        version = folder / name
        record = json.loads((version / "change.json").read_text())
        for path in record["remove"]:
            del sizes[path]
        sizes |= {path: (version / "put" / path).stat().st_size for path in record["put"]}
        for path in record["append"]:
            sizes[path] += (version / "append" / path).stat().st_size
    return sizes


def check_tree(folder: Path, versions: tuple[str, ...], tree: Path) -> str | None:
    """Return what is wrong with a tree that should hold the last of these versions, or None."""
    wrong = [
        name
        for name, size in expected_sizes(folder, versions).items()
        if not (tree / name).is_file() or (tree / name).stat().st_size != size
    ]
    return f"{len(wrong)} files are missing or of another size, first {wrong[0]}" if wrong else None


def stored_bytes(roots: list[Path]) -> int:
    """Return the sum of the sizes below the roots, counted by another process."""
    return int(_elsewhere("count", *map(str, roots)))


def wrong_tree(folder: Path, versions: tuple[str, ...], tree: Path) -> str | None:
    """Return what `check_tree` says, found by another process."""
    return _elsewhere("check", str(folder), ",".join(versions), str(tree)) or None


def different(first: Path, second: Path) -> str | None:
    """Return the first difference between two trees, leaving out what systems keep beside them, or None."""
    skipped = [f"--exclude={name}" for name in BESIDE]
    command = ["diff", "--recursive", "--brief", *skipped, str(first), str(second)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return (done.stdout or done.stderr).split("\n", 1)[0] if done.returncode else None


def _elsewhere(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.trees", *arguments]
    root = Path(__file__).resolve().parents[1]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Answer one question on standard output."""
    question, *rest = sys.argv[1:]
    if question == "count":
        print(count_tree(*map(Path, rest))[1])
    else:
        folder, versions, tree = rest
        print(check_tree(load(Path(folder)).folder, tuple(versions.split(",")), Path(tree)) or "")


if __name__ == "__main__":
    main()
