"""A hub that is told to stop while a pack is on its way to it."""

import http.client
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.support.replicas import Replicas
from tests.support.repos import commit_files, ticking

from tether.core.digest import Digest
from tether.repo.packs import pack_key
from tether.repo.repository import Repository


@pytest.fixture
def pack(tmp_path: Path) -> tuple[Digest, bytes]:
    """Return a pack and its name."""
    local = Repository.init(tmp_path / "mine", clock=ticking(), bare=True)
    commit_files(local, {"a.bin": bytes(range(256)) * 4000}, "one")
    [name] = local.root().data_packs
    data = local.backend.read(pack_key(name))
    local.close()
    return name, data


def begin(replicas: Replicas, name: Digest, data: bytes) -> http.client.HTTPConnection:
    """Send the first half of a pack."""
    host = urlsplit(replicas.hubs[0].url).netloc
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.putrequest("PUT", f"/api/v1/repos/ada/photos/transfer/packs/{name.hex()}")
    connection.putheader("Authorization", f"Bearer {replicas.token}")
    connection.putheader("Content-Length", str(len(data)))
    connection.endheaders(data[: len(data) // 2])
    [folder] = (replicas.room.work / "hub/repositories").iterdir()
    deadline = time.monotonic() + 30
    while not any((folder / "tmp").glob("*")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return connection


def test_a_transfer_is_brought_to_its_end(tmp_path: Path, pack: tuple[Digest, bytes]) -> None:
    """What is under way when SIGTERM comes is answered, and the pack is there then."""
    name, data = pack
    with closing(Replicas(tmp_path, 1)) as replicas:
        connection = begin(replicas, name, data)
        replicas.hubs[0].process.terminate()
        time.sleep(0.3)
        connection.send(data[len(data) // 2 :])
        assert connection.getresponse().status == 204
        connection.close()

        assert replicas.hubs[0].process.wait(timeout=30) == 0
        replicas.restart(0, away_s=0.0)
        with closing(replicas.end(0)) as end:
            assert end.has_packs([name])[0]


def test_a_transfer_that_takes_too_long_is_parked(tmp_path: Path, pack: tuple[Digest, bytes]) -> None:
    """After `shutdown_s` the hub ends; nothing of the half stays, and the pack can be sent again."""
    name, data = pack
    with closing(Replicas(tmp_path, 1, settings={"SHUTDOWN_S": "1"})) as replicas:
        connection = begin(replicas, name, data)
        replicas.hubs[0].process.terminate()

        assert replicas.hubs[0].process.wait(timeout=30) == 0
        connection.close()
        [folder] = (replicas.room.work / "hub/repositories").iterdir()
        assert list((folder / "tmp").iterdir()) == []
        replicas.restart(0, away_s=0.0)
        with closing(replicas.end(0)) as end:
            assert not end.has_packs([name])[0]
            end.put_pack(name, data)
            assert end.has_packs([name])[0]
