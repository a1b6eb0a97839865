"""Tokens: secrets that stand for a user, with a scope, an expiry and a last use."""

import re
from collections.abc import Sequence

from sqlalchemy import String, bindparam, select
from sqlalchemy.orm import Session

from tether.errors import InvalidInput, NotFound, Unauthenticated
from tether.hub.access import ANONYMOUS, SIGN_IN, Principal, Scope
from tether.hub.acting import Act
from tether.hub.database.models import Account, Token
from tether.hub.secret import digest_of, new_id, new_secret

SECOND = 1_000_000
DAY = 86_400 * SECOND
_UNITS = {"h": 3600 * SECOND, "d": DAY, "w": 7 * DAY}
_USE_NOTED_EVERY = 60 * SECOND
_LONGEST_LABEL = 100
_OF_SECRET = select(Token).where(Token.digest == bindparam("digest", type_=String))
"""Made once, as nearly every request asks it."""


def create_token(
    act: Act, account: Account, scope: Scope, *, label: str = "", expires: int | None = None
) -> tuple[Token, str]:
    """Return a new token of `account` and its secret, which is nowhere to be had afterwards.

    Raises:
        InvalidInput: The label is too long, or the token expires in the past.
    """
    if len(label) > _LONGEST_LABEL or not label.isprintable():
        raise InvalidInput(f"a label has up to {_LONGEST_LABEL} characters that print")
    if expires is not None and expires <= act.now:
        raise InvalidInput("a token cannot expire in the past")
    secret, digest = new_secret()
    token = Token(id=new_id(), account_id=account.id, digest=digest, label=label, scope=scope)
    token.created, token.expires = act.now, expires
    act.session.add(token)
    act.session.flush()
    act.record("token.create", account.name, token=token.id, scope=str(scope), expires=expires)
    return token, secret


def list_tokens(session: Session, account: Account) -> Sequence[Token]:
    """Return the tokens of a user that were not revoked, the newest first."""
    query = select(Token).where(Token.account_id == account.id, Token.revoked.is_(None))
    return session.scalars(query.order_by(Token.created.desc())).all()


def revoke_token(act: Act, account: Account, token_id: str) -> None:
    """End a token of a user at once.

    Raises:
        NotFound: They have none with that id.
    """
    token = act.session.get(Token, token_id) if token_id.isascii() and token_id.isalnum() else None
    if token is None or token.account_id != account.id or token.revoked is not None:
        raise NotFound(f"no token {token_id} of {account.name}")
    token.revoked = act.now
    act.record("token.revoke", account.name, token=token.id)


def find_principal(session: Session, now: int, secret: str | None) -> Principal:
    """Return who a secret stands for; nobody without one.

    Raises:
        Unauthenticated: It is unknown, revoked or expired, or its user is disabled.
    """
    return ANONYMOUS if secret is None else find_using(session, now, secret)[0]


def find_using(session: Session, now: int, secret: str) -> tuple[Principal, bool]:
    """Return who a secret stands for, and whether it is long since it was noted that its token was used.

    Raises:
        Unauthenticated: As for `find_principal`.
    """
    token = _live(session.scalar(_OF_SECRET, {"digest": digest_of(secret)}), now)
    due = token.last_used is None or token.last_used + _USE_NOTED_EVERY <= now
    return Principal(token.account, Scope(token.scope), token.id), due


def require_live(session: Session, now: int, principal: Principal) -> None:
    """Let pass whose token is still valid, when a request has taken long; errors as for `find_principal`."""
    if principal.token_id is not None:
        _live(session.get(Token, principal.token_id), now)


def _live(token: Token | None, now: int) -> Token:
    if (
        token is None
        or token.revoked is not None
        or (token.expires is not None and token.expires <= now)
        or token.account.disabled
    ):
        raise Unauthenticated("the token is not valid: unknown, expired or revoked", hint=SIGN_IN)
    return token


def note_use(session: Session, now: int, token_id: str) -> None:
    """Remember that a token was used."""
    token = session.get(Token, token_id)
    if token is not None:
        token.last_used = now


def parse_lifetime(text: str) -> int:
    """Return the microseconds that `12h`, `30d` or `8w` means.

    Raises:
        InvalidInput: It is no such text.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", text)
    if found is None:
        raise InvalidInput(f"not a time to live: {text!r}", hint="write it as 12h, 30d or 8w")
    return int(found[1]) * _UNITS[found[2]]
