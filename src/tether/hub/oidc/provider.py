"""What the operator says of each provider of sign-ins: tables `[oidc.NAME]` in `hub.toml`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tether.errors import InvalidInput
from tether.storage.oserrors import translated

ACCOUNTS = ("policy", "always", "never")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_KEYS = frozenset(
    {"issuer", "client_id", "client_secret", "client_secret_file", "title", "scopes", "email_domains"}
    | {"accounts", "link_by_email"}
)


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider.

    Attributes:
        name: Stands in addresses of the hub and in `tether login --oidc NAME`.
        issuer: Its address, as it stands in its tokens.
        client_id: What the provider calls this hub.
        client_secret: Empty for a hub that the provider knows without one.
        title: What people call it.
        scopes: What is asked for; `openid` is one of them.
        email_domains: Only verified e-mail addresses there may sign in; all may if there are none.
        accounts: When a first sign-in makes an account: as `signup` of the hub says, always, never.
        link_by_email: Whether a verified e-mail address leads to the user who has it from another provider.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str
    title: str
    scopes: tuple[str, ...]
    email_domains: tuple[str, ...]
    accounts: str
    link_by_email: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a provider names; `email` is None unless the provider verified it."""

    issuer: str
    subject: str
    email: str | None
    name: str


def parse_providers(tables: Any, secrets: Mapping[str, str], root: Path) -> tuple[Provider, ...]:
    """Return the providers that `hub.toml` describes.

    Args:
        tables: What stands below `oidc`.
        secrets: Secrets from the environment, by the name of the provider in small letters with `_`.
        root: Where relative names of files begin.

    Raises:
        InvalidInput: A key is unknown or missing, or a value may not be.
    """
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise InvalidInput("the setting oidc is no table of providers", hint="write [oidc.NAME] in hub.toml")
    known = {name.replace("-", "_") for name in tables}
    if lost := sorted(set(secrets) - known):
        raise InvalidInput(f"the environment has a secret for {lost[0]}, which is no provider in hub.toml")
    return tuple(_provider(name, table, secrets, root) for name, table in sorted(tables.items()))


def _provider(name: str, table: dict[str, Any], secrets: Mapping[str, str], root: Path) -> Provider:
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"no provider can be named {name!r}", hint="use small letters, digits and '-'")
    if unknown := sorted(set(table) - _KEYS):
        raise InvalidInput(
            f"unknown setting {unknown[0]!r} in [oidc.{name}]", hint=f"they are {', '.join(sorted(_KEYS))}"
        )
    accounts = _text(name, table, "accounts", "policy")
    if accounts not in ACCOUNTS:
        raise InvalidInput(
            f"accounts of [oidc.{name}] cannot be {accounts!r}", hint=f"choose of {', '.join(ACCOUNTS)}"
        )
    link = table.get("link_by_email", False)
    if not isinstance(link, bool):
        raise InvalidInput(f"link_by_email of [oidc.{name}] is neither true nor false")
    scopes = _texts(name, table, "scopes", ("openid", "email", "profile"))
    domains = tuple(each.lower().lstrip("@") for each in _texts(name, table, "email_domains", ()))
    return Provider(
        name=name,
        issuer=_issuer(name, table),
        client_id=_text(name, table, "client_id"),
        client_secret=_secret(name, table, secrets, root),
        title=_text(name, table, "title", name),
        scopes=scopes if "openid" in scopes else ("openid", *scopes),
        email_domains=domains,
        accounts=accounts,
        link_by_email=link,
    )


def _text(name: str, table: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InvalidInput(f"{key} of [oidc.{name}] is no text", hint=f"give {key} in one line")
    return value


def _texts(name: str, table: Mapping[str, Any], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    values = table.get(key, default)
    if not isinstance(values, list | tuple):
        raise InvalidInput(f"{key} of [oidc.{name}] is no list of texts")
    for each in values:
        if not isinstance(each, str) or not each or not each.isprintable() or " " in each:
            raise InvalidInput(f"{key} of [oidc.{name}] is no list of words")
    return tuple(values)


def _issuer(name: str, table: Mapping[str, Any]) -> str:
    issuer = _text(name, table, "issuer")
    if not is_safe(issuer, issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
        raise InvalidInput(
            f"issuer of [oidc.{name}] is no safe address: {issuer}", hint="write https://HOST, as it is there"
        )
    return issuer


def is_safe(address: str, issuer: str) -> bool:
    """Say whether the hub may ask `address`: HTTPS, or this machine itself where the issuer is on it."""
    try:
        parts, origin = urlsplit(address), urlsplit(issuer)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or not address.isascii() or not address.isprintable():
        return False
    if parts.scheme == "https":
        return True
    return parts.scheme == "http" and parts.hostname in _LOCAL and origin.hostname in _LOCAL


def _secret(name: str, table: Mapping[str, Any], secrets: Mapping[str, str], root: Path) -> str:
    """Return the secret: of the environment, of a file, or of the table itself."""
    found = secrets.get(name.replace("-", "_"))
    if found is None and "client_secret_file" in table:
        path = root / _text(name, table, "client_secret_file")
        with translated(str(path)):
            found = path.read_text().strip()
    if found is None and "client_secret" in table:
        found = _text(name, table, "client_secret")
    if found is not None and (not found.isascii() or not found.isprintable() or not found):
        raise InvalidInput(f"the secret of [oidc.{name}] is empty or not in one line of ASCII")
    return found or ""
