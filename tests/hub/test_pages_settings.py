"""Settings on pages: each form changes what it says, asks before what is dangerous, and is there for few."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom, Reply

HTML = {"accept": "text/html"}
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **HTML}
PARTS = ("", "/access", "/rules", "/gate", "/webhooks", "/locks", "/storage", "/audit")
MINE = ("", "/tokens", "/identities", "/deleted")


class Browser:
    """A browser in which somebody is signed in, or nobody.

    Args:
        room: The hub.
        token: What its cookie holds.
    """

    def __init__(self, room: HubRoom, token: str | None = None) -> None:
        self._room = room
        self._cookie = {} if token is None else {"cookie": f"tether-session={token}"}

    def look(self, path: str, status: int = 200) -> str:
        """Return a page."""
        reply = self._room.call("GET", path, headers={**HTML, **self._cookie})
        assert reply.status == status, (path, reply.status, reply.headers)
        return reply.body.decode()

    def send(self, path: str, **fields: str) -> Reply:
        """Send a form."""
        parts = [urlencode(fields).encode()]
        return self._room.call("POST", path, headers={**FORM, **self._cookie}, parts=parts)

    def change(self, path: str, **fields: str) -> str:
        """Send a form that does what it says; return where it leads."""
        reply = self.send(path, **fields)
        assert reply.status == 303, (reply.status, reply.body[:3000])
        return reply.headers["location"]

    def asked(self, path: str, **fields: str) -> str:
        """Send a form that asks once more, and answer yes; return where that leads."""
        question = self.send(path, **fields)
        assert question.status == 200
        assert b'name="sure"' in question.body
        return self.change(path, sure="yes", **fields)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub on the database that is at hand: the services are tested on both elsewhere."""
    room = HubRoom(tmp_path / "hub")
    yield room
    room.close()


@pytest.fixture
def ada(hub: HubRoom) -> Browser:
    """Return the browser of ada, who has the public repository ada/birds."""
    token = hub.user("ada", password="correct horse battery")
    hub.repository(token, "ada/birds")
    with closing(open_hosted(hub, "ada/birds")) as repository:
        commit_paths(repository, {b"README.md": b"# Birds\n"})
    return Browser(hub, token)


@pytest.fixture
def eve(hub: HubRoom, ada: Browser) -> Browser:
    """Return the browser of another user."""
    del ada
    return Browser(hub, hub.user("eve"))


def test_settings_are_there_for_few(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """Who administers sees each part; for all others it is what is not there at all, and the tab neither."""
    for part in PARTS:
        assert "Settings" in ada.look(f"/ada/birds/settings{part}")
        for other in (eve, Browser(hub)):
            page = other.look(f"/ada/birds/settings{part}", 404)
            assert page.replace("birds", "nothing") == other.look(f"/ada/birds/settings{part}", 404).replace(
                "birds", "nothing"
            )
    assert "/ada/birds/settings" in ada.look("/ada/birds")
    assert "/ada/birds/settings" not in eve.look("/ada/birds")
    assert eve.send("/ada/birds/settings/describe", about="mine").status == 404
    assert "mine" not in ada.look("/ada/birds")


def test_one_who_may_only_read_by_token_sees_no_settings(hub: HubRoom, ada: Browser) -> None:
    """A token that reads opens no settings, and changes nothing."""
    del ada
    reader = Browser(hub, hub.token("ada", "read"))

    reader.look("/ada/birds/settings", 404)
    assert reader.send("/ada/birds/settings/see", private="yes", sure="yes").status == 404
    assert reader.send("/-/settings/tokens/make", scope="admin").status == 403
    assert reader.send("/-/new", owner="ada", name="more").status == 403


def test_making_a_repository(hub: HubRoom, ada: Browser) -> None:
    """It is made as asked and shown in lists; a name that cannot be is told with what was typed."""
    where = ada.change(
        "/-/new", owner="ada", name="owls", about="Owls <b>by night</b>", topics="Night, sound", private="yes"
    )

    assert where == "/ada/owls"
    page = ada.look("/ada/owls") + ada.look("/") + ada.look("/ada")
    assert "Owls &lt;b&gt;by night&lt;/b&gt;" in page
    assert "<b>by" not in page
    assert "/-/search?q=sound" in page
    assert "owls" not in Browser(hub).look("/ada")
    wrong = ada.send("/-/new", owner="ada", name="no such name", about="kept words")
    assert wrong.status == 400
    assert b"kept words" in wrong.body
    assert ada.send("/-/new", owner="eve", name="x").status == 403
    assert ada.send("/-/new", owner="ada", name="x", topics="two,w/rong").status == 400
    assert Browser(hub).send("/-/new", owner="ada", name="x").status == 401


def test_general_settings_of_a_repository(hub: HubRoom, ada: Browser) -> None:
    """Describe, rename, hide, archive: nothing dangerous is done by the first form."""
    base = "/ada/birds/settings"
    ada.change(f"{base}/describe", about="Birds of Jena", topics="birds jena")
    assert "Birds of Jena" in ada.look("/ada/birds")

    question = ada.send(f"{base}/see", private="yes")
    assert question.status == 200
    assert b"Make ada/birds private?" in question.body
    Browser(hub).look("/ada/birds")
    ada.change(f"{base}/see", private="yes", sure="yes")
    Browser(hub).look("/ada/birds", 404)
    ada.asked(f"{base}/see", private="")
    ada.asked(f"{base}/archive", archived="yes")
    assert "Archived" in Browser(hub).look("/ada/birds")
    ada.change(f"{base}/archive", archived="")
    assert ada.asked(f"{base}/move", owner="ada", name="owls") == "/ada/owls/settings?saved=1"
    assert "Done." in ada.look("/ada/owls/settings?saved=1")
    assert ada.send("/ada/owls/settings/move", owner="nobody", name="owls", sure="yes").status == 403


def test_deleting_asks_for_the_name_and_can_be_taken_back(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """Another name deletes nothing; what was deleted is restored by its owner alone."""
    path = "/ada/birds/settings/delete"

    assert ada.send(path, sure="yes", typed="ada/bird").status == 400
    ada.look("/ada/birds")
    ada.change(path, sure="yes", typed="ada/birds")
    ada.look("/ada/birds", 404)

    assert "ada/birds" in ada.look("/-/settings/deleted")
    assert "ada/birds" not in eve.look("/-/settings/deleted")
    assert eve.send("/-/settings/deleted/restore", address="ada/birds").status in (403, 404)
    assert ada.change("/-/settings/deleted/restore", address="ada/birds") == "/ada/birds"
    ada.look("/ada/birds")
    assert hub.api("GET", "/repos/ada/birds").status == 200


def test_roles_are_given_and_taken(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """A user with a role may what it says; without it not any more."""
    access = "/ada/birds/settings/access"
    ada.change(f"{access}/give", user="eve", role="admin")
    eve.look("/ada/birds/settings")
    assert "eve" in ada.look(access)

    ada.asked(f"{access}/take", user="eve")
    eve.look("/ada/birds/settings", 404)
    assert ada.send(f"{access}/give", user="nobody", role="read").status == 404
    assert ada.send(f"{access}/give", user="eve", role="king").status == 400


def test_rules_are_kept_as_they_were_written(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """What the form says is what the interface for programs tells, and what the form shows again."""
    del eve
    rules = "/ada/birds/settings/rules"
    ada.change(
        f"{rules}/put",
        name="releases",
        pattern="release/*",
        kind="branches",
        limit="yes",
        push_role="maintain",
        push_who="eve",
        review="yes",
        approvals="2",
        checks="compare ci/tests",
        fresh="yes",
        paths="labels/gold: eve, role/admin\n",
        exempt_who="ada",
    )

    told = {each["name"]: each for each in hub.ok("GET", "/repos/ada/birds/rules", hub.token("ada"))}
    assert told["releases"]["push"] == {"role": "maintain", "users": ["eve"], "teams": []}
    assert told["releases"]["paths"] == [
        {"path": "labels/gold", "who": {"role": "admin", "users": ["eve"], "teams": []}}
    ]
    assert told["releases"]["exempt"]["users"] == ["ada"]
    assert (told["releases"]["review"], told["releases"]["force"]) == (True, False)
    assert (told["releases"]["approvals"], told["releases"]["fresh"]) == (2, True)
    assert told["releases"]["checks"] == ["compare", "ci/tests"]
    assert 'value="compare ci/tests"' in ada.look(f"{rules}?rule=releases")
    assert "labels/gold: eve, role/admin" in ada.look(f"{rules}?rule=releases")
    too_long = ada.send(f"{rules}/put", name="long", pattern="x" * 300)
    assert too_long.status == 400
    assert ada.send(f"{rules}/put", name="odd", pattern="main", paths="nobody").status == 400
    assert ada.send(f"{rules}/put", name="odd", pattern="main", approvals="many").status == 400
    ada.asked(f"{rules}/remove", rule="releases")
    assert "rule=releases" not in ada.look(rules)


def test_a_token_is_shown_once(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """The reply to the form has the secret and is not kept; no other page ever has it; others end it not."""
    made = ada.send("/-/settings/tokens/make", label="<i>robot</i>", scope="read", days="7")
    secret = re.search(r'data-copy="([^"]+)"', made.body.decode())
    assert secret is not None
    assert made.headers["cache-control"] == "no-store"
    assert hub.ok("GET", "/me", secret[1])["scope"] == "read"
    page = ada.look("/-/settings/tokens")
    assert secret[1] not in page
    assert "&lt;i&gt;robot&lt;/i&gt;" in page

    token = next(
        each["id"] for each in hub.ok("GET", "/tokens", hub.token("ada")) if "robot" in each["label"]
    )
    assert eve.send("/-/settings/tokens/revoke", token=token, sure="yes").status == 404
    assert hub.api("GET", "/me", secret[1]).status == 200
    ada.asked("/-/settings/tokens/revoke", token=token)
    assert hub.api("GET", "/me", secret[1]).status == 401
    for days in ("0", "-1", "9999", "x", "٣"):
        assert ada.send("/-/settings/tokens/make", scope="read", days=days).status == 400


def test_changing_the_password(hub: HubRoom, ada: Browser) -> None:
    """The old one is asked for, and the new one twice; neither comes back with the page."""
    wrong = ada.send(
        "/-/settings/password", old="wrong one here", new="another staple 1", again="another staple 1"
    )
    assert wrong.status == 401
    assert b"another staple" not in wrong.body
    unlike = ada.send(
        "/-/settings/password", old="correct horse battery", new="another staple 1", again="other"
    )
    assert unlike.status == 400

    ada.change(
        "/-/settings/password", old="correct horse battery", new="another staple 1", again="another staple 1"
    )
    assert hub.api("POST", "/login", body={"user": "ada", "password": "another staple 1"}).status == 201


def test_settings_of_oneself_need_somebody(hub: HubRoom, ada: Browser) -> None:
    """Nobody in particular is asked to sign in, and comes back then."""
    for part in MINE:
        ada.look(f"/-/settings{part}")
        reply = hub.call("GET", f"/-/settings{part}", headers=HTML)
        assert (reply.status, reply.headers["location"]) == (303, f"/-/signin?next=/-/settings{part}")


def test_organisations_and_teams(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """Owners change members and teams; members see them; others see neither."""
    base = ada.change("/-/new/organisation", name="zoo")
    eve.look(base, 404)
    assert "Members</h2>" not in eve.look("/zoo")
    ada.change(f"{base}/member", user="eve", role="member")
    ada.change(f"{base}/team", team="curators")
    ada.change(f"{base}/team/add", team="curators", user="eve")
    assert "curators" in eve.look(base)
    assert "Members</h2>" in eve.look("/zoo")
    assert eve.send(f"{base}/member", user="eve", role="owner").status == 403
    ada.change("/-/new", owner="zoo", name="pens", private="yes")
    ada.change("/zoo/pens/settings/access/give", team="curators", role="admin")
    eve.look("/zoo/pens/settings")

    assert "curators" in ada.look("/zoo/pens/settings/access")
    ada.change(f"{base}/team/remove", team="curators", user="eve")
    eve.look("/zoo/pens/settings", 404)
    ada.asked(f"{base}/team/delete", team="curators")
    ada.asked(f"{base}/member/remove", user="eve")
    eve.look(base, 404)
    assert ada.send(f"{base}/member/remove", user="ada", sure="yes").status == 409


def test_webhooks_with_their_deliveries(ada: Browser) -> None:
    """A secret is never shown; what was sent is listed; limits are those of the interface for programs."""
    base = "/ada/birds/settings/webhooks"
    one = ada.change(
        f"{base}/create", url="https://example.org/hook", secret="0123456789abcdef", event_push="yes"
    )
    address = one.partition("?")[0]
    assert "0123456789abcdef" not in ada.look(address)
    ada.change(f"{address}/ping")
    assert "waiting" in ada.look(address)
    ada.change(f"{address}/change", url="https://example.org/other", event_tag="yes")
    page = ada.look(base)
    assert "https://example.org/other" in page
    assert "off" in page
    assert (
        ada.send(f"{base}/create", url="https://example.org", secret="short", event_push="yes").status == 400
    )
    assert ada.send(f"{base}/create", url="https://example.org", secret="0123456789abcdef").status == 400
    ada.asked(f"{address}/remove")
    assert "Nobody is told" in ada.look(base)


def test_locks_gate_storage_and_audit(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """What administrators look at, and what they can do there."""
    base, token = "/ada/birds/settings", hub.token("ada")
    hub.ok("POST", "/repos/ada/birds/locks", token, {"path": "README.md"})
    lock = re.search(r'name="lock" value="([^"]+)"', ada.look(f"{base}/locks"))
    assert lock is not None
    ada.asked(f"{base}/locks/unlock", lock=lock[1])
    assert "Nothing is locked" in ada.look(f"{base}/locks")
    ada.change(f"{base}/gate/set", agreement="Be kind to <b>owls</b>")
    eve.look("/ada/birds", 403)
    assert "&lt;b&gt;owls" in ada.look(f"{base}/gate")
    ada.asked(f"{base}/gate/remove")
    eve.look("/ada/birds")
    assert "Stored" in ada.look(f"{base}/storage")

    page = ada.look(f"{base}/audit?action=gate.")
    assert "gate.set" in page
    assert "repository.create" not in page
    assert "No entry fits" in ada.look(f"{base}/audit?actor=eve")
    export = hub.call("GET", f"{base}/audit/export", token, headers=HTML)
    assert "attachment" in export.headers["content-disposition"]
    assert b'"action":"gate.remove"' in export.body.splitlines()[0]
    eve.look(f"{base}/audit/export", 404)
    ada.look(f"{base}/audit?before=x", 400)


def test_administration_is_for_administrators(hub: HubRoom, ada: Browser) -> None:
    """They add, disable and promote, invite, set quotas, see jobs and the log; others see nothing."""
    root = Browser(hub, hub.user("root", admin=True))
    for part in ("", "/repositories", "/jobs", "/quotas", "/audit", "/audit/export"):
        ada.look(f"/-/admin{part}", 404)
        root.look(f"/-/admin{part}")
    assert ada.send("/-/admin/users/add", name="mallory", password="correct horse battery").status == 404
    root.change("/-/admin/users/add", name="grace", password="correct horse battery")
    assert root.send("/-/admin/users/add", name="grace", password="correct horse battery").status == 409
    grace = Browser(hub, hub.token("grace"))
    grace.look("/-/settings")
    root.asked("/-/admin/users/change", user="grace", what="disable")
    assert hub.call("GET", "/-/settings", headers={**HTML, **grace._cookie}).status == 303
    invited = root.send("/-/admin/users/invite")
    assert b"/-/signup?invitation=" in invited.body
    assert invited.headers["cache-control"] == "no-store"
    root.change("/-/admin/quotas/set", owner="ada", bytes="1000000", repositories="1")
    assert ada.send("/-/new", owner="ada", name="second").status in (403, 507)
    assert "of 1</dd>" in root.look("/-/admin/quotas?owner=ada")
    assert root.send("/-/admin/quotas/set", owner="ada", bytes="many").status == 400
    assert "quota.set" in root.look("/-/admin/audit?action=quota")


def test_activity_is_of_what_one_may_read(hub: HubRoom, ada: Browser, eve: Browser) -> None:
    """One's first page has what happened in one's repositories; a profile what the one who looks may read."""
    token = hub.token("ada")
    hub.repository(token, "ada/secret", private=True)

    assert "made" in ada.look("/")
    assert "ada/secret" in ada.look("/") + ada.look("/ada")
    assert "ada/birds" in eve.look("/ada")
    assert "ada/secret" not in eve.look("/ada") + eve.look("/?all=1") + Browser(hub).look("/ada")
    assert "ada/birds" not in eve.look("/")
    assert "sign in" in Browser(hub).look("/").lower()


def test_the_page_of_search(hub: HubRoom, ada: Browser) -> None:
    """It tells what fits with words escaped, and of nothing that one may not see."""
    ada.change("/ada/birds/settings/describe", about="Feathers", topics="")
    ada.asked("/ada/birds/settings/see", private="yes")

    assert "ada/birds" in ada.look("/-/search?q=feath")
    assert "ada/birds" not in Browser(hub).look("/-/search?q=feath")
    assert "Nothing fits" in Browser(hub).look("/-/search?q=feath")
    assert "<script>" not in ada.look("/-/search?q=%3Cscript%3E")
    ada.look("/-/search?q=birds&first=x")
    ada.look("/-/search")
