"""Refs on a hub are linearizable: whatever breaks, clients see what a single register could have done."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from tests.support.linear import Outcome, Recorder, Value, linearizable
from tests.support.postgres import Cluster
from tests.support.replicas import Replicas
from tests.support.repos import ADA, ticking

from tether.core.digest import Digest, parse_digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE
from tether.errors import AlreadyExists, Conflict, Unavailable
from tether.repo.repository import Repository
from tether.sync.exchange import PushOptions
from tether.sync.far import push_far
from tether.sync.http import HttpClient, HttpOptions
from tether.sync.hubend import HubEnd
from tether.sync.wire import PushRequest, RefMove

REFS = ("refs/heads/main", "refs/heads/side")
CLIENTS, TURNS = 5, 24


@contextmanager
def made(kind: str, folder: Path, request: pytest.FixtureRequest) -> Iterator[Replicas]:
    """Make one hub on SQLite or two on PostgreSQL, behind a proxy that breaks connections."""
    if kind == "sqlite":
        with closing(Replicas(folder, 1, cut=0.02, lose=0.05)) as replicas:
            yield replicas
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.hub_database() as url, closing(Replicas(folder, 2, url, cut=0.02, lose=0.05)) as replicas:
        yield replicas


def send_commits(replicas: Replicas, folder: Path, count: int) -> list[str]:
    """Bring commits to the repository, on a branch of their own, and return their ids."""
    local = Repository.init(folder, clock=ticking(), bare=True)
    found: list[Digest] = []
    with local.transaction("commit") as transaction:
        for number in range(count):
            now = local.clock()
            commit = Commit(EMPTY_TREE, tuple(found[-1:]), ADA, now, ADA, now, f"{number}")
            found.append(transaction.objects.put(ObjectKind.COMMIT, commit.encode()))
        transaction.set_ref("refs/heads/pool", found[-1])
    end = replicas.end(0)
    push_far(local, end, "origin", PushOptions(("pool",)))
    end.close()
    local.close()
    return [digest.hex() for digest in found]


class Client(threading.Thread):
    """Reads refs and swaps them, each time for a commit that nobody else uses, or for nothing."""

    def __init__(self, number: int, replicas: Replicas, commits: list[str], recorder: Recorder) -> None:
        super().__init__(name=f"client {number}")
        self.number, self.commits, self.recorder = number, commits, recorder
        self.bugs: list[BaseException] = []
        self._random = random.Random(number)
        options = HttpOptions(tries=2, progress_s=20.0, sleep=lambda _: time.sleep(0.02))
        self._http = HttpClient(replicas.proxy.url, replicas.token, options)
        self._end = HubEnd(self._http, "ada", "photos")

    def run(self) -> None:
        """Take all turns."""
        try:
            seen: dict[str, Value] = dict.fromkeys(REFS)
            for commit in self.commits:
                ref = self._random.choice(REFS)
                if self._random.random() < 0.7:
                    seen = self._read() or seen
                new = commit if self._random.random() < 0.85 else None
                swap = partial(self._swap, ref, seen[ref], new)
                outcome = self.recorder.swap(self.number, ref, seen[ref], new, swap)
                if outcome is Outcome.DONE:
                    seen[ref] = new
                elif outcome is Outcome.UNKNOWN:
                    self._wait()
        except BaseException as error:
            self.bugs.append(error)
        finally:
            self._end.close()

    def _read(self) -> dict[str, Value] | None:
        try:
            return self.recorder.read(self.number, self._refs)
        except Unavailable:
            return None

    def _wait(self) -> None:
        """Wait until a hub answers."""
        for _ in range(400):
            with suppress(Unavailable):
                self._http.json("GET", "/readyz")
                return
            time.sleep(0.05)

    def _refs(self) -> dict[str, Value]:
        found = self._end.refs().refs
        return {ref: found[ref].hex() if ref in found else None for ref in REFS}

    def _swap(self, ref: str, expected: Value, new: Value) -> Outcome:
        old, target = (parse_digest(value) if value else None for value in (expected, new))
        try:
            self._end.push(PushRequest(os.urandom(16), (), (RefMove(ref, old, target, True),)))
        except (Conflict, AlreadyExists):
            return Outcome.REFUSED
        except Unavailable:
            return Outcome.UNKNOWN
        return Outcome.DONE


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_refs_are_linearizable(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Under lost replies, cut requests, hubs that are killed and a database that restarts."""
    recorder = Recorder()
    with made(kind, tmp_path, request) as replicas:
        commits = send_commits(replicas, tmp_path / "pool", CLIENTS * TURNS)
        clients = [Client(number, replicas, commits[number::CLIENTS], recorder) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        replicas.restart(0, away_s=0.1)
        if kind == "postgresql":
            cluster: Cluster = request.getfixturevalue("postgres")
            cluster.stop(crash=True)
            cluster.start()
        for client in clients:
            client.join()
        assert replicas.proxy.counts["lost"] > 0
        assert replicas.proxy.counts["cut"] > 0
        assert replicas.fsck() == []

    assert [bug for client in clients for bug in client.bugs] == []
    told = [each.outcome for history in recorder.histories.values() for each in history if not each.reads]
    assert all(told.count(outcome) for outcome in Outcome)
    assert told.count(Outcome.DONE) > CLIENTS * TURNS / 4
    for ref, history in recorder.histories.items():
        assert linearizable(history), ref
