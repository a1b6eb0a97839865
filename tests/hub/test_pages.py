"""Pages of the hub: who sees what, signing in and out, and what others try."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom, Reply

from tether.core.tree import EntryKind

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **HTML}
PASSWORD = "correct horse battery"
README = b"# Birds\n\n![owl](pictures/owl.png) [code](code/train.py) <script>alert(1)</script>\n"
FILES = {
    b"README.md": README,
    b"code/train.py": b"def train(rate):\n    return rate\n",
    b"pictures/owl.png": b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
    b"page.html": b"<script>alert(1)</script>",
    b"drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    b"line\nfeed \xff.txt": b"odd name\n",
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub with open sign-up on the database that every hub has at hand: pages add no table."""
    room = HubRoom(tmp_path / "hub", signup="open")
    yield room
    room.close()


@pytest.fixture
def birds(hub: HubRoom) -> str:
    """Return the token of ada, who has the public repository ada/birds."""
    token = hub.user("ada", password=PASSWORD)
    hub.repository(token, "ada/birds")
    with closing(open_hosted(hub, "ada/birds")) as repository:
        commit_paths(repository, FILES, {b"link": EntryKind.SYMLINK})
    return token


def look(hub: HubRoom, path: str, **headers: str) -> Reply:
    """Ask for a page as a browser does."""
    return hub.call("GET", path, headers={**HTML, **headers})


def send(hub: HubRoom, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> Reply:
    """Send a form as a browser does."""
    return hub.call("POST", path, headers=headers or FORM, parts=[urlencode(fields).encode()])


def signed_in(hub: HubRoom) -> str:
    """Return the cookie of a browser in which ada signed in."""
    reply = send(hub, "/-/signin", name="ada", password=PASSWORD, next="/")
    assert reply.status == 303
    return reply.headers["set-cookie"].partition(";")[0]


@pytest.mark.usefixtures("birds")
def test_a_repository_is_looked_at_without_an_account(hub: HubRoom) -> None:
    """The first page has the files and the README; each link leads to a page."""
    page = look(hub, "/ada/birds").body.decode()

    assert 'href="/ada/birds/file/main/code/train.py"' in page  # from the README, made absolute
    assert 'src="/ada/birds/raw/main/pictures/owl.png"' in page
    assert "<script>alert" not in page
    for path in (
        "tree/main/code",
        "file/main/code/train.py",
        "history/main",
        "commit/main",
        "file/main/README.md",
    ):
        assert look(hub, f"/ada/birds/{path}").status == 200
    assert (
        look(hub, "/ada/birds/tree/main/code/train.py").headers["location"]
        == "/ada/birds/file/main/code/train.py"
    )


@pytest.mark.usefixtures("birds")
def test_names_of_any_bytes_have_pages(hub: HubRoom) -> None:
    """A name with a line feed and a byte that is not UTF-8 is shown, opened and sent."""
    address = "line%0Afeed%20%FF.txt"

    assert address in look(hub, "/ada/birds").body.decode()
    assert "odd name" in look(hub, f"/ada/birds/file/main/{address}").body.decode()
    assert look(hub, f"/ada/birds/raw/main/{address}").body == b"odd name\n"


@pytest.mark.usefixtures("birds")
@pytest.mark.parametrize("path", ["page.html", "drawing.svg"])
def test_files_that_browsers_would_run_are_text(hub: HubRoom, path: str) -> None:
    """An HTML file and a drawing with a script are sent as text, sandboxed, and shown as their text."""
    raw = look(hub, f"/ada/birds/raw/main/{path}")

    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in raw.headers["content-security-policy"]
    assert raw.headers["x-content-type-options"] == "nosniff"
    assert b"<script>" not in look(hub, f"/ada/birds/file/main/{path}").body


@pytest.mark.usefixtures("birds")
def test_every_page_has_a_strict_policy(hub: HubRoom) -> None:
    """No script or style inside a page runs, nothing frames it, and no policy is told twice."""
    for path in ("/", "/ada", "/ada/birds", "/-/signin", "/nobody/nothing"):
        policy = look(hub, path).headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_what_is_private_is_not_there(hub: HubRoom) -> None:
    """A stranger gets the same page for a private repository as for one that does not exist."""
    hub.repository(hub.user("ada", password=PASSWORD), "ada/secret", private=True)

    there, nowhere = look(hub, "/ada/secret"), look(hub, "/ada/absent")

    assert (there.status, nowhere.status) == (404, 404)
    assert there.body.replace(b"secret", b"absent") == nowhere.body
    assert look(hub, "/ada/secret", cookie=signed_in(hub)).status == 200
    assert b"secret" not in look(hub, "/").body
    assert b"secret" in look(hub, "/", cookie=signed_in(hub)).body


@pytest.mark.usefixtures("birds")
def test_signing_out_ends_the_token(hub: HubRoom) -> None:
    """The cookie that was stolen before is worth nothing after."""
    cookie = signed_in(hub)
    assert b"Sign out" in look(hub, "/", cookie=cookie).body

    assert send(hub, "/-/signout", headers={**FORM, "cookie": cookie}).status == 303

    assert b"Sign out" not in look(hub, "/", cookie=cookie).body
    assert hub.call("GET", "/api/v1/me", headers={"cookie": cookie}).status == 401


@pytest.mark.usefixtures("birds")
def test_a_wrong_password_says_so_on_the_page(hub: HubRoom) -> None:
    """The page comes again with the name and without the password."""
    reply = send(hub, "/-/signin", name="ada", password="a wrong one <b>")

    assert reply.status == 401
    assert b'value="ada"' in reply.body
    assert b"a wrong one" not in reply.body
    assert "set-cookie" not in reply.headers


def test_signing_up(hub: HubRoom) -> None:
    """Who makes an account is signed in; a taken name is told on the page."""
    made = send(hub, "/-/signup", name="grace", password=PASSWORD)
    again = send(hub, "/-/signup", name="grace", password=PASSWORD)

    assert made.status == 303
    assert made.headers["set-cookie"].startswith("tether-session=")
    assert again.status == 409


@pytest.mark.parametrize(
    "next_", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example"]
)
@pytest.mark.usefixtures("birds")
def test_signing_in_leads_nowhere_else(hub: HubRoom, next_: str) -> None:
    """An address of another host is not followed."""
    assert send(hub, "/-/signin", name="ada", password=PASSWORD, next=next_).headers["location"] == "/"


@pytest.mark.usefixtures("birds")
def test_a_planted_cookie_is_not_taken_over(hub: HubRoom) -> None:
    """Signing in makes a new token, whatever cookie the browser had."""
    planted = signed_in(hub)

    reply = send(hub, "/-/signin", headers={**FORM, "cookie": planted}, name="ada", password=PASSWORD)

    assert reply.headers["set-cookie"].partition(";")[0] != planted


@pytest.mark.usefixtures("birds")
@pytest.mark.parametrize(
    "told", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {"origin": "null"}, {}]
)
def test_changes_for_pages_of_others_are_refused(hub: HubRoom, told: dict[str, str]) -> None:
    """With a cookie, a change is made only if the browser says that our own page asks; the API too."""
    headers = {"content-type": FORM["content-type"], "cookie": signed_in(hub), **told}

    assert send(hub, "/-/signout", headers=headers).status == 403
    assert hub.call("DELETE", "/api/v1/repos/ada/birds", headers=headers).status == 403

    assert look(hub, "/ada/birds", cookie=headers["cookie"]).status == 200


@pytest.mark.usefixtures("birds")
def test_contents_are_sent_in_part(hub: HubRoom) -> None:
    """A player seeks by ranges; a range behind the end is refused with the size."""
    address = "/ada/birds/raw/main/code/train.py"

    part, behind = look(hub, address, range="bytes=4-8"), look(hub, address, range="bytes=900-")

    assert (part.status, part.body) == (206, b"train")
    assert (behind.status, behind.headers["content-range"]) == (416, "bytes */33")


def test_a_folder_is_listed_by_pages(hub: HubRoom) -> None:
    """The second page begins behind the first; no entry is shown twice or left out."""
    hub.repository(hub.user("ada"), "ada/many")
    with closing(open_hosted(hub, "ada/many")) as repository:
        commit_paths(repository, {b"f/%03d" % number: b"x" for number in range(150)})

    first, second = look(hub, "/ada/many/tree/main/f").body, look(hub, "/ada/many/tree/main/f?after=099").body

    shown = [[number for number in range(150) if b">%03d<" % number in page] for page in (first, second)]
    assert shown == [list(range(100)), list(range(100, 150))]


@pytest.mark.parametrize(
    ("begin", "first"),
    [("", 0), ("000", 0), ("0", 0), ("07", 70), ("070", 70), ("0705", 71), ("149", 149), ("zz", None)],
)
def test_a_page_of_a_folder_begins_where_one_says(hub: HubRoom, begin: str, first: int | None) -> None:
    """At the name, or the next one where there is none, and from there on without a hole."""
    hub.repository(hub.user("ada"), "ada/many")
    with closing(open_hosted(hub, "ada/many")) as repository:
        commit_paths(repository, {b"f/%03d" % number: b"x" for number in range(150)})

    page = look(hub, f"/ada/many/tree/main/f?from={begin}").body

    wanted = [] if first is None else list(range(first, min(first + 100, 150)))
    assert [number for number in range(150) if b">%03d<" % number in page] == wanted
    assert b'name="from"' in page


@pytest.mark.usefixtures("birds")
def test_a_name_that_is_not_utf8_and_not_there(hub: HubRoom) -> None:
    """The page that tells of it has the name with its odd bytes written out."""
    reply = look(hub, "/ada/birds/file/main/absent%FF")

    assert (reply.status, b"absent\\udcff" in reply.body) == (404, True)


@pytest.mark.usefixtures("birds")
def test_failures_are_pages_for_browsers_alone(hub: HubRoom) -> None:
    """A program that asks for what is not there gets a document."""
    assert look(hub, "/ada/birds/file/main/absent").headers["content-type"].startswith("text/html")
    assert hub.call("GET", "/ada/birds/file/main/absent").code == "not-found"
    assert hub.call("GET", "/api/v1/repos/ada/none", headers=HTML).code == "not-found"
