"""Which names accounts and repositories may have: those that are safe in an address and in a shell."""

import re

from tether.errors import InvalidInput

PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Of every name, though not all that it fits may be one."""
_NAME = re.compile(PATTERN[1:-1], re.ASCII)
LONGEST = 80
_RESERVED = frozenset(
    {"about", "accounts", "admin", "api", "assets", "docs", "explore", "health", "healthz", "help", "hub"}
    | {
        "invite",
        "login",
        "logout",
        "me",
        "metrics",
        "new",
        "openapi.json",
        "organisations",
        "readyz",
        "repos",
    }
    | {"search", "settings", "signup", "static", "token", "tokens", "users"}
)
_ENDINGS = (".git", ".lock", ".tether", ".")


def account_name(name: str) -> str:
    """Return `name` if an account may have it.

    Raises:
        InvalidInput: It may not.
    """
    if _checked(name, "account").lower() in _RESERVED:
        raise InvalidInput(f"no account can be named {name}: the hub uses that address itself")
    return name


def repository_name(name: str) -> str:
    """Return `name` if a repository may have it.

    Raises:
        InvalidInput: It may not.
    """
    return _checked(name, "repository")


def team_name(name: str) -> str:
    """Return `name` if a team may have it.

    Raises:
        InvalidInput: It may not.
    """
    return _checked(name, "team")


def rule_name(name: str) -> str:
    """Return `name` if a rule of branches may have it; errors as for `team_name`."""
    return _checked(name, "rule")


def key_of(name: str) -> str:
    """Return what a name is found by: names that differ in capitals only are the same.

    What nothing can be named gives the empty text, which finds nothing.
    """
    return name.lower() if _NAME.fullmatch(name) and len(name) <= LONGEST else ""


def _checked(name: str, what: str) -> str:
    if _NAME.fullmatch(name) and len(name) <= LONGEST and not name.lower().endswith(_ENDINGS):
        return name
    raise InvalidInput(
        f"no {what} can be named {name[:LONGEST]!r}",
        hint=f"use up to {LONGEST} letters, digits, '-', '_' and '.', with a letter or digit first",
    )
