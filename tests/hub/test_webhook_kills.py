"""A hub that is killed while it sends: the delivery comes again, with its id, from whoever is there."""

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support.postgres import Cluster
from tests.support.receiver import Receiver
from tests.support.replicas import Replicas

LATER = "2026-01-31T12:01:00+00:00"
"""When the lease of a delivery from before has ended."""
SETTINGS = {"WEBHOOK_NETWORKS": "127.0.0.0/8", "WEBHOOK_TIMEOUT_S": "1"}
HOOKS = "/api/v1/repos/ada/photos/webhooks"


@pytest.fixture(params=["sqlite", "postgresql"])
def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replicas]:
    """Return a hub on SQLite, or two on PostgreSQL."""
    if request.param == "sqlite":
        with closing(Replicas(tmp_path, 1, settings=SETTINGS)) as made:
            yield made
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.hub_database() as url, closing(Replicas(tmp_path, 2, url, settings=SETTINGS)) as made:
        yield made


def ask(replicas: Replicas, number: int, method: str, path: str, body: object = None) -> Any:
    """Send one request to a hub."""
    with closing(replicas.client(number)) as client:
        return client.json(method, path, body)


def test_a_hub_is_killed_while_it_sends(replicas: Replicas) -> None:
    """All are killed with a request under way; one of those that start again sends it once more."""
    with closing(Receiver()) as receiver:
        receiver.gate.clear()
        wanted = {"url": receiver.url, "secret": "a-secret-of-16-or-more"}
        hook = ask(replicas, 0, "POST", HOOKS, wanted)["id"]
        sent = ask(replicas, 0, "POST", f"{HOOKS}/{hook}/ping")["id"]
        assert receiver.came.wait(30)
        for hub in replicas.hubs:
            hub.process.kill()
        receiver.gate.set()
        replicas.room.environ["TETHER_DATE"] = LATER
        for number in range(len(replicas.hubs)):
            replicas.restart(number, away_s=0.0)
        path = f"{HOOKS}/{hook}/deliveries/{sent}"

        deadline = time.monotonic() + 60
        while (found := ask(replicas, 0, "GET", path))["state"] != "delivered":
            assert time.monotonic() < deadline
            time.sleep(0.2)

        assert found["attempts"] == 2
        assert [json.loads(each.body)["delivery"] for each in receiver.received] == [sent, sent]
        assert receiver.received[1].is_signed_with(wanted["secret"])
