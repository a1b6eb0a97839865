"""Signing in, tokens, passwords, sign-up."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import extract_parameters, profiles
from sqlalchemy import select
from tests.support.hub import DAY, SECOND, HubRoom
from tests.support.passwords import COMPLETE

from tether.hub.database.models import Base
from tether.hub.secret import hash_password

PASSWORD = "correct horse battery"


def rows(hub: HubRoom, action: str) -> list[str]:
    """Return the subjects of the audit entries of one action, the oldest first."""
    from tether.hub.audit import entries

    with hub.hub.database.session() as session:
        return [row.subject for row in reversed(entries(session)) if row.action == action]


def test_a_token_says_who_asks(hub: HubRoom) -> None:
    """Bearer, and Basic with the token as password, both do; a wrong one is refused, none is nobody."""
    token = hub.user("Ada", "write")
    pair = base64.b64encode(f"anything:{token}".encode()).decode()

    assert hub.ok("GET", "/me", token) == {"name": "Ada", "admin": False, "scope": "write"}
    assert hub.call("GET", "/api/v1/me", headers={"authorization": f"Basic {pair}"}).status == 200
    for header in (f"Bearer {token}x", f"Basic {token}", "Basic !", "Bearer", "Digest x", f"bearer{token}"):
        reply = hub.call("GET", "/api/v1/me", headers={"authorization": header})
        assert (reply.status, reply.code) == (401, "unauthenticated"), header
        assert "Bearer" in reply.headers["www-authenticate"]
    assert hub.api("GET", "/me").status == 401


def test_a_wrong_token_is_refused_everywhere(hub: HubRoom) -> None:
    """Who shows a token that is not valid is told so, also where nobody needs one."""
    hub.repository(hub.user("ada"), "ada/photos")

    assert hub.api("GET", "/repos/ada/photos").status == 200
    assert hub.api("GET", "/repos/ada/photos", "tth_wrong").status == 401


def test_tokens_end(hub: HubRoom) -> None:
    """A token is good until it expires, or is revoked, or its user is disabled."""
    ada, root = hub.user("ada"), hub.user("root", admin=True)
    brief = hub.token("ada", days=1)
    made = hub.ok("POST", "/tokens", ada, {"scope": "read", "label": "ci", "days": 2})

    hub.now += DAY - SECOND
    assert hub.ok("GET", "/me", brief)["name"] == "ada"
    hub.now += SECOND
    assert hub.api("GET", "/me", brief).status == 401
    assert hub.ok("GET", "/me", made["token"])["scope"] == "read"
    assert hub.api("DELETE", f"/tokens/{made['about']['id']}", ada).status == 204
    assert hub.api("GET", "/me", made["token"]).status == 401
    assert hub.api("DELETE", f"/tokens/{made['about']['id']}", ada).status == 404
    hub.ok("PATCH", "/users/ada", root, {"disabled": True})
    assert hub.api("GET", "/me", ada).status == 401
    hub.ok("PATCH", "/users/ada", root, {"disabled": False})
    assert hub.api("GET", "/me", ada).status == 200


def test_tokens_are_listed_without_secrets(hub: HubRoom) -> None:
    """The list has labels, scopes and the last use to a minute, and nothing to sign in with."""
    ada = hub.user("ada")
    made = hub.ok("POST", "/tokens", ada, {"label": "laptop"})
    hub.now += 3600 * SECOND
    hub.ok("GET", "/me", made["token"])
    hub.now += SECOND
    hub.ok("GET", "/me", made["token"])

    reply = hub.api("GET", "/tokens", ada)

    listed = {row["label"]: row for row in reply.json}
    assert listed["laptop"]["last_used"] == hub.now - SECOND
    assert listed["laptop"]["scope"] == "write"
    assert b"tth_" not in reply.body
    with hub.hub.database.session() as session:
        for table in Base.metadata.sorted_tables:
            assert made["token"] not in str(session.execute(select(table)).all())


def test_a_narrow_token_stays_narrow(hub: HubRoom) -> None:
    """Tokens to read or write make no tokens, and end none but themselves."""
    ada = hub.user("ada")
    write = hub.ok("POST", "/tokens", ada, {"scope": "write"})
    other = hub.ok("POST", "/tokens", ada, {"scope": "read"})

    assert hub.api("POST", "/tokens", write["token"], {"scope": "admin"}).code == "forbidden"
    assert hub.api("GET", "/tokens", write["token"]).code == "forbidden"
    assert hub.api("DELETE", f"/tokens/{other['about']['id']}", write["token"]).code == "forbidden"
    assert hub.api("DELETE", "/tokens/current", write["token"]).status == 204
    assert hub.api("GET", "/me", write["token"]).status == 401


def test_nobody_ends_the_tokens_of_others(hub: HubRoom) -> None:
    """The id of a token of somebody else is as unknown as one that never was."""
    ada, bob = hub.user("ada"), hub.user("bob")
    made = hub.ok("POST", "/tokens", ada, {})

    replies = [hub.api("DELETE", f"/tokens/{found}", bob) for found in (made["about"]["id"], "0" * 32)]

    assert {reply.status for reply in replies} == {404}
    assert hub.api("GET", "/me", made["token"]).status == 200


def test_a_hash_is_as_much_work_as_the_standard_asks() -> None:
    """RFC 9106 asks for three passes over 64 MiB in four lanes; other tests make do with less."""
    work = extract_parameters(COMPLETE.hash(PASSWORD))

    assert work == profiles.RFC_9106_LOW_MEMORY
    assert extract_parameters(hash_password(PASSWORD)) != work


def test_login(hub: HubRoom) -> None:
    """Name and password give a token that may do all, for some time; wrong ones all look the same."""
    hub.user("Ada", password=PASSWORD)
    hub.user("machine")

    made = hub.ok("POST", "/login", None, {"user": "ada", "password": PASSWORD, "label": "desk"})

    assert made["user"] == "Ada"
    assert made["about"]["scope"] == "admin"
    assert hub.ok("GET", "/me", made["token"])["name"] == "Ada"
    hub.now += hub.hub.settings.login_days * DAY
    assert hub.api("GET", "/me", made["token"]).status == 401
    wrong = [
        hub.api("POST", "/login", None, {"user": name, "password": password})
        for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("machine", "wrong"), ("machine", " "))
    ]
    assert {(reply.status, reply.body) for reply in wrong} == {(401, wrong[0].body)}
    assert rows(hub, "token.create") == ["Ada", "machine", "Ada"]


def test_a_disabled_user_does_not_sign_in(hub: HubRoom) -> None:
    """Not even with the right password, and the reply is that of a wrong one."""
    root = hub.user("root", admin=True)
    hub.user("ada", password=PASSWORD)
    hub.ok("PATCH", "/users/ada", root, {"disabled": True})

    assert hub.api("POST", "/login", None, {"user": "ada", "password": PASSWORD}).code == "unauthenticated"


def test_guessing_is_slowed_by_name(hub: HubRoom) -> None:
    """After ten wrong passwords even the right one waits until the window is over; others sign in."""
    hub.user("ada", password=PASSWORD)
    hub.user("bob", password=PASSWORD)
    for _ in range(10):
        assert hub.api("POST", "/login", None, {"user": "Ada", "password": "wrong"}).status == 401

    refused = hub.api("POST", "/login", None, {"user": "ada", "password": PASSWORD})

    assert (refused.status, refused.code) == (429, "rate-limited")
    wait = int(refused.headers["retry-after"])
    assert hub.api("POST", "/login", None, {"user": "bob", "password": PASSWORD}).status == 201
    hub.now += wait * SECOND
    assert hub.api("POST", "/login", None, {"user": "ada", "password": PASSWORD}).status == 201


def test_guessing_is_slowed_by_address(tmp_path: Path) -> None:
    """Many names from one address count together; another address is free. A good sign-in counts not."""
    hub = HubRoom(tmp_path, login_attempts=2)
    hub.user("ada", password=PASSWORD)
    body = {"user": "ada", "password": PASSWORD}
    for _ in range(3):
        hub.ok("POST", "/login", None, body)
    for turn in range(10):
        assert hub.api("POST", "/login", None, {"user": f"name{turn}", "password": "wrong"}).status == 401

    assert hub.api("POST", "/login", None, body).status == 429
    other = {"x-test-client": "192.0.2.2", "content-type": "application/json"}
    assert hub.call("POST", "/api/v1/login", headers=other, parts=[json.dumps(body).encode()]).status == 201
    hub.close()


def test_a_password_is_changed_by_who_knows_it(hub: HubRoom) -> None:
    """The old one is asked for; the new one is the only one from then on."""
    ada = hub.user("ada", password=PASSWORD)
    wrong = {"old": "wrong", "new": "another good one"}

    assert hub.api("POST", "/me/password", ada, wrong).code == "unauthenticated"
    assert hub.api("POST", "/me/password", ada, {"old": PASSWORD, "new": "short"}).code == "invalid-input"
    assert hub.api("POST", "/me/password", ada, {**wrong, "old": PASSWORD}).status == 204
    assert hub.api("POST", "/login", None, {"user": "ada", "password": PASSWORD}).status == 401
    assert hub.api("POST", "/login", None, {"user": "ada", "password": wrong["new"]}).status == 201
    assert rows(hub, "user.password") == ["ada"]


@pytest.mark.parametrize("mode", ["closed", "invite", "open"])
def test_sign_up(tmp_path: Path, mode: str) -> None:
    """Nobody, people with an invitation, or all make accounts, as the hub was told; none administers it."""
    hub = HubRoom(tmp_path, signup=mode)
    root = hub.user("root", admin=True)
    code = hub.ok("POST", "/invitations", root)["invitation"]
    body = {"name": "ada", "password": PASSWORD}

    plain = hub.api("POST", "/signup", None, body)
    invited = hub.api("POST", "/signup", None, {**body, "name": "bob", "invitation": code})
    again = hub.api("POST", "/signup", None, {**body, "name": "eve", "invitation": code})

    expected = {"closed": (403, 403, 403), "invite": (400, 201, 403), "open": (201, 201, 201)}
    assert (plain.status, invited.status, again.status) == expected[mode]
    if mode != "closed":
        assert invited.json["admin"] is False
        assert hub.api("POST", "/login", None, {"user": "bob", "password": PASSWORD}).status == 201
        assert hub.api("POST", "/invitations", hub.token("bob")).code == "forbidden"
    hub.close()


def test_an_invitation_expires(tmp_path: Path) -> None:
    """After two weeks it is good for nothing, and a name that is taken does not use it up."""
    hub = HubRoom(tmp_path, signup="invite")
    root = hub.user("root", admin=True)
    code = hub.ok("POST", "/invitations", root)["invitation"]
    body = {"name": "ROOT", "password": PASSWORD, "invitation": code}

    assert hub.api("POST", "/signup", None, body).code == "already-exists"
    hub.now += 13 * DAY
    assert hub.api("POST", "/signup", None, {**body, "name": "ada"}).status == 201
    late = hub.ok("POST", "/invitations", root)["invitation"]
    hub.now += 14 * DAY
    assert hub.api("POST", "/signup", None, {**body, "name": "bob", "invitation": late}).code == "forbidden"
    hub.close()


@pytest.mark.parametrize(
    "name", ["", "-x", ".x", "a b", "a/b", "ä", "api", "API", "x.git", "a" * 81, "..", "x.lock", "a\n"]
)
def test_names_that_no_account_has(tmp_path: Path, name: str) -> None:
    """Names that are no part of an address, or that the hub uses itself, are refused."""
    hub = HubRoom(tmp_path, signup="open")

    assert hub.api("POST", "/signup", None, {"name": name, "password": PASSWORD}).code == "invalid-input"
    hub.close()


def test_users_are_for_administrators(hub: HubRoom) -> None:
    """They list and change users, with a token that goes that far; nobody else does, nor one to oneself."""
    ada, root = hub.user("ada"), hub.user("root", admin=True)

    assert [row["name"] for row in hub.ok("GET", "/users", root)] == ["ada", "root"]
    assert [row["name"] for row in hub.ok("GET", "/users?after=ada", root)] == ["root"]
    assert hub.api("GET", "/users", ada).code == "forbidden"
    assert hub.api("GET", "/users", hub.token("root", "write")).code == "forbidden"
    assert hub.api("GET", "/users").code == "unauthenticated"
    assert hub.api("PATCH", "/users/root", root, {"admin": False}).code == "conflict"
    assert hub.ok("PATCH", "/users/ada", root, {"admin": True})["admin"] is True
    assert hub.api("PATCH", "/users/nobody", root, {"admin": True}).code == "not-found"
    assert rows(hub, "user.change") == ["ada"]


def test_guesses_at_the_same_time_are_all_counted(tmp_path: Path) -> None:
    """Of many wrong passwords sent at once no more are tried than one after the other."""
    hub = HubRoom(tmp_path, login_attempts=3)
    hub.user("ada", password=PASSWORD)
    body = {"user": "ada", "password": "wrong"}

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: hub.api("POST", "/login", None, body).status, range(8)))

    assert sorted(replies) == [401] * 3 + [429] * 5
    hub.close()
