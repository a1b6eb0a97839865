"""The way of a browser: to the provider, and back with a code that the hub trades for a person.

The browser has one cookie with a secret for one sign-in. Nonce and PKCE verifier are derived from it, so that
nothing in the database or in an address is enough to end a sign-in, and each begin makes another secret.
"""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode, urlsplit, urlunsplit

from sqlalchemy import delete

from tether.errors import Forbidden, InvalidInput, NotFound
from tether.hub.database.identities import SignInBegun, SignInVerified
from tether.hub.hub import Hub
from tether.hub.oidc import asking
from tether.hub.oidc.provider import Person, Provider
from tether.hub.secret import digest_of, new_secret

_SECOND = 1_000_000
BROWSER_S = 600
"""Seconds that somebody has to sign in at the provider."""
CODE_S = 300
"""Seconds for which the code that the browser shows is good."""
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Return:
    """What came back with a browser; empty where it is missing."""

    state: str
    code: str
    issuer: str
    cookie: str


def find_provider(hub: Hub, name: str) -> Provider:
    """Return the provider of that name.

    Raises:
        NotFound: There is none.
    """
    for provider in hub.settings.providers:
        if provider.name == name:
            return provider
    raise NotFound(f"this hub has no sign-in by {name[:32]!r}", hint="see /api/v1/oidc on this hub")


def begin(hub: Hub, provider: Provider, challenge: str) -> tuple[str, str]:
    """Begin a sign-in; return the address to send the browser to, and the secret for its cookie.

    Raises:
        InvalidInput: The challenge is no digest.
        Unavailable: The provider does not answer.
    """
    if len(challenge) != 64 or not set(challenge) <= set("0123456789abcdef"):
        raise InvalidInput("the challenge is no digest", hint="begin with tether login")
    now = hub.now()
    description = hub.directory.description(provider, now)
    (state, state_digest), (cookie, cookie_digest) = new_secret(), new_secret()
    with hub.database.session() as session:
        session.execute(delete(SignInBegun).where(SignInBegun.expires <= now))
        row = SignInBegun(state=state_digest, browser=cookie_digest, provider=provider.name)
        row.challenge, row.expires = challenge, now + BROWSER_S * _SECOND
        session.add(row)
    asked = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri(hub, provider),
        "scope": " ".join(provider.scopes),
        "state": state,
        "nonce": _derived("nonce", cookie),
        "code_challenge": _s256(_derived("verifier", cookie)),
        "code_challenge_method": "S256",
    }
    parts = urlsplit(description["authorization_endpoint"])
    query = "&".join(part for part in (parts.query, urlencode(asked)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, "")), cookie


def finish(hub: Hub, provider: Provider, back: Return) -> str:
    """End the way of a browser; return the code for the program that waits.

    Raises:
        Forbidden: It is not the browser that began, or not now, or the provider does not confirm it.
        Unavailable: The provider does not answer.
    """
    from tether.hub.oidc.idtoken import verify  # an extra package

    if max(len(back.state), len(back.code), len(back.cookie)) > _LONGEST:
        raise InvalidInput("this is no sign-in: too long")
    challenge = _take(hub, provider, back)
    if back.issuer and back.issuer != provider.issuer:
        raise Forbidden("another provider answered than was asked", hint="begin again")
    if not back.code:
        raise Forbidden(f"{provider.title} did not sign you in", hint="begin again")
    now = hub.now()
    form = {
        "grant_type": "authorization_code",
        "code": back.code,
        "redirect_uri": redirect_uri(hub, provider),
        "code_verifier": _derived("verifier", back.cookie),
    }
    token = asking.trade(provider, hub.directory.description(provider, now), form)
    person = verify(hub.directory, provider, token, _derived("nonce", back.cookie), now)
    return _keep(hub, provider, person, challenge)


def redirect_uri(hub: Hub, provider: Provider) -> str:
    """Return where a provider sends browsers back to; each has its own address."""
    return f"{hub.settings.public_url.rstrip('/')}/api/v1/oidc/{provider.name}/callback"


def _take(hub: Hub, provider: Provider, back: Return) -> str:
    """Take the sign-in that began in this browser, which is over now; return its challenge."""
    with hub.database.session() as session:
        mine = delete(SignInBegun).where(
            SignInBegun.state == _digest(back.state),
            SignInBegun.browser == _digest(back.cookie),
            SignInBegun.provider == provider.name,
            SignInBegun.expires > hub.now(),
        )
        found = session.execute(mine.returning(SignInBegun.challenge)).scalar_one_or_none()
    if found is None:
        raise Forbidden(
            "this sign-in was not begun in this browser, or is over already",
            hint="run tether login again and open its address here",
        )
    return found


def _keep(hub: Hub, provider: Provider, person: Person, challenge: str) -> str:
    code, digest = new_secret()
    with hub.database.session() as session:
        now = hub.now()
        session.execute(delete(SignInVerified).where(SignInVerified.expires <= now))
        row = SignInVerified(code=digest, challenge=challenge, provider=provider.name, issuer=person.issuer)
        row.subject, row.email, row.name = person.subject, person.email, person.name
        row.expires = now + CODE_S * _SECOND
        session.add(row)
    return code


def _digest(text: str) -> str:
    """Return the digest of a text from outside, which may be one that UTF-8 does not know."""
    return digest_of(text.encode(errors="replace").decode())


def _derived(purpose: str, cookie: str) -> str:
    return _digest(f"tether sign-in {purpose}: {cookie}")


def _s256(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
