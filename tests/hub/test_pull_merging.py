"""Merging pull requests: methods, races, forks, and what becomes of branches meanwhile."""

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from tests.support.hub import HubRoom, Reply
from tests.support.pulls import AT, Review

from tether.core.digest import parse_digest
from tether.core.objects import Commit
from tether.errors import Forbidden
from tether.hub.database.jobs import Job
from tether.hub.database.pulls import MergeTrial
from tether.hub.pulls.following import follow_all
from tether.hub.repositories import find, open_repository

ONE = pytest.mark.parametrize("hub", ["sqlite"], indirect=True)


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return a repository with one commit on `main`."""
    return Review(hub, tmp_path / "desk")


def commit_of(room: Review, commit: str) -> Commit:
    """Return a commit of the repository on the hub."""
    from contextlib import closing

    from tether.core.kinds import ObjectKind

    row = row_of(room)
    with closing(open_repository(room.hub.hub, row)) as repository:
        return Commit.decode(repository.objects.get(ObjectKind.COMMIT, parse_digest(commit)))


def row_of(room: Review, address: str = "ada/x") -> Any:
    """Return the row of a repository."""
    with room.hub.hub.database.session(reads_only=True) as session:
        row = find(session, *address.split("/"))
    assert row is not None
    return row


def at_once(*calls: Any) -> list[Any]:
    """Do several things at the same time, and return what came of them in their order."""
    found: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(place: int) -> None:
        start.wait()
        found[place] = calls[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@ONE
def test_the_methods(room: Review) -> None:
    """A merge has both parents, a squash is one commit of the author, a fast-forward makes none."""
    first = room.tip()
    for name in ("one", "two", "three"):
        room.branch(name, {name: b"1"})
    numbers = {name: room.open(name, body="because") for name in ("one", "two", "three")}
    assert list(numbers.values()) == [1, 2, 3]

    merged = room.merge(room.eve, 1).json["commit"]
    made = commit_of(room, merged)
    assert [parent.hex() for parent in made.parents] == [first, room.tip("one")]
    assert (made.author.name, made.message) == ("eve", "Merge pull request #1: bring one\n")
    squashed = room.merge(room.eve, 2, method="squash").json["commit"]
    made = commit_of(room, squashed)
    assert [parent.hex() for parent in made.parents] == [merged]
    assert (made.author.name, made.committer.name) == ("bob", "eve")
    assert made.message == "bring two (#2)\n\nbecause\n"
    refused = room.merge(room.eve, 3, method="fast-forward")
    assert (refused.code, room.tip()) == ("conflict", squashed)
    seen = {"head": room.tip("three"), "target": squashed}
    head = room.post(room.bob, "pulls/3/resolve", seen).json["head"]
    assert room.merge(room.eve, 3, method="fast-forward", message="none").json["commit"] == head
    assert room.tip() == head
    assert [room.read(name) for name in numbers] == [b"1"] * 3
    entry = room.hub.ok("GET", f"{AT}/audit", room.ada)[0]
    assert (entry["action"], entry["actor"], entry["details"]["pull"]) == ("ref.move", "eve", 3)


@ONE
def test_asking_again_merges_once(room: Review) -> None:
    """The same wish has the same answer, also after others went on; somebody else's is refused."""
    room.branch("side", {"c": b"1"})
    room.open("side")
    first = room.merge(room.eve, 1).json["commit"]
    room.branch("more", {"d": b"1"})
    room.open("more")
    assert room.merge(room.eve, 2).status == 200

    assert room.merge(room.eve, 1).json["commit"] == first
    assert (
        room.merge(room.bob, 1).json["error"]["message"]
        == f"pull request 1 was merged by eve as {first[:12]}"
    )
    assert room.merge(room.eve, 1, method="squash").code == "conflict"
    assert room.hub.api("PATCH", f"{AT}/pulls/1", room.bob, {"state": "closed"}).code == "conflict"
    assert room.read("d") == b"1"


def test_merges_at_the_same_time(room: Review) -> None:
    """Of two of one pull request one wins; two that fit both come in; of two that do not one is told so."""
    files: list[dict[str, bytes | None]] = [{"c": b"1"}, {"d": b"1"}, {"a.txt": b"x"}, {"a.txt": b"y"}]
    for number, each in enumerate(files, 1):
        room.branch(f"b{number}", each)
        assert room.open(f"b{number}") == number
        room.show(number, "/mergeability")

    def merge(token: str, number: int) -> Any:
        return lambda: room.merge(token, number)

    same: list[Reply] = at_once(merge(room.eve, 1), merge(room.bob, 1), merge(room.eve, 1))
    won = {reply.json["commit"] for reply in same if reply.status == 200}
    assert won == {room.tip()}
    assert {reply.status for reply in same} <= {200, 409, 503}
    assert {reply.status for reply in (same[0], same[1])} != {200}

    both: list[Reply] = at_once(merge(room.eve, 2), merge(room.bob, 3))
    assert [reply.status for reply in both] == [200, 200]
    assert (room.read("d"), room.read("a.txt")) == (b"1", b"x")
    late = room.merge(room.bob, 4)
    assert (late.status, late.json["conflicts"]) == (409, ["a.txt"])
    assert [room.show(number)["state"] for number in range(1, 5)] == ["merged"] * 3 + ["open"]


def test_merging_beside_a_change_of_mind(room: Review) -> None:
    """While it is merged a reviewer asks for changes, a push comes, or it is closed: never half of it."""
    room.protect(fresh=True)
    for number in (1, 2, 3):
        head = room.branch(f"b{number}", {f"f{number}": b"1"})
        room.open(f"b{number}")
        room.review(room.eve, number)
        body = {"verdict": "changes", "head": head}
        other = (
            lambda body=body: room.post(room.eve, "pulls/1/reviews", body),
            lambda: room.branch("b2", {"f2": b"2"}),
            lambda: room.hub.api("PATCH", f"{AT}/pulls/3", room.bob, {"state": "closed"}),
        )[number - 1]
        before = room.tip()

        merged, _ = at_once(
            lambda number=number, head=head: room.post(room.bob, f"pulls/{number}/merge", {"head": head}),
            other,
        )

        state, tip = room.show(number)["state"], room.tip()
        assert merged.status in (200, 409, 503), merged
        assert (state == "merged") == (merged.status == 200) == (tip != before)
        if merged.status == 200:
            assert room.read(f"f{number}") == b"1"


@ONE
def test_from_a_fork(room: Review) -> None:
    """Rex, who may only read, brings a branch of his fork; Eve resolves nothing there, and merges it here."""
    hub = room.hub
    hub.ok("POST", f"{AT}/forks", room.rex, {"owner": "rex", "name": "x"})
    refs = room.desk.local.root().refs
    room.desk.move("fix", refs["refs/heads/main"])
    head = room.desk.commit({"a.txt": b"one\nfix\nthree\n"}, "fix")
    fork = room.desk.end(room.rex, "rex/x")
    from tether.sync.exchange import PushOptions, refuse
    from tether.sync.far import push_far

    refuse(push_far(room.desk.local, fork, "hub", PushOptions(("fix",))), "hub")
    wanted = {"title": "fix", "source": "fix", "repository": "rex/x"}
    assert room.post(room.eve, "pulls", wanted).code in ("forbidden", "not-found")
    assert room.post(room.rex, "pulls", wanted).json["head"] == head.hex()
    assert room.read("a.txt", head.hex()) == b"one\nfix\nthree\n"
    assert room.post(room.rex, "pulls", wanted).code == "already-exists"
    assert not [ref for ref in room.desk.end(room.rex).refs().refs if "pulls" in ref]

    room.branch("main", {"a.txt": b"one\nTWO\nthree\n"}, room.ada)
    assert room.show(1, "/mergeability")["relation"] == "conflicts"
    more = room.desk.commit({"c": b"1"}, "fix")
    refuse(push_far(room.desk.local, fork, "hub", PushOptions(("fix",))), "hub")
    assert room.show(1)["head"] == head.hex()
    assert follow_all(hub.hub, row_of(room, "rex/x")) == 1
    assert room.show(1)["head"] == more.hex()

    seen: dict[str, Any] = {"head": more.hex(), "target": room.tip()}
    choice = {"path": "a.txt", "take": "head"}
    resolve = f"{AT}/pulls/1/resolve"
    assert hub.api("POST", resolve, room.eve, {**seen, "choices": [choice]}).code in (
        "forbidden",
        "not-found",
    )
    done = hub.ok("POST", resolve, room.rex, {**seen, "choices": [choice]})
    assert room.show(1)["head"] == done["head"]
    assert not [ref for ref in fork.refs().refs if "pulls" in ref]
    assert room.merge(room.rex, 1).code == "forbidden"
    assert room.merge(room.eve, 1).status == 200
    assert (room.read("a.txt"), room.read("c")) == (b"one\nfix\nthree\n", b"1")
    hub.ok("DELETE", "/repos/rex/x", room.rex)
    pull = room.show(1)
    assert (pull["source_gone"], pull["repository"], pull["state"]) == (True, "rex/x", "merged")


@ONE
def test_a_fork_brings_no_more_than_it_may(hub: HubRoom, tmp_path: Path) -> None:
    """Beyond `pull_bytes` a branch of somebody who may not write here is refused, and nothing stays of it."""
    object.__setattr__(hub.hub.settings, "pull_bytes", 1000)
    room = Review(hub, tmp_path / "desk")
    hub.ok("POST", f"{AT}/forks", room.rex, {"owner": "rex", "name": "x"})
    room.desk.move("big", room.desk.local.root().refs["refs/heads/main"])
    import random

    from tether.sync.exchange import PushOptions, refuse
    from tether.sync.far import push_far

    room.desk.commit({"big": random.Random(1).randbytes(50_000)}, "big")
    refuse(push_far(room.desk.local, room.desk.end(room.rex, "rex/x"), "hub", PushOptions(("big",))), "hub")

    reply = room.post(room.rex, "pulls", {"title": "big", "source": "big", "repository": "rex/x"})

    assert (reply.status, reply.code) == (403, "forbidden")
    assert hub.ok("GET", f"{AT}/conversations", room.rex) == []


@ONE
def test_the_job_follows_what_was_pushed(room: Review) -> None:
    """A push asks for it where a pull request is open; a head that was pushed into the target is merged."""
    room.branch("side", {"c": b"1"})
    with room.hub.hub.database.session() as session:
        session.add(Job(id=f"pulls:{row_of(room).id}", kind="pulls", due=room.hub.now + 10**12))
    room.open("side")
    asked = job(room).asked
    second = room.branch("side", {"c": b"2"})
    assert job(room).asked > asked
    assert (job(room).due, follow_all(room.hub.hub, row_of(room))) == (room.hub.now, 1)
    assert room.hub.ok("GET", f"{AT}/pulls", room.rex)[0]["head"] == second
    events = [(each["details"]["event"], each["author"]) for each in room.entries(1)]
    assert events == [("push", None)]

    room.desk.move("main", parse_digest(second))
    room.desk.push(room.ada)
    assert follow_all(room.hub.hub, row_of(room)) == 1
    pull = room.show(1)
    assert (pull["state"], pull["method"], pull["merged"], pull["merged_by"]) == (
        "merged",
        "push",
        second,
        None,
    )
    assert [each["path"] for each in room.show(1, "/files")] == ["c"]
    assert next(each["commit"] for each in room.show(1, "/commits")) == second
    asked = job(room).asked
    room.branch("free", {"d": b"1"})
    assert job(room).asked == asked


def job(room: Review) -> Job:
    """Return the job that follows the repository."""
    with room.hub.hub.database.session(reads_only=True) as session:
        return session.get_one(Job, f"pulls:{row_of(room).id}")


@ONE
def test_a_branch_that_goes(room: Review) -> None:
    """What was seen last stays readable; without a target nothing is merged, and nothing is asked twice."""
    head = room.branch("side", {"c": b"1"})
    room.branch("release", {"d": b"1"})
    assert room.post(room.bob, "pulls", {"title": "t", "source": "none"}).code == "not-found"
    assert room.post(room.bob, "pulls", {"title": "t", "source": "main"}).code == "invalid-input"
    assert room.post(room.bob, "pulls", {"title": "t", "source": "a..b"}).code == "invalid-input"
    assert room.open("side", target="release") == 1
    again = room.post(room.bob, "pulls", {"title": "t", "source": "side", "target": "release"})
    assert again.code == "already-exists"
    room.desk.push(room.bob, "side", delete=True)
    assert room.show(1)["head"] == head
    assert [each["path"] for each in room.show(1, "/files")] == ["c"]
    room.hub.ok("PATCH", f"{AT}/pulls/1", room.bob, {"state": "closed"})
    assert room.merge(room.eve, 1).code == "conflict"
    assert room.open("release") == 2
    room.hub.ok("PATCH", f"{AT}/conversations/1", room.bob, {"state": "open"})
    room.desk.push(room.bob, "release", delete=True)
    assert room.show(1, "/mergeability")["relation"] is None
    assert room.merge(room.eve, 1).json["error"]["message"] == "the branch release is gone"
    assert [each["details"]["event"] for each in room.entries(1)] == ["close", "reopen"]


@ONE
def test_a_draft_waits(room: Review) -> None:
    """It can be reviewed and not merged until it is ready."""
    room.branch("side", {"c": b"1"})
    room.open("side", draft=True)
    refused = room.merge(room.eve, 1)
    assert (refused.status, refused.json["lacks"][0]["kind"]) == (409, "draft")
    assert room.show(1)["state"] == "open"

    room.hub.ok("PATCH", f"{AT}/pulls/1", room.bob, {"draft": False})

    assert room.merge(room.eve, 1).status == 200


@ONE
def test_a_trial_is_made_once_for_each_pair(room: Review) -> None:
    """It is kept by the two commits: the same answer comes from the row, whatever the row says."""
    room.branch("side", {"a.txt": b"x"})
    room.open("side")
    assert room.show(1)["relation"] is None
    assert room.show(1, "/mergeability")["relation"] == "up-to-date"
    with room.hub.hub.database.session() as session:
        [trial] = session.scalars(select(MergeTrial)).all()
        trial.state = "clean"
    assert room.show(1, "/mergeability")["relation"] == room.show(1)["relation"] == "clean"

    room.branch("side", {"b": b"2"})

    assert room.show(1, "/mergeability")["relation"] == "up-to-date"
    with room.hub.hub.database.session(reads_only=True) as session:
        assert session.scalar(select(func.count()).select_from(MergeTrial)) == 2


@ONE
def test_rules_and_locks_hold_for_merges(room: Review) -> None:
    """What a push may not change a merge may not either; `main` stays as it is, and the pull request open."""
    room.branch("side", {"data/x": b"2"})
    room.open("side")
    before = room.tip()
    room.hub.ok("POST", f"{AT}/locks", room.max, {"path": "data"})
    assert room.merge(room.eve, 1).json["error"]["message"].endswith("which max has locked")
    [lock] = room.hub.ok("GET", f"{AT}/locks", room.max)
    room.hub.ok("DELETE", f"{AT}/locks/{lock['id']}", room.max)
    room.protect(approvals=0, paths=[{"path": "data", "who": {"users": ["max"]}}])
    with pytest.raises(Forbidden, match="main is for reviewed changes"):
        room.branch("main", {"b": b"3"}, room.eve)
    assert room.merge(room.eve, 1).code == "forbidden"
    assert (room.tip(), room.show(1)["state"]) == (before, "open")

    assert room.merge(room.max, 1).status == 200
    assert room.read("data/x") == b"2"
