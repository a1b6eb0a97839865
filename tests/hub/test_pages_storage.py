"""The page of storage says what collecting garbage would free, once somebody let a job find out."""

import random
import re
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.hub.test_pages_settings import Browser
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import DAY, HubRoom

from tether.cli.commands._hub_jobs import _line
from tether.core.identity import Time
from tether.hub.jobs import kinds
from tether.hub.jobs.listing import list_jobs
from tether.hub.jobs.scheduler import Ran, Scheduler
from tether.hub.upkeep import Foreseen, chosen, collect, foresee

AT = "/ada/birds/settings/storage"


def run_due(hub: HubRoom) -> dict[str, Ran]:
    """Do what is due; return it by what was done."""
    return {ran.kind: ran for ran in Scheduler(hub.hub, "me", time.monotonic, threading.Event()).run_due()}


def test_what_collecting_would_free_is_found_when_somebody_asks(tmp_path: Path) -> None:
    """The figure is what a collection frees then; nothing is freed by asking, and nobody else may ask."""
    hub = HubRoom(tmp_path / "hub", gc_every_s=0)
    token = hub.user("ada")
    hub.repository(token, "ada/birds")
    ada, eve = Browser(hub, token), Browser(hub, hub.user("eve"))
    with closing(open_hosted(hub, "ada/birds")) as repository:
        commit_paths(repository, {b"README.md": b"# Birds\n"})
        commit_paths(repository, {b"gone.bin": random.Random(1).randbytes(200_000)}, branch="gone")
        with repository.transaction("branch -d") as transaction:
            transaction.set_ref("refs/heads/gone", None)
    assert "garbage" not in run_due(hub)  # nobody asked for it
    assert "Not looked at yet" in ada.look(AT)
    assert eve.send(f"{AT}/look").status == 404

    ada.change(f"{AT}/look")
    ada.change(f"{AT}/look")
    assert "Somebody looks now" in ada.look(AT)
    early = run_due(hub)["garbage"].message

    assert re.fullmatch(r"0 B would be freed; 20\d\.\d kB that no branch needs stays for 90 days", early)
    assert early in ada.look(AT)
    hub.now += 91 * DAY
    ada.change(f"{AT}/look")
    ran = run_due(hub)["garbage"]
    assert "garbage" not in run_due(hub)
    said = re.search(r"([\d.]+) kB would be freed", ada.look(AT))
    assert said is not None
    (row,) = chosen(hub.hub, ["ada/birds"])
    freed = collect(hub.hub, row).freed
    assert freed > 200_000
    assert float(said[1]) == pytest.approx(freed / 1000, abs=1)  # packs that are written again have heads
    assert ran.message == f"{said[1]} kB would be freed"
    hub.now += DAY
    ada.change(f"{AT}/look")
    run_due(hub)
    assert "0 B would be freed" in ada.look(AT)
    hub.close()


def test_who_asks_again_and_again_gets_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking while it is looked for gives no second turn, nor does time; asking soon after it is refused."""
    hub = HubRoom(tmp_path / "hub", gc_every_s=0)
    token = hub.user("ada", admin=True)
    hub.repository(token, "ada/birds")
    ada = Browser(hub, token)

    turns: list[Foreseen] = []

    def impatient(*given: Any) -> Foreseen:
        if not turns:
            ada.change(f"{AT}/look")
        turns.append(foresee(*given))
        return turns[-1]

    monkeypatch.setattr(kinds, "foresee", impatient)
    ada.change(f"{AT}/look")
    assert run_due(hub)["garbage"].message == "0 B would be freed"
    assert "garbage" not in run_due(hub)
    assert len(turns) == 1

    hub.now += DAY // 48
    refused = ada.send(f"{AT}/look")
    assert refused.status == 429
    assert b"ask again in 30 min" in refused.body
    assert "garbage" not in run_due(hub)

    assert [job["due"] for job in hub.ok("GET", "/jobs", token)["jobs"] if job["kind"] == "garbage"] == [None]
    assert "when asked for" in ada.look("/-/admin/jobs")
    with hub.hub.database.session(reads_only=True) as session:
        [job] = [each for each in list_jobs(session, hub.now) if each.kind == "garbage"]
    assert _line(job, Time(hub.now, 0)).endswith("; 0 B would be freed; next when asked for")
    hub.now += 400 * DAY
    assert "garbage" not in run_due(hub)
    ada.change(f"{AT}/look")
    assert "garbage" in run_due(hub)
    hub.close()
