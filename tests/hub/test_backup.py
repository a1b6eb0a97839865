"""Backups of hubs that serve: whole at each moment, gone on with after a kill, verified when restored."""

import json
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import TETHER
from tests.support.crowd import Client, check_crowd, run_all
from tests.support.replicas import Replicas, collecting
from tests.support.repos import commit_files, ticking
from tests.support.served import Served

from tether.repo.repository import Repository
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove

MAIN = "refs/heads/main"


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    """Return a hub that collects garbage each second."""
    made = collecting(tmp_path)
    yield made
    made.close()


def push_some(replicas: Replicas, folder: Path, count: int, name: str = "photos") -> None:
    """Push so many commits of one file each."""
    local = Repository.init(folder, clock=ticking(), bare=True)
    end = replicas.end(0, name)
    old = None
    for number in range(count):
        data = random.Random(f"{folder.name}{number}").randbytes(300_000)
        new = commit_files(local, {f"{number}.bin": data}, f"{number}")
        sent = upload(end, local, [new], end.refs())
        end.push(PushRequest(bytes([number]) * 16, sent.packs, (RefMove(MAIN, old, new, False),)))
        old = new
    end.close()
    local.close()


def assert_whole(replicas: Replicas, backup: str, name: str) -> int:
    """Fail unless a hub restored from a backup is sound; return how many objects are in its repository."""
    replicas.room.do("hub", "restore", "-q", backup, "--root", name)
    found = json.loads(replicas.room.do("hub", "fsck", "--full", "--root", name, "--json"))
    assert [report["problems"] for report in found.values() if report["problems"]] == []
    return int(found["ada/photos"]["checked"])


def test_pushes_go_on_during_backups(replicas: Replicas, tmp_path: Path) -> None:
    """Each backup that is made beside pushes and gc gives a hub in which all that a ref reaches is there."""
    [folder] = (replicas.room.work / "hub/repositories").iterdir()
    (folder / "config.toml").write_text("[gc]\nretention = 0\n")
    url, clients, during = replicas.hubs[0].url, list[Client](), 0
    for wave in range(3):
        fresh = [Client(f"w{wave}-{number}", url, replicas.token, tmp_path) for number in range(3)]
        threads = run_all(fresh, 2)
        replicas.room.json("hub", "backup", "safe", "--root", "hub")
        during += any(thread.is_alive() for thread in threads)
        assert_whole(replicas, "safe", f"copy-{wave}")
        for thread in threads:
            thread.join()
        clients += fresh
    assert during
    assert check_crowd(replicas, clients, tmp_path / "copy") == 18

    replicas.room.json("hub", "backup", "safe", "--root", "hub")
    assert_whole(replicas, "safe", "last")
    hub = replicas.hubs[0]
    hub.stop()
    (replicas.room.work / "hub").rename(replicas.room.work / "lost")
    (replicas.room.work / "last").rename(replicas.room.work / "hub")
    replicas.hubs[0] = Served(replicas.room)
    clients = [Client("c9", replicas.hubs[0].url, replicas.token, tmp_path)]
    run_all(clients, 1)[0].join()
    assert clients[0].told == {"c9-0": "done"}


def test_a_backup_that_is_killed_goes_on(replicas: Replicas, tmp_path: Path) -> None:
    """Whenever it is killed, the folder has the backup before, and the next run copies the rest."""
    push_some(replicas, tmp_path / "mine", 2)
    first = replicas.room.json("hub", "backup", "safe", "--root", "hub")
    assert first["packs"] >= 4
    for number in range(10):
        replicas.make(f"more-{number}")
        push_some(replicas, tmp_path / f"more-{number}", 1, f"more-{number}")
    command = [str(TETHER), "hub", "backup", "safe", "--root", "hub", "-q"]
    for number in range(3):
        process = subprocess.Popen(command, cwd=replicas.room.work, env=replicas.room.environ)
        packs = replicas.room.work / "safe/repositories"
        before = len(list(packs.glob("*/packs/*")))
        while len(list(packs.glob("*/packs/*"))) < before + 4:
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
        process.wait()
        assert_whole(replicas, "safe", f"copy-{number}")
    there = len(list(packs.glob("*/packs/*")))
    last = replicas.room.json("hub", "backup", "safe", "--root", "hub")
    total = len(list(packs.glob("*/packs/*")))
    assert last["packs"] == total - there
    assert list(packs.glob("*/tmp/*")) == []
    assert replicas.room.json("hub", "backup", "safe", "--root", "hub")["packs"] == 0
    assert_whole(replicas, "safe", "copy-last")


def test_what_a_backup_refuses(replicas: Replicas, tmp_path: Path) -> None:
    """Damage is named and the rest restored; folders of others are left alone."""
    push_some(replicas, tmp_path / "mine", 2)
    room = replicas.room
    room.ok("hub", "backup", "safe", "--root", "hub")
    assert (room.work / "safe/hub.db").stat().st_mode & 0o777 == 0o600
    pack = sorted((room.work / "safe/repositories").glob("*/packs/*"))[0]
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.chmod(0o644)
    pack.write_bytes(data)
    found = room.json("hub", "restore", "safe", "--root", "new", code=7)
    assert f"pack {pack.stem[:12]}: its bytes are not those that were written" in found["problems"][0]

    room.write("other/a.txt", "mine")
    (room.work / "empty").mkdir()
    room.transcript("""
        $ tether hub backup other --root hub
        error: .../other has something else than a backup
        hint: give a new folder
        [2]
        $ tether hub backup hub/safe --root hub
        error: .../hub/safe is in the folder of the hub
        hint: choose a folder on another disk
        [2]
        $ tether hub restore safe --root other
        error: other is not empty
        hint: give a new folder
        [4]
        $ tether hub restore empty --root new2
        error: no whole backup of a hub in empty
        hint: run 'tether hub backup' again
        [3]
    """)
