"""The JSON bodies of reviews, threads and checks; see `tether.hub.routes.documents`."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from tether.hub.database.pulls import CHECK_URL, CommitCheck
from tether.hub.pulls.reviewing import Note, Thread
from tether.hub.routes.conversation_documents import CommitId, EntryDocument, Number, Text
from tether.hub.routes.documents import Document, Storable
from tether.hub.routes.pull_documents import Message
from tether.hub.routes.rights_documents import FilePath

Pixels = Annotated[int, Field(ge=0, lt=1 << 31)]


class AnchorBody(Document):
    """Where in a file: all of it, `line`s from `start` to `end`, the table `row` with a `key`, or a `region`.

    A region is in pixels of the picture. `side` is what the head has, or the base.
    """

    kind: Literal["file", "line", "row", "region"] = "file"
    side: Literal["head", "base"] = "head"
    start: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
    end: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
    key: Annotated[str, Field(min_length=1, max_length=1000), Storable] | None = None
    x: Pixels | None = None
    y: Pixels | None = None
    w: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None
    h: Annotated[int, Field(ge=1, lt=1 << 31)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "AnchorBody":
        """Refuse an anchor that says too little or too much."""
        needed = {"file": (), "line": ("start", "end"), "row": ("key",), "region": ("x", "y", "w", "h")}
        given = {name for names in needed.values() for name in names if getattr(self, name) is not None}
        if given != set(needed[self.kind]):
            wanted = ", ".join(needed[self.kind]) or "nothing else"
            raise ValueError(f"an anchor of a {self.kind} has {wanted}")
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError("the lines end before they start")
        return self


class NoteBody(Document):
    """A note at a place of a file; `suggestion` is what is to be in the place of its lines."""

    path: FilePath
    anchor: AnchorBody = AnchorBody()
    body: Text = ""
    suggestion: Annotated[str, Field(max_length=1 << 16), Storable] | None = None

    def note(self) -> Note:
        """Return the note."""
        return Note(self.path, self.anchor.model_dump(exclude_none=True), self.body, self.suggestion)


class NewThread(NoteBody):
    """A note of its own; `head` is the commit that was looked at."""

    head: CommitId


class ReviewBody(Document):
    """What one thinks of a head, with notes."""

    verdict: Literal["approve", "changes", "comment"]
    head: CommitId
    body: Text = ""
    notes: Annotated[list[NoteBody], Field(max_length=100)] = []  # noqa: RUF012


class DismissalBody(Document):
    """Why a review does not count any more."""

    reason: Annotated[str, Field(min_length=1, max_length=1000), Storable]


class VerdictDocument(Document):
    """The review of somebody that counts; `current` says whether it is of the head as it is."""

    user: str
    verdict: Literal["approve", "changes"]
    head: str
    current: bool
    entry: int
    created: int


class ThreadDocument(Document):
    """A thread: what it is about, whether that changed since, whether it is settled, and what was said."""

    thread: int
    path: str
    commit: str
    anchor: dict[str, Any]
    suggestion: str | None
    outdated: bool
    resolved: int | None
    resolved_by: str | None
    applied: str | None
    entries: list[EntryDocument]

    @classmethod
    def of(cls, thread: Thread) -> "ThreadDocument":
        """Return the document of a thread."""
        row = thread.row
        names = ("path", "anchor", "suggestion", "resolved", "applied")
        return cls(
            thread=row.number,
            commit=row.commit_id,
            outdated=thread.outdated,
            resolved_by=None if row.resolver is None else row.resolver.name,
            entries=[EntryDocument.of(entry) for entry in thread.entries],
            **{name: getattr(row, name) for name in names},
        )


class ResolvedBody(Document):
    """Whether a thread is settled."""

    resolved: bool


class SuggestionsBody(Document):
    """Suggestions to be applied to the head that was looked at, as one commit."""

    head: CommitId
    threads: Annotated[list[Number], Field(min_length=1, max_length=100)]
    message: Message | None = None


class CheckBody(Document):
    """What a machine found of a commit."""

    state: Literal["pending", "success", "failure", "error"]
    summary: Annotated[str, Field(max_length=10_000), Storable] = ""
    url: Annotated[str, Field(max_length=CHECK_URL), Storable] = ""


class CheckDocument(CheckBody):
    """A check of a commit, and who told of it."""

    name: str
    user: str
    created: int
    changed: int

    @classmethod
    def of(cls, row: CommitCheck) -> "CheckDocument":
        """Return the document of a row."""
        names = ("name", "state", "summary", "url", "created", "changed")
        return cls(user=row.account.name, **{name: getattr(row, name) for name in names})
