"""Pages of discussions and notices, and pictures in what people say: ways, rights, and hostile contents."""

import io
import re
import zlib
from collections.abc import Iterator
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from PIL import Image
from tests.hub.test_pages_pulls import AT, FORM, _cookie, look, send, text
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom, Reply
from tests.support.pulls import Review

from tether.hub.conversations import attachments
from tether.hub.database.rights import PATH
from tether.hub.upkeep import chosen, collect
from tether.pages.words import LONGEST_SAID

HOSTILE = """<script>alert(1)</script> <img src=x onerror=alert(1)>

[a](javascript:alert(1)) ![b](https://spy.example/x.png)

`@eve` @eve, @out. <style>p{}</style>"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub on the database that every hub has at hand: pages add no table."""
    room = HubRoom(tmp_path / "hub")
    yield room
    room.close()


@pytest.fixture
def room(hub: HubRoom, tmp_path: Path) -> Review:
    """Return Ada's private repository."""
    return Review(hub, tmp_path / "desk")


def picture(size: tuple[int, int] = (8, 6)) -> bytes:
    """Return a PNG."""
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "PNG")
    return out.getvalue()


def give(room: Review, who: str | None, data: bytes, kind: str = "image/png") -> Reply:
    """Send a picture as it is pasted."""
    headers = {"accept": "*/*", "sec-fetch-site": "same-origin", "content-type": kind, **_cookie(room, who)}
    return room.hub.call("POST", f"{AT}/attachments", headers=headers, parts=[data])


def test_discussing_and_being_told(room: Review) -> None:
    """Rex asks about a file and calls Eve; her bell says so, and she marks it as read, or reads it."""
    made = send(room, f"{AT}/discussions/new", "rex", title="Odd <b>", body=HOSTILE, path="data/x")
    assert (made.status, made.headers["location"]) == (303, f"{AT}/discussions/1")
    page = text(look(room, f"{AT}/discussions/1", "rex"))
    assert re.search(r'href="/eve"[^>]*>@eve</a>', page)
    assert re.search(r'href="/out"[^>]*>@out</a>\.', page)
    assert "<code>@eve</code>" in page
    assert f'href="{AT}/file/main/data/x"' in page
    assert "<script>alert" not in page
    assert "<b>" not in page
    said = page.partition('<div class="prose said">')[2].partition("</article>")[0]
    for bad in ("<script", "onerror", 'href="javascript', "spy.example", "<style", "p{}"):
        assert bad not in said, bad
    told = text(look(room, "/-/notifications", "eve"))
    assert "1 unread notification" in told
    assert "you were called" in told
    assert f'href="{AT}/discussions/1"' in told
    assert "Odd &lt;" not in text(look(room, "/-/notifications", "out"))
    assert look(room, "/-/notifications").status == 303
    one = re.search(r'name="id" value="(\w+)"', told)
    assert one is not None
    assert send(room, "/-/notifications", "eve", id=one[1], unread="0").status == 303
    assert "Odd &lt;" not in text(look(room, "/-/notifications", "eve")).split("<main")[1]
    assert "Odd &lt;" in text(look(room, "/-/notifications?all=1", "eve"))
    assert send(room, "/-/notifications", "eve", id=one[1], unread="1").status == 303
    assert "Odd &lt;" in text(look(room, "/-/notifications", "eve")).split("<main")[1]
    assert "0 unread notifications" in text(look(room, f"{AT}/discussions/1", "eve"))
    assert "Odd &lt;" not in text(look(room, "/-/notifications", "eve")).split("<main")[1]
    assert "Odd &lt;" in text(look(room, f"{AT}/discussions?path=data/x", "rex"))
    assert "Odd &lt;" not in text(look(room, f"{AT}/discussions?path=data", "rex")).split("<main")[1]


def test_pages_of_files_and_commits_lead_to_what_is_said_of_them(room: Review) -> None:
    """The link lists what there is about just that, and what one begins there is about it."""
    head = room.hub.call("GET", f"{AT}/raw/main/data/x", room.hub.token("rex")).headers["x-tether-commit"]
    places = {
        f"{AT}/file/main/data/x": ("path", "data/x"),
        f"{AT}/tree/main/data": ("path", "data"),
        f"{AT}/commit/{head}": ("commit", head),
    }
    for page, (field, value) in places.items():
        found = re.search(r'href="([^"]+/discussions\?[^"]+)"', text(look(room, page, "rex")))
        assert found is not None, page
        there = text(look(room, unescape(found[1]), "rex"))
        assert f"is about <code>{value[:10]}" in there
        begun = re.search(r'href="([^"]+/discussions/new\?[^"]+)"', there)
        assert begun is not None
        form = text(look(room, unescape(begun[1]), "rex"))
        assert f'id="{field}" name="{field}" value="{value}"' in form
        told = {"title": f"Of {field} {value}", "body": "", field: value}
        made = send(room, f"{AT}/discussions/new", "rex", **told)
        assert made.status == 303, made.body
        assert f"Of {field} {value}" in text(look(room, unescape(found[1]), "rex"))
        keeps = re.search(r'<form class="filter.*?</form>', there, re.S)
        assert keeps is not None
        assert f'name="{field}" value="{value}"' in keeps[0]
    assert "Of path data/x" not in text(look(room, f"{AT}/discussions?path=data&state=all", "rex"))


def test_an_unusual_name_leads_to_what_is_said_of_it_or_nowhere(room: Review) -> None:
    """Blanks at the ends are of the name; what cannot be printed, or is too long, has no such link."""
    long = b"/".join([b"n" * 200] * 5)
    names = {b" notes.txt": True, b"a+b%.txt ": True, b"a\xff.txt": False, b"a\x01b": False, long: False}
    with closing(open_hosted(room.hub, "ada/x")) as repository:
        commit_paths(repository, dict.fromkeys(names, b"1"))
    for name, talked in names.items():
        place = quote(name)
        found = re.search(
            r'href="([^"]+/discussions\?[^"]+)"', text(look(room, f"{AT}/file/main/{place}", "rex"))
        )
        assert (found is not None) is talked, name
        there = text(look(room, unescape(found[1]) if found else f"{AT}/discussions?path={place}", "rex"))
        assert (f'/discussions/new?path={quote_plus(name)}"' in there) is talked
        assert "No discussions" in there
        if talked or name == long:
            told = {"title": "Odd", "body": "", "path": name.decode()}
            assert send(room, f"{AT}/discussions/new", "rex", **told).status == (303 if talked else 400)
        listed = text(look(room, f"{AT}/discussions?path={place}", "rex"))
        assert ("is about <code>" in listed, "No discussions" in listed) == (talked, not talked)
    assert LONGEST_SAID == PATH


def test_answers_are_corrected_and_taken_back(room: Review) -> None:
    """By who wrote them alone, and those who maintain; a preview stores nothing."""
    assert send(room, f"{AT}/discussions/new", "rex", title="", body="kept").status == 400
    assert send(room, f"{AT}/discussions/new", "rex", title="Ask", body="first").status == 303
    place = f"{AT}/discussions/1"
    shown = text(send(room, place, "tom", body="**strong**", preview="1"))
    assert "<strong>strong</strong>" in shown
    assert "**strong**</textarea>" in shown
    assert send(room, place, "tom", do="comment", body="second").headers["location"] == f"{place}#entry-1"
    assert send(room, place, "rex", do="edit", entry="1", body="mine now").status == 403
    assert send(room, place, "tom", do="edit", entry="1", body="third").status == 303
    assert "third" in text(look(room, place, "rex"))
    assert send(room, place, "max", do="delete", entry="1").status == 303
    page = text(look(room, place, "rex"))
    assert "third" not in page
    assert "was deleted" in page
    assert send(room, place, "rex", do="merge").status == 400
    assert look(room, f"{AT}/pulls/1", "rex").status == 404
    assert look(room, place, "out").status == 404
    assert send(room, place, "out", do="comment", body="x").status == 404
    assert send(room, place, None, do="comment", body="x").status == 404


def test_pictures_are_kept_and_sent_to_readers(room: Review) -> None:
    """Pasted or by a form; sandboxed, for who may read alone, and not told to who fetches."""
    data = picture()
    sent = give(room, "rex", data)
    assert sent.status == 201, sent.body
    address = sent.json["address"]
    assert give(room, "rex", data).json["address"] == address
    reply = look(room, address, "rex")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, data, "image/png")
    assert "sandbox" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    for who in (None, "out"):
        assert look(room, address, who).status == 404
    assert look(room, address.rpartition("/")[0] + "/other.png", "rex").status == 404
    send(room, f"{AT}/discussions/new", "rex", title="See", body=f"![p]({address})")
    assert f'src="{address}"' in text(look(room, f"{AT}/discussions/1", "rex"))
    assert room.desk.tip(room.ada, "main") is not None
    body = (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        + picture((9, 9))
        + b"\r\n--B--\r\n"
    )
    headers = {**FORM, "content-type": "multipart/form-data; boundary=B", **_cookie(room, "rex")}
    made = room.hub.call("POST", f"{AT}/attachments", headers=headers, parts=[body])
    assert made.status == 303, made.body
    assert "![picture](/-/attachments/" in text(look(room, made.headers["location"], "rex"))


def test_what_is_no_picture_is_not_kept(room: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawings, pages, damage, bombs, what is too long, and what nobody in particular sends."""
    good = picture()
    bomb = bytearray(good)
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    for data, status in (
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", 400),
        (b"<script>alert(1)</script>", 400),
        (b"", 400),
        (good[:45], 400),
        (bytes(bomb), 413),
        (b"GIF89a" + b"\xff" * 40, 400),
    ):
        assert give(room, "rex", data).status == status, data[:20]
    assert give(room, None, good).status in (401, 404)
    assert give(room, "out", good).status == 404
    monkeypatch.setattr(attachments, "MOST_BYTES", 20)
    assert give(room, "rex", good).status == 413
    monkeypatch.undo()
    monkeypatch.setattr(attachments, "MOST_OF_ALL", 2 * len(good))
    assert give(room, "rex", good).status == 403
    assert give(room, "bob", good).status == 201
    assert look(room, f"{AT}/attachments?name=../../x", "rex").status == 404


def test_pictures_that_nothing_shows_go(room: Review) -> None:
    """After the grace, and what is shown, or was put in again meanwhile, stays."""
    said, gone, again = (give(room, "rex", picture((8, side))).json["address"] for side in (6, 7, 8))
    place = f"{AT}/discussions/1"
    send(room, f"{AT}/discussions/new", "rex", title="Odd", body="see below")
    send(room, place, "rex", do="comment", body=f"![a]({gone})")
    send(room, place, "rex", do="comment", body=f"![b]({said}) more")

    def shown() -> list[int]:
        (row,) = chosen(room.hub.hub, ["ada/x"])
        collect(room.hub.hub, row)
        return [look(room, address, "rex").status for address in (said, gone, again)]

    send(room, place, "max", do="delete", entry="1")
    room.hub.now += (attachments.GRACE_S - 60) * 1_000_000
    assert shown() == [200, 200, 200]
    assert give(room, "rex", picture((8, 8))).json["address"] == again
    room.hub.now += 120 * 1_000_000
    assert shown() == [200, 200, 200]
    room.hub.now += attachments.GRACE_S * 1_000_000
    assert shown() == [200, 404, 404]
    send(room, place, "max", do="delete", entry="2")
    assert shown()[0] == 200
    room.hub.now += attachments.GRACE_S * 1_000_000
    assert shown() == [404, 404, 404]
    assert give(room, "rex", picture()).json["address"] == said
    assert look(room, said, "rex").body == picture()


def test_pictures_go_where_no_room_is_left(room: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the quota too, and a picture that comes in that moment stops no collection."""
    stays, gone = (give(room, "rex", picture((8, side))).json["address"] for side in (6, 7))
    send(room, f"{AT}/discussions/new", "rex", title="Odd", body=f"![a]({stays})")
    room.hub.now += 2 * attachments.GRACE_S * 1_000_000
    root = room.hub.user("root", admin=True)
    (row,) = chosen(room.hub.hub, ["ada/x"])
    written = attachments._written

    def met(*args: Any) -> Any:
        found = written(*args)
        if None in args[-1].values():
            assert give(room, "rex", picture((8, 9))).status == 201
        return found

    with monkeypatch.context() as patch:
        patch.setattr(attachments, "_written", met)
        collect(room.hub.hub, row)
    assert look(room, gone, "rex").status == 200
    room.hub.now += 2 * attachments.GRACE_S * 1_000_000
    room.hub.ok("PUT", "/quotas/ada", root, {"max_bytes": 1})
    assert collect(room.hub.hub, row).freed > 0
    assert [look(room, address, "rex").status for address in (stays, gone)] == [200, 404]
