"""The pages over one repository on this machine: who may see them, and that they show it."""

import asyncio
import contextlib
import io
import re
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from tests.support.cli import Room
from tests.support.hosted import commit_paths
from tests.support.hub import START, Wire, ask
from tests.support.records import record, run_id

from tether.cli.commands.ui import opener
from tether.cli.context import Context
from tether.core.identity import Time
from tether.hub.localui import LocalPages, LocalShelf
from tether.releases.pushedexports import MADE
from tether.repo.repository import Repository
from tether.runs.journal import Journal
from tether.runs.rundoc import Status


def look(pages: LocalPages, path: str, *, host: str = "127.0.0.1:8000", cookie: str = "") -> Wire:
    """Ask for a page as a browser does."""
    path, _, query = path.partition("?")
    wire = Wire([b""])
    headers = {"host": host, "accept": "text/html", **({"cookie": cookie} if cookie else {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }
    asyncio.run(ask(pages, scope, wire.receive, wire.send))
    return wire


@pytest.fixture
def pages(tmp_path: Path) -> LocalPages:
    """Return the pages of a repository named birds."""
    folder = tmp_path / "birds"

    def clock() -> Time:
        return Time(START, 0)

    folder.mkdir()
    with_commit = Repository.init(folder, clock=clock)
    commit_paths(with_commit, {b"README.md": b"# Birds\n", b"owl.txt": b"hoo\n"})
    with_commit.close()
    return LocalPages(LocalShelf(lambda: Repository.open(folder / ".tether", clock=clock), folder, clock))


def entered(pages: LocalPages) -> str:
    """Return the cookie of the browser that came by the entrance."""
    reply = look(pages, pages.entrance)
    assert (reply.status, reply.headers["location"]) == (303, "/local/birds")
    assert "HttpOnly" in reply.headers["set-cookie"]
    return reply.headers["set-cookie"].partition(";")[0]


def test_the_browser_that_was_opened_sees_the_repository(pages: LocalPages) -> None:
    """Pages are those of the hub, without what needs accounts."""
    cookie = entered(pages)

    page = look(pages, "/local/birds", cookie=cookie)

    assert page.status == 200
    assert b"<h1>Birds</h1>" in page.body
    assert b"Sign in" not in page.body
    assert look(pages, "/local/birds/file/main/owl.txt", cookie=cookie).status == 200
    assert look(pages, "/", cookie=cookie).headers["location"] == "/local/birds"
    assert look(pages, "/local/other", cookie=cookie).status == 404


@pytest.mark.parametrize("path", ["/", "/local/birds", "/local/birds/raw/main/owl.txt", "/-/open/guess"])
@pytest.mark.parametrize("cookie", ["", "tether-ui=guess"])
def test_others_see_nothing(pages: LocalPages, path: str, cookie: str) -> None:
    """Without the secret there is no page, whatever the address."""
    reply = look(pages, path, cookie=cookie)

    assert reply.status in (401, 303)
    assert b"owl.txt" not in reply.body
    assert "set-cookie" not in reply.headers


def test_a_bent_name_is_refused(pages: LocalPages) -> None:
    """A page of another site whose name leads here does not read it, even with the cookie."""
    assert look(pages, "/local/birds", host="evil.example", cookie=entered(pages)).status == 400


def test_a_run_goes_on(pages: LocalPages, tmp_path: Path) -> None:
    """The page of one under way fetches its part again; another host's script is never asked for."""
    cookie, run = entered(pages), run_id(5)

    def text(path: str) -> str:
        reply = look(pages, f"/local/birds/{path}", cookie=cookie)
        assert reply.status == 200, reply.body
        return reply.body.decode()

    folder = tmp_path / "birds/.tether/runs" / run
    folder.mkdir(parents=True)
    with Journal.begin(folder) as (journal, _):
        journal.tell(record(5, status=Status.RUNNING))
        journal.metric("loss", 0.5, 1, 0.0)
        journal.metric("loss", 0.25, 2, 1.0)
        page, part = text(f"runs/{run}"), text(f"runs/{run}?part=live")
        assert run in text("runs")

    assert 'data-live="?part=live"' in page
    assert "/live.js" in page
    assert part.lstrip().startswith('<div data-state="on">')
    assert "<polyline" in part
    assert "<html" not in part
    assert 'data-state="ended"' in text(f"runs/{run}?part=live")  # nobody is at it any more


def test_exports_of_a_release_in_a_clone_that_brings_contents_later(tmp_path: Path) -> None:
    """The links of the page lead to what they say, in a folder of any name, and bring what they need."""
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q", "birds")
    birds = room.work / "birds"
    (birds / "weights.bin").write_bytes(b"numbers")
    room.do("run", "-q", "--name", "base", "--artefact", "weights.bin", "--", "true", cwd=birds)
    room.do("release", "create", "owl@1.0+b", "--run", "base", "--licence", "release=MIT", "-q", cwd=birds)
    room.do("clone", "-q", "--lazy", birds.as_uri(), "a b%25#é")
    folder = room.work / "a b%25#é"
    silent = io.TextIOWrapper(io.BytesIO())
    with contextlib.chdir(folder):
        context = Context(out=silent, err=silent, environ=room.environ)
        pages = LocalPages(LocalShelf(opener(context), folder, context.now))
    cookie = look(pages, pages.entrance).headers["set-cookie"].partition(";")[0]
    base = f"/local/{quote(folder.name)}"

    page = look(pages, f"{base}/releases/owl/1.0%2Bb", cookie=cookie)
    links = re.findall(r'href="([^"]*/exports/[^"]*)"', page.body.decode())

    assert [link.rpartition("/")[2] for link in links] == [*MADE]
    for link in links:
        sent = look(pages, link, cookie=cookie)
        form = link.rpartition("/")[2]
        shown = room.do("release", "export", "owl@1.0+b", "--as", form, cwd=birds)
        assert (sent.status, sent.headers["content-type"]) == (200, MADE[form])
        assert sent.body.decode() == shown
        assert look(pages, link).status == 401
