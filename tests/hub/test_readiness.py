"""Whether a hub says that it is ready when nothing can be written where uploads go."""

import errno
import logging
import os
from pathlib import Path
from threading import Event, Thread

import pytest
from obstore.store import MemoryStore
from tests.support.hub import HubRoom
from tests.support.smalldisk import fill, small_disk

from tether.errors import Unavailable
from tether.hub.writable import Writable
from tether.storage.objectclient import Stores
from tether.storage.objectstore import ObjectBackend


class Disk:
    """Lets bringing a file to the disk fail, or hang, and counts how often that is tried."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.number: int | None = None
        self.tries, self.now_s = 0, 100.0
        self.reached, self.goes_on = Event(), Event()
        self.goes_on.set()
        self.writable = Writable(5.0, lambda: self.now_s)
        patch.setattr(os, "fsync", self._fsync)

    def _fsync(self, _: int) -> None:
        self.tries += 1
        self.reached.set()
        assert self.goes_on.wait(20)
        if self.number is not None:
            raise OSError(self.number, os.strerror(self.number))


def test_a_hub_whose_disk_is_full_is_not_ready(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It lives, and says nothing of where its disk is; with room again it is ready soon after."""
    disk = tmp_path / "disk"
    with small_disk(disk, 8 << 20):
        room, now_s = HubRoom(disk / "hub"), 100.0
        object.__setattr__(room.hub, "writable", Writable(5.0, lambda: now_s))
        assert room.call("GET", "/readyz").status == 200
        fill(disk / "filler", 8 << 10)
        now_s += 4
        assert room.call("GET", "/readyz").status == 200
        now_s += 1
        with caplog.at_level(logging.ERROR, "tether.hub"):
            reply = room.call("GET", "/readyz")
        assert (reply.status, reply.code) == (503, "unavailable")
        assert reply.json["error"]["message"] == "the hub has no room left on its disk"
        assert reply.headers["retry-after"] == "2"
        assert str(disk).encode() not in reply.body
        assert (
            f"{reply.headers['x-request-id']} failed: cannot write to {disk}/hub/repositories" in caplog.text
        )
        assert room.call("GET", "/healthz").status == 200

        (disk / "filler").unlink()
        assert room.call("GET", "/readyz").status == 503
        now_s += 5
        assert room.call("GET", "/readyz").status == 200
        assert list((disk / "hub/repositories").iterdir()) == []
        room.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Whatever the system says; it is asked every five seconds at most, and nothing is left."""
    disk = Disk(monkeypatch)
    disk.writable.require(tmp_path)
    disk.number = number
    for _ in range(2):
        disk.writable.require(tmp_path)
    assert disk.tries == 1
    disk.now_s += 5
    for _ in range(2):
        with pytest.raises(Unavailable, match=os.strerror(number)) as found:
            disk.writable.require(tmp_path)
        assert found.value.of_storage
        assert isinstance(found.value.__cause__, OSError)
    assert disk.tries == 2
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    """As when nothing is mounted: it is not made anew elsewhere."""
    with pytest.raises(Unavailable, match="cannot write to"):
        Writable().require(tmp_path / "uploads")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only one asks it; others are answered at once, first by what was, then that it takes long."""
    disk = Disk(monkeypatch)
    disk.writable.require(tmp_path)
    disk.reached.clear()
    disk.goes_on.clear()
    disk.now_s += 5
    stuck = Thread(target=disk.writable.require, args=(tmp_path,))
    stuck.start()
    assert disk.reached.wait(10)

    disk.now_s += 10
    disk.writable.require(tmp_path)
    disk.now_s += 1
    with pytest.raises(Unavailable, match="takes longer than 10 seconds"):
        disk.writable.require(tmp_path)
    disk.goes_on.set()
    stuck.join()
    disk.writable.require(tmp_path)
    assert disk.tries == 3


def test_with_a_bucket_it_is_the_folder_of_uploads(tmp_path: Path) -> None:
    """That is where packs lie until they are sent there; one that is gone is no page that is missing."""
    store = MemoryStore()
    bucket = ObjectBackend(Stores("s3://data", store, store))
    room = HubRoom(tmp_path / "hub", open_bucket=lambda _: bucket, storage="s3://data/hub")
    (tmp_path / "hub/uploads").rmdir()

    reply = room.call("GET", "/readyz")

    assert (reply.status, reply.json["error"]["message"]) == (503, "the hub cannot use its storage now")
    room.close()
