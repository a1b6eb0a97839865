"""Addresses that people give for mail: good once what was sent there came back."""

import re

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tether.errors import Conflict, InvalidInput, NotFound, Unsupported
from tether.hub.access import Principal, Scope, require_user
from tether.hub.acting import Act
from tether.hub.database.mail import ADDRESS, Mail, MailAddress
from tether.hub.mail.outbox import Letter, enqueue
from tether.hub.secret import digest_of, new_secret

_PAUSE = 60_000_000
"""Microseconds between two mails that ask whether an address is right."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


def set_address(act: Act, address: str) -> MailAddress:
    """Write to an address whether it is the actor's; nothing else goes there until they say so.

    Raises:
        InvalidInput: It is no address.
        Unsupported: This hub sends no mail.
        Conflict: One was sent a moment ago.
        Unauthenticated, Forbidden: Nobody is signed in, or with a token for reading alone.
    """
    user = require_user(act.actor, Scope.WRITE)
    if not act.hub.settings.mail_server:
        raise Unsupported("this hub sends no mail", hint="ask its operator to set mail_server")
    if len(address) > ADDRESS or _ADDRESS.fullmatch(address) is None or ".." in address:
        raise InvalidInput("that is no address for mail", hint="write NAME@HOST")
    found = act.session.get(MailAddress, user.id)
    if found is None:
        found = MailAddress(account_id=user.id, sent=0)
        act.session.add(found)
    elif act.now - found.sent < _PAUSE:
        raise Conflict("a mail was sent to you a moment ago", hint="wait for a minute")
    secret, found.code = new_secret()
    found.address, found.sent = address, act.now
    act.session.flush()
    _drop_questions(act, user.id)
    place = act.hub.settings.public_url or "the hub"
    body = f"{user.name} of {place} wants mail to this address. If that is you, confirm it with\n\n{secret}\n"
    enqueue(act.session, act.hub, found, Letter("Is this your address?", body))
    act.record("mail.address", user.name)
    return found


def confirm(act: Act, secret: str) -> MailAddress:
    """Take an address for the actor's, since they have what was sent there.

    Raises:
        NotFound: They gave no address, or that is not what was sent.
        Unauthenticated, Forbidden: As above.
    """
    require_user(act.actor, Scope.WRITE)
    found = address_of(act.session, act.actor)
    if found is None or (found.code is not None and found.code != digest_of(secret)):
        raise NotFound("that is not what was sent", hint="give the address again")
    found.code = None
    return found


def forget(act: Act) -> None:
    """Write to the actor no more; errors as above.

    When a mail asked for the address stays known: the pause between two such mails holds for the next one.
    """
    user = require_user(act.actor, Scope.WRITE)
    found = act.session.get(MailAddress, user.id)
    if found is not None:
        # Nobody has this secret, and only an address without one is written to.
        found.address, (_, found.code) = "", new_secret()
        _drop_questions(act, user.id)


def _drop_questions(act: Act, user: str) -> None:
    """Send no question any more that waits in the outbox for an address given before."""
    act.session.execute(delete(Mail).where(Mail.account_id == user, Mail.conversation_id.is_(None)))


def address_of(session: Session, principal: Principal) -> MailAddress | None:
    """Return the address that somebody gave and did not take back.

    Raises:
        Unauthenticated: Nobody is signed in.
    """
    found = session.get(MailAddress, require_user(principal).id)
    return None if found is None or not found.address else found
