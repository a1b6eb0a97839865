"""Pull requests from the first push to the merge, through the API."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.pulls import AT, Review

from tether.hub.repositories import find
from tether.hub.upkeep import collect, verify


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return a repository with one commit on `main`."""
    return Review(hub, tmp_path / "desk")


def test_propose_review_change_approve_conflict_resolve_merge(room: Review) -> None:
    """The way of a change that meets all of it; at the end `main` has it, and the conversation says how."""
    hub = room.hub
    room.protect(fresh=True, checks=["lint"])
    first = room.branch("labels", {"a.txt": b"one\n2\nthree\n", "c": b"new"})
    number = room.open("labels", reviewers=["eve"])
    pull = room.show(number)
    assert (pull["state"], pull["head"], pull["target"], pull["relation"]) == ("open", first, "main", None)
    assert pull["reviewers"] == ["eve"]
    assert room.merge(room.bob, number).json["lacks"] == [
        {"kind": "approvals", "rule": "reviewed", "message": "it has 0 of 1 approvals of its head as it is"},
        {"kind": "check", "rule": "reviewed", "message": "the check lint is not there"},
    ]

    anchor = {"kind": "line", "start": 2, "end": 2}
    note = {"path": "a.txt", "anchor": anchor, "body": "in words", "suggestion": "zwei"}
    assert room.review(room.eve, number, "changes", body="nearly", notes=[note]).status == 201
    assert "eve asks for changes" in room.merge(room.bob, number).json["error"]["message"]
    [thread] = room.show(number, "/threads")
    assert (thread["outdated"], thread["resolved"], thread["suggestion"]) == (False, None, "zwei")
    wanted = {"head": first, "threads": [thread["thread"]]}
    second = room.post(room.bob, f"pulls/{number}/suggestions", wanted).json["head"]
    assert second == room.tip("labels") != first
    assert room.read("a.txt", second) == b"one\nzwei\nthree\n"
    [thread] = room.show(number, "/threads")
    assert (thread["applied"], thread["resolved_by"], thread["outdated"]) == (second, "bob", True)

    assert room.review(room.eve, number).status == 201
    hub.ok("PUT", f"{AT}/commits/{second}/checks/lint", room.bob, {"state": "success"})
    assert room.show(number, "/mergeability", room.bob)["lacks"] == []
    room.branch("other", {"a.txt": b"one\nTWO\nthree\n"}, room.eve)
    other = room.open("other", room.eve)
    assert room.review(room.bob, other).status == 201
    hub.ok("PUT", f"{AT}/commits/{room.tip('other')}/checks/lint", room.bob, {"state": "success"})
    assert room.merge(room.eve, other, method="fast-forward").json["commit"] == room.tip("other")
    assert room.tip() == room.tip("other")

    _resolve(room, number, second)
    third = room.tip("labels")

    lacks = room.merge(room.bob, number).json["lacks"]
    assert [lack["kind"] for lack in lacks] == ["approvals", "check"]
    assert room.review(room.eve, number).status == 201
    hub.ok("PUT", f"{AT}/commits/{third}/checks/lint", room.bob, {"state": "success"})
    merged = room.merge(room.bob, number, delete_branch=True).json
    assert merged == {"commit": room.tip(), "branch_deleted": True}
    assert room.read("a.txt") == b"one\nzwei, TWO\nthree\n"
    assert room.read("c") == b"new"
    assert room.desk.tip(room.ada, "labels") is None
    pull = room.show(number)
    assert (pull["state"], pull["merged"], pull["merged_by"]) == ("merged", room.tip(), "bob")
    events = [each["details"]["event"] for each in room.entries(number) if each["kind"] == "event"]
    assert events == ["push", "push", "merge"]
    _collect(room)
    assert room.read("a.txt", first) == b"one\n2\nthree\n"
    assert room.show(number, "/files")[0]["path"] == "a.txt"


def _resolve(room: Review, number: int, head: str) -> None:
    """Meet the conflict, and decide what is to be there."""
    refused = room.merge(room.bob, number)
    assert (refused.status, refused.json["conflicts"]) == (409, ["a.txt"])
    found = room.show(number, "/mergeability")
    assert (found["relation"], found["count"], found["target"]) == ("conflicts", 1, room.tip())
    seen: dict[str, Any] = {"head": head, "target": room.tip()}
    place = f"pulls/{number}/resolve"
    assert room.post(room.bob, place, seen).json["conflicts"] == ["a.txt"]
    seen["choices"] = [{"path": "a.txt", "take": "content", "text": "one\nzwei, TWO\nthree\n"}]
    answer = room.post(room.bob, place, seen)
    assert answer.json["head"] == room.tip("labels") != head
    assert room.post(room.bob, place, seen).json == answer.json
    assert room.tip("labels") == answer.json["head"]


def _collect(room: Review) -> None:
    """Collect garbage, and keep nothing for undo; what is left must be whole."""
    with room.hub.hub.database.session(reads_only=True) as session:
        row = find(session, "ada", "x")
    assert row is not None
    folder = room.hub.hub.settings.repositories / row.id
    (folder / "config.toml").write_text("[gc]\nretention = 0\n")
    collect(room.hub.hub, row)
    assert verify(room.hub.hub, row, full=True).problems == []
