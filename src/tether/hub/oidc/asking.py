"""Asking a provider: its description, its keys, and the token that a code is good for.

No address here comes from a user: the issuer is the operator's, the others stand in its description. Each is
HTTPS (or on this machine, where the issuer is), redirects are not followed, replies have a largest size.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import urllib3
from urllib3.exceptions import HTTPError

from tether.errors import Forbidden, Unavailable
from tether.hub.oidc.provider import Provider, is_safe

_TIMEOUT = urllib3.Timeout(connect=5.0, read=10.0)
_LARGEST = 1 << 20
_SECOND = 1_000_000
_GOOD_FOR = 3600 * _SECOND
_KEYS_AGAIN = 30 * _SECOND
"""Keys are not asked for more often, whatever tokens come."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(slots=True)
class _Known:
    """What a provider said, and when."""

    description: dict[str, Any]
    described: int
    keys: list[dict[str, Any]] | None = None
    keys_read: int = 0


class Directory:
    """What the providers of a hub say of themselves, remembered for an hour; safe for several threads."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def description(self, provider: Provider, now: int) -> dict[str, Any]:
        """Return the description of a provider.

        Raises:
            Unavailable: It does not answer, or with what is no safe description of this issuer.
        """
        with self._lock:
            known = self._known.get(provider.issuer)
        if known is None or now - known.described >= _GOOD_FOR:
            known = _Known(_describe(provider), now)
            with self._lock:
                self._known[provider.issuer] = known
        return known.description

    def keys(self, provider: Provider, now: int, *, again: bool = False) -> list[dict[str, Any]]:
        """Return the public keys of a provider; `again` asks anew, unless that was done a moment ago.

        Raises:
            Unavailable: As for `description`.
        """
        description = self.description(provider, now)
        with self._lock:
            known = self._known[provider.issuer]
            age = now - known.keys_read
            fresh = known.keys is not None and age < (_KEYS_AGAIN if again else _GOOD_FOR)
        if not fresh:
            body = _asked(provider, "GET", description["jwks_uri"])[1]
            keys = body.get("keys")
            if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
                raise _wrong(provider, "its keys are no key set")
            known.keys, known.keys_read = keys, now
        return known.keys or []


def trade(provider: Provider, description: Mapping[str, Any], form: Mapping[str, str]) -> str:
    """Return the id token that a code is good for.

    Args:
        provider: Gave the code.
        description: Of the provider.
        form: What is sent, without what names the hub.

    Raises:
        Forbidden: The provider takes the code for none.
        Unavailable: It does not answer, or not as it should.
    """
    sent, headers = dict(form), {"Content-Type": "application/x-www-form-urlencoded"}
    methods = description.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if provider.client_secret and "client_secret_basic" in methods:
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
        headers |= urllib3.make_headers(basic_auth=pair)
    else:
        sent["client_id"] = provider.client_id
        if provider.client_secret:
            sent["client_secret"] = provider.client_secret
    status, body = _asked(provider, "POST", description["token_endpoint"], urlencode(sent), headers)
    token = body.get("id_token")
    if status != 200 or not isinstance(token, str):
        raise Forbidden(f"{provider.title} did not confirm the sign-in", hint="begin again")
    return token


def _describe(provider: Provider) -> dict[str, Any]:
    address = provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
    status, found = _asked(provider, "GET", address)
    if status != 200 or found.get("issuer") != provider.issuer:
        raise _wrong(provider, "its description is not that of the issuer")
    for name in _ENDPOINTS:
        if not isinstance(found.get(name), str) or not is_safe(found[name], provider.issuer):
            raise _wrong(provider, f"{name} in its description is no safe address")
    return found


def _asked(
    provider: Provider, method: str, address: str, body: str | None = None, headers: Any = None
) -> tuple[int, dict[str, Any]]:
    """Return the status and the document of a reply; server errors are raised."""
    sent = {"User-Agent": "tether", "Accept": "application/json", **(headers or {})}
    try:
        with urllib3.PoolManager(timeout=_TIMEOUT, retries=False) as pool:
            reply = pool.request(
                method, address, body=body, headers=sent, redirect=False, preload_content=False
            )
            try:
                data = reply.read(_LARGEST + 1, decode_content=True)
            finally:
                reply.close()
    except HTTPError as error:
        raise Unavailable(f"{provider.title} does not answer", hint="try again later") from error
    if reply.status >= 500 or 300 <= reply.status < 400 or len(data) > _LARGEST:
        raise _wrong(provider, f"its reply has status {reply.status} and {len(data)} bytes")
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _wrong(provider, "its reply is no JSON object")
    return reply.status, document


def _wrong(provider: Provider, what: str) -> Unavailable:
    return Unavailable(f"{provider.title} cannot be used: {what}", hint="ask an administrator of the hub")
