"""Discussions: numbers, entries, mentions, notices, and what webhooks are told."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.hub import HubRoom
from tests.support.pulls import AT, Review

from tether.hub.conversations.mentions import names_in
from tether.hub.database.webhooks import Delivery

HERE = f"{AT}/conversations"


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return a repository with one commit on `main`."""
    return Review(hub, tmp_path / "desk")


def notices(room: Review, token: str, query: str = "") -> list[tuple[str, str, int, bool]]:
    """Return why somebody is told of what, the newest first."""
    listed = room.hub.ok("GET", f"/notices{query}", token)["notices"]
    return [(each["reason"], each["event"], each["entry"], each["unread"]) for each in listed]


def test_numbers_are_of_one_sequence(room: Review) -> None:
    """Discussions and pull requests that begin at the same time have each their own, without gaps."""
    room.branch("side", {"c": b"1"})
    found: list[int] = []

    def begin(number: int) -> None:
        body = {"title": f"number {number}"}
        found.append(room.hub.ok("POST", f"{AT}/discussions", room.rex, body)["number"])

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(4)]
    threads.append(threading.Thread(target=lambda: found.append(room.open("side"))))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(found) == [1, 2, 3, 4, 5]
    listed = room.hub.ok("GET", f"{HERE}?limit=2", room.rex)
    assert [each["number"] for each in listed] == [5, 4]
    listed = room.hub.ok("GET", f"{HERE}?before=4", room.rex)
    assert [each["number"] for each in listed] == [3, 2, 1]
    assert [each["kind"] for each in room.hub.ok("GET", f"{HERE}?kind=pull", room.rex)] == ["pull"]
    assert room.hub.ok("GET", f"{HERE}?author=nobody", room.rex) == []
    assert room.hub.api("GET", f"{HERE}/6", room.rex).code == "not-found"
    assert room.hub.api("GET", f"{HERE}/{2**40}", room.rex).code == "not-found"


def test_entries_are_corrected_and_taken_back(room: Review) -> None:
    """By who wrote them; an entry without its text stays, and what is closed can be reopened."""
    hub, about = room.hub, {"path": "data", "commit": room.tip()}
    hub.ok("POST", f"{AT}/discussions", room.rex, {"title": "  why?  ", "body": "so", **about})
    assert hub.ok("GET", f"{HERE}/1", room.rex)["title"] == "why?"
    for text in ("one", "two"):
        hub.ok("POST", f"{HERE}/1/entries", room.bob, {"body": text})
    hub.ok("PATCH", f"{HERE}/1/entries/1", room.bob, {"body": "eins"})
    assert hub.api("PATCH", f"{HERE}/1/entries/1", room.eve, {"body": "x"}).code == "forbidden"
    assert hub.api("DELETE", f"{HERE}/1/entries/1", room.eve).code == "forbidden"
    hub.ok("DELETE", f"{HERE}/1/entries/2", room.bob)
    assert hub.api("PATCH", f"{HERE}/1/entries/2", room.bob, {"body": "x"}).code == "not-found"
    assert hub.api("POST", f"{HERE}/1/entries", room.bob, {"body": " \n"}).code == "invalid-input"
    assert hub.api("POST", f"{HERE}/1/entries", room.bob, {"body": "x", "thread": 1}).code == "not-found"
    hub.ok("PATCH", f"{HERE}/1", room.rex, {"title": "why not?", "state": "closed"})
    assert hub.api("PATCH", f"{HERE}/1", room.bob, {"state": "open"}).status == 200
    assert hub.api("PATCH", f"{HERE}/1/entries/3", room.ada, {"body": "x"}).code == "not-found"
    assert hub.api("PATCH", f"{HERE}/1", room.tom, {"title": "a\nb"}).code == "invalid-input"
    hub.ok("PATCH", f"{HERE}/1", room.tom, {"labels": ["b", "a", "a"]})

    shown = [(e["kind"], e["author"], e["body"], e["deleted"]) for e in room.entries(1)]
    assert shown[:2] == [("comment", "bob", "eins", False), ("comment", "bob", "", True)]
    events = [(each["details"]["event"], each["author"]) for each in room.entries(1)[2:]]
    assert events == [("title", "rex"), ("close", "rex"), ("reopen", "bob"), ("labels", "tom")]
    found = hub.ok("GET", f"{HERE}?label=a&path=data&commit={about['commit']}&state=open", room.rex)
    assert [(each["number"], each["labels"], each["entries"]) for each in found] == [(1, ["a", "b"], 6)]
    assert hub.ok("GET", f"{HERE}?label=c", room.rex) == []
    page = hub.ok("GET", f"{HERE}/1/entries?after=4&limit=1", room.rex)
    assert [each["entry"] for each in page] == [5]


def test_characters_that_no_database_keeps(room: Review) -> None:
    """A zero in a text, or half a character, is refused wherever it stands, on each database."""
    room.branch("side", {"c": b"1"})
    room.open("side")
    head = room.show(1)["head"]
    for bad in ("a\0b", "\ud800"):
        for place, body in (
            ("discussions", {"title": "t", "body": bad}),
            ("discussions", {"title": bad}),
            ("discussions", {"title": "t", "path": bad}),
            ("discussions", {"title": "t", "labels": [bad]}),
            ("conversations/1/entries", {"body": bad}),
            ("pulls", {"title": "t", "source": bad}),
            ("pulls", {"title": "t", "source": "main", "reviewers": [bad]}),
            ("pulls/1/reviews", {"verdict": "comment", "head": head, "body": bad}),
            ("pulls/1/threads", {"path": bad, "head": head, "body": "x"}),
            ("pulls/1/threads", {"path": "c", "head": head, "body": bad}),
            ("pulls/1/threads", {"path": "c", "head": head, "anchor": {"kind": "row", "key": bad}}),
            ("pulls/1/merge", {"head": head, "message": bad}),
        ):
            reply = room.post(room.max, place, body)
            assert reply.status in (400, 404), (place, body, reply)
        check = f"{AT}/commits/{head}/checks"
        assert room.hub.api("PUT", f"{check}/x", room.bob, {"state": "error", "summary": bad}).status == 400
        assert room.hub.api("POST", "/notices/read", room.bob, {"ids": [bad]}).status == 400
    for query in (
        "conversations?path=%00",
        "conversations?label=%00",
        "pulls?source=%00",
        "pulls?target=%00",
    ):
        assert room.hub.api("GET", f"{AT}/{query}", room.rex).status == 400
    assert room.hub.api("PUT", f"{AT}/commits/{head}/checks/%00", room.bob, {"state": "error"}).status == 400
    assert room.hub.ok("GET", f"{HERE}?author=%00", room.rex) == []
    assert room.entries(1) == []


def test_about_something_that_is_not_there(room: Review) -> None:
    """A commit must be one, and a path one that can be; nothing is begun otherwise."""
    for about in ({"commit": "0" * 64}, {"path": "../x"}, {"path": "a/"}, {"title": " "}):
        reply = room.post(room.rex, "discussions", {"title": "t", **about})
        assert reply.code in ("not-found", "invalid-input")
    assert room.hub.ok("GET", HERE, room.rex) == []


def test_who_is_told(room: Review) -> None:
    """Those who take part, look after the repository or are called; not who did it or wants nothing of it."""
    hub = room.hub
    hub.ok("POST", f"{AT}/discussions", room.rex, {"title": "t", "body": "Ask @Tom and @out"})
    assert notices(room, room.ada) == [("owner", "open", 0, True)]
    assert notices(room, room.max) == [("owner", "open", 0, True)]
    assert notices(room, room.tom) == [("mention", "open", 0, True)]
    assert notices(room, room.bob) == notices(room, room.rex) == []
    hub.ok("PUT", f"{HERE}/1/subscription", room.ada, {"subscribed": False})
    hub.now += 1
    hub.ok("POST", f"{HERE}/1/entries", room.bob, {"body": "`@eve` I think\n```\n@eve\n```\n@ada?"})
    assert notices(room, room.rex) == [("author", "comment", 1, True)]
    assert notices(room, room.ada) == [("owner", "open", 0, True)]
    assert notices(room, room.eve) == []
    hub.ok("PUT", f"{HERE}/1/subscription", room.eve, {"subscribed": True})
    told = hub.ok("GET", f"{HERE}/1/subscription", room.eve)
    assert told == {"subscribed": True, "users": ["bob", "eve", "max", "rex", "tom"]}
    hub.now += 1
    hub.ok("POST", f"{HERE}/1/entries", room.rex, {"body": "thanks"})
    assert notices(room, room.bob) == [("comment", "comment", 2, True)]
    assert notices(room, room.eve) == [("wish", "comment", 2, True)]
    [notice] = hub.ok("GET", "/notices", room.eve)["notices"]
    assert (notice["link"], notice["actor"]) == ("/ada/x/discussions/1#entry-2", "rex")


def test_notices_are_read(room: Review) -> None:
    """One by one or all up to a time; the next thing that happens makes one unread again."""
    hub = room.hub
    for number in (1, 2, 3):
        hub.now += 1
        hub.ok("POST", f"{AT}/discussions", room.rex, {"title": f"t{number}"})
    listed = hub.ok("GET", "/notices?limit=2", room.ada)
    assert [each["number"] for each in listed["notices"]] == [3, 2]
    rest = hub.ok("GET", f"/notices?limit=2&after={listed['next']}", room.ada)
    assert ([each["number"] for each in rest["notices"]], rest["next"]) == ([1], None)
    assert hub.ok("GET", "/notices/count", room.ada) == {"unread": 3}

    marked = hub.ok("POST", "/notices/read", room.ada, {"ids": [listed["notices"][0]["id"], "none"]})
    assert marked == {"unread": 2}
    unread = hub.ok("GET", "/notices?unread=true", room.ada)["notices"]
    assert [each["number"] for each in unread] == [2, 1]
    assert hub.ok("POST", "/notices/read", room.ada, {"until": unread[1]["changed"]}) == {"unread": 1}
    assert hub.ok("GET", "/notices/count", room.max) == {"unread": 3}
    hub.ok("POST", f"{HERE}/3/entries", room.rex, {"body": "again"})
    assert [each[3] for each in notices(room, room.ada)] == [True, True, False]
    assert hub.api("GET", "/notices", None).code == "unauthenticated"
    for after in ("x", "1-", "9" * 30 + "-a", "1-%00"):
        assert hub.api("GET", f"/notices?after={after}", room.ada).code == "invalid-input"


def test_webhooks_are_told_without_what_was_said(room: Review) -> None:
    """Each event has its kind, number and entry; texts are for those who may read the repository."""
    hub = room.hub
    hook = {"url": "https://example.org/hook", "secret": "a-secret-of-the-hook"}
    events = ["discussion", "pull", "review", "comment", "check"]
    hub.ok("POST", f"{AT}/webhooks", room.ada, {**hook, "events": events})
    head = room.branch("side", {"c": b"1"})
    room.open("side", body="hidden")
    room.review(room.eve, 1, "changes", body="hidden")
    hub.ok("POST", f"{HERE}/1/entries", room.bob, {"body": "hidden"})
    hub.ok("PUT", f"{AT}/commits/{head}/checks/lint", room.bob, {"state": "failure", "summary": "hidden"})
    hub.ok("POST", f"{AT}/discussions", room.rex, {"title": "t"})
    hub.ok("PATCH", f"{HERE}/2", room.rex, {"state": "closed"})
    room.merge(room.bob, 1)

    with hub.hub.database.session(reads_only=True) as session:
        bodies = [each.body for each in session.scalars(select(Delivery))]
    told: list[dict[str, Any]] = [json.loads(body) for body in bodies]
    assert not any("hidden" in body for body in bodies)
    assert sorted((each["event"], each["action"]) for each in told) == [
        ("check", "check.set"),
        ("comment", "comment.add"),
        ("discussion", "discussion.close"),
        ("discussion", "discussion.open"),
        ("pull", "pull.merge"),
        ("pull", "pull.open"),
        ("review", "review.give"),
    ]
    merged = next(each for each in told if each["action"] == "pull.merge")
    assert (merged["subject"], merged["actor"]) == ("ada/x pulls/1", "bob")
    details = {"kind": "pull", "number": 1, "commit": room.tip(), "method": "merge"}
    assert merged["details"] == details


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ada, (@bob) @ada. @eve-x's", ["ada", "bob", "eve-x"]),
        ("mail me at ada@example.org or a/@bob", []),
        ("`@ada` ``a ` @bob`` @eve", ["eve"]),
        ("```\n@ada\n```\n@bob\n~~~ x\n@eve", ["bob"]),
        ("@@ada @ @-x", []),
        (" ".join(f"@u{number}" for number in range(50)), [f"u{number}" for number in range(20)]),
    ],
)
def test_names_that_are_called(text: str, names: list[str]) -> None:
    """A name behind `@`, outside of code and of addresses, at most twenty."""
    assert names_in(text) == names


def test_texts_that_are_slow_to_read() -> None:
    """A text of backticks, or of fences that never end, takes no time that grows with its square."""
    for text in ("`" * 100_000, "``` x\n" * 16_000, "` `` " * 20_000, "@" * 100_000, "~~~\n```\n" * 12_000):
        assert names_in(text) == []
