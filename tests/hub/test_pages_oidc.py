"""Signing in by a provider from the page, against a provider in a process of its own."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from tests.support.hub import HubRoom, Reply
from tests.support.oidc import Browser as Program
from tests.support.oidc import consent, provider_process, room_with, shown

FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
SESSION = "__Host-tether-session"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Return the address of a provider that runs."""
    with provider_process() as address:
        yield address


@pytest.fixture
def room(tmp_path: Path, issuer: str) -> Iterator[HubRoom]:
    """Return a hub with open sign-up that knows the provider."""
    made = room_with(tmp_path / "hub", issuer, signup="open")
    yield made
    made.close()


class Browser:
    """A browser that keeps cookies.

    Args:
        room: The hub.
    """

    def __init__(self, room: HubRoom) -> None:
        self._room = room
        self.cookies: dict[str, str] = {}

    def call(self, method: str, path: str, **fields: str) -> Reply:
        """Ask for a page or send a form."""
        headers = {"accept": "text/html", "cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        parts = [urlencode(fields).encode()] if method == "POST" else None
        reply = self._room.call(method, path, headers=headers | (FORM if parts else {}), parts=parts)
        for line in reply.headers.get("set-cookie", "").splitlines():
            name, _, value = line.partition(";")[0].partition("=")
            assert "httponly" in line.lower()
            self.cookies[name] = value.strip('"')
            if not self.cookies[name]:
                del self.cookies[name]
        return reply

    def begin(self, **fields: str) -> str:
        """Press the button; return the address at the provider."""
        reply = self.call("POST", "/-/oidc/work", **fields)
        assert reply.status == 303, reply
        return reply.headers["location"]

    def back(self, address: str) -> Reply:
        """Come back from the provider."""
        parts = urlsplit(address)
        return self.call("GET", f"{parts.path}?{parts.query}")

    @property
    def name(self) -> str:
        """Who is signed in; empty for nobody."""
        reply = self.call("GET", "/api/v1/me")
        return str(reply.json["name"]) if reply.status == 200 else ""


def test_the_button_leads_back_signed_in(room: HubRoom) -> None:
    """The browser is signed in and goes where it wanted; it keeps nothing else, each token is new."""
    browser = Browser(room)
    assert b"Sign in with work" in browser.call("GET", "/-/signin").body

    reply = browser.back(consent(browser.begin(next="/ada"), "s-ada"))

    assert (reply.status, reply.headers["location"]) == (303, "/ada")
    assert list(browser.cookies) == [SESSION]
    assert browser.name == "ada"
    first = browser.cookies[SESSION]
    browser.back(consent(browser.begin(next="//evil.example"), "s-ada"))
    assert browser.cookies[SESSION] != first
    assert browser.name == "ada"


def test_a_way_that_others_began_is_not_ended_here(room: HubRoom) -> None:
    """An address with which somebody else came back signs nobody in as them: login CSRF."""
    mallory, ada = Browser(room), Browser(room)
    address = consent(mallory.begin(), "s-mallory")

    assert ada.back(address).status == 403
    assert ada.name == ""
    ada.begin()  # also while a sign-in of her own is under way
    reply = ada.back(address)
    assert reply.status == 403
    assert b"not begun in this browser" in reply.body
    assert ada.name == ""
    assert mallory.back(address).status == 303


def test_a_stolen_code_needs_the_browser(room: HubRoom) -> None:
    """A code for a program is worth nothing to a page, and without its cookie a page ends nothing."""
    browser, program = Browser(room), Program(room)
    browser.begin()
    code = program.code("s-ada")

    reply = browser.call("POST", "/-/oidc/finish", code=code)

    assert reply.status == 401
    assert browser.name == ""
    assert Browser(room).call("POST", "/-/oidc/finish", code=code).status == 400


def test_a_program_gets_its_code_though_a_page_was_left(room: HubRoom) -> None:
    """Who leaves the page and runs `tether login` is shown the code."""
    browser, program = Browser(room), Program(room)
    browser.begin()
    address = program.start()

    started = browser.call("GET", f"/api/v1/oidc/work/start?challenge={'0' * 64}")
    assert "__Host-tether-page-signin" not in browser.cookies
    assert shown(browser.back(consent(started.headers["location"], "s-ada"))).startswith("tth_")
    assert browser.name == ""
    assert program.back(consent(address, "s-ada")).status == 200


def test_linking_is_for_who_began_it(room: HubRoom) -> None:
    """Whoever is signed in links; with somebody else signed in at the end nothing is linked."""
    eve, grace = room.user("eve"), room.user("grace")
    browser = Browser(room)
    browser.cookies[SESSION] = eve
    address = consent(browser.begin(link="yes", next="/-/settings/identities"), "s-ada")
    browser.cookies[SESSION] = grace
    assert browser.back(address).status == 409
    assert room.ok("GET", "/me/identities", grace) == room.ok("GET", "/me/identities", eve) == []

    browser.cookies[SESSION] = eve
    reply = browser.back(consent(browser.begin(link="yes", next="/-/settings/identities"), "s-ada"))
    assert reply.headers["location"] == "/-/settings/identities"
    assert [each["subject"] for each in room.ok("GET", "/me/identities", eve)] == ["s-ada"]
    assert Browser(room).call("POST", "/-/oidc/work", link="yes").status == 401


def test_pages_of_others_begin_nothing(room: HubRoom) -> None:
    """Another site can neither sign a browser in nor link somebody."""
    headers = {**FORM, "sec-fetch-site": "cross-site"}
    assert room.call("POST", "/-/oidc/work", headers=headers, parts=[b"link=yes"]).status == 403


def test_an_invitation_is_asked_for(tmp_path: Path, issuer: str) -> None:
    """Where the hub wants one, the page asks for it, and the same sign-in goes on."""
    room = room_with(tmp_path / "hub", issuer, signup="invite")
    invitation = room.ok("POST", "/invitations", room.user("root", admin=True))["invitation"]
    browser = Browser(room)
    reply = browser.back(consent(browser.begin(), "s-ada"))
    assert reply.status == 400
    code = reply.body.decode().partition('name="code" value="')[2].partition('"')[0]

    assert (
        browser.call("POST", "/-/oidc/finish", code=code, name="lovelace", invitation=invitation).status
        == 303
    )
    assert browser.name == "lovelace"
    room.close()


def test_what_a_browser_keeps_may_be_anything(room: HubRoom) -> None:
    """A cookie that is none of ours is as good as none."""
    for value in ("", "x", "W10=", "WzEsMiwzXQ==", "\xff"):
        browser = Browser(room)
        browser.cookies["__Host-tether-page-signin"] = value.encode("latin-1").decode("latin-1")
        assert browser.call("POST", "/-/oidc/finish", code="x").status == 400
