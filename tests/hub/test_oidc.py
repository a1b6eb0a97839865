"""Sign-in by providers, against a provider in a process of its own."""

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from tests.support.hub import SECOND, HubRoom
from tests.support.oidc import Between, Browser, between, consent, provider_process, redeem, room_with

from tether.errors import InvalidInput
from tether.hub.settings import load_settings


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Return the address of a provider that runs."""
    with provider_process() as address:
        yield address


@pytest.fixture
def liar(issuer: str) -> Iterator[Between]:
    """Return one who stands before the provider."""
    with between(issuer) as state:
        yield state


@pytest.fixture
def room(tmp_path: Path, issuer: str) -> Iterator[HubRoom]:
    """Return a hub with open sign-up that knows the provider itself."""
    made = room_with(tmp_path / "hub", issuer, signup="open")
    yield made
    made.close()


@pytest.fixture
def lied(tmp_path: Path, liar: Between) -> Iterator[HubRoom]:
    """Return a hub with open sign-up that knows the provider by the liar."""
    made = room_with(tmp_path / "hub", liar.issuer, signup="open")
    yield made
    made.close()


def test_a_person_signs_in(room: HubRoom) -> None:
    """The first time makes an account, the second finds it; the token is good; the hub lists the provider."""
    assert room.ok("GET", "/oidc") == [{"name": "work", "title": "work"}]
    first = redeem(room, Browser(room).code("s-ada"))
    second = redeem(room, Browser(room).code("s-ada"))

    assert (first.status, second.status) == (201, 201), first
    assert first.json["user"] == second.json["user"] == "ada"
    assert room.ok("GET", "/me", second.json["token"])["name"] == "ada"
    (known,) = room.ok("GET", "/me/identities", second.json["token"])
    assert (known["subject"], known["email"]) == ("s-ada", "ada@example.org")
    assert room.api("DELETE", f"/me/identities/{known['id']}", second.json["token"]).status == 204
    assert room.ok("GET", "/me/identities", second.json["token"]) == []


def test_a_name_is_never_enough(room: HubRoom) -> None:
    """Who has the name of a user at the provider gets another account, and not that of the user."""
    room.user("ada")

    made = redeem(room, Browser(room).code("s-eve")).json

    assert made["user"] == "ada-2"


@pytest.mark.parametrize(
    ("signup", "accounts", "status"),
    [
        ("closed", "policy", 403),
        ("invite", "policy", 400),
        ("open", "policy", 201),
        ("closed", "always", 201),
        ("open", "never", 403),
    ],
)
def test_accounts_are_made_as_the_policy_says(
    tmp_path: Path, issuer: str, signup: str, accounts: str, status: int
) -> None:
    """Nobody gets an account where none is to be made; a code stays good when that was the failure."""
    room = room_with(tmp_path / "hub", issuer, f'accounts = "{accounts}"', signup=signup)
    code = Browser(room).code("s-bob")

    assert [redeem(room, code).status for _ in range(2)] == [status, 401 if status == 201 else status]
    if signup == "invite":
        invitation = room.ok("POST", "/invitations", room.user("root", admin=True))["invitation"]
        assert redeem(room, code, invitation=invitation, name="robert").json["user"] == "robert"
        assert redeem(room, Browser(room).code("s-ada"), invitation=invitation).status == 403
    room.close()


def test_linking_to_the_user_who_is_signed_in(tmp_path: Path, issuer: str) -> None:
    """A user with a full token ties a person to themselves; the person is nobody else's then."""
    room = room_with(tmp_path / "hub", issuer)
    grace, other = room.user("grace"), room.user("other")

    assert redeem(room, Browser(room).code("s-ada"), link=True).status == 401
    assert redeem(room, Browser(room).code("s-ada"), room.token("grace", "write"), link=True).status == 403
    assert redeem(room, Browser(room).code("s-ada"), grace, link=True).json["user"] == "grace"
    assert redeem(room, Browser(room).code("s-ada")).json["user"] == "grace"
    assert redeem(room, Browser(room).code("s-ada"), other, link=True).code == "conflict"
    room.ok("PATCH", "/users/grace", room.user("root", admin=True), {"disabled": True})
    assert redeem(room, Browser(room).code("s-ada")).status == 401
    room.close()


def second_provider(liar: Between, link: str) -> str:
    """Return settings that add the liar as a provider."""
    client = 'client_id = "x"\nclient_secret = "y"'
    return f'[oidc.second]\nissuer = "{liar.issuer}"\n{client}\nlink_by_email = {link}'


@pytest.mark.parametrize(("link", "user"), [("true", "ada"), ("false", "ada-2")])
def test_linking_by_verified_email(tmp_path: Path, issuer: str, liar: Between, link: str, user: str) -> None:
    """With `link_by_email` a second provider finds the user of the first; without, it does not."""
    second = second_provider(liar, link)
    room = room_with(tmp_path / "hub", issuer, second, signup="open")

    assert redeem(room, Browser(room).code("s-ada")).json["user"] == "ada"
    assert redeem(room, Browser(room, "second").code("s-ada")).json["user"] == user
    room.close()


def test_an_email_that_is_not_verified_links_nobody(tmp_path: Path, issuer: str, liar: Between) -> None:
    """The provider must say that it verified the address."""
    second = second_provider(liar, "true")
    room = room_with(tmp_path / "hub", issuer, second, signup="open")
    liar.change = lambda claims: claims.update(email_verified="true")

    assert redeem(room, Browser(room).code("s-ada")).json["user"] == "ada"
    assert redeem(room, Browser(room, "second").code("s-ada")).json["user"] == "ada-2"
    room.close()


def test_only_some_domains_may_sign_in(tmp_path: Path, issuer: str) -> None:
    """An address elsewhere, and one that is not verified, is refused."""
    room = room_with(tmp_path / "hub", issuer, 'email_domains = ["@Example.org"]', signup="open")

    for subject, status in (("s-ada", 200), ("s-bob", 403), ("s-eve", 403)):
        browser = Browser(room)
        assert browser.back(consent(browser.start(), subject)).status == status, subject
    room.close()


def test_the_hub_proves_that_it_began(lied: HubRoom, liar: Between) -> None:
    """PKCE: what the hub sends for the token fits to what it sent the browser with; secrets are in no URL."""
    browser = Browser(lied)
    address = browser.start()
    asked = parse_qs(urlsplit(address).query)
    browser.back(consent(address, "s-ada"))

    (form,) = liar.forms
    digest = sha256(form["code_verifier"][0].encode()).digest()
    assert asked["code_challenge"] == [urlsafe_b64encode(digest).rstrip(b"=").decode()]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["redirect_uri"] == ["https://hub.example.org/api/v1/oidc/work/callback"]
    assert asked["scope"] == ["openid email profile"]
    assert browser.cookie.partition("=")[2] not in address


Change = Callable[[dict[str, Any]], Any]


@pytest.mark.parametrize(
    "change",
    [
        lambda claims: claims.update(nonce="another"),
        lambda claims: claims.pop("nonce"),
        lambda claims: claims.update(aud="another-client"),
        lambda claims: claims.update(aud=["the-hub", "another"]),
        lambda claims: claims.update(azp="another"),
        lambda claims: claims.pop("aud"),
        lambda claims: claims.update(iss="https://other.example"),
        lambda claims: claims.update(exp=claims["iat"] - 120),
        lambda claims: claims.pop("exp"),
        lambda claims: claims.update(iat=claims["iat"] + 3600),
        lambda claims: claims.update(iat=claims["iat"] - 7200),
        lambda claims: claims.update(iat="now"),
        lambda claims: claims.pop("sub"),
        lambda claims: claims.update(sub=""),
        lambda claims: claims.update(sub=7),
    ],
)
def test_tokens_for_something_else_are_refused(lied: HubRoom, liar: Between, change: Change) -> None:
    """A good signature is not enough: for whom, when, and for which sign-in must fit."""
    liar.change = change
    browser = Browser(lied)

    reply = browser.back(consent(browser.start(), "s-ada"))

    assert (reply.status, reply.code) == (403, "forbidden")


def _unsigned(_: RSAKey, claims: dict[str, Any]) -> str:
    good = jwt.encode({"alg": "HS256"}, claims, OctKey.generate_key(256))
    return "eyJhbGciOiJub25lIn0." + good.split(".")[1] + "."


def _shared(key: RSAKey, claims: dict[str, Any]) -> str:
    public = OctKey.import_key(key.as_pem(private=False).replace(b"-----", b"."))
    return jwt.encode({"alg": "HS256", "kid": "one"}, claims, public)


def _foreign(_: RSAKey, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key())


@pytest.mark.parametrize(
    "sign", [_unsigned, _shared, _foreign, lambda *_: "", lambda *_: "a.b", lambda *_: "é.é.é"]
)
def test_tokens_of_others_are_refused(
    lied: HubRoom, liar: Between, sign: Callable[[RSAKey, dict[str, Any]], str]
) -> None:
    """Neither without a signature, nor with the public key as a secret, nor by another key."""
    liar.sign = sign
    browser = Browser(lied)

    assert browser.back(consent(browser.start(), "s-ada")).status == 403


def test_keys_may_change(lied: HubRoom, liar: Between) -> None:
    """A token by a key that is new is good; one by the key that went is not; keys are read seldom."""
    Browser(lied).code("s-ada")
    Browser(lied).code("s-ada")
    assert liar.asked == 1
    old, liar.key = liar.key, RSAKey.generate_key(parameters={"kid": "two", "use": "sig"})
    lied.now += 31 * SECOND
    Browser(lied).code("s-ada")
    assert liar.asked == 2

    liar.published, liar.key = [liar.key], old
    for _ in range(3):
        browser = Browser(lied)
        assert browser.back(consent(browser.start(), "s-ada")).status == 403
    assert liar.asked == 2
    lied.now += 31 * SECOND
    browser = Browser(lied)
    assert browser.back(consent(browser.start(), "s-ada")).status == 403
    assert liar.asked == 3


def test_a_sign_in_belongs_to_its_browser(room: HubRoom) -> None:
    """Another state, another cookie, none, another provider's address: all refused, and it stays good."""
    browser = Browser(room)
    good = consent(browser.start(), "s-ada")
    other = Browser(room)
    other.start()
    wrong = good.replace("state=tth_", "state=tth_x")

    assert Browser(room, cookie=other.cookie).back(good).status == 403
    assert Browser(room).back(good).status == 403
    assert browser.back(wrong).status == 403
    assert browser.back(good.partition("&state")[0].partition("?state")[0]).status == 403
    assert browser.back(good.replace("/oidc/work/", "/oidc/other/")).status == 404
    assert browser.back(good + "&iss=https://other.example").status == 403
    assert browser.back(good).status == 403  # the one before had the right browser, and ended it


def test_nothing_is_good_twice(room: HubRoom) -> None:
    """Neither coming back, nor the code; nor either after its time; nor for a program that did not begin."""
    browser = Browser(room)
    good = consent(browser.start(), "s-ada")
    page = browser.back(good)
    code = "tth_" + page.body.decode().partition("<p><code>tth_")[2].partition("</code>")[0]

    assert browser.back(good).status == 403
    assert room.api("POST", "/oidc/token", None, {"code": code, "verifier": "w" * 43}).status == 401
    assert redeem(room, code).status == 201
    assert redeem(room, code).status == 401
    late = Browser(room).code("s-ada")
    room.now += 301 * SECOND
    assert redeem(room, late).status == 401
    slow = Browser(room)
    address = consent(slow.start(), "s-ada")
    room.now += 601 * SECOND
    assert slow.back(address).status == 403


def test_a_planted_cookie_is_not_taken_up(room: HubRoom) -> None:
    """Session fixation: each begin makes another secret, whatever the browser brings; the end removes it."""
    planted = "__Host-tether-signin=tth_planted"
    path = f"/api/v1/oidc/work/start?challenge={'0' * 64}"
    begun = [room.call("GET", path, headers={"cookie": planted}).headers["set-cookie"] for _ in range(2)]

    assert "planted" not in begun[0]
    assert begun[0] != begun[1]
    for part in ("__Host-tether-signin=", "HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=600"):
        assert part in begun[0]
    assert "domain" not in begun[0].lower()
    browser = Browser(room)
    page = browser.back(consent(browser.start(), "s-ada"))
    assert '__Host-tether-signin=""' in page.headers["set-cookie"]
    assert "Max-Age=0" in page.headers["set-cookie"]


def test_the_hub_redirects_nowhere_else(room: HubRoom, issuer: str) -> None:
    """Whatever is added to the address, browsers go to the provider, and come back to the hub."""
    more = "&next=https://evil.example&redirect_uri=https://evil.example&return_to=//evil.example"
    reply = room.call("GET", f"/api/v1/oidc/work/start?challenge={'0' * 64}{more}")

    assert reply.headers["location"].startswith(f"{issuer}/oauth2/authorize?")
    assert "evil" not in reply.headers["location"]
    assert room.call("GET", "/api/v1/oidc/work/start?challenge=x").status == 400
    assert room.call("GET", "/api/v1/oidc/evil/start?challenge=x").status == 404


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": "http://internal.example/token"},
        {"token_endpoint": "https://user@internal.example/token"},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_description_leads_to_no_other_place(
    lied: HubRoom, liar: Between, described: dict[str, Any]
) -> None:
    """SSRF: addresses in a description are HTTPS, or on this machine if the issuer is."""
    liar.described = described

    reply = lied.call("GET", f"/api/v1/oidc/work/start?challenge={'0' * 64}")

    assert (reply.status, reply.code) == (503, "unavailable")


def test_a_provider_that_redirects_is_not_followed(lied: HubRoom, liar: Between, issuer: str) -> None:
    """A reply that leads elsewhere is none."""
    liar.described = {"jwks_uri": f"{liar.issuer}/oauth2/authorize?redirect_uri=http://127.0.0.1:1/&state=x"}
    browser = Browser(lied)

    assert browser.back(consent(browser.start(), "s-ada")).status in (403, 503)


def test_a_provider_that_is_gone(tmp_path: Path) -> None:
    """The failure says who does not answer; everything else goes on."""
    room = room_with(tmp_path / "hub", "http://127.0.0.1:1")

    assert room.call("GET", f"/api/v1/oidc/work/start?challenge={'0' * 64}").status == 503
    assert room.call("GET", "/healthz").status == 200
    room.close()


GOOD = 'issuer = "https://id.example.org"\nclient_id = "x"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"[oidc.work]\n{GOOD}secret = 1", "unknown setting 'secret'"),
        ("[oidc.work]\nclient_id = 'x'", "issuer"),
        ("[oidc.work]\nissuer = 'http://id.example.org'\nclient_id = 'x'", "safe address"),
        ("[oidc.work]\nissuer = 'https://id.example.org?x'\nclient_id = 'x'", "safe address"),
        (f"[oidc.Work]\n{GOOD}", "can be named"),
        (f"[oidc.work]\n{GOOD}accounts = 'open'", "policy"),
        (f"[oidc.work]\n{GOOD}link_by_email = 1", "link_by_email"),
        (f"[oidc.work]\n{GOOD}scopes = 'openid'", "scopes"),
        (f"[oidc.work]\n{GOOD}client_secret = ''", "client_secret"),
        (f"[oidc.work]\n{GOOD}client_secret_file = 'gone'", "gone"),
        ("oidc = 1", "hub.toml"),
    ],
)
def test_wrong_settings_are_refused(tmp_path: Path, text: str, told: str) -> None:
    """The message or the hint says what would be right."""
    (tmp_path / "hub.toml").write_text(text)

    with pytest.raises((InvalidInput, LookupError)) as caught:
        load_settings(tmp_path, {"public_url": "https://hub.example.org"}, {})

    assert told in f"{caught.value} {getattr(caught.value, 'hint', '')}"


def test_providers_want_an_address_that_is_safe(tmp_path: Path) -> None:
    """Browsers come back to `public_url`, and not in the clear; the secret of the environment wins."""
    (tmp_path / "hub.toml").write_text(f"[oidc.my-work]\n{GOOD}client_secret = 'file'")
    for url in ("", "http://hub.example.org"):
        with pytest.raises(InvalidInput, match="public_url"):
            load_settings(tmp_path, {"public_url": url}, {})
    with pytest.raises(InvalidInput, match="other"):
        load_settings(tmp_path, {}, {"TETHER_HUB_OIDC_OTHER_SECRET": "x"})

    environment = {"TETHER_HUB_OIDC_MY_WORK_SECRET": "of the environment"}
    found = load_settings(tmp_path, {"public_url": "http://127.0.0.1:8000"}, environment)

    assert found.providers[0].client_secret == "of the environment"
