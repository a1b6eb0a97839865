"""Locks on PostgreSQL: what happens to who holds one when its session ends, and to connections of others."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from tests.support.hub import HubRoom
from tests.support.postgres import Cluster

from tether.errors import Unavailable
from tether.hub.database import engine
from tether.hub.database.locks import ServerLock, ServerLocks
from tether.hub.database.models import RootRow
from tether.hub.repositories import find, open_repository
from tether.repo.gc import execute_gc, plan_gc
from tether.repo.repository import Repository

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%test%'"


@pytest.fixture
def room(postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubRoom]:
    """Return a hub with few connections for locks."""
    monkeypatch.setattr(engine, "_HELD", {"pool_size": 2, "max_overflow": 0, "pool_timeout": 0.2})
    with postgres.hub_database() as url:
        room = HubRoom(tmp_path / "hub", database=url)
        room.repository(room.user("ada"), "ada/photos")
        yield room
        room.close()


@contextmanager
def opened(room: HubRoom) -> Iterator[Repository]:
    """Open the repository as a request does."""
    with room.hub.database.session() as session:
        row = find(session, "ada", "photos")
    assert row is not None
    repository = open_repository(room.hub, row)
    try:
        yield repository
    finally:
        repository.close()


def lock_of(room: HubRoom, repository: str = "one") -> ServerLock:
    """Return the lock of writers of a repository."""
    locks = ServerLocks(room.hub.database, repository)
    return locks.lock("writer", command="test", started=0, timeout_s=0.1)


def test_who_lost_the_lock_moves_nothing(room: HubRoom, postgres: Cluster) -> None:
    """The session is cut while a writer is at work: its move fails, and the next one is sound."""
    with opened(room) as repository:
        before = repository.roots.read()
        with pytest.raises(Unavailable), repository.transaction("test") as transaction:
            transaction.record()
            postgres.execute(CUT)

        assert repository.roots.read() == before
        with repository.transaction("test") as transaction:
            transaction.record()
        assert repository.root().generation == 1


def test_gc_does_not_begin_while_a_writer_thinks_that_it_holds_the_lock(
    room: HubRoom, postgres: Cluster
) -> None:
    """The writer's lock is lost, gc runs to its end, and the writer is told instead of naming lost packs."""
    with opened(room) as repository, opened(room) as other:
        with pytest.raises(Unavailable), repository.transaction("test") as transaction:
            transaction.record()
            postgres.execute(CUT)
            execute_gc(other, plan_gc(other, other.clock()))

        assert other.root() == repository.root()


def test_a_server_that_restarts_frees_all(room: HubRoom, postgres: Cluster) -> None:
    """Whoever held a lock is told at the next write; afterwards everything works as before."""
    with opened(room) as repository:
        with pytest.raises(Unavailable), repository.transaction("test") as transaction:
            transaction.record()
            postgres.stop(crash=True)
            postgres.start()

        with repository.lock("writer", "gc", timeout_s=0.0).exclusive():
            pass
        assert room.ok("GET", "/repos/ada/photos")["name"] == "photos"


def test_a_server_that_is_away(room: HubRoom, postgres: Cluster) -> None:
    """Nothing is done without it, and the reply says to come again."""
    postgres.stop()
    try:
        with lock_of(room).shared():
            raise AssertionError("held")
    except Unavailable:
        reply = room.api("GET", "/repos/ada/photos")
    finally:
        postgres.start()

    assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "unavailable", "2")
    assert room.api("GET", "/repos/ada/photos").status == 200


def test_those_who_wait_hold_no_connection(room: HubRoom) -> None:
    """Many wait for one repository; others go on in another, and requests are answered."""
    waiting = threading.Barrier(5)
    asked = threading.Event()

    def wait(_: object) -> bool:
        if not asked.is_set():
            waiting.wait()
        return not asked.wait(0.01)

    def work() -> None:
        with pytest.raises(Unavailable), lock_of(room).shared(wait):
            raise AssertionError("held")

    with lock_of(room).exclusive():
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        waiting.wait()
        with lock_of(room, "two").exclusive():
            assert room.api("GET", "/repos/ada/photos").status == 200
        asked.set()
        for thread in threads:
            thread.join()


def test_locks_take_no_connections_from_requests(room: HubRoom) -> None:
    """When all connections for locks are held, one more is told to come again; requests are answered."""
    with ExitStack() as held:
        for number in range(2):
            held.enter_context(lock_of(room, f"r{number}").shared())
        with pytest.raises(Unavailable, match="does not answer"), lock_of(room, "r9").shared():
            raise AssertionError("held")
        assert room.api("GET", "/repos/ada/photos").status == 200
    with lock_of(room, "r9").shared():
        pass


def test_a_lost_reply_is_not_a_lost_race(room: HubRoom) -> None:
    """The root moved and nobody heard of it: the writer finds its write id; what is beside is once."""
    noted: list[Session] = []
    with opened(room) as repository:
        swap = repository.roots.swap

        def lost(expected: bytes, new: bytes) -> None:
            swap(expected, new)
            if expected != new:
                raise Unavailable("the connection was cut")

        repository.roots.swap = lost  # type: ignore[method-assign]
        repository.roots.beside = noted.append  # type: ignore[attr-defined]
        with repository.transaction("test") as transaction:
            transaction.record()

        assert repository.root().generation == 1
        assert len(noted) == 1


def test_a_gc_that_lost_its_lock_takes_no_files(
    room: HubRoom, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its session is cut while it looks for files: what a writer may be about to name stays."""
    with opened(room) as repository:
        repository.backend.write_new("packs/" + "0" * 64 + ".pack", b"on its way")
        plan = plan_gc(repository, repository.clock())
        listed = repository.backend.list

        def cut_first(prefix: str) -> Iterator[tuple[str, int]]:
            postgres.execute(CUT.replace("test", "gc"))
            return listed(prefix)

        monkeypatch.setattr(repository.backend, "list", cut_first)
        with pytest.raises(Unavailable):
            execute_gc(repository, plan)

        assert [key for key, _ in listed("packs/")] == ["packs/" + "0" * 64 + ".pack"]


def test_who_sleeps_in_a_transaction_holds_up_nobody(
    postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are told to come again, and the server ends the sleeper's transaction after a while."""
    monkeypatch.setattr(
        engine, "_WAITS", {"lock_timeout": "100ms", "idle_in_transaction_session_timeout": "1s"}
    )
    with postgres.hub_database() as url:
        room = HubRoom(tmp_path / "hub", database=url)
        room.repository(room.user("ada"), "ada/photos")
        with opened(room) as repository, pytest.raises(Unavailable):
            with room.hub.database.session() as sleeper:
                sleeper.scalars(select(RootRow).with_for_update()).all()
                with pytest.raises(Unavailable), repository.transaction("test") as transaction:
                    transaction.record()
                time.sleep(1.5)

            raise AssertionError("the transaction is over")
        with opened(room) as repository, repository.transaction("test") as transaction:
            transaction.record()
        room.close()
