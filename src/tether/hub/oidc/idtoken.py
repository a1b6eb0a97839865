"""Verifying an id token: signature by a key of the provider, for this hub, for this sign-in, for now."""

from collections.abc import Sequence
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError, MissingKeyError
from joserfc.jwk import KeySet

from tether.errors import Forbidden
from tether.hub.database.identities import EMAIL, SUBJECT
from tether.hub.oidc.asking import Directory
from tether.hub.oidc.provider import Person, Provider

ALGORITHMS = [
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
]
"""Signatures with a public key only: neither none, nor a secret that both sides know."""
_PUBLIC = frozenset({"RSA", "EC", "OKP"})
_LEEWAY_S = 60
_OLDEST_S = 3600
_SECOND = 1_000_000
_LONGEST = 64 << 10


def verify(directory: Directory, provider: Provider, token: str, nonce: str, now: int) -> Person:
    """Return whom an id token names.

    Raises:
        Forbidden: It is not signed by the provider, or not for this hub, this sign-in and this time; or the
            e-mail address is none that may sign in.
        Unavailable: The keys of the provider cannot be had.
    """
    try:
        claims = _claims(directory, provider, token, now)
        _check(provider, claims, nonce, now // _SECOND)
    except (JoseError, ValueError, TypeError) as error:
        raise Forbidden(f"the token of {provider.title} is not valid", hint="begin again") from error
    return _person(provider, claims)


def _claims(directory: Directory, provider: Provider, token: str, now: int) -> dict[str, Any]:
    """Return the claims of a token with a good signature; for a key that is not known, keys are read anew."""
    if len(token) > _LONGEST:
        raise ValueError("too long")
    header = jws.extract_compact(token.encode()).headers()
    if header.get("alg") not in ALGORITHMS:
        raise ValueError("algorithm")
    try:
        return _signed(token, _usable(directory.keys(provider, now), header))
    except (BadSignatureError, MissingKeyError):  # the provider may have other keys by now
        return _signed(token, _usable(directory.keys(provider, now, again=True), header))


def _signed(token: str, keys: list[dict[str, Any]]) -> dict[str, Any]:
    if not keys:
        raise MissingKeyError
    found: Any = {"keys": keys}
    return dict(jwt.decode(token, KeySet.import_key_set(found), algorithms=ALGORITHMS).claims)


def _usable(keys: Sequence[dict[str, Any]], header: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the public keys for signatures that a header can mean."""
    signing = [key for key in keys if key.get("kty") in _PUBLIC and key.get("use", "sig") == "sig"]
    kid = header.get("kid")
    if kid is None:
        return signing if len(signing) == 1 else []
    return [key for key in signing if key.get("kid") == kid][:1]


def _check(provider: Provider, claims: dict[str, Any], nonce: str, now_s: int) -> None:
    needed = jwt.JWTClaimsRegistry(
        now_s,
        _LEEWAY_S,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    needed.validate(claims)
    audience, party = claims["aud"], claims.get("azp", provider.client_id)
    alone = audience in (provider.client_id, [provider.client_id])
    if party != provider.client_id or (not alone and "azp" not in claims):
        raise ValueError("for another client")
    if claims["iat"] < now_s - _OLDEST_S:
        raise ValueError("old")


def _person(provider: Provider, claims: dict[str, Any]) -> Person:
    subject, email = claims["sub"], None
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT or not subject.isprintable():
        raise Forbidden(f"{provider.title} names nobody")
    found = claims.get("email")
    if claims.get("email_verified") is True and isinstance(found, str):
        email = found.lower() if found.isascii() and found.isprintable() and len(found) <= EMAIL else None
    domain = (email or "").rpartition("@")[2]
    if provider.email_domains and domain not in provider.email_domains:
        raise Forbidden(
            "only verified e-mail addresses of some domains may sign in here",
            hint="sign in with another account, or ask an administrator of the hub",
        )
    name = claims.get("preferred_username")
    if not isinstance(name, str) or not name:
        name = (email or "").partition("@")[0]
    return Person(provider.issuer, subject, email, name[:80] if name.isprintable() else "")
