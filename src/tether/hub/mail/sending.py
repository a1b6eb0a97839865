"""Sends what is in the outbox by SMTP, a batch for each turn of the job.

A row goes once the server took the mail. A stop in between sends it again: at least once, never lost.
"""

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tether.errors import Unavailable
from tether.hub.conversations.finding import may_read
from tether.hub.database.conversations import Conversation
from tether.hub.database.mail import Mail, MailAddress
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.settings import HubSettings, server_of
from tether.hub.webhooks.deliveries import pause_after

BATCH = 200
ATTEMPTS = 8
_TIMEOUT_S = 30


class Sent(NamedTuple):
    """How many mails were sent, given up since nobody wants or takes them, and left for later."""

    sent: int
    dropped: int
    left: int


def send_due(hub: Hub) -> Sent:
    """Send what is due, oldest first.

    Raises:
        Unavailable: The server cannot be reached or does not let this hub in; what is due stays.
    """
    with hub.database.session(reads_only=True) as session:
        due = session.scalars(
            select(Mail).where(Mail.due <= hub.now()).order_by(Mail.due, Mail.id).limit(BATCH)
        ).all()
        wanted = [mail for mail in due if _is_wanted(session, mail)]
    kept = {mail.id for mail in wanted}
    _remove(hub, [mail.id for mail in due if mail.id not in kept])
    sent = left = 0
    if wanted:
        with _connected(hub.settings) as server:
            for mail in wanted:
                outcome = _send(server, hub.settings, mail)
                if outcome is None:
                    _put_off(hub, mail)
                    left += 1
                else:
                    _remove(hub, [mail.id])
                    sent += outcome
    return Sent(sent, len(due) - sent - left, left)


def _is_wanted(session: Session, mail: Mail) -> bool:
    """Say whether a mail still goes to somebody who gave the address and may read what it tells of."""
    address = session.get(MailAddress, mail.account_id)
    if address is None or address.address != mail.address or mail.account.disabled:
        return False
    if mail.conversation_id is None:
        return address.code is not None
    conversation = session.get(Conversation, mail.conversation_id)
    row = None if conversation is None else session.get(RepositoryRow, conversation.repository_id)
    return row is not None and address.code is None and may_read(session, mail.account, row)


@contextmanager
def _connected(settings: HubSettings) -> Iterator[smtplib.SMTP]:
    host, port = server_of(settings.mail_server)
    context = ssl.create_default_context()
    try:
        if settings.mail_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=_TIMEOUT_S)
        with server:
            if settings.mail_security == "starttls":
                server.starttls(context=context)
            if settings.mail_user:
                server.login(settings.mail_user, settings.mail_password)
            yield server
    except (OSError, smtplib.SMTPException) as error:
        name = type(error).__name__  # the text may have the password of a server that repeats it
        raise Unavailable(f"the server {host} takes no mail: {name}", hint="look at mail_server") from None


def _send(server: smtplib.SMTP, settings: HubSettings, mail: Mail) -> bool | None:
    """Send one; False if the server never takes it, None if it may later."""
    try:
        server.send_message(_message(settings, mail), settings.mail_from, [mail.address])
    except smtplib.SMTPServerDisconnected:
        raise
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return None if any(code < 500 for code in codes) else False
    except smtplib.SMTPResponseException as error:
        return None if error.smtp_code < 500 else False
    return True


def _message(settings: HubSettings, mail: Mail) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.mail_from, mail.address, mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(mail.created / 1_000_000, UTC))
    host = settings.mail_from.rpartition("@")[2].strip("> ") or "hub"
    message["Message-ID"] = f"<{mail.id}@{host}>"
    if mail.conversation_id is not None:
        message["References"] = message["In-Reply-To"] = f"<{mail.conversation_id}@{host}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.body)
    return message


def _remove(hub: Hub, ids: Sequence[str]) -> None:
    if ids:
        with hub.database.session() as session:
            gone = delete(Mail).where(Mail.id.in_(list(ids)))
            session.execute(gone, execution_options={"synchronize_session": False})


def _put_off(hub: Hub, mail: Mail) -> None:
    """Let a mail wait, or give it up."""
    if mail.attempts + 1 >= ATTEMPTS:
        _remove(hub, [mail.id])
        return
    values = {"attempts": mail.attempts + 1, "due": hub.now() + pause_after(mail.attempts + 1)}
    with hub.database.session() as session:
        session.execute(update(Mail).where(Mail.id == mail.id).values(**values))
