"""The room one job runs in: a fresh ext4 with a journal, so that no job meets another's deleted files.

On an ext4 without a journal, files created soon after many were deleted cost several times more; a plain
folder on such a file system measures that and not the tool.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGE_BYTES = 60 << 30
BYTES_PER_INODE = 8192


@contextmanager
def room(scratch: Path, *, plain: bool) -> Iterator[Path]:
    """Yield an empty folder that goes, with all it holds, when the context ends."""
    mount = scratch / f"room-{os.getpid()}"
    image = mount.with_suffix(".img")
    mount.mkdir(parents=True)
    device = None if plain else make_device(image)
    try:
        if device is None:
            yield mount
        else:
            yield from _mounted(device, mount)
    finally:
        if device is not None:
            run("losetup", "-d", device)
        image.unlink(missing_ok=True)
        shutil.rmtree(mount, ignore_errors=True)


def _mounted(device: str, mount: Path) -> Iterator[Path]:
    # inode tables are not zeroed in the background: that would go on while the job is measured
    run("mount", "-o", "discard,noinit_itable", device, str(mount))
    try:
        folder = mount / "job"
        folder.mkdir()
        yield folder
    finally:
        unmount(mount)


def unmount(mount: Path) -> None:
    """Unmount, giving helpers that a tool left behind a moment to end."""
    for attempt in range(20):
        if subprocess.run(["umount", str(mount)], check=False, capture_output=attempt < 19).returncode == 0:
            return
        time.sleep(0.5)
    raise SystemExit(f"error: {mount} is still in use; unmount it by hand")


def make_device(image: Path) -> str | None:
    """Return a loop device with a new file system, or None with a warning where that is not allowed."""
    if os.geteuid() != 0:
        warn("not root, so jobs share a plain folder instead of a fresh file system each")
        return None
    try:
        with image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        device = run("losetup", "--direct-io=on", "--find", "--show", str(image)).strip()
    except (OSError, subprocess.CalledProcessError) as error:
        warn(f"no loop device ({error}), so jobs share a plain folder")
        return None
    options = "lazy_itable_init=1,lazy_journal_init=1"
    run("mkfs.ext4", "-q", "-F", "-i", str(BYTES_PER_INODE), "-E", options, device)
    return device


def run(*command: str) -> str:
    """Run a command of the system and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def warn(message: str) -> None:
    """Say on standard error what makes the figures less sure."""
    print(f"warning: {message}", file=sys.stderr, flush=True)
