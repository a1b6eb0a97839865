"""A file system of its own that is soon full."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """Let a folder be a file system of so many bytes; skips the test where that is not possible."""
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "none", place], check=False)
    if done.returncode:
        pytest.skip("this system does not let root mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(file: Path, leave: int = 0) -> None:
    """Fill the disk with a file but for some bytes."""
    with file.open("wb", buffering=0) as filler:
        size = 0
        try:
            while True:
                size += filler.write(bytes(1 << 12))
        except OSError:
            filler.truncate(max(size - leave, 0))
