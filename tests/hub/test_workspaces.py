"""Workspaces: staging on the hub, by several people, and what becomes of it."""

import random
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import DAY, HubRoom, Reply
from tests.support.hubpush import Desk

from tether.core.digest import hash_bytes
from tether.hub.repositories import find
from tether.hub.upkeep import collect, verify
from tether.hub.workspaces import remove_expired

LARGE = random.Random(5).randbytes(9_000_000)
AT = "/repos/ada/x/workspaces"


class Shared:
    """Ada's private repository, in which Bob and Dan may write, and Rex may read."""

    def __init__(self, hub: HubRoom, folder: Path) -> None:
        self.hub = hub
        self.ada, self.bob, self.dan, self.rex = (hub.user(name) for name in ("ada", "bob", "dan", "rex"))
        hub.repository(self.ada, "ada/x", private=True)
        for name, role in (("bob", "write"), ("dan", "write"), ("rex", "read")):
            hub.ok("PUT", f"/repos/ada/x/collaborators/{name}", self.ada, {"role": role})
        self.desk = Desk(hub, folder, "ada/x")

    def make(self, token: str, **body: Any) -> str:
        """Make a workspace."""
        made: str = self.hub.ok("POST", AT, token, body)["id"]
        return made

    def put(self, token: str, workspace: str, path: str, *parts: bytes, query: str = "") -> Reply:
        """Stage a file."""
        at = f"/api/v1{AT}/{workspace}/files/{path}{query}"
        return self.hub.call("PUT", at, token, parts=list(parts))

    def commit(self, token: str, workspace: str, message: str = "why") -> Reply:
        """Commit a workspace."""
        return self.hub.api("POST", f"{AT}/{workspace}/commit", token, {"message": message})

    def diff(self, token: str, workspace: str) -> list[tuple[str, str]]:
        """Return what a workspace changes."""
        rows = self.hub.ok("GET", f"{AT}/{workspace}/diff", token)
        return [(row["change"], row["path"]) for row in rows]

    def read(self, path: str, rev: str = "main") -> bytes:
        """Return a file of the repository."""
        reply = self.hub.call("GET", f"/api/v1/repos/ada/x/files/{rev}/{path}", self.ada)
        assert reply.status == 200, reply
        return reply.body

    def collect(self) -> None:
        """Collect garbage, and keep nothing for undo."""
        with self.hub.hub.database.session(reads_only=True) as session:
            row = find(session, "ada", "x")
        assert row is not None
        folder = self.hub.hub.settings.repositories / row.id
        (folder / "config.toml").write_text("[gc]\nretention = 0\n")
        collect(self.hub.hub, row)
        assert verify(self.hub.hub, row, full=True).problems == []


@pytest.fixture
def shared(hub: HubRoom, tmp_path: Path) -> Shared:
    """Return a repository with one commit on `main`."""
    shared = Shared(hub, tmp_path / "desk")
    shared.desk.commit({"labels/a": b"1", "labels/b": b"1", "c": b"1"})
    shared.desk.push(shared.ada)
    return shared


def test_stage_look_commit(shared: Shared) -> None:
    """Files of any size come in pieces, are seen in the diff, and are one commit afterwards."""
    hub, bob = shared.hub, shared.bob
    workspace = shared.make(bob, name="labels")
    pieces = [LARGE[at : at + 700_000] for at in range(0, len(LARGE), 700_000)]
    query = f"?executable=true&digest={hash_bytes(LARGE).hex()}"
    reply = shared.put(bob, workspace, "new/large.bin", *pieces, query=query)
    assert reply.json == {
        "path": "new/large.bin",
        "size": len(LARGE),
        "digest": hash_bytes(LARGE).hex(),
    }
    assert shared.put(bob, workspace, "c", b"old").status == 200
    assert shared.put(bob, workspace, "c", b"2").status == 200
    assert shared.put(bob, workspace, "empty", b"").status == 200
    hub.ok("DELETE", f"{AT}/{workspace}/files/labels/a", bob)
    hub.ok("POST", f"{AT}/{workspace}/rename", bob, {"path": "labels/b", "target": "b"})
    hub.ok("POST", f"{AT}/{workspace}/rename", bob, {"path": "new", "target": "deep/er"})
    assert shared.diff(bob, workspace) == [
        ("added", "b"),
        ("changed", "c"),
        ("added", "deep/er/large.bin"),
        ("added", "empty"),
        ("removed", "labels/a"),
        ("removed", "labels/b"),
    ]
    rows = hub.ok("GET", f"{AT}/{workspace}/diff?after=c&limit=1", bob)
    assert [(row["path"], row["new"]["size"], row["new"]["kind"]) for row in rows] == [
        ("deep/er/large.bin", len(LARGE), "executable")
    ]
    assert shared.read("c") == b"1"

    made = shared.commit(bob, workspace).json["commit"]

    tip = shared.desk.tip(bob)
    assert tip is not None
    assert tip.hex() == made
    assert (shared.read("c"), shared.read("b"), shared.read("empty")) == (b"2", b"1", b"")
    assert shared.read("deep/er/large.bin") == LARGE
    assert hub.call("GET", "/api/v1/repos/ada/x/files/main/labels/a", bob).status == 404
    assert hub.ok("GET", f"{AT}/{workspace}", bob)["commit"] == made
    assert shared.put(bob, workspace, "c", b"3").code == "conflict"
    entry = hub.ok("GET", "/repos/ada/x/audit", shared.ada)[0]
    assert (entry["action"], entry["actor"]) == ("ref.move", "bob")
    shared.collect()


def test_commit_again_is_the_same_commit(shared: Shared) -> None:
    """Also at the same time from two sides, and after others went on."""
    workspace = shared.make(shared.bob)
    shared.put(shared.bob, workspace, "c", b"2")
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: replies.append(shared.commit(shared.bob, workspace)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = shared.commit(shared.bob, workspace)
    done = {reply.json["commit"] for reply in (*replies, again) if reply.status == 200}
    assert again.status == 200
    assert len(done) == 1
    assert {reply.status for reply in replies} <= {200, 503}
    tip = shared.desk.tip(shared.bob)
    assert tip is not None
    assert tip.hex() in done


def test_two_people_at_once(shared: Shared) -> None:
    """What differs is merged; the same path is a conflict, and the workspace stays until it is resolved."""
    hub = shared.hub
    first, second, third = shared.make(shared.bob), shared.make(shared.dan), shared.make(shared.dan)
    shared.put(shared.bob, first, "c", b"bob")
    shared.put(shared.dan, second, "labels/new", b"dan")
    shared.put(shared.dan, third, "c", b"dan")
    hub.ok("DELETE", f"{AT}/{third}/files/labels/b", shared.dan)
    assert shared.commit(shared.bob, first).status == 200
    assert shared.commit(shared.dan, second).status == 200
    assert (shared.read("c"), shared.read("labels/new")) == (b"bob", b"dan")
    tip = shared.desk.tip(shared.dan)

    reply = shared.commit(shared.dan, third)
    assert (reply.status, reply.code) == (409, "conflict")
    [conflict] = reply.json["conflicts"]
    assert (conflict["path"], conflict["branch"]["digest"], conflict["workspace"]["digest"]) == (
        "c",
        hash_bytes(b"bob").hex(),
        hash_bytes(b"dan").hex(),
    )
    assert hub.ok("GET", f"{AT}/{third}/conflicts", shared.dan) == reply.json["conflicts"]
    assert hub.api("POST", f"{AT}/{third}/update", shared.dan).status == 409
    assert shared.desk.tip(shared.dan) == tip
    assert shared.diff(shared.dan, third) == [("changed", "c"), ("removed", "labels/b")]

    shared.put(shared.dan, third, "c", b"bob")
    assert hub.ok("POST", f"{AT}/{third}/update", shared.dan) == {"commit": tip.hex() if tip else None}
    assert shared.diff(shared.dan, third) == [("removed", "labels/b")]
    shared.put(shared.dan, third, "c", b"both")
    assert shared.commit(shared.dan, third).status == 200
    assert shared.read("c") == b"both"


def test_staged_contents_outlive_garbage_collection(shared: Shared) -> None:
    """Until they are committed; what was discarded or is too old goes."""
    workspace, other, old = shared.make(shared.bob), shared.make(shared.bob), shared.make(shared.bob)
    shared.put(shared.bob, workspace, "large", LARGE)
    shared.put(shared.bob, other, "gone", LARGE[:400_000])
    shared.put(shared.bob, old, "old", LARGE[:300_000])
    shared.hub.now += 13 * DAY
    assert shared.put(shared.bob, workspace, "d", b"1").status == 200
    shared.collect()
    shared.hub.ok("DELETE", f"{AT}/{other}", shared.bob)
    shared.hub.now += 2 * DAY
    assert shared.hub.api("GET", f"{AT}/{old}", shared.bob).code == "not-found"
    assert remove_expired(shared.hub.hub) == 1
    shared.collect()
    packs = shared.hub.hub.settings.repositories.rglob("*.pack")
    sizes = [path.stat().st_size for path in packs if "quarantine" not in str(path)]
    assert not any(290_000 < size < 500_000 for size in sizes)
    assert shared.commit(shared.bob, workspace).status == 200
    shared.collect()
    assert shared.read("large") == LARGE


def test_who_is_in_a_workspace(shared: Shared) -> None:
    """Its owner, and those who were let in; for others it is as if there were none."""
    hub = shared.hub
    workspace = shared.make(shared.bob)
    hub.repository(shared.ada, "ada/y")
    elsewhere = hub.api("GET", f"/repos/ada/y/workspaces/{workspace}", shared.bob)
    assert elsewhere.code == "not-found"
    absent = "0" * 32
    for method, below, body in (
        ("GET", "", None),
        ("GET", "/diff", None),
        ("GET", "/conflicts", None),
        ("DELETE", "", None),
        ("POST", "/commit", {"message": "m"}),
        ("POST", "/update", None),
        ("DELETE", "/files/c", None),
        ("POST", "/rename", {"path": "c", "target": "d"}),
        ("PUT", "/members/dan", None),
        ("PUT", "/files/c", None),
    ):
        replies = [hub.api(method, f"{AT}/{each}{below}", shared.dan, body) for each in (workspace, absent)]
        told = [(r.status, r.body.replace(workspace.encode(), absent.encode())) for r in replies]
        assert told[0] == told[1]
        assert told[0][0] == 404
    assert hub.ok("GET", AT, shared.dan) == []
    assert hub.api("POST", AT, shared.rex, {}).code == "forbidden"
    assert hub.api("POST", AT, None, {}).code == "not-found"
    assert hub.api("PUT", f"{AT}/{workspace}/members/rex", shared.bob).code == "forbidden"
    hub.ok("PUT", f"{AT}/{workspace}/members/dan", shared.bob)
    assert shared.put(shared.dan, workspace, "c", b"dan").status == 200
    [shown] = hub.ok("GET", AT, shared.dan)
    assert (shown["user"], shown["members"]) == ("bob", ["dan"])
    assert hub.api("DELETE", f"{AT}/{workspace}", shared.dan).code == "not-found"
    hub.ok("DELETE", f"{AT}/{workspace}/members/dan", shared.bob)
    assert shared.put(shared.dan, workspace, "c", b"dan").code == "not-found"
    hub.ok("DELETE", f"{AT}/{workspace}", shared.ada)
    assert hub.api("GET", f"{AT}/{workspace}", shared.bob).code == "not-found"


def test_rules_and_locks_hold(shared: Shared) -> None:
    """When something is staged, and again when it is committed."""
    hub = shared.hub
    early = shared.make(shared.bob)
    for path in ("labels/a", "d"):
        assert shared.put(shared.bob, early, path, b"2").status == 200
    hub.ok("POST", "/repos/ada/x/locks", shared.dan, {"path": "d"})
    who = {"users": ["ada"]}
    rule = {"branches": "main", "paths": [{"path": "labels", "who": who}], "exempt": {}}
    hub.ok("PUT", "/repos/ada/x/rules/labels", shared.ada, rule)
    workspace = shared.make(shared.bob)
    assert shared.put(shared.bob, workspace, "d", b"2").code == "conflict"
    assert shared.put(shared.bob, workspace, "labels/new", b"2").code == "forbidden"
    assert hub.api("DELETE", f"{AT}/{workspace}/files/labels", shared.bob).code == "forbidden"
    move = {"path": "c", "target": "labels/c"}
    assert hub.api("POST", f"{AT}/{workspace}/rename", shared.bob, move).code == "forbidden"
    tip = shared.desk.tip(shared.bob)
    assert shared.commit(shared.bob, early).code in ("forbidden", "conflict")
    assert shared.desk.tip(shared.bob) == tip
    hub.ok("PATCH", "/repos/ada/x", shared.ada, {"archived": True})
    assert shared.commit(shared.bob, early).code == "conflict"
    assert shared.diff(shared.bob, early) == [("added", "d"), ("changed", "labels/a")]
    hub.ok("DELETE", f"{AT}/{early}", shared.bob)


def test_quotas_count_what_is_staged(shared: Shared) -> None:
    """What does not fit is refused, and nothing is staged."""
    hub = shared.hub
    root = hub.user("root", admin=True)
    hub.ok("PUT", "/quotas/ada", root, {"max_bytes": 1_000_000})
    workspace = shared.make(shared.bob)
    assert shared.put(shared.bob, workspace, "small", LARGE[:500_000]).status == 200
    assert shared.put(shared.bob, workspace, "large", LARGE).code == "quota-exceeded"
    assert shared.diff(shared.bob, workspace) == [("added", "small")]
    assert hub.ok("GET", "/quotas/ada", shared.ada)["bytes"] > 500_000


def test_what_cannot_be_staged(shared: Shared) -> None:
    """Paths that are none, files in the place of folders, other contents than were told."""
    bob, hub = shared.bob, shared.hub
    workspace = shared.make(bob)
    for path in ("a/../b", ".tether/x", "a%00b", "a//b", "%FF"):
        assert shared.put(bob, workspace, path, b"1").status in (400, 404)
    assert shared.put(bob, workspace, "labels", b"1").code == "already-exists"
    assert shared.put(bob, workspace, "c/d", b"1").code == "already-exists"
    assert shared.put(bob, workspace, "d", b"1", query=f"?digest={'0' * 64}").code == "invalid-input"
    assert hub.api("DELETE", f"{AT}/{workspace}/files/none", bob).code == "not-found"
    assert shared.commit(bob, workspace).code == "invalid-input"
    hub.ok("DELETE", f"{AT}/{workspace}/files/labels", bob)
    assert shared.put(bob, workspace, "labels", b"1").status == 200
    assert shared.put(bob, workspace, "labels/x", b"1").code == "already-exists"
    hub.ok("DELETE", f"{AT}/{workspace}/files/labels", bob)
    assert shared.put(bob, workspace, "labels/x", b"1").status == 200
    assert shared.commit(bob, workspace).status == 200
    assert shared.read("labels/x") == b"1"


def test_a_workspace_begins_a_repository(shared: Shared) -> None:
    """Where nothing was pushed yet."""
    hub = shared.hub
    hub.repository(shared.ada, "ada/empty")
    made = hub.ok("POST", "/repos/ada/empty/workspaces", shared.ada, {})
    at = f"/repos/ada/empty/workspaces/{made['id']}"
    assert hub.call("PUT", f"/api/v1{at}/files/a/b", shared.ada, parts=[b"1"]).status == 200
    assert hub.ok("POST", f"{at}/commit", shared.ada, {"message": "first"})["commit"]
    assert hub.call("GET", "/api/v1/repos/ada/empty/files/HEAD/a/b", shared.ada).body == b"1"
