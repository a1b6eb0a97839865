"""Garbage collection in a hub that serves: uploads under way, leftovers, runs by themselves."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.crowd import Client, check_crowd, run_all
from tests.support.replicas import Replicas, collecting
from tests.support.repos import commit_files, ticking

from tether.errors import NotFound
from tether.repo.repository import Repository
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove, RemoteRefs

MAIN = "refs/heads/main"


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    """Return a hub whose clock goes, with a run of gc each second."""
    made = collecting(tmp_path)
    yield made
    made.close()


def folder_of(replicas: Replicas) -> Path:
    """Return the folder of the only repository."""
    [folder] = (replicas.room.work / "hub/repositories").iterdir()
    return folder


def in_days(days: float) -> dict[str, str | None]:
    """Return an environment in which that many days have passed."""
    return {"TETHER_DATE": (datetime.now(UTC) + timedelta(days=days)).isoformat()}


def test_an_upload_under_way_is_left_alone(replicas: Replicas, tmp_path: Path) -> None:
    """Packs that arrived stay for the push to come, for a day; then pack and note go."""
    local = Repository.init(tmp_path / "mine", clock=ticking(), bare=True)
    commit = commit_files(local, {"a.txt": b"one\n", "b.bin": bytes(100_000)}, "one")
    end = replicas.end(0)
    sent = upload(end, local, [commit], RemoteRefs(None, {}))
    for days in (0.0, 0.9):
        replicas.room.ok("hub", "gc", *replicas.options, environ=in_days(days))
        assert all(end.has_packs(sent.packs))
    end.push(PushRequest(b"w" * 16, sent.packs, (RefMove(MAIN, None, commit, False),)))
    assert replicas.fsck() == []

    other = commit_files(local, {"c.bin": bytes(50_000)}, "two")
    sent = upload(end, local, [other], end.refs())
    replicas.room.ok("hub", "gc", *replicas.options, environ=in_days(1.1))
    assert not any(end.has_packs(sent.packs))
    assert list((folder_of(replicas) / "arrived").iterdir()) == []
    sent = upload(end, local, [other], end.refs())
    end.push(PushRequest(b"v" * 16, sent.packs, (RefMove(MAIN, commit, other, False),)))
    end.close()
    local.close()
    assert replicas.fsck() == []


def test_pushes_go_on_while_garbage_is_collected(replicas: Replicas, tmp_path: Path) -> None:
    """No push fails and nothing is lost although nothing is kept for undo, by the hub and by command."""
    (folder_of(replicas) / "config.toml").write_text("[gc]\nretention = 0\n")
    clients = [Client(f"c{number}", replicas.hubs[0].url, replicas.token, tmp_path) for number in range(3)]
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            replicas.room.ok("hub", "gc", *replicas.options)

    collector = threading.Thread(target=collect)
    collector.start()
    for thread in run_all(clients, 4):
        thread.join()
    done.set()
    collector.join()
    assert {end for client in clients for end in client.told.values()} == {"done"}
    assert check_crowd(replicas, clients, tmp_path / "copy") == 12


def test_the_hub_collects_by_itself(replicas: Replicas, tmp_path: Path) -> None:
    """What no ref needs goes without a command."""
    (folder_of(replicas) / "config.toml").write_text("[gc]\nretention = 0\n")
    local = Repository.init(tmp_path / "mine", clock=ticking(), bare=True)
    commit = commit_files(local, {"a.bin": bytes(range(256)) * 400}, "one")
    end = replicas.end(0)
    sent = upload(end, local, [commit], RemoteRefs(None, {}))
    end.push(PushRequest(b"w" * 16, sent.packs, (RefMove(MAIN, None, commit, False),)))
    end.push(PushRequest(b"v" * 16, (), (RefMove(MAIN, commit, None, True),)))
    deadline = time.monotonic() + 30
    while end.have([commit]) == [True]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    with pytest.raises(NotFound):
        end.objects([commit], lambda _: None)
    end.close()
    local.close()
    assert replicas.fsck() == []
