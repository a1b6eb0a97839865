"""Two hubs over one PostgreSQL and one S3 server that fails; each hub has a folder of its own."""

import random
import time
from pathlib import Path

from tests.support.crowd import Client, check_crowd, run_all
from tests.support.faultproxy import Call, Fault, before
from tests.support.postgres import Cluster
from tests.support.replicas import Replicas
from tests.support.s3 import s3_server

FAULTS = [fault for fault in Fault if fault != Fault.STALLED]


def test_a_crowd_while_a_replica_restarts_and_the_bucket_fails(postgres: Cluster, tmp_path: Path) -> None:
    """Every client ends with success or a clear error; what it was told is in the bucket, each once."""
    server = s3_server()
    chance = random.Random(5)
    folder = tmp_path / "clients"
    folder.mkdir()
    storage = f"s3://{server.bucket}/{server.new_prefix()}"
    with postgres.hub_database() as url, before(server.url) as bucket:
        environ = server.environment(url=bucket.url)
        settings = {"STORAGE": storage}
        replicas = Replicas(tmp_path / "hubs", 2, url, settings=settings, environ=environ, apart=True)

        def rule(number: int, _call: Call) -> Fault | None:
            return chance.choice(FAULTS) if number % 10 == 9 else None

        bucket.rule = rule
        clients = [
            Client(f"c{number}", replicas.proxy.url, replicas.token, folder, f"b{number % 2}")
            for number in range(4)
        ]
        threads = run_all(clients, rounds=2)
        time.sleep(0.5)
        replicas.restart(0, away_s=0.3)
        for thread in threads:
            thread.join()
        bucket.rule = lambda _number, _call: None

        check_crowd(replicas, clients, tmp_path / "copy")
        assert sum(len(client.told) for client in clients) == 8
        assert bucket.faults
        assert not list((tmp_path / "hubs").rglob("*.pack"))
        replicas.close()
