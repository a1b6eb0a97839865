"""Workers in processes of their own, beside a hub that leaves the jobs to them."""

import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.postgres import Cluster
from tests.support.receiver import Receiver
from tests.support.served import Served
from tests.support.workers import Workplace

from tether.sync.http import HttpClient

HOOKS = "/api/v1/repos/ada/r0/webhooks"


@pytest.fixture(params=["sqlite", "postgresql"])
def workplace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workplace]:
    """Return a hub with two repositories, on each database in turn."""
    if request.param == "sqlite":
        yield Workplace(tmp_path, "", 2)
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.hub_database() as url:
        yield Workplace(tmp_path, url, 2)


def done(log: str) -> list[str]:
    """Return the jobs of which a log says that they were done."""
    return re.findall(r"^job (.*): done in", log, re.M)


def test_workers_share_what_a_hub_leaves_to_them(workplace: Workplace) -> None:
    """Each job is done once by one of two, also what webhooks are told; the hub does none, and shows all."""
    workplace.room.environ |= {
        "TETHER_HUB_JOBS": "elsewhere",
        "TETHER_HUB_WEBHOOK_NETWORKS": "127.0.0.0/8",
    }
    hub = Served(workplace.room, *workplace.database)
    with closing(Receiver()) as receiver, closing(HttpClient(hub.url, workplace.token)) as client:
        wanted = {"url": receiver.url, "secret": "a-secret-of-16-or-more"}
        hook = client.json("POST", HOOKS, wanted)["id"]
        client.json("POST", f"{HOOKS}/{hook}/ping")
        assert client.json("GET", "/api/v1/jobs")["deliveries"]["waiting"] == 1
        workers = [workplace.worker() for _ in range(2)]
        names = list(workplace.listed())
        for name in names:
            workplace.await_job(name, lambda job: job["outcome"] is not None)
        assert receiver.came.wait(30)
        seen = client.json("GET", "/api/v1/jobs")["jobs"]
        logs = []
        for worker in workers:
            code, log = worker.stop()
            assert code == 0, log
            logs.append(log)

        assert len(names) == 14
        assert Counter(done("".join(logs))) == Counter(
            f"{job['kind']} of {job['repository']}" if job["repository"] else job["kind"] for job in seen
        )
        assert {job["worker"] for job in seen} <= {worker.said["worker"] for worker in workers}
        assert len(receiver.received) == 1
    code, log = hub.stop()
    assert (code, "job " in log) == (0, False)


def test_a_worker_ends_in_the_middle_of_a_job(workplace: Workplace) -> None:
    """One that was killed is followed by another when its lease ends; one that is told to stop, at once."""
    with workplace.in_use("r0"):
        killed = workplace.worker()
        job = workplace.await_job("gc ada/r0", lambda job: job["state"] == "running")
        assert job["worker"] == killed.said["worker"]
        killed.kill()
        assert workplace.listed()["gc ada/r0"]["state"] == "running"
        workplace.later(8 * 86_400 + 61)
        stopped = workplace.worker()
        workplace.await_job("gc ada/r0", lambda job: job["worker"] == stopped.said["worker"])
        code, log = stopped.stop(signal.SIGINT)
        assert (code, "job gc of ada/r0: parked" in log) == (0, True)

    assert workplace.listed()["gc ada/r0"]["state"] == "waiting"
    ran = {f"{each['kind']} {each['repository']}": each["outcome"] for each in workplace.once()["jobs"]}
    assert ran["gc ada/r0"] == "done"
    assert {job["outcome"] for job in workplace.listed().values()} == {"done"}
    assert workplace.once() == {"jobs": [], "sent": 0}


def test_what_people_read(tmp_path: Path) -> None:
    """The commands tell what was done and what comes next; damage is in the exit code."""
    place = Workplace(tmp_path, "", 1)
    place.room.transcript("""
        $ tether hub work --once --root hub
        ...
        gc of ada/r0: done in ... ms: freed 0 B
        ...
        10 jobs done, 0 deliveries sent
        $ tether hub jobs --root hub
        count: done just now in ... ms; next in 1 h 00 min
        ...
        purge: done just now in ... ms; 0 removed; next in 1 h 00 min
        ...
        webhooks: 0 deliveries waiting
        $ tether hub jobs --root hub --outcome failed
        webhooks: 0 deliveries waiting
    """)
    (place.room.work / "hub/repositories/00ff").mkdir()
    place.later(9 * 86_400 + 1)
    result = place.room.run("hub", "work", "--once", "--root", "hub")
    assert (result.code, "strays: damaged" in result.out) == (7, True)
    assert place.room.json("hub", "jobs", "--root", "hub", "--outcome", "damaged", code=7)["jobs"]


def test_a_worker_without_a_database(tmp_path: Path) -> None:
    """It tells at the start, with the exit code of what is away."""
    room = Room(tmp_path)
    result = room.run("hub", "work", "--root", "hub", "--database", f"sqlite:///{tmp_path}/none/hub.db")
    assert (result.code, "cannot open the database" in result.err) == (8, True)
