"""What accounts say of themselves: changed by whose it is, shown beside the name as plain text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.hub import HubRoom, Reply
from tests.support.postgres import Cluster

from tether.hub.audit import entries
from tether.hub.database.engine import Database
from tether.hub.database.migrate import migrate
from tether.hub.database.models import Account

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **HTML}
NAMES = ["display_name", "about"]


def said(hub: HubRoom, name: str) -> tuple[str, str]:
    """Return what everybody is told of an account, without a token."""
    document = hub.ok("GET", f"/accounts/{name}")
    return document["display_name"], document["about"]


def recorded(hub: HubRoom) -> list[tuple[str, str, str, Any]]:
    """Return who described what and how, by the audit log, the oldest first."""
    with hub.hub.database.session() as session:
        rows = [row for row in reversed(entries(session)) if row.action.endswith(".describe")]
        return [(row.actor, row.action, row.subject, row.details) for row in rows]


def test_people_describe_themselves(hub: HubRoom) -> None:
    """What is given changes, and is recorded once; the rest stays, and an empty text takes back."""
    ada = hub.user("Ada")
    assert hub.ok("GET", "/accounts/ada") == {
        "name": "Ada",
        "kind": "user",
        "created": hub.now,
        "display_name": "",
        "about": "",
    }

    made = hub.ok(
        "PATCH", "/accounts/ada", ada, {"display_name": " Ada Lovelace ", "about": "Notes, and 鳥."}
    )
    hub.ok("PATCH", "/accounts/ADA", ada, {"about": "Notes, and 鳥.", "display_name": "Ada Lovelace"})
    hub.ok("PATCH", "/accounts/Ada", ada, {"display_name": ""})
    hub.ok("PATCH", "/accounts/Ada", ada, {})

    assert (made["name"], made["display_name"], made["about"]) == ("Ada", "Ada Lovelace", "Notes, and 鳥.")
    assert said(hub, "Ada") == ("", "Notes, and 鳥.")
    assert recorded(hub) == [
        ("Ada", "user.describe", "Ada", {"display_name": "Ada Lovelace", "about": "Notes, and 鳥."}),
        ("Ada", "user.describe", "Ada", {"display_name": ""}),
    ]


def test_nobody_describes_others(hub: HubRoom) -> None:
    """Neither another user, an administrator, a token for pushing, nor nobody; members no organisation."""
    ada, eve, root = hub.user("ada"), hub.user("eve"), hub.user("root", admin=True)
    hub.ok("POST", "/organisations", ada, {"name": "zoo"})
    hub.ok("PUT", "/organisations/zoo/members/eve", ada, {"role": "member"})
    body = {"display_name": "Somebody"}

    def status(name: str, token: str | None) -> int:
        return hub.api("PATCH", f"/accounts/{name}", token, body).status

    assert [status("ada", token) for token in (eve, root, hub.token("ada", "write"), None)] == [403] * 3 + [
        401
    ]
    assert [status("zoo", token) for token in (eve, hub.token("ada", "write"), None)] == [403, 403, 401]
    assert [status("none", token) for token in (ada, None)] == [404, 404]
    assert hub.api("GET", "/accounts/none").status == 404
    assert said(hub, "ada") == said(hub, "zoo") == ("", "")
    assert recorded(hub) == []
    assert [status("zoo", token) for token in (ada, root)] == [200, 200]
    assert said(hub, "zoo") == ("Somebody", "")


def test_administrators_clear_what_users_say(hub: HubRoom) -> None:
    """One text or both, and nothing in its place; the log names them, and the user can write another."""
    ada, eve, root = hub.user("ada"), hub.user("eve"), hub.user("root", admin=True)
    hub.ok("PATCH", "/accounts/ada", ada, {"display_name": "The Operator", "about": "Call me."})

    def status(token: str | None, **body: str) -> int:
        return hub.api("PATCH", "/accounts/ada", token, body).status

    cleared = {"display_name": "", "about": ""}
    assert [status(each, **cleared) for each in (eve, hub.token("root", "write"), None)] == [403, 403, 401]
    assert status(root, display_name="", about="Liar") == 403
    assert said(hub, "ada") == ("The Operator", "Call me.")
    assert status(root, display_name="") == 200
    assert said(hub, "ada") == ("", "Call me.")
    assert status(root, **cleared) == status(root, **cleared) == 200
    assert said(hub, "ada") == ("", "")
    assert recorded(hub)[1:] == [
        ("root", "user.describe", "ada", {"display_name": ""}),
        ("root", "user.describe", "ada", {"about": ""}),
    ]
    assert status(ada, display_name="Ada") == 200


@pytest.mark.parametrize("field", NAMES)
def test_what_no_line_is(hub: HubRoom, field: str) -> None:
    """Characters that move, turn or hide text are refused, as is what is too long; nothing is changed."""
    ada = hub.user("ada")
    longest = {"display_name": 80, "about": 300}[field]
    hidden = (
        "\0\x1b\n\r\t\x7f\x85\xad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff"
    )

    for each in hidden:
        for sent in (f"a{each}b", f"a{each}"):
            reply = hub.api("PATCH", "/accounts/ada", ada, {field: sent})
            assert (reply.status, reply.code) == (400, "invalid-input"), ascii(sent)
    assert hub.api("PATCH", "/accounts/ada", ada, {field: "é" * (longest + 1)}).status == 400
    assert hub.api("PATCH", "/accounts/ada", ada, {field: ["a"]}).status == 400
    assert hub.api("PATCH", "/accounts/ada", ada, {"name": "eve"}).status == 400

    assert said(hub, "ada") == ("", "")
    fits = [
        "😀" * longest,
        "e\u0301" * (longest // 2),
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627",
        "山田\u3000太郎",
        "👩\u200d🔬",
    ]
    kept = [hub.ok("PATCH", "/accounts/ada", ada, {field: each})[field] for each in fits]
    assert kept == ["😀" * longest, "é" * (longest // 2), *fits[2:]]


class Pages:
    """Pages as somebody sees them.

    Args:
        hub: The hub.
        token: What the cookie holds.
    """

    def __init__(self, hub: HubRoom, token: str | None = None) -> None:
        self._hub = hub
        self._cookie = {} if token is None else {"cookie": f"tether-session={token}"}

    def look(self, path: str) -> str:
        """Return a page."""
        reply = self._hub.call("GET", path, headers={**HTML, **self._cookie})
        assert reply.status == 200, (path, reply.status)
        return reply.body.decode()

    def send(self, path: str, body: str, **headers: str) -> Reply:
        """Send a form."""
        return self._hub.call(
            "POST", path, headers={**FORM, **self._cookie, **headers}, parts=[body.encode()]
        )


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub on SQLite: pages go through the same functions as the interface for programs."""
    made = HubRoom(tmp_path / "hub")
    yield made
    made.close()


def test_settings_and_pages_of_people(room: HubRoom) -> None:
    """A form changes it; everybody sees it as plain text beside the name, which lists go on showing alone."""
    ada = Pages(room, room.user("ada"))
    hostile = "display_name=%3Cimg+src%3Dx%3E&about=https%3A%2F%2Fx.example+%26amp%3B+%22%3Cb%3E"

    reply = ada.send("/-/settings/describe", hostile)
    page, settings = Pages(room).look("/ada"), ada.look("/-/settings")

    assert (reply.status, reply.headers["location"]) == (303, "/-/settings?saved=1")
    assert said(room, "ada") == ("<img src=x>", 'https://x.example &amp; "<b>')
    assert '<h1><bdi>&lt;img src=x&gt;</bdi> <span class="quiet">ada</span></h1>' in page
    assert '<p class="about" dir="auto">https://x.example &amp;amp; &#34;&lt;b&gt;</p>' in page
    assert 'name="display_name" type="text" value="&lt;img src=x&gt;"' in settings
    for shown in (page, settings):
        assert "<img" not in shown
        assert 'href="https://x.example' not in shown
    room.repository(room.token("ada"), "ada/birds")
    assert "img src" not in Pages(room).look("/?all=1")


def test_forms_that_are_refused(room: HubRoom) -> None:
    """The page comes again with what was typed and why not; other sites and other people change nothing."""
    ada, token = Pages(room, room.user("ada")), room.token("ada", "write")

    long = ada.send("/-/settings/describe", f"display_name={'x' * 81}&about=kept")
    turned = ada.send("/-/settings/describe", "display_name=a%E2%80%AEb")

    assert (long.status, turned.status) == (400, 400)
    assert b"a display name has at most 80 characters" in long.body
    assert b'value="kept"' in long.body
    assert b"one line without control characters" in turned.body
    assert ada.send("/-/settings/describe", "about=a", **{"sec-fetch-site": "cross-site"}).status == 403
    assert Pages(room, token).send("/-/settings/describe", "about=a").status == 403
    assert Pages(room).send("/-/settings/describe", "about=a").status == 401
    assert said(room, "ada") == ("", "")


def test_pages_of_organisations(room: HubRoom) -> None:
    """Owners have the form, members see what it says."""
    ada, eve = Pages(room, room.user("ada")), Pages(room, room.user("eve"))
    room.ok("POST", "/organisations", room.token("ada"), {"name": "zoo"})
    room.ok("PUT", "/organisations/zoo/members/eve", room.token("ada"), {"role": "member"})
    base = "/-/organisations/zoo"

    assert ada.send(f"{base}/describe", "display_name=The+Zoo&about=Animals+%3C3").status == 303
    assert eve.send(f"{base}/describe", "display_name=Mine").status == 403

    heading = '<bdi>The Zoo</bdi> <span class="quiet">zoo</span>'
    assert f"<h1>{heading}</h1>" in Pages(room).look("/zoo")
    assert "Animals &lt;3</p>" in Pages(room).look("/zoo")
    assert f'<a href="/zoo">{heading}</a>' in eve.look(base)
    assert "Animals &lt;3</p>" in eve.look(base)
    assert (f"{base}/describe" in ada.look(base), f"{base}/describe" in eve.look(base)) == (True, False)


def test_a_disabled_user_says_nothing(room: HubRoom) -> None:
    """So an administrator ends what is abused; who is let in again has what was there."""
    ada, root = room.user("ada"), room.user("root", admin=True)
    room.ok("PATCH", "/accounts/ada", ada, {"display_name": "The Operator"})

    room.ok("PATCH", "/users/ada", root, {"disabled": True})
    hidden = said(room, "ada"), "The Operator" in Pages(room).look("/ada")
    room.ok("PATCH", "/users/ada", root, {"disabled": False})

    assert hidden == (("", ""), False)
    assert said(room, "ada") == ("The Operator", "")


def test_the_page_of_administration_clears_it(room: HubRoom) -> None:
    """It shows what users say as plain text, also of a disabled one, and asks before it clears that."""
    ada, root = room.user("ada"), Pages(room, room.user("root", admin=True))
    assert "Clear what they say" not in root.look("/-/admin")
    room.ok("PATCH", "/accounts/ada", ada, {"display_name": "<b>Root", "about": "Call me."})
    room.ok("PATCH", "/users/ada", room.token("root"), {"disabled": True})
    page = root.look("/-/admin")
    assert "<bdi>&lt;b&gt;Root</bdi>" in page
    assert "Call me." in page
    assert "Clear what they say" in page

    form = "user=ada&what=clear"
    asked = root.send("/-/admin/users/change", form)
    assert (asked.status, b"Clear what ada says?" in asked.body) == (200, True)
    assert Pages(room, room.user("eve")).send("/-/admin/users/change", f"{form}&sure=yes").status == 404
    assert "Call me." in root.look("/-/admin")
    assert root.send("/-/admin/users/change", f"{form}&sure=yes").status == 303

    assert "Call me." not in root.look("/-/admin")
    assert recorded(room)[-1] == ("root", "user.describe", "ada", {"display_name": "", "about": ""})


@pytest.fixture(params=["sqlite", "postgresql"])
def before(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Return a database of the schema before, with a user."""
    if request.param == "sqlite":
        yield from _filled(f"sqlite:///{tmp_path / 'hub.db'}")
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.database() as url:
        yield from _filled(url)


OLD_USER = text(
    "INSERT INTO accounts (id, kind, name, key, admin, disabled, created)"
    " VALUES (:name, 'user', :name, :name, false, false, 1)"
)


def _filled(url: str) -> Iterator[Database]:
    database = Database(url)
    migrate(database, "0015")
    with database.connection() as connection:
        connection.execute(OLD_USER, {"name": "ada"})
    yield database
    database.close()


def test_users_of_the_schema_before(before: Database) -> None:
    """They say nothing yet, and a hub of the version before, which still runs, goes on adding users."""
    migrate(before)
    with before.connection() as connection:
        connection.execute(OLD_USER, {"name": "bob"})

    with before.session() as session:
        for name in ("ada", "bob"):
            account = session.get_one(Account, name)
            assert (account.name, account.display_name, account.about) == (name, "", "")
            account.display_name = "é" * 80
