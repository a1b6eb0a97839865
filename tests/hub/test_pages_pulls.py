"""Pages of pull requests: each way that people take, who may what, and what hostile people send."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.hub import HubRoom, Reply
from tests.support.pulls import Review

from tether.hub.pages import cookies

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **HTML}
AT = "/ada/x"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub on the database that every hub has at hand: pages add no table."""
    room = HubRoom(tmp_path / "hub")
    yield room
    room.close()


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return a repository in which Bob's branch `side` changes `a.txt` and adds `c`."""
    room = Review(hub, tmp_path / "desk")
    room.branch("side", {"a.txt": b"one\n2\nthree\n", "c": b"new <b>file</b>\n"})
    return room


def look(room: Review, path: str, /, who: str | None = None) -> Reply:
    """Ask for a page as the browser of somebody does."""
    return room.hub.call("GET", path, headers={**HTML, **_cookie(room, who)})


def send(room: Review, place: str, /, who: str | None, **fields: str) -> Reply:
    """Send a form as the browser of somebody does."""
    headers = {**FORM, **_cookie(room, who)}
    return room.hub.call("POST", place, headers=headers, parts=[urlencode(fields).encode()])


def _cookie(room: Review, who: str | None) -> dict[str, str]:
    if who is None:
        return {}
    secret = room.tokens[who]
    return {"cookie": f"{cookies.name_of(room.hub.hub.settings)}={secret}"}


def text(reply: Reply, status: int = 200) -> str:
    """Return a page."""
    page = reply.body.decode()
    assert reply.status == status, page[:3000]
    return page


def test_from_the_branch_to_the_merge(room: Review) -> None:
    """Bob proposes, Eve reviews with a suggestion, Bob applies it, Eve approves and Bob merges."""
    room.protect(fresh=True)
    page = text(look(room, f"{AT}/pulls/new?source=side&target=main", "bob"))
    assert "a.txt" in page
    assert "1 commit" in page
    assert "<b>file</b>" not in page
    made = send(
        room, f"{AT}/pulls/new", "bob", source="side", target="main", title="Numbers", body="for @eve"
    )
    assert (made.status, made.headers["location"]) == (303, f"{AT}/pulls/1")
    page = text(look(room, f"{AT}/pulls/1", "bob"))
    assert re.search(r'href="/eve"[^>]*>@eve</a>', page)
    assert "0 of 1 approvals" in page
    assert 'value="merge"' not in page
    head = room.show(1)["head"]

    note = {"path": "a.txt", "head": head, "kind": "line", "start": "2", "end": "", "body": "in words"}
    sent = send(room, f"{AT}/pulls/1/file", "eve", **note, suggest="1", suggestion="zwei")
    assert sent.status == 303, sent.body
    page = text(look(room, f"{AT}/pulls/1", "bob"))
    assert "zwei" in page
    assert "Apply the suggestion" in page
    assert "in words" in text(look(room, f"{AT}/pulls/1/files", "bob"))
    assert "Apply the suggestion" not in text(look(room, f"{AT}/pulls/1", "rex"))
    thread = re.search(r'name="thread" value="(\d+)"', page)
    assert thread is not None
    applied = send(room, f"{AT}/pulls/1", "bob", do="apply", thread=thread[1], head=head)
    assert applied.status == 303, applied.body
    assert room.read("a.txt", "side") == b"one\nzwei\nthree\n"
    page = text(look(room, f"{AT}/pulls/1", "bob"))
    assert "Outdated" in page
    assert "Resolved by bob" in page

    _approve_and_merge(room)


def _approve_and_merge(room: Review) -> None:
    """Let Eve approve what is there, and Bob merge it as one commit."""
    head = room.show(1)["head"]
    assert (
        send(room, f"{AT}/pulls/1", "eve", do="review", verdict="approve", head=head, body="good").status
        == 303
    )
    page = text(look(room, f"{AT}/pulls/1", "bob"))
    assert "Approved" in page
    assert 'value="merge"' in page
    merged = send(
        room, f"{AT}/pulls/1", "bob", do="merge", head=head, method="squash", message="Numbers as words"
    )
    assert merged.status == 303, merged.body
    assert room.read("a.txt") == b"one\nzwei\nthree\n"
    page = text(look(room, f"{AT}/pulls/1", "bob"))
    assert "Merged" in page
    assert 'value="ready"' not in page
    assert "Numbers" in text(look(room, f"{AT}/pulls?state=merged", "rex"))
    assert "Numbers" not in text(look(room, f"{AT}/pulls", "rex")).split("<main")[1]


def test_conflicts_are_decided_on_the_page(room: Review) -> None:
    """The sides are shown; what is not decided is said; an own text becomes a merge commit."""
    room.open("side")
    room.desk.commit({"a.txt": b"one\nTWO <i>\nthree\n"})
    room.desk.push(room.ada)
    page = text(look(room, f"{AT}/pulls/1/conflicts", "bob"))
    assert "TWO &lt;i&gt;" in page
    assert "<i>" not in page
    seen = {"head": room.show(1)["head"], "target": room.tip()}
    assert "still to be decided" in text(send(room, f"{AT}/pulls/1/conflicts", "bob", **seen), 409)
    own = {"path-0": "a.txt", "take-0": "content", "text-0": "one\r\nboth\r\nthree\r\n"}
    assert "Nothing is in" not in text(send(room, f"{AT}/pulls/1/conflicts", "rex", **seen, **own), 403)
    assert text(send(room, f"{AT}/pulls/1/conflicts", "bob", **seen, **{**own, "take-0": "other"}), 400)
    assert send(room, f"{AT}/pulls/1/conflicts", "bob", **seen, **own).status == 303
    assert room.read("a.txt", "side") == b"one\nboth\nthree\n"
    assert look(room, f"{AT}/pulls/1/conflicts", "bob").headers["location"] == f"{AT}/pulls/1"
    assert "Nothing is in conflict" in text(look(room, f"{AT}/pulls/1", "bob"))


def test_an_own_text_begins_with_what_both_sides_changed(room: Review) -> None:
    """What only one side changed is in it; what both did stands between marks, which are not committed."""
    numbers = {at: f"{at}\n" for at in range(1, 41)}
    room.desk.commit({"long.txt": "".join(numbers.values()).encode()})
    room.desk.push(room.ada)
    room.branch("wide", {"long.txt": "".join({**numbers, 5: "five\n", 20: "ours\n"}.values()).encode()})
    room.open("wide")
    room.desk.commit({"long.txt": "".join({**numbers, 35: "<i>\n", 20: "theirs\n"}.values()).encode()})
    room.desk.push(room.ada)
    place = f"{AT}/pulls/1/conflicts"

    page = text(look(room, place, "bob"))
    field = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)
    assert field is not None
    own = unescape(field[1])
    decide = "<<<<<<< This branch\nours\n=======\ntheirs\n>>>>>>> Target\n"
    assert own == "".join({**numbers, 5: "five\n", 20: decide, 35: "<i>\n"}.values())
    ours, base, theirs = re.findall(r'<pre class="code"[^>]*>(.*?)</pre>', page, re.S)
    assert re.findall("<mark>(.*?)\n</mark>", ours) == ["five", "ours"]
    assert re.findall("<mark>(.*?)\n</mark>", base) == ["5", "20", "35"]
    assert re.findall("<mark>(.*?)\n</mark>", theirs) == ["theirs", "&lt;i&gt;"]
    assert re.findall(r"(\d+) lines? as before", ours) == ["1", "8", "17"]

    seen = {"head": room.show(1)["head"], "target": room.tip(), "path-0": "long.txt", "take-0": "content"}
    refused = text(send(room, place, "bob", **seen, **{"text-0": own.replace("\n", "\r\n")}), 400)
    assert "still to be decided" in refused
    assert "&lt;&lt;&lt;&lt;&lt;&lt;&lt; This branch" in refused
    done = own.replace(decide, "both\n")
    assert send(room, place, "bob", **seen, **{"text-0": done}).status == 303
    assert room.read("long.txt", "wide") == done.encode()


def test_close_reopen_draft_labels_and_title(room: Review) -> None:
    """Each by its form; what is refused is told with what was typed."""
    room.open("side")
    for who, fields in (
        ("bob", {"do": "ready", "draft": "1"}),
        ("bob", {"do": "rewrite", "title": "Other <u>", "text": "why"}),
        ("tom", {"do": "label", "labels": "data, bug"}),
        ("bob", {"do": "ask", "reviewers": "eve, max"}),
        ("bob", {"do": "close", "body": "not now"}),
        ("bob", {"do": "reopen"}),
        ("rex", {"do": "tell", "told": "1"}),
    ):
        assert send(room, f"{AT}/pulls/1", who, **fields).status == 303, fields
    pull = room.show(1)
    assert (pull["title"], pull["labels"], pull["draft"]) == ("Other <u>", ["bug", "data"], True)
    assert pull["reviewers"] == ["eve", "max"]
    page = text(look(room, f"{AT}/pulls/1", "rex"))
    assert "It is a draft" in page
    assert "Other &lt;u&gt;" in page
    assert "<u>" not in page
    assert "not now" in page
    refused = text(send(room, f"{AT}/pulls/1", "rex", do="close", body=""), 403)
    assert 'role="alert"' in refused
    assert "kept words" in text(
        send(room, f"{AT}/pulls/1", "bob", do="comment", body="kept words", thread="1"), 404
    )
    assert text(send(room, f"{AT}/pulls/1", "bob", do="nothing"), 400)
    assert room.show(1)["state"] == "open"


def test_who_may_what(room: Review) -> None:
    """Strangers see nothing, nobody in particular writes nothing, and readers have no buttons for writers."""
    room.open("side")
    for part in ("", "/1", "/1/files", "/1/commits", "/1/file?path=c", "/1/conflicts", "/new"):
        assert look(room, f"{AT}/pulls{part}").status == 404
        assert look(room, f"{AT}/pulls{part}", "out").status == 404
    head = room.show(1)["head"]
    for fields in ({"do": "comment", "body": "x"}, {"do": "merge", "head": head}):
        assert send(room, f"{AT}/pulls/1", "out", **fields).status == 404
    assert send(room, f"{AT}/pulls/1", "rex", do="merge", head=head).status == 403
    assert send(room, f"{AT}/pulls/1", "bob", do="review", verdict="approve", head=head).status == 403
    page = text(look(room, f"{AT}/pulls/1", "rex"))
    for button in ('value="merge"', 'value="ready"', 'value="label"', 'value="rewrite"'):
        assert button not in page
    assert look(room, f"{AT}/pulls/2", "rex").status == 404
    assert look(room, f"{AT}/pulls/1{'0' * 30}", "rex").status == 404
    assert room.tip() != head
    sent = {**FORM, "sec-fetch-site": "cross-site", **_cookie(room, "bob")}
    body = urlencode({"do": "merge", "head": head}).encode()
    assert room.hub.call("POST", f"{AT}/pulls/1", headers=sent, parts=[body]).status == 403


def test_notes_at_each_kind_of_place(room: Review) -> None:
    """A file, lines, a row, a region; what says too little comes again with what was typed."""
    room.open("side")
    seen = {"path": "c", "head": room.show(1)["head"]}
    place = f"{AT}/pulls/1/file?path=c"
    for anchor in (
        {"kind": "file"},
        {"kind": "line", "start": "1", "end": "1"},
        {"kind": "row", "key": "k<1>"},
        {"kind": "region", "x": "1", "y": "2", "w": "3", "h": "4"},
    ):
        sent = send(room, place, "rex", **seen, **anchor, body=f"about {anchor['kind']}")
        assert sent.status == 303, sent.body
    page = text(look(room, place, "rex"))
    for told in ("the file", "line 1", "row k&lt;1&gt;", "region 3 \N{MULTIPLICATION SIGN} 4 at 1, 2"):
        assert told in page
    again = text(send(room, place, "rex", **seen, kind="region", x="1", body="half said"), 400)
    assert "half said" in again
    assert (
        "**"
        not in text(send(room, place, "rex", **seen, kind="file", body="a **b**", preview="1"))
        .split("Preview")[1]
        .split("</section>")[0]
    )
    assert look(room, f"{AT}/pulls/1/file?path=b", "rex").status == 404
    assert look(room, f"{AT}/pulls/1/file?path=../b", "rex").status == 404
    assert len(room.show(1, "/threads")) == 4
    settled = send(
        room,
        f"{AT}/pulls/1",
        "bob",
        do="settle",
        thread=str(room.show(1, "/threads")[0]["thread"]),
        resolved="1",
    )
    assert settled.status == 303
    assert "Resolved by bob" in text(look(room, f"{AT}/pulls/1/files", "rex"))


def test_lists_by_state_author_and_words(room: Review) -> None:
    """The count of the tab is of the open ones, and words are found in titles and texts as they are."""
    room.open("side", title="Better labels", body="all of 50% owls")
    room.branch("other", {"d": b"1"}, room.eve)
    room.open("other", room.eve, title="A new reader")
    page = text(look(room, f"{AT}/pulls", "rex"))
    assert '<span class="count">2</span>' in page
    assert page.index("A new reader") < page.index("Better labels")
    for query, found in (
        ("words=LABELS", 1),
        ("words=50%25+owls", 1),
        ("words=5_%25", 0),
        ("author=eve", 2),
        ("author=nobody", 0),
    ):
        page = text(look(room, f"{AT}/pulls?{query}", "rex"))
        assert ("Better labels" in page, "A new reader" in page) == (found == 1, found == 2), query
