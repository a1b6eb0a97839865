"""What accounts say of themselves: a display name and a line, which stand beside the name."""

import re
import unicodedata
from dataclasses import dataclass

from sqlalchemy.orm import Session

from tether.errors import Forbidden, InvalidInput, NotFound
from tether.hub.access import Scope, require_administrator, require_user
from tether.hub.accounts import ORGANISATION, find_account
from tether.hub.acting import Act
from tether.hub.database.models import Account
from tether.hub.organisations import owned

LONGEST_DISPLAY_NAME = 80
LONGEST_ABOUT = 300
"""Both in characters."""
LINE = (
    r"^[^\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f"
    r"\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]*$"
)
"""What fits is one line of text that looks like what it is: no control characters, ends of lines, characters
that turn the direction of what follows, or that nobody sees. The two joiners (U+200C, U+200D), by which
Persian and emoji are written, may be there."""
_LINE = re.compile(LINE)


@dataclass(frozen=True, slots=True)
class Description:
    """What an account says of itself; in a change None leaves a field as it is, and "" empties it."""

    display_name: str | None = None
    about: str | None = None


def described(session: Session, name: str) -> Account:
    """Return the account of that name, which anybody may know of.

    Raises:
        NotFound: There is none.
    """
    account = find_account(session, name)
    if account is None:
        raise NotFound(f"nobody here is named {name}")
    return account


def description_of(account: Account) -> Description:
    """Return what others are shown; of a disabled user nothing, so that operators can end what is abused."""
    return Description("", "") if account.disabled else Description(account.display_name, account.about)


def describe(act: Act, name: str, wanted: Description) -> Account:
    """Change what an account says of itself: users of themselves, owners of their organisation.

    Administrators of the hub can clear what a user says, and put nothing in its place.

    Raises:
        NotFound: There is no account of that name.
        Unauthenticated, Forbidden: It is somebody else's, or the token does not go that far.
        InvalidInput: A text is too long, or not one plain line.
    """
    account = described(act.session, name)
    if account.kind == ORGANISATION:
        owned(act, name)
    else:
        _require_own(act, account, wanted)
    texts = {
        "display_name": _line(wanted.display_name, "a display name", LONGEST_DISPLAY_NAME),
        "about": _line(wanted.about, "what one says of oneself", LONGEST_ABOUT),
    }
    changed = {field: text for field, text in texts.items() if text not in (None, getattr(account, field))}
    for field, text in changed.items():
        setattr(account, field, text)
    if changed:
        act.record(f"{account.kind}.describe", account.name, repository=None, **changed)
    return account


def _require_own(act: Act, account: Account, wanted: Description) -> None:
    """Let pass who is that user, and administrators who put nothing into somebody's mouth."""
    if act.actor.user is not None and act.actor.user.id == account.id:
        require_user(act.actor, Scope.ADMIN)
        return
    if wanted.display_name or wanted.about:
        require_user(act.actor, Scope.ADMIN)
        hint = "an administrator can clear it: send empty texts"
        raise Forbidden(f"only {account.name} says who they are", hint=hint)
    require_administrator(act.actor)


def _line(text: str | None, what: str, longest: int) -> str | None:
    """Return a text as it is kept: composed (NFC), as it is the shortest, without outer spaces."""
    if text is None:
        return None
    line = unicodedata.normalize("NFC", text).strip()
    if _LINE.fullmatch(text) is None:
        raise InvalidInput(
            f"{what} is one line without control characters", hint="type it instead of copying it"
        )
    if len(line) > longest:
        raise InvalidInput(f"{what} has at most {longest} characters", hint="shorten it")
    return line
