"""The JSON bodies of conversations and notices; see `tether.hub.routes.documents`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tether.hub.conversations.finding import PULL
from tether.hub.conversations.notices import Told
from tether.hub.database.conversations import TITLE, Conversation, ConversationEntry
from tether.hub.routes.documents import Document, Serial, Storable
from tether.hub.routes.rights_documents import FilePath

Title = Annotated[str, Field(min_length=1, max_length=TITLE), Storable]
Text = Annotated[str, Field(max_length=100_000), Storable]
Comment = Annotated[str, Field(min_length=1, max_length=100_000), Storable]
Label = Annotated[str, Field(min_length=1, max_length=50), Storable]
Labels = Annotated[list[Label], Field(max_length=20)]
CommitId = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Number = Annotated[int, Field(ge=1, lt=1 << 31)]
State = Literal["open", "closed", "merged"]
Turned = Literal["open", "closed"]


class NewDiscussion(Document):
    """A wish for a discussion, which may be about a file or folder, or a commit; `body` is Markdown."""

    title: Title
    body: Text = ""
    labels: Labels = []  # noqa: RUF012
    path: FilePath | None = None
    commit: CommitId | None = None


class ConversationChanges(Document):
    """What is to be different of a conversation; what is not given stays."""

    title: Title | None = None
    body: Text | None = None
    labels: Labels | None = None
    state: Turned | None = None


class AskedConversations(Document):
    """Which conversations a list has; what is not given is not looked at."""

    kind: Literal["discussion", "pull"] | None = None
    state: State | None = None
    author: Annotated[str, Field(max_length=100)] | None = None
    label: Label | None = None
    path: Annotated[FilePath, Storable] | None = None
    commit: CommitId | None = None
    before: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 100


class ConversationDocument(Document):
    """A discussion or a pull request, without what was said in it.

    `entries` is the number of the newest entry. Times are microseconds since 1970.
    """

    number: int
    kind: Literal["discussion", "pull"]
    title: str
    body: str
    author: str
    state: State
    labels: list[str]
    path: str | None
    commit: str | None
    entries: int
    created: int
    updated: int

    @classmethod
    def of(cls, row: Conversation) -> "ConversationDocument":
        """Return the document of a row."""
        return cls.model_validate(fields_of(row) | {"path": row.path, "commit": row.commit_id})


def fields_of(row: Conversation) -> dict[str, Any]:
    """Return what discussions and pull requests have in common."""
    names = ("number", "kind", "title", "body", "state", "labels", "entries", "created", "updated")
    return {name: getattr(row, name) for name in names} | {"author": row.account.name}


class NewComment(Document):
    """Something to say; `thread` is the number of the note that it answers."""

    body: Comment
    thread: Number | None = None


class CommentChanges(Document):
    """What an entry is to say."""

    body: Comment


class EntryNumber(Document):
    """The number of an entry."""

    entry: int


class EntryDocument(Document):
    """Something that was said or done: a `comment`, a `review`, a `note` or an `event`.

    `details` says what else there is, by kind; of an event its name. `author` is null where the hub did it.
    """

    entry: int
    kind: Literal["comment", "review", "note", "event"]
    author: str | None
    body: str
    details: dict[str, Any]
    thread: int | None
    verdict: str | None
    commit: str | None
    created: int
    edited: int | None
    deleted: bool

    @classmethod
    def of(cls, row: ConversationEntry) -> "EntryDocument":
        """Return the document of a row."""
        names = ("kind", "body", "details", "thread", "verdict", "created", "edited", "deleted")
        author = None if row.account is None else row.account.name
        values = {name: getattr(row, name) for name in names}
        return cls(entry=row.number, author=author, commit=row.commit_id, **values)


class SubscriptionBody(Document):
    """Whether one wants to be told."""

    subscribed: bool


class SubscribersDocument(Document):
    """Who is told of what happens, and whether oneself is."""

    subscribed: bool
    users: list[str]


class NoticeDocument(Document):
    """That something happened in a conversation: the newest thing, and why one is told.

    `id` names the conversation, `entry` the entry to look at, `link` its address below the hub's.
    """

    id: str
    repository: str
    number: int
    kind: Literal["discussion", "pull"]
    title: str
    state: State
    reason: str
    event: str
    actor: str
    entry: int
    link: str
    unread: bool
    changed: int

    @classmethod
    def of(cls, told: Told) -> "NoticeDocument":
        """Return the document of a notice."""
        notice, row = told
        held = notice.conversation
        place = "pulls" if held.kind == PULL else "discussions"
        link = f"/{row.full_name}/{place}/{held.number}" + (f"#entry-{notice.entry}" if notice.entry else "")
        names = ("reason", "event", "actor", "entry", "unread", "changed")
        values = {name: getattr(notice, name) for name in names}
        values |= {name: getattr(held, name) for name in ("number", "kind", "title", "state", "id")}
        return cls(repository=row.full_name, link=link, **values)


class NoticesDocument(Document):
    """A page of notices, the newest first; the next page is behind `next`, if that is not null."""

    notices: list[NoticeDocument]
    next: str | None


class Marked(Document):
    """Which notices are to be read, or unread: those with these ids, or all up to a time."""

    ids: Annotated[list[Annotated[str, Field(max_length=32), Storable]], Field(max_length=1000)] = []  # noqa: RUF012
    until: Serial | None = None
    unread: bool = False


class CountDocument(Document):
    """How many there are; of more than 1000 it says 1000."""

    unread: int
