"""Who may do what with pull requests and discussions."""

from pathlib import Path
from typing import Any

import pytest
from tests.support.hub import HubRoom
from tests.support.pulls import AT, Review

pytestmark = pytest.mark.parametrize("hub", ["sqlite"], indirect=True)  # roles are asked in one place

WHO = ("nobody", "out", "narrow", "rex", "tom", "eve", "max")
"""Not signed in; no role; Eve with a token for reading; read; triage; write; maintain."""
SEES, TALKS, SORTS, WRITES, MAINTAINS = "narrow", "rex", "tom", "eve", "max"
ACTIONS: list[tuple[str, str, str, Any]] = [
    (SEES, "GET", "/pulls", None),
    (SEES, "GET", "/pulls/1", None),
    (SEES, "GET", "/pulls/1/mergeability", None),
    (SEES, "GET", "/pulls/1/changes", None),
    (SEES, "GET", "/pulls/1/files", None),
    (SEES, "GET", "/pulls/1/commits", None),
    (SEES, "GET", "/pulls/1/threads", None),
    (SEES, "GET", "/pulls/1/reviews", None),
    (SEES, "GET", "/conversations", None),
    (SEES, "GET", "/conversations/1/entries", None),
    (SEES, "GET", "/commits/{head}/checks", None),
    (TALKS, "POST", "/discussions", {"title": "why"}),
    (TALKS, "POST", "/conversations/1/entries", {"body": "well"}),
    (TALKS, "POST", "/pulls/1/reviews", {"verdict": "approve", "head": "{head}"}),
    (TALKS, "POST", "/pulls/1/threads", {"path": "c", "body": "hm", "head": "{head}"}),
    (SORTS, "PATCH", "/conversations/1", {"labels": ["good"]}),
    (SORTS, "PATCH", "/pulls/1", {"reviewers": ["eve"]}),
    (SORTS, "PATCH", "/pulls/1", {"title": "better"}),
    (WRITES, "PATCH", "/pulls/1", {"draft": True}),
    (WRITES, "PUT", "/pulls/1/threads/1", {"resolved": True}),
    (WRITES, "PUT", "/commits/{head}/checks/lint", {"state": "success"}),
    (MAINTAINS, "PATCH", "/conversations/1/entries/1", {"body": "more politely"}),
    (MAINTAINS, "DELETE", "/conversations/1/entries/1", None),
    (MAINTAINS, "POST", "/pulls/1/reviews/2/dismiss", {"reason": "old"}),
]
CHANGES = [(method, path, body) for _, method, path, body in ACTIONS if method != "GET"] + [
    ("POST", "/pulls", {"title": "t", "source": "side"}),
    ("POST", "/pulls/1/merge", {"head": "{head}"}),
    ("POST", "/pulls/1/resolve", {"head": "{head}", "target": "{head}"}),
    ("POST", "/pulls/1/suggestions", {"head": "{head}", "threads": [1]}),
]


def filled(value: Any, head: str) -> Any:
    """Return a path or body with the head in its place."""
    if isinstance(value, dict):
        return {name: filled(each, head) for name, each in value.items()}
    return value.replace("{head}", head) if isinstance(value, str) else value


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return Bob's pull request 1, with his note as entry 1 and Eve's approval as entry 2."""
    room = Review(hub, tmp_path / "desk")
    head = room.branch("side", {"c": b"1"})
    assert room.open("side") == 1
    note = {"path": "c", "body": "x", "anchor": {"kind": "line", "start": 1, "end": 1}, "suggestion": "2"}
    assert room.post(room.bob, "pulls/1/threads", {**note, "head": head}).status == 201
    assert room.review(room.eve, 1).status == 201
    room.tokens["narrow"] = hub.token("eve", "read")
    return room


def test_each_action_needs_its_role(room: Review) -> None:
    """Who has it may, everybody with less may not, and to strangers nothing is there."""
    head = room.show(1)["head"]
    for least, method, path, body in ACTIONS:
        for name in WHO:
            reply = room.hub.api(method, AT + filled(path, head), room.tokens[name], filled(body, head))
            if name in ("nobody", "out"):
                wanted = {404}
            elif WHO.index(name) < WHO.index(least):
                wanted = {403}
            else:
                wanted = {200, 201, 204}
            if name == MAINTAINS and path.endswith(("/entries/1", "/dismiss")) and method != "PATCH":
                assert reply.status == 204, (path, reply)
                continue
            assert reply.status in wanted, (name, method, path, reply)


def test_merging_needs_write_and_authors_decide_nothing(room: Review) -> None:
    """Readers and triage are refused, also by their approval; an author's own verdict is refused."""
    room.protect()
    head = room.show(1)["head"]
    room.hub.ok("POST", f"{AT}/pulls/1/reviews/2/dismiss", room.max, {"reason": "again"})
    for token in (room.rex, room.tom):
        assert room.merge(token, 1).code == "forbidden"
        assert room.review(token, 1).status == 201
    assert room.review(room.bob, 1).code == "forbidden"
    assert room.review(room.bob, 1, "changes").code == "forbidden"
    assert room.review(room.bob, 1, "comment", body="ready").status == 201
    refused = room.merge(room.bob, 1)
    assert (refused.status, [each["kind"] for each in refused.json["lacks"]]) == (409, ["approvals"])
    assert room.tip() != head

    assert room.review(room.eve, 1).status == 201
    assert room.merge(room.bob, 1, method="fast-forward").json["commit"] == head
    assert room.tip() == head


def test_an_archived_repository_is_for_reading(room: Review) -> None:
    """All can be read, and nothing changes."""
    head = room.show(1)["head"]
    room.hub.ok("PATCH", AT, room.ada, {"archived": True})
    before = room.entries(1)

    for method, path, body in CHANGES:
        reply = room.hub.api(method, AT + filled(path, head), room.max, filled(body, head))
        assert (reply.status, reply.code) == (409, "conflict"), (method, path, reply)

    assert room.entries(1) == before
    assert room.show(1)["state"] == "open"


def test_what_is_private_is_not_there(room: Review) -> None:
    """To a stranger each reply is the one of a repository that never was."""
    head = room.show(1)["head"]
    reads = [(method, path, body) for _, method, path, body in ACTIONS if method == "GET"]
    for method, path, body in [*CHANGES, *reads]:
        for token in (None, room.tokens["out"]):
            replies = set()
            for address in ("ada/x", "ada/absent"):
                place = f"/repos/{address}{filled(path, head)}"
                reply = room.hub.api(method, place, token, filled(body, head))
                replies.add((reply.status, reply.body.replace(address.encode(), b"")))
            assert len(replies) == 1, (method, path, replies)
            assert next(iter(replies))[0] == 404


def test_who_lost_the_right_to_read_is_told_nothing(room: Review) -> None:
    """Notices of a repository that one may not read any more are not shown, and nothing new is told."""
    hub = room.hub
    hub.ok("POST", f"{AT}/conversations/1/entries", room.bob, {"body": "@rex @out @nobody look"})
    assert [each["reason"] for each in hub.ok("GET", "/notices", room.rex)["notices"]] == ["mention"]
    assert hub.ok("GET", "/notices", room.tokens["out"])["notices"] == []

    hub.ok("DELETE", f"{AT}/collaborators/rex", room.ada)

    assert hub.ok("GET", "/notices", room.rex)["notices"] == []
    assert hub.api("GET", f"{AT}/pulls/1", room.rex).status == 404
