"""What of a folder a power cut would leave, followed through the calls that make files and names durable."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Node(NamedTuple):
    """A file, a link or a folder as it was made durable."""

    kind: str
    data: bytes
    mode: int


Picture = dict[str, Node]
Tear = Callable[[bytes], bytes]
"""Makes of a content that was not synced what is found of it."""

TEARS: dict[str, Tear] = {
    "empty": lambda _: b"",
    "zeros": lambda data: bytes(len(data)),
    "half": lambda data: data[: len(data) // 2],
}


class Platter:
    """Follows one folder: a file has the content of its last fsync, a folder the names of its last fsync.

    What is there at the start is durable. `install` puts itself in the place of `os.fsync` and `os.sync` of
    this process for good. Files that were synced are held open, so that no inode number is used twice.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._nodes: dict[int, Node] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._held: list[int] = []
        self._see_all()

    def install(self) -> None:
        """Learn of every fsync and sync of this process from now on."""
        fsync, sync = os.fsync, os.sync

        def watched_fsync(descriptor: int) -> None:
            fsync(descriptor)
            self._held.append(os.dup(descriptor))
            self._see(Path(f"/proc/self/fd/{descriptor}").readlink())

        def watched_sync() -> None:
            sync()
            self._see_all()

        os.fsync, os.sync = watched_fsync, watched_sync  # type: ignore[assignment]

    def lost(self) -> Picture:
        """Return what is there when nothing was written earlier than it had to be."""
        return self._picture(self.root, None)

    def kept(self, tear: Tear) -> Picture:
        """Return what is there when all names were written and contents only as far as they had to be."""
        return self._picture(self.root, tear)

    def _picture(self, folder: Path, tear: Tear | None, prefix: str = "") -> Picture:
        """Return what is left below a folder; without `tear` by its durable names."""
        found: Picture = {}
        waiting = [(folder.stat().st_ino, folder, prefix)]
        while waiting:
            inode, place, above = waiting.pop()
            names = self._names.get(inode, {}) if tear is None else names_in(place)
            for name, child in names.items():
                node = self._nodes.get(child) or torn(place / name, child, tear)
                if node is None:
                    continue
                found[above + name] = node
                if node.kind == "folder":
                    waiting.append((child, place / name, f"{above}{name}/"))
        return found

    def _see_all(self) -> None:
        self._see(self.root)
        for path in self.root.rglob("*"):
            self._see(path)

    def _see(self, path: Path) -> None:
        node, inode = look(path), path.lstat().st_ino
        self._nodes[inode] = node
        if node.kind == "folder":
            self._names[inode] = names_in(path)
            for child, number in self._names[inode].items():
                below = look(path / child)
                if below.kind != "file":  # its name is all that there is of a link or of a new folder
                    self._nodes.setdefault(number, below)


def look(path: Path) -> Node:
    """Return what is at a path now."""
    mode = path.lstat().st_mode & 0o777
    if path.is_symlink():
        return Node("link", os.fsencode(path.readlink()), mode)
    return Node("folder", b"", mode) if path.is_dir() else Node("file", path.read_bytes(), mode)


def names_in(folder: Path) -> dict[str, int]:
    """Return the inode of each name in a folder."""
    return {path.name: path.lstat().st_ino for path in folder.iterdir()}


def torn(path: Path, inode: int, tear: Tear | None) -> Node | None:
    """Return what is left of something that was never synced."""
    if tear is None:
        return Node("file", b"", 0o644)
    try:
        node = look(path)
        if path.lstat().st_ino != inode:
            return None
    except FileNotFoundError:
        return None
    return node._replace(data=tear(node.data)) if node.kind == "file" else node


def develop(picture: Picture, target: Path) -> None:
    """Write a picture into a new folder."""
    target.mkdir(parents=True)
    for name, node in sorted(picture.items()):
        place = target / name
        if node.kind == "folder":
            place.mkdir()
        elif node.kind == "link":
            place.symlink_to(os.fsdecode(node.data))
        else:
            place.write_bytes(node.data)
            place.chmod(node.mode)
