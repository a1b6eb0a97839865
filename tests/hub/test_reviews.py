"""Reviews: which verdicts count, notes at places, what is outdated, and suggestions."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.pulls import AT, Review

pytestmark = pytest.mark.parametrize("hub", ["sqlite"], indirect=True)  # entries are tested on both databases


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return a repository in which Bob's pull request 1 changes `a.txt` and adds `c`."""
    room = Review(hub, tmp_path / "desk")
    room.branch("side", {"a.txt": b"one\n2\nthree\n", "c": b"first\r\nsecond"})
    assert room.open("side") == 1
    return room


def kinds(room: Review) -> list[str]:
    """Return what is lacking."""
    lacks = room.show(1, "/mergeability", room.bob)["lacks"]
    return [each["kind"] for each in lacks]


def test_which_verdicts_count(room: Review) -> None:
    """The newest of each who may write; of an old head too unless the rule wants a fresh one."""
    hub = room.hub
    room.protect(approvals=2)
    for token in (room.eve, room.max, room.rex):
        assert room.review(token, 1).status == 201
    assert kinds(room) == []
    assert room.review(room.eve, 1, "changes").status == 201
    assert kinds(room) == ["approvals", "changes"]
    assert room.review(room.eve, 1, "comment", body="hm").status == 201
    assert kinds(room) == ["approvals", "changes"]
    shown = {each["user"]: each for each in room.show(1, "/reviews")}
    assert {name: each["verdict"] for name, each in shown.items()} == {
        "max": "approve",
        "rex": "approve",
        "eve": "changes",
    }
    entry = shown["eve"]["entry"]
    assert (
        hub.api("POST", f"{AT}/pulls/1/reviews/{entry}/dismiss", room.eve, {"reason": "x"}).code
        == "forbidden"
    )
    hub.ok("POST", f"{AT}/pulls/1/reviews/{entry}/dismiss", room.max, {"reason": "settled"})
    assert kinds(room) == ["approvals"]
    assert room.review(room.eve, 1).status == 201
    hub.ok("PUT", f"{AT}/collaborators/eve", room.ada, {"role": "read"})
    assert kinds(room) == ["approvals"]
    hub.ok("PUT", f"{AT}/collaborators/eve", room.ada, {"role": "write"})
    assert kinds(room) == []

    old = room.show(1)["head"]
    room.branch("side", {"c": b"2"})
    assert kinds(room) == []
    room.protect(approvals=2, fresh=True)
    assert kinds(room) == ["approvals"]
    late = {"verdict": "approve", "head": old}
    assert room.post(room.eve, "pulls/1/reviews", late).code == "conflict"
    assert room.merge(room.bob, 1).status == 409
    assert room.tip() != room.tip("side")


def test_who_is_exempt_merges_without(room: Review) -> None:
    """A rule asks nothing of them; of all others it does."""
    room.protect(checks=["lint"], exempt={"users": ["max"]})
    assert room.show(1, "/mergeability", room.max)["lacks"] == []
    assert kinds(room) == ["approvals", "check"]
    assert room.merge(room.eve, 1).status == 409

    assert room.merge(room.max, 1).json["commit"] == room.tip()


def test_checks_are_of_a_commit(room: Review) -> None:
    """The one that was told last counts; it must be of the head, and told by who may write."""
    hub, head = room.hub, room.show(1)["head"]
    room.protect(approvals=0, checks=["lint"])
    place = f"{AT}/commits/{head}/checks/lint"
    for state in ("pending", "failure", "error", "success", "failure"):
        told = hub.ok("PUT", place, room.eve, {"state": state, "url": "https://ci.example.org/1"})
        assert (told["state"], told["user"]) == (state, "eve")
        assert kinds(room) == ([] if state == "success" else ["check"])
    assert [each["name"] for each in hub.ok("GET", place.removesuffix("/lint"), room.rex)] == ["lint"]
    assert hub.api("PUT", place, room.eve, {"state": "good"}).code == "invalid-input"
    assert (
        hub.api("PUT", place, room.eve, {"state": "success", "url": "javascript:1"}).code == "invalid-input"
    )
    absent = f"{AT}/commits/{'0' * 64}/checks/lint"
    assert hub.api("PUT", absent, room.eve, {"state": "success"}).code == "not-found"
    hub.ok("PUT", place, room.eve, {"state": "success"})
    room.branch("side", {"c": b"2"})
    assert kinds(room) == ["check"]
    rule = {"branches": "main", "checks": ["lint"]}
    assert hub.api("PUT", f"{AT}/rules/r", room.ada, rule).code == "invalid-input"


def test_notes_at_places(room: Review) -> None:
    """Files, lines, rows and regions at the head or the base; a thread is outdated when its path changes."""
    head, base = room.show(1)["head"], room.show(1)["base"]
    anchors: list[dict[str, Any]] = [
        {"kind": "file"},
        {"kind": "line", "start": 1, "end": 2},
        {"kind": "row", "key": "cat.png"},
        {"kind": "region", "x": 0, "y": 10, "w": 5, "h": 6},
    ]
    for anchor in anchors:
        note = {"path": "c", "anchor": anchor, "body": "look", "head": head}
        assert room.post(room.rex, "pulls/1/threads", note).status == 201
    at_base = {"path": "a.txt", "anchor": {"kind": "line", "start": 2, "end": 2, "side": "base"}}
    assert room.post(room.eve, "pulls/1/threads", {**at_base, "body": "was good", "head": head}).status == 201
    answer = {"body": "why?", "thread": 5}
    assert room.hub.ok("POST", f"{AT}/conversations/1/entries", room.bob, answer) == {"entry": 6}
    threads = room.show(1, "/threads")
    assert [each["anchor"]["kind"] for each in threads] == ["file", "line", "row", "region", "line"]
    assert [each["commit"] for each in threads] == [head] * 4 + [base]
    assert [entry["body"] for entry in threads[4]["entries"]] == ["was good", "why?"]
    assert [each["thread"] for each in room.show(1, "/threads?after=3&limit=1")] == [4]

    wrong: list[dict[str, Any]] = [
        {"kind": "line", "start": 1},
        {"kind": "line", "start": 2, "end": 1},
        {"kind": "row"},
        {"kind": "region", "x": 1, "y": 1, "w": 0, "h": 1},
        {"kind": "region", "x": -1, "y": 1, "w": 1, "h": 1},
        {"kind": "file", "key": "x"},
        {"kind": "page"},
    ]
    for anchor in wrong:
        note = {"path": "c", "anchor": anchor, "body": "x", "head": head}
        assert room.post(room.rex, "pulls/1/threads", note).code == "invalid-input", anchor
    for path, code in (("none", "not-found"), ("../c", "invalid-input"), ("data", "not-found")):
        note = {"path": path, "anchor": anchors[1], "body": "x", "head": head}
        assert room.post(room.rex, "pulls/1/threads", note).code == code
    note = {"path": "c", "body": "x", "head": "0" * 64}
    assert room.post(room.rex, "pulls/1/threads", note).code == "not-found"
    assert len(room.show(1, "/threads")) == 5

    assert room.hub.api("PUT", f"{AT}/pulls/1/threads/5", room.rex, {"resolved": True}).code == "forbidden"
    room.hub.ok("PUT", f"{AT}/pulls/1/threads/5", room.bob, {"resolved": True})
    room.branch("side", {"b": b"2"})
    assert [each["outdated"] for each in room.show(1, "/threads")] == [False] * 5
    room.branch("side", {"c": b"other"})
    threads = room.show(1, "/threads")
    assert [each["outdated"] for each in threads] == [True] * 4 + [False]
    assert [each["resolved_by"] for each in threads] == [None] * 4 + ["bob"]
    room.hub.ok("PUT", f"{AT}/pulls/1/threads/5", room.eve, {"resolved": False})
    assert room.show(1, "/threads")[4]["resolved"] is None


def suggest(room: Review, path: str, lines: tuple[int, int], text: str) -> int:
    """Suggest something; return the number of the thread."""
    anchor = {"kind": "line", "start": lines[0], "end": lines[1]}
    note = {"path": path, "anchor": anchor, "suggestion": text, "head": room.show(1)["head"]}
    made: int = room.hub.ok("POST", f"{AT}/pulls/1/threads", room.eve, note)["entry"]
    return made


def test_suggestions_are_applied_together(room: Review) -> None:
    """As one commit by who applies them, with the ends of lines that the file has; and never twice."""
    head = room.show(1)["head"]
    threads = [
        suggest(room, "a.txt", (2, 2), "zwei\nzwei und"),
        suggest(room, "a.txt", (3, 3), ""),
        suggest(room, "c", (1, 1), "erste"),
        suggest(room, "c", (2, 2), "zweite\nletzte"),
    ]
    assert room.post(room.rex, "pulls/1/suggestions", {"head": head, "threads": threads}).code == "forbidden"
    assert room.tip("side") == head

    done = room.post(room.bob, "pulls/1/suggestions", {"head": head, "threads": threads, "message": "better"})

    new = done.json["head"]
    assert new == room.tip("side") == room.show(1)["head"]
    assert room.read("a.txt", new) == b"one\nzwei\nzwei und\n"
    assert room.read("c", new) == b"erste\r\nzweite\r\nletzte"
    [first, *_] = room.show(1, "/commits")
    assert (first["parents"], first["author"], first["message"]) == ([head], "bob", "better\n")
    assert [each["applied"] for each in room.show(1, "/threads")] == [new] * 4
    again = room.post(room.bob, "pulls/1/suggestions", {"head": new, "threads": threads[:1]})
    assert (again.code, room.tip("side")) == ("conflict", new)


def test_suggestions_that_cannot_be_applied(room: Review) -> None:
    """Lines that are not there or are taken, no text, another head, a file that changed: nothing moves."""
    room.branch("side", {"raw": b"a\0b\n"})
    head = room.show(1)["head"]
    far, one, same = (suggest(room, "a.txt", lines, "x") for lines in ((3, 4), (1, 2), (2, 3)))
    raw = suggest(room, "raw", (1, 1), "x")
    plain = room.post(room.eve, "pulls/1/threads", {"path": "c", "body": "x", "head": head}).json["entry"]
    for threads, code in (
        ([far], "invalid-input"),
        ([one, same], "invalid-input"),
        ([raw], "invalid-input"),
        ([plain], "not-found"),
        ([99], "not-found"),
        ([], "invalid-input"),
    ):
        reply = room.post(room.bob, "pulls/1/suggestions", {"head": head, "threads": threads})
        assert reply.code == code, (threads, reply)
    assert room.tip("side") == head
    at_base = {"kind": "line", "start": 1, "end": 1, "side": "base"}
    for anchor in ({"kind": "file"}, at_base):
        note = {"path": "a.txt", "anchor": anchor, "suggestion": "x", "head": head}
        assert room.post(room.eve, "pulls/1/threads", note).code == "invalid-input"

    new = room.branch("side", {"a.txt": b"1\n2\n3\n"})

    assert room.post(room.bob, "pulls/1/suggestions", {"head": head, "threads": [one]}).code == "conflict"
    assert room.post(room.bob, "pulls/1/suggestions", {"head": new, "threads": [one]}).code == "conflict"
    assert room.tip("side") == new


def test_each_choice_in_a_conflict(room: Review) -> None:
    """As in the head, the target or the base, nothing, or a content; wrong and missing ones move nothing."""
    files: dict[str, bytes | None] = dict.fromkeys("pqrstu", b"base")
    room.branch("main", files, room.ada)
    room.desk.move("two", room.desk.local.root().refs["refs/heads/main"])
    room.branch("two", {**{name: f"head {name}".encode() for name in "pqrs"}, "t": None, "u": b"head u"})
    number = room.open("two")
    room.branch("main", {**{name: f"target {name}".encode() for name in "pqrst"}, "u": None}, room.ada)
    found = room.show(number, "/mergeability")
    assert [(each["path"], each["reason"]) for each in found["conflicts"]] == [
        *((name, "content") for name in "pqrs"),
        ("t", "modify/delete"),
        ("u", "modify/delete"),
    ]
    sides = {each["path"]: (each["base"], each["target"], each["head"]) for each in found["conflicts"]}
    assert (sides["t"][2], sides["u"][1], sides["p"][0]["size"]) == (None, None, 4)
    seen: dict[str, Any] = {"head": found["head"], "target": found["target"]}
    choices = [
        {"path": "p", "take": "head"},
        {"path": "q", "take": "target"},
        {"path": "r", "take": "base"},
        {"path": "s", "take": "content", "base64": "AAE=", "executable": True},
        {"path": "t", "take": "target"},
        {"path": "u", "take": "remove"},
    ]
    place = f"pulls/{number}/resolve"
    for wrong in (
        {"path": "a.txt", "take": "head"},
        {"path": "p", "take": "content"},
        {"path": "p", "take": "head", "text": "x"},
        {"path": "p", "take": "content", "base64": "!"},
    ):
        assert room.post(room.bob, place, {**seen, "choices": [wrong]}).code == "invalid-input"
    left = room.post(room.bob, place, {**seen, "choices": choices[:4]})
    assert (left.status, left.json["conflicts"]) == (409, ["t", "u"])
    assert (
        room.post(room.bob, place, {**seen, "target": found["base"], "choices": choices}).code == "conflict"
    )
    assert room.tip("two") == found["head"]

    head = room.post(room.bob, place, {**seen, "choices": choices}).json["head"]

    assert head == room.tip("two")
    assert [room.read(name, head) for name in "pqrstu"] == [
        b"head p",
        b"target q",
        b"base",
        b"\0\1",
        b"target t",
        None,
    ]
    assert room.merge(room.eve, number).status == 200
    assert room.read("s") == b"\0\1"
