"""Several hubs over one PostgreSQL and one folder of repositories, as processes of their own."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.crowd import Client, check_crowd, run_all
from tests.support.postgres import Cluster
from tests.support.replicas import Replicas
from tests.support.repos import commit_files, ticking

from tether.repo.repository import Repository
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove, RemoteRefs

MAIN = "refs/heads/main"


@pytest.fixture(scope="module")
def replicas(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Return two hubs that run."""
    with postgres.hub_database() as url:
        made = Replicas(tmp_path_factory.mktemp("replicas"), 2, url, settings={"LOGIN_ATTEMPTS": "3"})
        yield made
        made.close()


def test_wrong_passwords_count_for_both(replicas: Replicas) -> None:
    """Who guessed too often at one is refused at the other."""
    body = {"user": "ada", "password": "wrong"}
    codes = []
    for number in (0, 1, 0, 1, 0):
        request = urllib.request.Request(
            f"{replicas.hubs[number].url}/api/v1/login",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with pytest.raises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(request, timeout=30)
        codes.append(failure.value.code)
        failure.value.close()

    assert codes == [401, 401, 401, 429, 429]


def test_a_push_through_both(replicas: Replicas, tmp_path: Path) -> None:
    """Packs that came to one are there for the other, which ends the push; both then say the same."""
    local = Repository.init(tmp_path / "mine", clock=ticking(), bare=True)
    commit = commit_files(local, {"a.txt": b"one\n", "b.bin": bytes(100_000)}, "one")
    replicas.make("other")
    first, second = replicas.end(0, "other"), replicas.end(1, "other")
    sent = upload(first, local, [commit], RemoteRefs(None, {}))
    assert all(second.has_packs(sent.packs))
    request = PushRequest(b"w" * 16, sent.packs, (RefMove(MAIN, None, commit, False),))

    second.push(request)
    first.push(request)  # the same push again, as after a lost reply

    assert first.refs() == second.refs()
    assert first.refs().refs == {MAIN: commit}
    assert replicas.recorded("other") == {commit.hex(): 1}
    assert replicas.fsck("other") == []
    for end in (first, second):
        end.close()


def test_a_crowd_while_replicas_and_the_database_restart(
    replicas: Replicas, postgres: Cluster, tmp_path: Path
) -> None:
    """Every client ends with success or a clear error; what it was told is what the hubs have, each once."""
    folder = tmp_path / "clients"
    folder.mkdir()
    clients = [
        Client(f"c{number}", replicas.proxy.url, replicas.token, folder, f"b{number % 3}")
        for number in range(8)
    ]
    threads = run_all(clients, rounds=3)
    time.sleep(0.5)
    replicas.restart(0, away_s=0.3)
    postgres.stop(crash=True)
    time.sleep(0.3)
    postgres.start()
    replicas.restart(1, away_s=0.3)
    for thread in threads:
        thread.join()

    check_crowd(replicas, clients, tmp_path / "copy")
    assert sum(len(client.told) for client in clients) == 24
    assert sum(client.counts["cloned"] for client in clients) > 0
