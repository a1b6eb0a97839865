"""Forks while the hub collects garbage and is killed: each is whole or was never there."""

import random
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.support.replicas import Replicas, collecting
from tests.support.repos import commit_files, ticking

from tether.errors import AlreadyExists, NotFound, TetherError
from tether.repo.repository import Repository
from tether.sync.http import HttpClient, HttpOptions
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove

MAIN = "refs/heads/main"
FORKS = "/api/v1/repos/ada/photos/forks"


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[Replicas]:
    """Return a hub that collects garbage each second."""
    made = collecting(tmp_path)
    yield made
    made.close()


def test_kills_while_forking(replicas: Replicas, tmp_path: Path) -> None:
    """Whenever it comes; afterwards the same fork can be made, and all of it is sound."""
    local = Repository.init(tmp_path / "local", clock=ticking(), bare=True)
    tip = None
    with closing(replicas.end(0)) as end:
        for number in range(8):
            new = commit_files(local, {f"{number}": random.Random(number).randbytes(20_000)}, "c")
            sent = upload(end, local, [new], end.refs())
            end.push(PushRequest(number.to_bytes(16, "big"), sent.packs, (RefMove(MAIN, tip, new, False),)))
            tip = new
    for number, away_s in enumerate((0.02, 0.1)):
        name = f"fork{number}"
        body = {"owner": "ada", "name": name}

        def fork(body: dict[str, str] = body) -> None:
            client = HttpClient(replicas.hubs[0].url, replicas.token, HttpOptions(tries=1))
            with closing(client), suppress(TetherError):
                client.json("POST", FORKS, body)

        thread = threading.Thread(target=fork)
        thread.start()
        thread.join(away_s)
        replicas.restart(0, away_s=0.0)
        thread.join()
        with closing(replicas.client(0)) as client:
            try:
                client.json("GET", f"/api/v1/repos/ada/{name}")
                with pytest.raises(AlreadyExists):
                    client.json("POST", FORKS, body)
            except NotFound:
                client.json("POST", FORKS, body)
        with closing(replicas.end(0, name)) as end:
            assert end.refs().refs == {MAIN: tip}
    found = replicas.room.json("hub", "fsck", "--full", *replicas.options)
    assert len(found) == 3
    assert [report["problems"] for report in found.values() if report["problems"]] == []
