"""Who is named in a text: `@name` outside of code."""

import re
from bisect import bisect_right
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.hub.accounts import USER
from tether.hub.conversations.finding import may_read
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.naming import key_of

MOST = 20
"""People whom one text can call; the rest of the names are text."""
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_TICKS = re.compile(r"`+")
_NAME = re.compile(r"(?<![\w@./`-])@([A-Za-z0-9][A-Za-z0-9._-]{0,79})", re.ASCII)
_LONGEST = 100_000
_MOST_KEYS = 500


def names_in(text: str) -> list[str]:
    """Return the keys of the names that a text calls, each once, in order; they need not exist."""
    plain = without_code(text[:_LONGEST])
    found = (key_of(name.rstrip("._-")) for name in _NAME.findall(plain))
    return list(dict.fromkeys(filter(None, found)))[:MOST]


def without_code(text: str) -> str:
    """Return a Markdown text without blocks between fences and spans between backticks.

    It takes time by the length of the text, whatever is in it.
    """
    plain: list[str] = []
    fence = ""
    for line in text.split("\n"):
        found = _FENCE.match(line)
        if not fence and found is not None:
            fence = found[1]
        elif not fence:
            plain.append(line)
        elif found is not None and found[1].startswith(fence) and not line[found.end() :].strip():
            fence = ""
    return _without_spans("\n".join(plain))


def _without_spans(text: str) -> str:
    """Return a text without what is between two runs of as many backticks."""
    runs = [found.span() for found in _TICKS.finditer(text)]
    places: dict[int, list[int]] = {}
    for place, (start, end) in enumerate(runs):
        places.setdefault(end - start, []).append(place)
    kept: list[str] = []
    at = place = 0
    while place < len(runs):
        start, end = runs[place]
        same = places[end - start]
        later = bisect_right(same, place)
        if later < len(same):
            kept += (text[at:start], " ")
            place = same[later]
            at = runs[place][1]
        place += 1
    return "".join((*kept, text[at:]))


def known_names(session: Session, keys: Sequence[str]) -> dict[str, str]:
    """Return the names of the users whose keys these are, by key; the first 500 are looked for."""
    if not keys:
        return {}
    found = session.scalars(select(Account).where(Account.key.in_(keys[:_MOST_KEYS]), Account.kind == USER))
    return {account.key: account.name for account in found}


def mentioned(session: Session, row: RepositoryRow, text: str) -> Sequence[Account]:
    """Return the users whom a text calls and who may read the repository; of others nothing is told."""
    keys = names_in(text)
    if not keys:
        return ()
    users = session.scalars(select(Account).where(Account.key.in_(keys), Account.kind == USER))
    return [user for user in users if may_read(session, user, row)]
