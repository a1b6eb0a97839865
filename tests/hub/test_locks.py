"""Locks of files."""

import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.hubpush import Desk

from tether.errors import Conflict


class Shared:
    """Ada's repository, in which Bob and Dan may write and Eve maintains."""

    def __init__(self, hub: HubRoom, folder: Path) -> None:
        self.hub = hub
        self.ada, self.bob, self.dan, self.eve = (hub.user(name) for name in ("ada", "bob", "dan", "eve"))
        hub.repository(self.ada, "ada/x", private=True)
        for name, role in (("bob", "write"), ("dan", "write"), ("eve", "maintain")):
            hub.ok("PUT", f"/repos/ada/x/collaborators/{name}", self.ada, {"role": role})
        self.desk = Desk(hub, folder, "ada/x")

    def lock(self, token: str, path: str, branch: str | None = None) -> Any:
        """Lock a path."""
        return self.hub.ok("POST", "/repos/ada/x/locks", token, {"path": path, "branch": branch})

    def code(self, token: str, path: str, branch: str | None = None) -> str:
        """Try to lock a path, in vain; return the code of the failure."""
        body = {"path": path, "branch": branch}
        return self.hub.api("POST", "/repos/ada/x/locks", token, body).code

    def paths(self) -> list[str]:
        """Return the paths that are locked."""
        return [each["path"] for each in self.hub.ok("GET", "/repos/ada/x/locks", self.dan)]


@pytest.fixture
def shared(hub: HubRoom, tmp_path: Path) -> Shared:
    """Return a repository with one commit on `main`."""
    shared = Shared(hub, tmp_path / "desk")
    shared.desk.commit({"labels/a": b"1", "labels/b": b"1", "c": b"1"})
    shared.desk.push(shared.bob)
    return shared


@pytest.mark.parametrize(("locked", "path"), [("labels/a", "labels/a"), ("labels", "labels/new")])
def test_others_do_not_change_what_is_locked(shared: Shared, locked: str, path: str) -> None:
    """Their push is refused, names the path and the holder, and moves nothing; the holder pushes."""
    desk = shared.desk
    shared.lock(shared.bob, locked)
    before = desk.tip(shared.bob)
    desk.commit({path: b"2"})

    for token in (shared.dan, shared.ada):
        with pytest.raises(
            Conflict, match=f"the push changes {path} on main, which bob has locked"
        ) as caught:
            desk.push(token)
        assert caught.value.hint == f"ask bob to unlock {locked}, or a maintainer to take the lock away"
        assert desk.tip(shared.bob) == before
    desk.push(shared.bob)
    desk.commit({"c": b"2"})
    desk.push(shared.dan)


def test_a_lock_on_one_branch_leaves_the_others_free(shared: Shared) -> None:
    """Without a branch it is on all, also on those to come."""
    desk = shared.desk
    tip = desk.tip(shared.bob)
    assert tip is not None
    shared.lock(shared.bob, "c", "main")
    shared.lock(shared.bob, "labels")
    for branch, files in (("one", {"c": b"2"}), ("two", {"labels/a": b"2"})):
        desk.move(branch, tip)
        desk.commit(files, branch)

    desk.push(shared.dan, "one")
    with pytest.raises(Conflict):
        desk.push(shared.dan, "two")


def test_locks_of_two_people_do_not_meet(shared: Shared) -> None:
    """Neither at one path nor one within the other, unless they are on two branches."""
    first = shared.lock(shared.bob, "labels/a", "main")

    assert shared.lock(shared.bob, "labels/a", "main") == first
    assert [shared.code(shared.dan, path, "main") for path in ("labels", "labels/a", "labels/a/b")] == [
        "conflict"
    ] * 3
    assert shared.code(shared.dan, "labels/a") == "conflict"
    shared.lock(shared.dan, "labels/a", "other")
    shared.lock(shared.dan, "labels/ab", "main")
    shared.lock(shared.bob, "labels/a/below", "main")
    assert shared.paths() == ["labels/a", "labels/a", "labels/a/below", "labels/ab"]
    assert (first["user"], first["branch"], first["created"]) == ("bob", "main", shared.hub.now)


def test_locks_are_given_back_or_taken_away(shared: Shared) -> None:
    """By the holder, or by a maintainer who says so; both are recorded."""
    hub = shared.hub
    first, second = (shared.lock(shared.bob, path)["id"] for path in ("labels", "c"))

    assert hub.api("DELETE", f"/repos/ada/x/locks/{first}", shared.dan).code == "forbidden"
    assert hub.api("DELETE", f"/repos/ada/x/locks/{first}?force=true", shared.dan).code == "forbidden"
    assert hub.api("DELETE", f"/repos/ada/x/locks/{first}", shared.eve).code == "conflict"
    assert shared.paths() == ["c", "labels"]
    hub.ok("DELETE", f"/repos/ada/x/locks/{first}?force=true", shared.eve)
    hub.ok("DELETE", f"/repos/ada/x/locks/{second}", shared.bob)
    assert shared.paths() == []
    assert hub.api("DELETE", f"/repos/ada/x/locks/{second}", shared.bob).code == "not-found"
    entries = hub.ok("GET", "/repos/ada/x/audit", shared.ada)[:4]
    assert [(entry["action"], entry["actor"]) for entry in entries] == [
        ("lock.delete", "bob"),
        ("lock.delete", "eve"),
        ("lock.create", "bob"),
        ("lock.create", "bob"),
    ]


def test_who_may_lock(shared: Shared) -> None:
    """Those who may write; a lock of another repository is not there."""
    hub = shared.hub
    hub.repository(shared.ada, "ada/y")
    reader, lock = hub.user("reader"), shared.lock(shared.bob, "c")["id"]

    assert hub.api("POST", "/repos/ada/y/locks", reader, {"path": "a"}).code == "forbidden"
    assert hub.api("POST", "/repos/ada/y/locks", None, {"path": "a"}).code == "unauthenticated"
    assert hub.api("DELETE", f"/repos/ada/y/locks/{lock}?force=true", shared.ada).code == "not-found"
    assert hub.ok("GET", "/repos/ada/y/locks") == []


@pytest.mark.parametrize("path", ["", "/a", "a/", "a/../b", "a\0b", ".tether/x", "\ud800", "a" * 1001])
def test_paths_that_cannot_be_there(shared: Shared, path: str) -> None:
    """They are not locked."""
    assert shared.code(shared.bob, path) == "invalid-input"
    assert shared.code(shared.bob, "a", f"{path}..") == "invalid-input"
    assert shared.paths() == []


def test_many_want_one_lock(shared: Shared) -> None:
    """One of them gets it."""
    tokens = (shared.ada, shared.bob, shared.dan, shared.eve)
    codes: list[int] = []

    def want(token: str) -> None:
        codes.append(shared.hub.api("POST", "/repos/ada/x/locks", token, {"path": "c"}).status)

    threads = [threading.Thread(target=want, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == [201, 409, 409, 409]
