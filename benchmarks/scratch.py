"""The room one job runs in: a fresh file system with a journal, so that no job meets another's deleted files.

On an ext4 without a journal, files created soon after many were deleted cost several times more; a plain
folder on such a file system measures that and not the tool.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGE_BYTES = 60 << 30
JOB = "job"
QUIET_S, POLL_S, PATIENCE_S = 0.3, 0.05, 120.0
BYTES_PER_INODE = 8192
_LATER = "lazy_itable_init=1,lazy_journal_init=1"
MAKERS = {
    "ext4": (("mkfs.ext4", "-q", "-F", "-i", str(BYTES_PER_INODE), "-E", _LATER), ",noinit_itable"),
    "xfs": (("mkfs.xfs", "-q", "-f"), ""),
    "btrfs": (("mkfs.btrfs", "-q", "-f"), ""),
}
"""How each kind is made, and what it is mounted with besides; the last two can share blocks of files.

Inode tables of ext4 are not zeroed in the background: that would go on while the job is measured.
"""


@contextmanager
def room(scratch: Path, kind: str | None) -> Iterator[Path]:
    """Yield an empty folder that goes, with all it holds, when the context ends.

    Args:
        scratch: Where it is made.
        kind: Of its own file system, one of `MAKERS`; None for a plain folder.
    """
    mount = scratch / f"room-{os.getpid()}"
    image = mount.with_suffix(".img")
    mount.mkdir(parents=True)
    device = None if kind is None else make_device(image, kind)
    try:
        if device is None or kind is None:
            yield mount
        else:
            yield from _mounted(device, mount, f"nodiscard{MAKERS[kind][1]}")
    finally:
        if device is not None:
            run("losetup", "-d", device)
        image.unlink(missing_ok=True)
        shutil.rmtree(mount, ignore_errors=True)


def _mounted(device: str, mount: Path, options: str) -> Iterator[Path]:
    run("mount", "-o", options, device, str(mount))
    try:
        folder = mount / JOB
        folder.mkdir()
        yield folder
    finally:
        unmount(mount)


def settle(folder: Path) -> None:
    """Bring what earlier operations left for the disk to an end, so that the next one does not wait for it.

    Blocks of files that were deleted go back to the image here, and not while something is measured: given
    back in the background, those of a deleted copy of 8 GB held up the operation after it for six seconds.

    Args:
        folder: What `room` yielded.
    """
    sync(folder)
    if folder.name == JOB and os.path.ismount(folder.parent):
        run("fstrim", str(folder.parent))
        sync(folder.parent.parent)
    _wait_until_quiet()


def _wait_until_quiet() -> None:
    """Wait until no disk does anything for a moment, at most `PATIENCE_S`, for others may be at work."""
    deadline = time.monotonic() + PATIENCE_S
    done, since = _disk_work(), time.monotonic()
    while time.monotonic() < min(deadline, since + QUIET_S):
        time.sleep(POLL_S)
        now = _disk_work()
        if now != done or any(row[3] != "0" for row in now):
            done, since = now, time.monotonic()


def _disk_work() -> list[list[str]]:
    """Return, for each disk, the numbers of reads, writes, requests under way and blocks given back so far.

    Source: Documentation/admin-guide/iostats.rst of Linux; the last is there since 4.18.
    """
    rows = [line.split()[2:] for line in Path("/proc/diskstats").read_text().splitlines()]
    return [[row[0], row[1], row[5], row[9], *row[12:13]] for row in rows]


def sync(path: Path) -> float:
    """Write everything the file system of `path` still holds in memory; return the seconds it took.

    Only that file system: other work on the machine does not lengthen the measurement.
    """
    start = time.perf_counter()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "syncfs failed", str(path))
    finally:
        os.close(descriptor)
    return time.perf_counter() - start


def unmount(mount: Path) -> None:
    """Unmount, giving helpers that a tool left behind a moment to end."""
    for attempt in range(20):
        if subprocess.run(["umount", str(mount)], check=False, capture_output=attempt < 19).returncode == 0:
            return
        time.sleep(0.5)
    raise SystemExit(f"error: {mount} is still in use; unmount it by hand")


def make_device(image: Path, kind: str) -> str | None:
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
    run(*MAKERS[kind][0], device)
    return device


def run(*command: str) -> str:
    """Run a command of the system and return what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def warn(message: str) -> None:
    """Say on standard error what makes the figures less sure."""
    print(f"warning: {message}", file=sys.stderr, flush=True)
