"""Several hubs over one PostgreSQL and one folder of repositories, as processes of their own."""

import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.crowd import Client, check_files, messages, run_all
from tests.support.postgres import Cluster
from tests.support.proxy import Proxy
from tests.support.repos import commit_files, ticking
from tests.support.served import Served

from tether.core.progress import SILENT
from tether.repo.repository import Repository
from tether.sync.far import fill_far
from tether.sync.http import HttpClient
from tether.sync.hubend import HubEnd
from tether.sync.upload import upload
from tether.sync.wire import PushRequest, RefMove, RemoteRefs

MAIN = "refs/heads/main"


class Replicas:
    """Two hubs, ada with her repository `photos`, and a proxy in front of both."""

    def __init__(self, folder: Path, url: str) -> None:
        self.room = Room(folder / "keeper")
        self.options = ("--root", "hub", "--database", url)
        self.room.environ["TETHER_HUB_LOGIN_ATTEMPTS"] = "3"
        self.room.ok(
            "hub", "user", "add", "-q", "ada", "--password-stdin", *self.options, stdin=b"a password"
        )
        create = ("hub", "token", "create", "ada", "--scope", "admin", *self.options)
        self.token = self.room.ok(*create).strip()
        self.hubs = [Served(self.room, "--database", url) for _ in range(2)]
        self.proxy = Proxy([hub.url for hub in self.hubs])
        self.make("photos")

    def make(self, name: str) -> None:
        """Make a repository of ada's."""
        client = self.client(0)
        client.json("POST", "/api/v1/repos", {"owner": "ada", "name": name, "private": True})
        client.close()

    def client(self, number: int) -> HttpClient:
        """Return a client of one of the two."""
        return HttpClient(self.hubs[number].url, self.token)

    def end(self, number: int, name: str = "photos") -> HubEnd:
        """Return a repository on one of the two."""
        return HubEnd(self.client(number), "ada", name)

    def restart(self, number: int, *, away_s: float) -> None:
        """Kill one and start it again at the same port."""
        port = self.hubs[number].port
        self.hubs[number].kill()
        time.sleep(away_s)
        self.hubs[number] = Served(self.room, *self.options[2:], "--port", port)

    def clone(self, folder: Path) -> Repository:
        """Return a clone of the repository."""
        target = Repository.init(folder, clock=ticking(), bare=True)
        end = self.end(0)
        fill_far(end, target, "origin", None, SILENT)
        end.close()
        return target

    def fsck(self, name: str = "photos") -> list[str]:
        """Return the problems that a full check finds."""
        found = self.room.json("hub", "fsck", f"ada/{name}", "--full", *self.options)
        return [problem["message"] for problem in found[f"ada/{name}"]["problems"]]

    def recorded(self, name: str = "photos") -> Counter[str]:
        """Return how often the audit log has each new value of a ref."""
        found: Counter[str] = Counter()
        after, client = "", self.client(0)
        while rows := client.json("GET", f"/api/v1/repos/ada/{name}/audit?limit=100{after}"):
            found.update(row["details"]["new"] for row in rows if row["action"] == "ref.move")
            after = f"&before={rows[-1]['id']}"
        client.close()
        return found

    def close(self) -> None:
        """Stop everything that still runs."""
        self.proxy.close()
        for hub in self.hubs:
            if hub.process.poll() is None:
                hub.stop()


@pytest.fixture(scope="module")
def replicas(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    """Return two hubs that run."""
    with postgres.hub_database() as url:
        made = Replicas(tmp_path_factory.mktemp("replicas"), url)
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
    assert all(second.has_pack(name) for name in sent.packs)
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


def check_crowd(replicas: Replicas, clients: list[Client], copy: Path) -> None:
    """Fail unless what the clients were told and what the hubs have are one."""
    assert [bug for client in clients for bug in client.bugs] == []
    told = {message: end for client in clients for message, end in client.told.items()}
    assert set(told.values()) <= {"done", "unavailable"}
    cloned = replicas.clone(copy)
    heads = [head for name, head in cloned.root().refs.items() if name.startswith("refs/remotes/")]
    there: Counter[str] = Counter()
    for head in heads:
        check_files(cloned, head)
        there.update(messages(cloned, head))
    cloned.close()
    assert {message for message, end in told.items() if end == "done"} <= set(there)
    assert set(there.values()) == {1}
    assert replicas.fsck() == []
    recorded = replicas.recorded()
    assert (len(recorded), set(recorded.values())) == (len(there), {1})
