"""How much an owner keeps on the hub, and how much they may."""

import random
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.hubpush import Desk

from tether.core.digest import hash_bytes
from tether.errors import InvalidInput, QuotaExceeded
from tether.hub.counting import QUIET, recount
from tether.sync.upload import upload

BIG = random.Random(3).randbytes(100_000)


def stored(hub: HubRoom) -> int:
    """Return the bytes of all packs in the folder of the hub."""
    return sum(path.stat().st_size for path in hub.hub.settings.repositories.glob("*/packs/*.pack"))


def usage(hub: HubRoom, token: str, owner: str = "ada") -> Any:
    """Return what an owner has."""
    return hub.ok("GET", f"/quotas/{owner}", token)


@pytest.fixture
def root(hub: HubRoom) -> str:
    """Return the token of an administrator of the hub."""
    return hub.user("root", admin=True)


@pytest.fixture
def ada(hub: HubRoom) -> str:
    """Return the token of Ada, who has a repository."""
    token = hub.user("ada")
    hub.repository(token, "ada/x", private=True)
    return token


def test_what_is_pushed_is_counted(hub: HubRoom, ada: str, tmp_path: Path) -> None:
    """By the bytes of packs, once however often a pack is sent; in all repositories of the owner."""
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": BIG})
    desk.push(ada)

    assert usage(hub, ada) == {
        "bytes": stored(hub),
        "max_bytes": None,
        "repositories": 1,
        "max_repositories": None,
        "fork_bytes": 0,
    }
    hub.repository(ada, "ada/y")
    desk.commit({"b": BIG[::-1]})
    desk.push(ada)
    again = Desk(hub, tmp_path / "again", "ada/y")
    again.commit({"a": BIG})
    again.push(ada)
    again.push(ada)
    assert usage(hub, ada)["bytes"] == stored(hub) > 3 * len(BIG)
    assert usage(hub, ada)["repositories"] == 2


def test_a_push_beyond_the_quota(hub: HubRoom, ada: str, root: str, tmp_path: Path) -> None:
    """What does not fit is not stored; what is there stays, and more room lets the same push pass."""
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": BIG})
    hub.ok("PUT", "/quotas/ada", root, {"max_bytes": 50_000})

    with pytest.raises(QuotaExceeded, match="of 50000 bytes are used"):
        desk.push(ada)
    assert usage(hub, ada)["bytes"] == stored(hub) <= 50_000
    assert desk.tip(ada) is None
    hub.ok("PUT", "/quotas/ada", root, {"max_bytes": 150_000})
    desk.push(ada)
    desk.commit({"b": BIG[::-1]})
    with pytest.raises(QuotaExceeded):
        desk.push(ada)
    assert usage(hub, ada)["bytes"] == stored(hub) <= 150_000


def test_a_full_owner_is_told_before_packs_are_sent(
    hub: HubRoom, ada: str, root: str, tmp_path: Path
) -> None:
    """The question whether a pack is there is answered with the failure, unless it has arrived already."""
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    tip, end = desk.commit({"a": BIG}), desk.end(ada)
    sent = upload(end, desk.local, [tip], end.refs())
    hub.ok("PUT", "/quotas/ada", root, {"max_bytes": stored(hub)})

    with pytest.raises(QuotaExceeded):
        end.has_packs([hash_bytes(b"another")])
    assert all(end.has_packs(sent.packs))
    desk.push(ada)
    assert desk.tip(ada) == tip


def test_a_quota_that_was_lowered(hub: HubRoom, ada: str, root: str, tmp_path: Path) -> None:
    """Between the packs and the end of a push: it brings nothing then; deleting a branch still works."""
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": BIG})
    desk.push(ada)
    tip = desk.tip(ada)
    assert tip is not None
    desk.move("other", tip)
    hub.ok("PUT", "/quotas/ada", root, {"max_bytes": 10})

    desk.push(ada, "other")
    desk.push(ada, "other", delete=True)
    desk.commit({"c": b"1"})
    with pytest.raises(QuotaExceeded):
        desk.push(ada)


def test_a_pack_that_is_refused_is_not_counted(hub: HubRoom, ada: str, tmp_path: Path) -> None:
    """Neither one whose name is wrong nor one that is no pack."""
    desk = Desk(hub, tmp_path / "desk", "ada/x")

    for name in (hash_bytes(b"no pack"), hash_bytes(b"another")):
        with pytest.raises(InvalidInput):
            desk.end(ada).put_pack(name, b"no pack")
    assert usage(hub, ada)["bytes"] == stored(hub) == 0


def test_many_at_once_do_not_go_beyond(hub: HubRoom, ada: str, root: str, tmp_path: Path) -> None:
    """However many packs arrive at the same time."""
    hub.ok("PUT", "/quotas/ada", root, {"max_bytes": 350_000})
    first = Desk(hub, tmp_path / "first", "ada/x")
    first.commit({"a": b"1"})
    first.push(ada)
    desks = [Desk(hub, tmp_path / f"desk{number}", "ada/x") for number in range(6)]
    done: list[bool] = []
    for number, desk in enumerate(desks):
        desk.commit({"a": random.Random(number).randbytes(100_000)}, f"b{number}")

    def push(number: int) -> None:
        try:
            desks[number].push(ada, f"b{number}")
            done.append(True)
        except QuotaExceeded:
            done.append(False)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(done) == 6
    assert any(done)
    assert usage(hub, ada)["bytes"] == stored(hub) <= 350_000


def test_repositories_are_counted(hub: HubRoom, ada: str, root: str) -> None:
    """When they are made, restored, or come from another owner."""
    bob = hub.user("bob")
    hub.ok("POST", "/organisations", ada, {"name": "lab"})
    hub.ok("PUT", "/quotas/ada", root, {"max_repositories": 2})
    hub.repository(ada, "ada/y")

    assert hub.api("POST", "/repos", ada, {"owner": "ada", "name": "z"}).code == "quota-exceeded"
    assert hub.api("POST", "/repos", ada, {"owner": "ada", "name": "z"}).status == 507
    hub.ok("DELETE", "/repos/ada/y", ada)
    hub.repository(ada, "ada/z")
    assert hub.api("POST", "/repos/ada/y/restore", ada).code == "quota-exceeded"
    hub.repository(ada, "lab/w")
    assert hub.api("PATCH", "/repos/lab/w", ada, {"owner": "ada"}).code == "quota-exceeded"
    hub.ok("PATCH", "/repos/ada/z", ada, {"name": "v"})
    hub.ok("PATCH", "/repos/ada/v", ada, {"owner": "lab"})
    hub.ok("POST", "/repos/ada/y/restore", ada)
    hub.repository(bob, "bob/a")
    assert usage(hub, ada, "lab")["repositories"] == 2


def test_bytes_come_along_with_a_repository(hub: HubRoom, ada: str, root: str, tmp_path: Path) -> None:
    """An owner takes over what they have room for."""
    hub.ok("POST", "/organisations", ada, {"name": "lab"})
    hub.ok("PUT", "/quotas/lab", root, {"max_bytes": 1000})
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": BIG})
    desk.push(ada)

    assert hub.api("PATCH", "/repos/ada/x", ada, {"owner": "lab"}).code == "quota-exceeded"
    hub.ok("PUT", "/quotas/lab", root, {"max_bytes": 0})
    hub.ok("PATCH", "/repos/ada/x", ada, {"owner": "lab"})
    assert (usage(hub, ada)["bytes"], usage(hub, ada, "lab")["bytes"]) == (0, stored(hub))


def test_the_settings_hold_for_all_who_have_no_quota_of_their_own(tmp_path: Path) -> None:
    """Null goes back to them, 0 is without end."""
    hub = HubRoom(tmp_path / "hub", quota_bytes=1000, quota_repositories=1)
    root, ada = hub.user("root", admin=True), hub.user("ada")
    hub.repository(ada, "ada/x")

    assert (usage(hub, ada)["max_bytes"], usage(hub, ada)["max_repositories"]) == (1000, 1)
    assert hub.api("POST", "/repos", ada, {"owner": "ada", "name": "y"}).code == "quota-exceeded"
    changed = hub.ok("PUT", "/quotas/ada", root, {"max_bytes": 0, "max_repositories": 5})
    assert (changed["max_bytes"], changed["max_repositories"]) == (None, 5)
    changed = hub.ok("PUT", "/quotas/ada", root, {"max_bytes": None, "max_repositories": None})
    assert (changed["max_bytes"], changed["max_repositories"]) == (1000, 1)
    assert hub.ok("GET", "/audit", root)[0]["action"] == "quota.set"
    hub.close()


def test_who_sees_and_sets_quotas(hub: HubRoom, ada: str, root: str) -> None:
    """Owners and members see theirs, administrators all; others learn not even whether there is one."""
    bob = hub.user("bob")
    hub.ok("POST", "/organisations", ada, {"name": "lab"})
    hub.ok("PUT", "/organisations/lab/members/bob", ada, {"role": "member"})

    assert usage(hub, bob, "lab")["bytes"] == usage(hub, root, "lab")["bytes"] == 0
    for owner in ("ada", "nobody"):
        reply = hub.api("GET", f"/quotas/{owner}", bob)
        assert reply.json["error"]["message"] == f"bob may not see the quota of {owner}"
        assert hub.api("GET", f"/quotas/{owner}").code == "unauthenticated"
        assert hub.api("PUT", f"/quotas/{owner}", ada, {"max_bytes": 0}).code == "forbidden"
    assert hub.api("GET", "/quotas/nobody", root).code == "not-found"
    assert hub.api("PUT", "/quotas/nobody", root, {}).code == "not-found"


def test_storage_is_counted_anew(hub: HubRoom, ada: str, tmp_path: Path) -> None:
    """When no pack came for a while: what somebody removed is noticed, and what was there before."""
    desk = Desk(hub, tmp_path / "desk", "ada/x")
    desk.commit({"a": BIG})
    desk.push(ada)
    largest = max(hub.hub.settings.repositories.glob("*/packs/*.pack"), key=lambda path: path.stat().st_size)
    held, full = largest.read_bytes(), stored(hub)
    largest.unlink()

    recount(hub.hub)
    assert usage(hub, ada)["bytes"] == full
    hub.now += QUIET
    recount(hub.hub)
    assert usage(hub, ada)["bytes"] == stored(hub) == full - len(held)
    with hub.hub.database.connection() as connection:
        connection.exec_driver_sql("DELETE FROM stored_bytes")
    recount(hub.hub)
    assert usage(hub, ada)["bytes"] == stored(hub)
    largest.write_bytes(held)
