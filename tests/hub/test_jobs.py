"""What a hub does from time to time: who takes it up, how it ends, who sees that."""

import errno
import itertools
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import delete, select, update
from tests.support.hub import DAY, SECOND, HubRoom
from tests.support.repos import commit_files
from tests.support.statements import statements

from tether.hub.database.jobs import Job
from tether.hub.database.models import RepositoryRow
from tether.hub.jobs.enrolling import enrol
from tether.hub.jobs.halting import Halt
from tether.hub.jobs.kinds import KINDS, Turn
from tether.hub.jobs.scheduler import Ran, Scheduler, scheduling
from tether.hub.jobs.turns import LEASE_S, Outcome, Result, claim, end, renew
from tether.hub.repositories import open_repository
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.storage.oserrors import translate

TOKEN = "a token for the metrics"
ALWAYS = {"count", "deliveries", "places", "purge", "strays", "workspaces"}
OWN = {"facts", "gc", "pulls", "verify"}
"""What each repository has."""


def run_due(room: HubRoom, monotonic: Callable[[], float] = time.monotonic) -> list[Ran]:
    """Do what is due."""
    return list(Scheduler(room.hub, "me", monotonic, threading.Event()).run_due())


def jobs(room: HubRoom) -> dict[str, Job]:
    """Return the rows by what they are about."""
    with room.hub.database.session() as session:
        rows = session.scalars(select(Job)).all()
    return {f"{row.kind} {row.repository.name}" if row.repository else row.kind: row for row in rows}


def opened(room: HubRoom, name: str) -> Repository:
    """Open a repository in the hub."""
    with room.hub.database.session() as session:
        row = session.scalars(select(RepositoryRow).where(RepositoryRow.name == name)).one()
    return open_repository(room.hub, row)


@pytest.fixture
def photos(hub: HubRoom) -> HubRoom:
    """Return a hub with `ada/photos`, whose first turns are a week ago; nothing is done yet."""
    hub.repository(hub.user("ada", admin=True), "ada/photos")
    repository = opened(hub, "photos")
    commit_files(repository, {"a.bin": bytes(range(256)) * 400}, "one")
    repository.close()
    enrol(hub.hub)
    hub.now += 8 * DAY
    return hub


def test_each_job_is_done_once_a_turn(photos: HubRoom) -> None:
    """What is due is done in the order in which it came due, then nothing is until the next turn."""
    ran = run_due(photos)

    assert sorted(each.name for each in ran) == sorted([*ALWAYS, *(f"{kind} of ada/photos" for kind in OWN)])
    assert {each.outcome for each in ran} == {Outcome.DONE}
    assert run_due(photos) == []
    photos.now += 3600 * SECOND
    assert {each.name for each in run_due(photos)} == ALWAYS - {"strays"}


def test_two_at_once_share_the_jobs(photos: HubRoom) -> None:
    """No job is done by both."""
    found: list[Ran] = []

    def work() -> None:
        found.extend(run_due(photos))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == len({each.name for each in found}) == 10


def test_a_job_belongs_to_one_worker_as_long_as_it_lives(photos: HubRoom) -> None:
    """Nobody takes up what is kept; once the lease ended somebody does, and the first one changes nothing."""
    first = claim(photos.hub, "first", photos.now)
    assert first is not None
    for _ in range(3):
        photos.now += (LEASE_S - 1) * SECOND
        assert renew(photos.hub, first)
    others = [each for _ in range(9) if (each := claim(photos.hub, "other", photos.now)) is not None]
    assert first.id not in {each.id for each in others}

    photos.now += LEASE_S * SECOND
    again = {each.id: each for _ in range(9) if (each := claim(photos.hub, "other", photos.now)) is not None}
    assert again[first.id].claims == first.claims + 1
    assert not renew(photos.hub, first)
    assert not end(photos.hub, first, Result(Outcome.DONE, "mine"), every_s=1, took=1)
    assert end(photos.hub, again[first.id], Result(Outcome.DONE, "theirs"), every_s=1, took=1)
    with photos.hub.database.session() as session:
        assert session.get_one(Job, first.id).message == "theirs"


def test_where_storage_is_only_the_log_tells(
    photos: HubRoom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Those who have a repository see how its jobs ended, and others than they run the hub."""

    def failing(code: int) -> Callable[[Turn], Result]:
        def work(_: Turn) -> Result:
            raise translate(OSError(code, "as told"), "/srv/hub/x")

        return work

    codes = {"gc": errno.EACCES, "verify": errno.EIO}
    for kind, code in codes.items():
        monkeypatch.setitem(KINDS, kind, KINDS[kind]._replace(work=failing(code)))
    ran = {each.name: each for each in run_due(photos)}

    told = "the hub could not use its storage, see the log"
    for kind in codes:
        assert ran[f"{kind} of ada/photos"][2:4] == (Outcome.FAILED, told)
        assert jobs(photos)[f"{kind} photos"].message == told
        assert re.search(f"the job {kind} of ada/photos cannot use storage: .*/srv/hub/x", caplog.text)


def test_who_lost_a_job_ends_its_work(photos: HubRoom) -> None:
    """The work learns of it at its next step."""
    job = claim(photos.hub, "me", photos.now)
    assert job is not None
    halt = Halt(threading.Event(), time.monotonic)
    with halt.kept(photos.hub, job, every_s=0.01):
        time.sleep(0.05)
        assert not halt.is_set()
        with photos.hub.database.session() as session:
            session.execute(update(Job).where(Job.id == job.id).values(claims=Job.claims + 1))
        deadline = time.monotonic() + 30
        while not halt.is_set():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_job_that_ends_workers_is_given_up(photos: HubRoom) -> None:
    """After three of them it waits for its next turn, as failed."""
    with photos.hub.database.session() as session:
        session.execute(update(Job).where(Job.kind != "gc").values(due=photos.now + DAY))
    for _ in range(3):
        assert claim(photos.hub, "gone", photos.now) is not None
        photos.now += LEASE_S * SECOND

    [ran] = run_due(photos)

    assert (ran.outcome, ran.message) == (Outcome.FAILED, "3 workers ended in the middle of it")
    assert jobs(photos)["gc photos"].due == photos.now + DAY
    photos.now += DAY
    assert Outcome.DONE in {each.outcome for each in run_due(photos) if each.kind == "gc"}


def test_a_repository_that_is_in_use_is_tried_again_soon(photos: HubRoom) -> None:
    """After a minute the worker does something else; damage that was found stays told."""
    seconds = itertools.count(0.0, 10.0)
    repository = opened(photos, "photos")
    with photos.hub.database.session() as session:
        session.execute(update(Job).where(Job.kind == "gc").values(outcome="damaged", message="a hole"))
    with repository.lock("writer", "test").shared():
        ran = {each.kind: each for each in run_due(photos, lambda: next(seconds))}
    repository.close()

    assert (ran["gc"].outcome, ran["verify"].outcome) == (Outcome.FAILED, Outcome.DONE)
    assert "in use" in ran["gc"].message
    row = jobs(photos)["gc photos"]
    assert (row.outcome, row.message, row.due) == ("damaged", "a hole", photos.now + 300 * SECOND)
    photos.now += 300 * SECOND
    assert [(each.kind, each.outcome) for each in run_due(photos)] == [("gc", Outcome.DONE)]
    assert jobs(photos)["gc photos"].outcome == "done"


def test_jobs_come_and_go_with_repositories(photos: HubRoom) -> None:
    """A deleted one has none, a restored one has some again; when it is removed for good they are gone."""
    ada = photos.token("ada")
    assert set(jobs(photos)) == ALWAYS | {f"{kind} photos" for kind in OWN}
    photos.ok("DELETE", "/repos/ada/photos", ada)
    enrol(photos.hub)
    assert set(jobs(photos)) == ALWAYS
    photos.ok("POST", "/repos/ada/photos/restore", ada)
    enrol(photos.hub)
    assert set(jobs(photos)) == ALWAYS | {f"{kind} photos" for kind in OWN}
    photos.ok("DELETE", "/repos/ada/photos", ada)
    photos.now += 31 * DAY

    assert [each.message for each in run_due(photos) if each.kind == "purge"] == ["1 removed"]
    assert list(photos.hub.settings.repositories.iterdir()) == []


def test_jobs_are_those_that_settings_want(tmp_path: Path) -> None:
    """0 turns one off, and another time between turns holds at once."""
    room = HubRoom(tmp_path / "hub", verify_every_s=90 * 86_400, gc_every_s=86_400)
    ada = room.user("ada")
    for number in range(40):  # of 20, one run of 150 had none in the first or last quarter
        room.repository(ada, f"ada/r{number}")
    enrol(room.hub)
    dues = [job.due - room.now for name, job in jobs(room).items() if name.startswith("gc")]
    assert 0 <= min(dues) < DAY / 4 < 3 * DAY / 4 < max(dues) < DAY
    room.close()

    room = HubRoom(tmp_path / "hub", verify_every_s=86_400, gc_every_s=0)
    enrol(room.hub)
    found = jobs(room)
    assert {name.partition(" ")[0] for name in found} == ALWAYS | {"facts", "pulls", "verify"}
    assert all(job.due <= room.now + DAY + LEASE_S * SECOND for job in found.values())
    room.close()


def test_which_jobs_are_missing_is_asked_little(tmp_path: Path) -> None:
    """Three questions, however many repositories and kinds; what one repository lacks comes back alone."""
    room = HubRoom(tmp_path / "hub")
    ada = room.user("ada")
    for number in range(3):
        room.repository(ada, f"ada/r{number}")
    enrol(room.hub)
    before = {name: job.due for name, job in jobs(room).items()}
    with statements(room) as asked:
        enrol(room.hub)
    assert sum(each.startswith("SELECT") for each in asked) == 3

    there = jobs(room)
    lost = [there[name].id for name in ("strays", "verify r1", "pulls r1")]
    with room.hub.database.session() as session:
        session.execute(delete(Job).where(Job.id.in_(lost)))
    enrol(room.hub)
    assert {name: job.due for name, job in jobs(room).items()} == before | {"strays": room.now}
    room.close()


def numbers(room: HubRoom) -> dict[tuple[str, ...], float]:
    """Return what the hub counts of its jobs."""
    reply = room.call("GET", "/metrics", TOKEN)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
        if "jobs" in sample.name or "deliveries" in sample.name
    }


def test_damage_is_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the list, the log and the metrics, until it is mended."""
    room = HubRoom(tmp_path / "hub", metrics_token=TOKEN)
    ada = room.user("ada", admin=True)
    room.repository(ada, "ada/photos")
    repository = opened(room, "photos")
    commit_files(repository, {"a.bin": bytes(range(256)) * 400}, "one")
    [name] = repository.root().data_packs
    pack = repository.directory / pack_key(name)
    repository.close()
    enrol(room.hub)
    room.now += 8 * DAY
    assert numbers(room)["tether_jobs_late_seconds",] > 7 * 86_400
    away = pack.rename(tmp_path / "away")
    with caplog.at_level(logging.INFO, "tether.hub"):
        run_due(room)

    found = {each["kind"]: each for each in room.ok("GET", "/jobs?outcome=damaged", ada)["jobs"]}
    assert found["verify"]["repository"] == "ada/photos"
    assert pack.stem in found["verify"]["message"]
    assert "job verify of ada/photos: damaged" in caplog.text
    assert numbers(room)["tether_jobs", "verify", "damaged"] == 1
    assert numbers(room)["tether_jobs_late_seconds",] == 0

    away.rename(pack)
    room.now += 8 * DAY
    run_due(room)
    assert room.ok("GET", "/jobs?outcome=damaged", ada)["jobs"] == []
    assert numbers(room)["tether_jobs", "verify", "done"] == 1
    room.close()


def test_a_verification_reads_some_contents(photos: HubRoom) -> None:
    """Bytes that changed on the disk are met where they are many."""
    repository = opened(photos, "photos")
    commit_files(repository, {f"{number}.bin": str(number).encode() * 500 for number in range(100)}, "two")
    for name in repository.root().data_packs:
        path = repository.directory / pack_key(name)
        data = bytearray(path.read_bytes())
        data[len(data) // 10 : len(data) // 2] = bytes(len(data) // 2 - len(data) // 10)
        path.chmod(0o644)
        path.write_bytes(data)
    repository.close()

    assert [each.outcome for each in run_due(photos) if each.kind == "verify"] == [Outcome.DAMAGED]


def test_folders_of_no_repository_are_told(photos: HubRoom) -> None:
    """They are left where they are."""
    (photos.hub.settings.repositories / "00ff").mkdir()

    [found] = [each for each in run_due(photos) if each.kind == "strays"]

    assert (found.outcome, "00ff" in found.message) == (Outcome.DAMAGED, True)
    assert (photos.hub.settings.repositories / "00ff").exists()


def test_what_repositories_take_is_counted(photos: HubRoom, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever became of the files of one."""
    ada = photos.token("ada")
    lost = photos.repository(ada, "ada/lost")
    folder = photos.hub.settings.repositories
    shutil.rmtree(folder / lost["id"])
    photos.now += DAY
    with caplog.at_level(logging.INFO, "tether.hub"):
        run_due(photos)

    sizes = [path.stat().st_size for path in folder.glob("*/packs/*.pack")]
    assert photos.ok("GET", "/quotas/ada", ada)["bytes"] == sum(sizes) > 0
    assert "cannot count what ada/lost takes" in caplog.text


def test_administrators_see_the_jobs(photos: HubRoom) -> None:
    """A page at a time, with times and how they ended; nobody else does."""
    ada, bob = photos.token("ada"), photos.user("bob")
    run_due(photos)
    first = photos.ok("GET", "/jobs?limit=6", ada)
    second = photos.ok("GET", f"/jobs?limit=6&after={first['next']}", ada)
    found: dict[str, Any] = {each["kind"]: each for each in first["jobs"] + second["jobs"]}

    assert (len(first["jobs"]), second["next"], set(found)) == (6, None, ALWAYS | OWN)
    gc = found["gc"]
    assert (gc["repository"], gc["state"], gc["worker"], gc["outcome"]) == (
        "ada/photos",
        "waiting",
        "me",
        "done",
    )
    assert gc["began"] == gc["ended"] == gc["due"] - DAY == photos.now
    assert gc["took"] > 0
    assert gc["message"].startswith("freed")
    assert first["deliveries"] == {"waiting": 0, "due": None, "tried": None}
    photos.now += 8 * DAY
    assert claim(photos.hub, "other", photos.now) is not None
    assert "running" in {each["state"] for each in photos.ok("GET", "/jobs", ada)["jobs"]}
    assert photos.api("GET", "/jobs", bob).status == 403
    assert photos.api("GET", "/jobs", photos.token("ada", "write")).status == 403
    assert photos.api("GET", "/jobs").status == 401


def test_a_database_that_is_away(hub: HubRoom, caplog: pytest.LogCaptureFixture) -> None:
    """Is logged, and the hub goes on."""
    hub.lose_database()

    with caplog.at_level(logging.INFO, "tether.hub"), scheduling(hub.hub, "me", time.monotonic):
        deadline = time.monotonic() + 60
        while "jobs wait" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_new_repository_elsewhere_is_noticed(hub: HubRoom) -> None:
    """What a hub with jobs elsewhere made gets its jobs from whoever does them."""
    ada = hub.user("ada")
    assert {each.kind for each in run_due(hub)} == ALWAYS
    hub.repository(ada, "ada/later")
    assert [each.name for each in run_due(hub)] == ["facts of ada/later"]
    assert set(jobs(hub)) == ALWAYS | {f"{kind} later" for kind in OWN}
