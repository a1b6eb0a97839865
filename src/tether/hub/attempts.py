"""How often somebody may fail: counted in the database, so that all processes of a hub count together."""

from contextlib import suppress

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tether.errors import RateLimited
from tether.hub.database.models import Attempts
from tether.hub.hub import Hub
from tether.hub.naming import key_of

_SECOND = 1_000_000
_BY_ADDRESS = 5
"""So many times as many failures are allowed for an address, which several people may share."""


def of_name(name: str) -> str:
    """Return what sign-ins of one name are counted under."""
    return f"name:{key_of(name)}"


def of_address(address: str) -> str:
    """Return what sign-ins from one address are counted under."""
    return f"address:{address[:180]}"


def begin(hub: Hub, *subjects: str) -> None:
    """Count one more attempt of each subject, before it is made; call `succeed` if it was a good one.

    Raises:
        RateLimited: One of them has failed too often in this window.
    """
    window = hub.settings.login_window_s * _SECOND
    waits = []
    with hub.database.session() as session:
        now = hub.now()
        session.execute(delete(Attempts).where(Attempts.since <= now - window))
        for subject in sorted(subjects):
            limit = hub.settings.login_attempts * (_BY_ADDRESS if subject.startswith("address:") else 1)
            row = _row(session, subject, now)
            if row.failed >= limit:
                waits.append(row.since + window - now)
            else:
                row.failed += 1
    if waits:
        seconds = max(waits) // _SECOND + 1
        raise RateLimited(
            "too many failed sign-ins", hint=f"wait {seconds} seconds, then try again", wait_s=seconds
        )


def succeed(session: Session, *subjects: str) -> None:
    """Take back what `begin` counted: all of a name, the one of an address."""
    for subject in sorted(subjects):
        row = session.get(Attempts, subject, with_for_update=True)
        if row is not None:
            row.failed = 0 if subject.startswith("name:") else max(0, row.failed - 1)


def _row(session: Session, subject: str, now: int) -> Attempts:
    """Return the row of a subject, locked; another process may add it at this moment."""
    row = session.get(Attempts, subject, with_for_update=True)
    if row is not None:
        return row
    with suppress(IntegrityError), session.begin_nested():
        session.add(Attempts(subject=subject, since=now, failed=0))
    return session.get_one(Attempts, subject, with_for_update=True)
