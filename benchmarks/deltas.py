"""Versions of a workload kept as changes.

A version's folder holds `change.json` and the bytes it speaks of under `put/`, `patch/` and `append/`.
"""

import json
import shutil
from pathlib import Path
from typing import Any

BLOCK = 1 << 20


class ChangeWriter:
    """Records what turns one version of a tree into the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.record: dict[str, list[Any]] = {"put": [], "remove": [], "patch": [], "append": []}

    def put(self, name: str) -> Path:
        """Return where to write the whole new content of a file."""
        self.record["put"].append(name)
        return self._payload("put", name)

    def append(self, name: str) -> Path:
        """Return where to write the bytes that go to the end of a file."""
        self.record["append"].append(name)
        return self._payload("append", name)

    def patch(self, name: str, regions: list[tuple[int, int]]) -> Path:
        """Return where to write, one after another, the bytes that replace (offset, length) regions."""
        self.record["patch"].append([name, regions])
        return self._payload("patch", name)

    def remove(self, name: str) -> None:
        """Record that a file goes."""
        self.record["remove"].append(name)

    def close(self) -> None:
        """Write the record; without it the version does not exist."""
        (self.folder / "change.json").write_text(json.dumps(self.record))

    def _payload(self, kind: str, name: str) -> Path:
        path = self.folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def apply_change(version: Path, tree: Path) -> None:
    """Turn a tree of the version before into this one."""
    record = json.loads((version / "change.json").read_text())
    for name in record["remove"]:
        (tree / name).unlink()
    for name in record["put"]:
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(version / "put" / name, target)
    for name, regions in record["patch"]:
        with (version / "patch" / name).open("rb") as source, private(tree / name).open("r+b") as target:
            for offset, length in regions:
                target.seek(offset)
                for start in range(0, length, BLOCK):
                    target.write(source.read(min(BLOCK, length - start)))
    for name in record["append"]:
        with (version / "append" / name).open("rb") as source, private(tree / name).open("ab") as target:
            shutil.copyfileobj(source, target, BLOCK)


def private(path: Path) -> Path:
    """Make the file a writable one of its own: some peers leave links into their caches."""
    if path.is_symlink() or path.stat().st_nlink > 1:
        copy = path.with_name(path.name + ".own")
        shutil.copyfile(path, copy)
        copy.replace(path)
    path.chmod(0o644)
    return path
