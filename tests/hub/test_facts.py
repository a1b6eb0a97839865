"""Facts of repositories on the hub: counted after a push, kept by commit, told to those who may read."""

import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, update
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import DAY, SECOND, HubRoom

from tether.core.digest import Digest
from tether.hub.database.facts import FactsRow
from tether.hub.database.jobs import Job
from tether.hub.jobs.enrolling import enrol
from tether.hub.jobs.scheduler import Scheduler, scheduling
from tether.hub.jobs.turns import Outcome, Result, claim, end

FACTS = "/repos/ada/photos/facts"


def run(room: HubRoom) -> list[str]:
    """Do what is due; return what was said of the facts."""
    scheduler = Scheduler(room.hub, "me", time.monotonic, threading.Event())
    return [ran.message for ran in scheduler.run_due() if ran.kind == "facts"]


def late(room: HubRoom) -> bool:
    """Say whether a job waits, or there is none yet."""
    with room.hub.database.session(reads_only=True) as session:
        rows = session.scalars(select(Job)).all()
    return not rows or any(row.ended is None for row in rows)


def wait_until(wanted: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 60
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def counted(room: HubRoom, token: str, head: str) -> bool:
    """Say whether a commit was counted."""
    commit: str | None = room.ok("GET", FACTS, token)["commit"]
    return commit == head


def commit(room: HubRoom, files: dict[bytes, bytes | None], branch: str = "main") -> str:
    """Move a branch of `ada/photos`, a second later."""
    room.now += SECOND
    with closing(open_hosted(room, "ada/photos")) as repository:
        return commit_paths(repository, files, branch=branch).hex()


def test_facts_follow_the_default_branch(hub: HubRoom) -> None:
    """They are counted once for each head, without waiting for the next turn, and say for which commit."""
    ada = hub.user("ada")
    hub.repository(ada, "ada/photos")
    empty: Any = hub.ok("GET", FACTS, ada)
    assert set(empty.values()) == {None}
    assert run(hub) == [""]

    first = commit(hub, {b"a/one.png": b"12345", b"a/b/\xff.csv": b"123", b"notes.txt": b"1"})
    waiting = hub.ok("GET", FACTS, ada)
    assert (waiting.pop("head"), set(waiting.values())) == (first, {None})
    assert run(hub) == ["counted anew"]
    assert hub.ok("GET", FACTS, ada) == {
        "head": first,
        "made": hub.now,
        "commit": first,
        "commits": 1,
        "committed": hub.now,
        "files": 3,
        "bytes": 9,
        "folders": 2,
        "kinds": {
            "images": {"files": 1, "bytes": 5},
            "tables": {"files": 1, "bytes": 3},
            "text": {"files": 1, "bytes": 1},
        },
        "largest": [
            {"path": "a/one.png", "size": 5},
            {"path": "a/b/\udcff.csv", "size": 3},
            {"path": "notes.txt", "size": 1},
        ],
    }

    commit(hub, {b"else.png": b"1"}, branch="side")
    assert run(hub) == [""]
    second = commit(hub, {b"a/one.png": None, b"two.mp4": b"1" * 20})
    between = hub.ok("GET", FACTS, ada)
    assert (between["head"], between["commit"]) == (second, first)
    assert run(hub) == ["counted anew"]
    after = hub.ok("GET", FACTS, ada)
    assert (after["commit"], after["commits"], after["files"], after["bytes"]) == (second, 2, 3, 24)
    assert after["largest"][0] == {"path": "two.mp4", "size": 20}
    hub.now += 2 * DAY
    assert run(hub) == [""]


def test_a_push_during_a_turn_is_not_forgotten(hub: HubRoom) -> None:
    """Who counts the commit before leaves the next turn due at once, also while the clock stands."""
    hub.repository(hub.user("ada"), "ada/photos")
    enrol(hub.hub)
    with hub.hub.database.session() as session:
        session.execute(update(Job).where(Job.kind != "facts").values(due=hub.now + DAY))
    job = claim(hub.hub, "me", hub.now)
    assert job is not None
    with closing(open_hosted(hub, "ada/photos")) as repository:
        commit_paths(repository, {b"a.png": b"1"})
    assert claim(hub.hub, "other", hub.now) is None
    assert end(hub.hub, job, Result(Outcome.DONE, ""), every_s=86_400, took=1)

    again = claim(hub.hub, "me", hub.now)
    assert again is not None
    assert end(hub.hub, again, Result(Outcome.DONE, ""), every_s=86_400, took=1)
    assert claim(hub.hub, "me", hub.now) is None


def test_a_first_push_here_is_counted_at_once(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the hub would look an hour later: the push wakes it, and it finds the new repository."""
    for name in ("LOOK_S", "ENROL_S"):
        monkeypatch.setattr(f"tether.hub.jobs.scheduler.{name}", 3600.0)
    ada = hub.user("ada")
    with scheduling(hub.hub, "me", time.monotonic):
        wait_until(lambda: not late(hub))
        hub.repository(ada, "ada/photos")
        for number in range(2):
            head = commit(hub, {b"%d.png" % number: b"1"})
            wait_until(partial(counted, hub, ada, head))


def test_few_are_kept(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the newest commits; a head that comes back is not counted again, and a fork counts for itself."""
    monkeypatch.setattr("tether.hub.facts.KEPT", 3)
    ada = hub.user("ada")
    hub.repository(ada, "ada/photos")
    heads = []
    for number in range(5):
        heads.append(commit(hub, {b"%d.png" % number: b"1"}))
        run(hub)
    with hub.hub.database.session(reads_only=True) as session:
        assert session.scalar(select(func.count()).select_from(FactsRow)) == 3
    hub.now += SECOND
    with closing(open_hosted(hub, "ada/photos")) as repository, repository.transaction("back") as transaction:
        transaction.set_ref("refs/heads/main", Digest(bytes.fromhex(heads[-2])))
    assert run(hub) == [""]
    assert hub.ok("GET", FACTS, ada)["commit"] == heads[-2]

    hub.ok("POST", "/repos/ada/photos/forks", ada, {"owner": "ada", "name": "mine"})
    enrol(hub.hub)
    assert run(hub) == ["counted anew"]
    assert hub.ok("GET", "/repos/ada/mine/facts", ada)["files"] == 4


def test_facts_are_for_readers(hub: HubRoom) -> None:
    """A private repository is none for others, a gate keeps them back, and what is gone leaves nothing."""
    ada, bob = hub.user("ada"), hub.user("bob")
    hub.repository(ada, "ada/photos", private=True)
    commit(hub, {b"secret.png": b"1"})
    run(hub)
    for token in (bob, None):
        told, absent = hub.api("GET", FACTS, token), hub.api("GET", "/repos/ada/none/facts", token)
        assert (told.status, absent.status) == (404, 404)
        assert told.body.replace(b"photos", b"none") == absent.body

    hub.ok("PATCH", "/repos/ada/photos", ada, {"private": False})
    assert hub.ok("GET", FACTS)["files"] == 1
    hub.ok("PUT", "/repos/ada/photos/gate", ada, {"agreement": "be kind", "automatic": False})
    assert hub.api("GET", FACTS, bob).status == 403
    assert hub.api("GET", FACTS).status == 403

    hub.ok("DELETE", "/repos/ada/photos", ada)
    hub.now += 31 * DAY
    run(hub)
    with hub.hub.database.session(reads_only=True) as session:
        assert session.scalar(select(func.count()).select_from(FactsRow)) == 0
