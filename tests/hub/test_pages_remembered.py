"""Pages that are kept: never shown to somebody else, never older than the refs, packed where that is safe."""

import gzip
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import DAY, START, HubRoom, Reply

from tether.core.identity import Time
from tether.core.phrases import age_end, age_text
from tether.errors import InvalidInput
from tether.hub import opened
from tether.hub.opened import Opened
from tether.pages import folders, routes
from tether.pages.remembered import Remembered
from tether.pages.turns import Turns, waiting
from tether.pages.viewers import table
from tether.repo.repository import Repository

HTML = {"accept": "text/html"}
FOLDER = "/ada/birds/tree/main"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubRoom]:
    """Return a hub with ada/birds, which has one file."""
    monkeypatch.setattr(routes, "PAGES", Remembered())
    room = HubRoom(tmp_path / "hub")
    room.repository(room.user("ada"), "ada/birds")
    commit(room, {b"owl.txt": b"owl"})
    yield room
    room.close()


def commit(room: HubRoom, files: dict[bytes, bytes | None]) -> None:
    """Commit files to ada/birds."""
    with closing(open_hosted(room, "ada/birds")) as repository:
        commit_paths(repository, files)


def get(room: HubRoom, path: str, token: str | None = None, **headers: str) -> Reply:
    """Ask for a page; names of headers have `_` for `-`."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return room.call("GET", path, token, headers={**HTML, **more})


@pytest.fixture
def renders(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each folder that is rendered."""
    done: list[int] = []
    real = folders.list_folder

    def counted(*args: Any) -> object:
        done.append(1)
        return real(*args)

    monkeypatch.setattr(folders, "list_folder", counted)
    return done


def test_a_page_is_rendered_once_for_the_same_reader(hub: HubRoom, renders: list[int]) -> None:
    """The second time the same bytes come without rendering; another reader has a page of their own."""
    token = hub.user("bob")

    first, second = get(hub, FOLDER), get(hub, FOLDER)
    hers = get(hub, FOLDER, token)

    assert (first.status, first.body) == (200, second.body)
    assert len(renders) == 2
    assert b"Sign in" in first.body
    assert b"Sign in" not in hers.body
    assert b"bob" in hers.body


def test_what_is_private_is_shown_to_nobody_else_though_it_is_kept(hub: HubRoom) -> None:
    """A page that its owner saw is not there for others, and rights that were taken count at once."""
    ada, bob = hub.token("ada"), hub.user("bob")
    assert get(hub, FOLDER, ada).status == 200
    assert get(hub, FOLDER, bob).status == 200
    assert get(hub, FOLDER).status == 200

    hub.ok("PATCH", "/repos/ada/birds", ada, {"private": True})

    hers = get(hub, FOLDER, ada, sec_fetch_site="same-origin", accept_encoding="gzip")
    assert hers.status == 200
    assert "etag" not in hers.headers
    assert hers.headers["cache-control"] == "no-store"
    assert get(hub, FOLDER, bob).status == 404
    assert get(hub, FOLDER).status == 404
    assert b"owl.txt" not in get(hub, FOLDER, bob).body


def test_a_push_and_time_end_what_is_kept(hub: HubRoom, renders: list[int]) -> None:
    """After a push the page has it at once; and no page says that a change is younger than it is."""
    assert b"owl.txt" in get(hub, FOLDER).body
    commit(hub, {b"jay.txt": b"jay"})
    assert b"jay.txt" in get(hub, FOLDER).body
    assert b"just now" in get(hub, FOLDER).body
    assert len(renders) == 2

    hub.now = START + 2 * DAY

    assert b"2 days ago" in get(hub, FOLDER).body
    assert len(renders) == 3


def test_who_has_the_page_of_a_public_repository_is_told_so(hub: HubRoom) -> None:
    """The tag of a page that nobody in particular sees is known again; after a push it is another."""
    first = get(hub, FOLDER)
    again = get(hub, FOLDER, if_none_match=first.headers["etag"])
    commit(hub, {b"jay.txt": b"jay"})
    later = get(hub, FOLDER, if_none_match=first.headers["etag"])

    assert first.headers["cache-control"] == "private, no-cache"
    assert (again.status, again.body) == (304, b"")
    assert later.status == 200
    assert later.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("signed_in", "site", "packed"),
    [
        (False, "cross-site", True),
        (True, "same-origin", True),
        (True, "none", True),
        (True, "cross-site", False),
        (True, "same-site", False),
        (True, "", False),
    ],
)
def test_a_page_is_packed_unless_another_site_could_guess_by_its_length(
    hub: HubRoom, signed_in: bool, site: str, packed: bool
) -> None:
    """What a stranger lets somebody open has its whole length; what is for all, or theirs, is packed."""
    token = hub.token("ada") if signed_in else None
    plain = get(hub, FOLDER, token)
    reply = get(hub, FOLDER, token, accept_encoding="gzip, br", **({"sec_fetch_site": site} if site else {}))

    assert ("content-encoding" in reply.headers) == packed
    assert (gzip.decompress(reply.body) if packed else reply.body) == plain.body
    assert "Accept-Encoding" in reply.headers["vary"]


def test_stylesheet_and_scripts_are_packed(hub: HubRoom) -> None:
    """A browser that can unpack them gets them packed."""
    place = get(hub, "/").body.decode().partition('rel="stylesheet" href="')[2].partition('"')[0]

    plain, packed = get(hub, place), get(hub, place, accept_encoding="gzip")

    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 3


def test_few_pages_are_kept(hub: HubRoom, monkeypatch: pytest.MonkeyPatch, renders: list[int]) -> None:
    """The least used page is forgotten when there are too many bytes of them."""
    monkeypatch.setattr(routes, "PAGES", Remembered(limit=len(gzip.compress(get(hub, FOLDER).body)) + 500))
    renders.clear()

    for view in ("list", "grid", "list", "list"):
        get(hub, f"{FOLDER}?view={view}")

    assert len(renders) == 3


def test_open_repositories_are_few_and_closed(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """One stays open between readers; others, age and the end of the hub close it, after its last reader."""
    closed: list[Repository] = []
    real = Repository.close

    def close(repository: Repository) -> None:
        closed.append(repository)
        real(repository)

    monkeypatch.setattr(Repository, "close", close)
    made: list[Repository] = []

    def make() -> Repository:
        made.append(open_hosted(hub, "ada/birds"))
        return made[-1]

    kept = Opened(limit=1)
    with kept.reading("a", START, make) as one, kept.reading("a", START, make) as same:
        assert one.objects is same.objects
        with kept.reading("b", START, make):
            assert closed == []
    assert closed == made[:1]
    with kept.reading("b", START + opened.LONGEST_US, make):
        assert closed == made[:2]
    kept.close()
    assert closed == made[:3]
    with kept.reading("b", START, make):
        pass
    assert closed == made[:4]


def test_readers_of_one_block_see_one_root(hub: HubRoom) -> None:
    """What is pushed while a page is made is not on it, and is on the next one."""
    with hub.hub.opened.reading("a", START, lambda: open_hosted(hub, "ada/birds")) as seen:
        before = seen.root().refs["refs/heads/main"]
        commit(hub, {b"jay.txt": b"jay"})
        assert seen.root().refs["refs/heads/main"] == before
    with hub.hub.opened.reading("a", START, lambda: open_hosted(hub, "ada/birds")) as later:
        assert later.root().refs["refs/heads/main"] != before


@pytest.mark.parametrize(
    "seconds", [-100, -61, -60, 0, 59, 60, 3599, 3600, 90_000, 13 * 86400, 29 * 86400, 364 * 86400, 9 * 10**7]
)
def test_the_end_of_an_age_is_when_it_reads_otherwise(seconds: int) -> None:
    """One microsecond earlier the text is what it is now, and at the end it is another."""
    then, now = Time(START, 0), Time(START + seconds * 1_000_000, 0)

    end = age_end(then, now)

    assert end > now.micros
    assert age_text(then, Time(end - 1, 0)) == age_text(then, now)
    assert age_text(then, Time(end, 0)) != age_text(then, now)


def test_what_failed_is_tried_again(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that took too long, as a machine at work may let it, is shown when there is time again."""
    commit(hub, {b"birds.csv": b"name,legs\nowl,2\njay,2\n"})

    def late(*_: object) -> None:
        raise InvalidInput("the table is too large for that here")

    with monkeypatch.context() as patched:
        patched.setattr(table, "read_page", late)
        refused = get(hub, "/ada/birds/file/main/birds.csv")

    assert b"too large for that here" in refused.body.lower()
    assert b"too large for that here" not in get(hub, "/ada/birds/file/main/birds.csv").body.lower()


def test_pages_are_made_by_few_at_once_who_do_not_wait() -> None:
    """The second waits for the first, but not while that waits for something else; a turn is taken once."""
    turns, order = Turns(1), list[str]()

    def other() -> None:
        with turns.taken():
            order.append("other")

    with turns.taken(), turns.taken():
        thread = Thread(target=other)
        thread.start()
        order.append("first")
        with waiting():
            thread.join(30)
        order.append("first again")

    assert order == ["first", "other", "first again"]
    with waiting(), turns.taken():
        pass
