"""Who is named in a text: `@name` outside of code."""

import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.hub.accounts import USER
from tether.hub.conversations.finding import may_read
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.naming import key_of

MOST = 20
"""People whom one text can call; the rest of the names are text."""
_FENCED = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?(?:^\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_CODE = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
_NAME = re.compile(r"(?<![\w@./`-])@([A-Za-z0-9][A-Za-z0-9._-]{0,79})", re.ASCII)
_LONGEST = 100_000


def names_in(text: str) -> list[str]:
    """Return the keys of the names that a text calls, each once, in order; they need not exist."""
    plain = _CODE.sub(" ", _FENCED.sub(" ", text[:_LONGEST]))
    found = (key_of(name.rstrip("._-")) for name in _NAME.findall(plain))
    return list(dict.fromkeys(filter(None, found)))[:MOST]


def mentioned(session: Session, row: RepositoryRow, text: str) -> Sequence[Account]:
    """Return the users whom a text calls and who may read the repository; of others nothing is told."""
    keys = names_in(text)
    if not keys:
        return ()
    users = session.scalars(select(Account).where(Account.key.in_(keys), Account.kind == USER))
    return [user for user in users if may_read(session, user, row)]
