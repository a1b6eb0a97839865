"""Mail that is to be sent, written in the transaction of what it tells of."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.hub.acting import Act
from tether.hub.database.conversations import Conversation
from tether.hub.database.jobs import ask_for
from tether.hub.database.mail import SUBJECT, Mail, MailAddress
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.secret import new_id

MAIL = "mail"
"""The job that sends."""
_LONGEST = 10_000
_DID = {
    "open": "began this",
    "comment": "commented",
    "review": "has something about a review",
    "push": "pushed commits",
    "close": "closed this",
    "reopen": "reopened this",
    "merge": "merged this",
    "draft": "made this a draft",
    "ready": "made this ready for review",
}


class News(NamedTuple):
    """What is told: which event, the number of its entry, and what was said."""

    event: str
    entry: int
    text: str


def write_to(
    act: Act, row: RepositoryRow, conversation: Conversation, people: Collection[str], news: News
) -> None:
    """Let people be written to who gave an address that is theirs; nothing where the hub sends no mail."""
    hub, session = act.hub, act.session
    if not hub.settings.mail_server or not people:
        return
    wanted = select(MailAddress).where(MailAddress.account_id.in_(sorted(people)), MailAddress.code.is_(None))
    subject = f"[{row.full_name}] {conversation.title} (#{conversation.number})"
    who = act.actor.name if act.actor.user is not None else "Somebody"
    lines = [f"{who} {_DID.get(news.event, news.event)}:", "", news.text[:_LONGEST].strip(), "", "-- "]
    link = link_to(hub, row, conversation, news.entry)
    lines += [link, "You are told of this because you take part in it."]
    letter = Letter(subject, "\n".join(lines), conversation.id)
    for each in session.scalars(wanted):
        enqueue(session, hub, each, letter)


class Letter(NamedTuple):
    """What is to be sent; `conversation_id` is what it tells of."""

    subject: str
    body: str
    conversation_id: str | None = None


def enqueue(session: Session, hub: Hub, to: MailAddress, letter: Letter) -> None:
    """Store one mail, and ask for the job that sends it."""
    now, about = hub.now(), letter.conversation_id
    mail = Mail(id=new_id(), account_id=to.account_id, conversation_id=about, address=to.address)
    mail.subject, mail.body = letter.subject[:SUBJECT], letter.body
    mail.created = mail.due = now
    mail.attempts = 0
    session.add(mail)
    session.flush()
    ask_for(session, MAIL, now)


def link_to(hub: Hub, row: RepositoryRow, conversation: Conversation, entry: int) -> str:
    """Return the address of an entry of a conversation."""
    place = "pulls" if conversation.kind == "pull" else "discussions"
    base = hub.settings.public_url.rstrip("/")
    return f"{base}/{row.full_name}/{place}/{conversation.number}" + (f"#entry-{entry}" if entry else "")
