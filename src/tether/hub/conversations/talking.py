"""What is said and done in conversations: begun, answered, corrected, closed.

Whoever changes a conversation holds its row until the end of the transaction, so entries have numbers without
gaps, and of two who close and merge at the same time the second sees what the first did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tether.errors import Conflict, InvalidInput, NotFound
from tether.hub.access import Role
from tether.hub.acting import Act
from tether.hub.conversations.finding import (
    CLOSED,
    DISCUSSION,
    OPEN,
    PULL,
    Talker,
    find,
    hold,
    require_own,
    require_role,
    talker,
)
from tether.hub.conversations.people import AUTHOR, COMMENT, Happening, subscribe, subscribe_owners, tell
from tether.hub.database.conversations import Conversation, ConversationEntry
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import hold_rights
from tether.hub.secret import new_id

COMMENTED, REVIEWED, NOTED, EVENT = "comment", "review", "note", "event"
MOST_ENTRIES = 10_000
MOST_OPEN = 500
"""Conversations that one who may only read can have open in a repository."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A conversation that somebody begins.

    Attributes:
        path: The file or folder that it is about.
        commit: The commit that it is about, in hexadecimal.
        id: Of its row, where that was chosen before.
    """

    title: str
    body: str = ""
    labels: Sequence[str] = ()
    path: str | None = None
    commit: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """An entry to be; the fields are those of `ConversationEntry`."""

    kind: str
    body: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    thread: int | None = None
    verdict: str | None = None
    commit: str | None = None


def begin(act: Act, row: RepositoryRow, kind: str, wanted: Wanted) -> Conversation:
    """Begin a conversation under the next number of its repository.

    Raises:
        InvalidInput: The title is none.
        Unauthenticated, Forbidden, Conflict: As for `talker`, or the actor has too many open ones.
    """
    who = talker(act, row)
    if wanted.labels:
        require_role(who, Role.TRIAGE, "set labels")
    session = act.session
    hold_rights(session, row.id)
    of_row = Conversation.repository_id == row.id
    if who.role < Role.WRITE:
        own = select(func.count()).select_from(Conversation)
        own = own.where(of_row, Conversation.account_id == who.user.id, Conversation.state == OPEN)
        if (session.scalar(own) or 0) >= MOST_OPEN:
            raise Conflict(f"{who.user.name} has {MOST_OPEN} open conversations in {row.full_name}")
    number = (session.scalar(select(func.max(Conversation.number)).where(of_row)) or 0) + 1
    made = Conversation(id=wanted.id or new_id(), repository_id=row.id, number=number, kind=kind)
    made.state, made.entries = OPEN, 0
    made.title, made.body, made.labels = _title(wanted.title), wanted.body, sorted(set(wanted.labels))
    made.path, made.commit_id, made.account_id = wanted.path, wanted.commit, who.user.id
    made.created = made.updated = act.now
    session.add(made)
    session.flush()
    subscribe(session, made, who.user.id, AUTHOR)
    subscribe_owners(session, made, who.row)
    tell(act, who.row, made, Happening("open", text=f"{wanted.title}\n{wanted.body}"))
    announce(act, who.row, made, f"{kind}.open", title=made.title)
    return made


def discuss(act: Act, row: RepositoryRow, wanted: Wanted) -> Conversation:
    """Begin a discussion; errors as for `begin`."""
    return begin(act, row, DISCUSSION, wanted)


def add(act: Act, conversation: Conversation, said: Said) -> ConversationEntry:
    """Add an entry to a conversation that is held.

    Raises:
        Conflict: It has as many as it may.
    """
    if conversation.entries >= MOST_ENTRIES:
        raise Conflict(f"the conversation has {MOST_ENTRIES} entries", hint="begin another one")
    conversation.entries, conversation.updated = conversation.entries + 1, act.now
    made = ConversationEntry(conversation_id=conversation.id, number=conversation.entries, kind=said.kind)
    made.account_id = None if act.actor.user is None else act.actor.user.id
    made.body, made.details, made.thread = said.body, dict(said.details), said.thread
    made.verdict, made.commit_id, made.created, made.deleted = said.verdict, said.commit, act.now, False
    act.session.add(made)
    act.session.flush()
    return made


def comment(act: Act, row: RepositoryRow, number: int, body: str, thread: int | None = None) -> int:
    """Say something, in answer to a note where `thread` is its number; return the number of the entry.

    Raises:
        InvalidInput: Nothing is said.
        NotFound: There is no such conversation or note.
        Unauthenticated, Forbidden, Conflict: As for `talker` and `add`.
    """
    if not body.strip():
        raise InvalidInput("nothing is said", hint="write something")
    who = talker(act, row)
    conversation = hold(act.session, find(act.session, row, number))
    if thread is not None and entry_of(act.session, conversation, thread).kind != NOTED:
        raise NotFound(f"entry {thread} begins no thread")
    made = add(act, conversation, Said(COMMENTED, body, thread=thread))
    subscribe(act.session, conversation, who.user.id, COMMENT)
    tell(act, who.row, conversation, Happening("comment", made.number, body))
    announce(act, who.row, conversation, "comment.add", entry=made.number)
    return made.number


def entry_of(session: Session, conversation: Conversation, number: int) -> ConversationEntry:
    """Return an entry of a conversation.

    Raises:
        NotFound: There is none of that number.
    """
    there = 0 < number <= conversation.entries
    found = session.get(ConversationEntry, (conversation.id, number)) if there else None
    if found is None:
        raise NotFound(f"the conversation has no entry {number}")
    return found


def edit_entry(act: Act, row: RepositoryRow, number: int, entry: int, body: str) -> None:
    """Let an entry say something else; for who wrote it, and those who maintain the repository.

    Raises:
        InvalidInput: Nothing is said.
        NotFound: There is no such entry that says something.
        Unauthenticated, Forbidden, Conflict: As for `talker`, or it is of somebody else.
    """
    if not body.strip():
        raise InvalidInput("nothing is said", hint="delete the entry instead")
    who = talker(act, row)
    conversation = hold(act.session, find(act.session, row, number))
    found = _spoken(act.session, conversation, entry)
    require_own(who, found.account_id, Role.MAINTAIN, "edit what others said")
    found.body, found.edited, conversation.updated = body, act.now, act.now
    announce(act, who.row, conversation, "comment.edit", entry=entry)


def delete_entry(act: Act, row: RepositoryRow, number: int, entry: int) -> None:
    """Take away what an entry says, as above; the verdict of a review stays."""
    who = talker(act, row)
    conversation = hold(act.session, find(act.session, row, number))
    found = _spoken(act.session, conversation, entry)
    require_own(who, found.account_id, Role.MAINTAIN, "delete what others said")
    found.body, found.deleted, found.edited, conversation.updated = "", True, act.now, act.now
    announce(act, who.row, conversation, "comment.delete", entry=entry)


def _spoken(session: Session, conversation: Conversation, number: int) -> ConversationEntry:
    found = entry_of(session, conversation, number)
    if found.kind == EVENT or found.deleted:
        raise NotFound(f"entry {number} says nothing that could be changed")
    return found


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different of a conversation; None leaves it as it is."""

    title: str | None = None
    body: str | None = None
    labels: Sequence[str] | None = None
    state: str | None = None


def change(act: Act, row: RepositoryRow, number: int, wanted: Changes) -> Conversation:
    """Change a conversation; title, text and state are for its author and from `triage` on, labels for these.

    Raises:
        InvalidInput: The title is none.
        NotFound: There is no such conversation.
        Unauthenticated, Forbidden, Conflict: As for `talker`, or it is merged, or somebody else's.
    """
    who = talker(act, row)
    held = hold(act.session, find(act.session, row, number))
    if wanted.labels is not None:
        require_role(who, Role.TRIAGE, "set labels")
        _relabel(act, held, sorted(set(wanted.labels)))
    if wanted.title is not None or wanted.body is not None:
        require_own(who, held.account_id, Role.TRIAGE, "change what others began")
        _rewrite(act, held, wanted)
    if wanted.state is not None and wanted.state != held.state:
        require_own(who, held.account_id, Role.TRIAGE, f"{_verb(wanted.state)} what others began")
        _turn(act, who, held, wanted.state)
    act.session.flush()
    return held


def _relabel(act: Act, held: Conversation, labels: list[str]) -> None:
    if labels != held.labels:
        details = {"event": "labels", "old": held.labels, "new": labels}
        held.labels = labels
        add(act, held, Said(EVENT, details=details))


def _rewrite(act: Act, held: Conversation, wanted: Changes) -> None:
    if wanted.title is not None and _title(wanted.title) != held.title:
        details = {"event": "title", "old": held.title, "new": _title(wanted.title)}
        held.title = _title(wanted.title)
        add(act, held, Said(EVENT, details=details))
    if wanted.body is not None:
        held.body, held.updated = wanted.body, act.now


def _turn(act: Act, who: Talker, held: Conversation, state: str) -> None:
    """Close or reopen; whether a pull request can be reopened its own module asks."""
    if held.state not in (OPEN, CLOSED):
        raise Conflict(f"{held.kind} {held.number} is {held.state}", hint="begin another one")
    held.state = state
    made = add(act, held, Said(EVENT, details={"event": _verb(state)}))
    tell(act, who.row, held, Happening(_verb(state), made.number))
    announce(act, who.row, held, f"{held.kind}.{_verb(state)}")


def _verb(state: str) -> str:
    return "close" if state == CLOSED else "reopen"


def announce(act: Act, row: RepositoryRow, held: Conversation, action: str, **details: Any) -> None:
    """Tell webhooks of something; never what was said, which they read with a token of their own."""
    place = "pulls" if held.kind == PULL else "discussions"
    told = {"kind": held.kind, "number": held.number, **details}
    act.announce(action, f"{row.full_name} {place}/{held.number}", row, told)


def list_entries(
    session: Session, conversation: Conversation, after: int, limit: int, thread: int | None = None
) -> Sequence[ConversationEntry]:
    """Return entries in their order, a page behind a number; of one thread alone where that is named."""
    of_this = ConversationEntry.conversation_id == conversation.id
    query = select(ConversationEntry).where(of_this, ConversationEntry.number > min(after, MOST_ENTRIES))
    if thread is not None:
        query = query.where(ConversationEntry.thread == thread)
    return session.scalars(query.order_by(ConversationEntry.number).limit(limit)).all()


def _title(text: str) -> str:
    title = text.strip()
    if not title or not title.isprintable():
        raise InvalidInput("a title is one line of text", hint="say in short what it is about")
    return title
