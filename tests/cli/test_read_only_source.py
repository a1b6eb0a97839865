"""A clone of a folder in which one may only read: another user's, or a mounted archive."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import TETHER, Room

NOBODY = 65534
FILES = {"a.txt": b"a\n", "big.bin": random.Random(3).randbytes(300_000)}
BARRED = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner", "--inh-caps=-all"]
"""Root bound by permissions as other users are; it stays root to find the interpreter."""


@pytest.fixture
def source(room: Room) -> Iterator[Path]:
    """Return a repository in which the one who runs `barred` may not write."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv")
    room.ok("init", "source")
    for name, data in FILES.items():
        room.write(f"source/{name}", data)
    room.ok("-C", "source", "add", "-A")
    room.ok("-C", "source", "commit", "-m", "one", "-q")
    folder = room.work / "source"
    for place in [folder, *folder.rglob("*")]:
        place.chmod(0o555 if place.is_dir() else 0o444)
        if os.geteuid() == 0:
            os.chown(place, NOBODY, NOBODY)
    if barred(room, "config", "user.name", "x", "-C", "source") == 0:
        pytest.skip("permissions do not bind this process")
    yield folder
    for place in [folder, *folder.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(place, 0, 0)
        if place.is_dir():
            place.chmod(0o755)


def barred(room: Room, *arguments: str) -> int:
    """Run `tether` bound by permissions and return its exit code."""
    command = [*(BARRED if os.geteuid() == 0 else ()), str(TETHER), *arguments]
    return subprocess.run(
        command, cwd=room.work, env=room.environ, capture_output=True, check=False
    ).returncode


@pytest.mark.parametrize("index", ["sound", "missing", "damaged"])
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_clone_needs_no_write_permission(room: Room, source: Path, scheme: str, index: str) -> None:
    """Nothing is written at the source; an index that is missing or damaged is built in memory."""
    folder = source / ".tether/index"
    folder.chmod(0o755)
    for path in folder.iterdir() if index != "sound" else ():
        data = bytearray(path.read_bytes())
        path.unlink()
        if index == "damaged":
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
            path.chmod(0o444)
    folder.chmod(0o555)
    before = sorted(place.relative_to(source) for place in source.rglob("*"))

    assert barred(room, "clone", f"{scheme}{source}", "copy") == 0
    assert barred(room, "-C", "source", "status") == 0
    assert barred(room, "-C", "source", "fsck", "--full") == (7 if index == "damaged" else 0)

    for name, content in FILES.items():
        assert (room.work / "copy" / name).read_bytes() == content
    assert sorted(place.relative_to(source) for place in source.rglob("*")) == before
    if index != "damaged":
        assert room.json("-C", "copy", "fsck", "--full")["ok"]
