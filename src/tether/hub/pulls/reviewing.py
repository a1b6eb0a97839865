"""Reviews of pull requests: verdicts, and notes at files, lines, rows and regions of pictures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tether.core.digest import Digest, parse_digest
from tether.core.names import display
from tether.core.tree import EntryKind
from tether.core.treeread import find as find_entry
from tether.core.treeread import find_many
from tether.errors import Conflict, Forbidden, InvalidInput, NotFound
from tether.hub.access import Role
from tether.hub.acting import Act
from tether.hub.branchrules import tree_path
from tether.hub.conversations.finding import OPEN, PULL, find, hold, require_own, require_role, talker
from tether.hub.conversations.people import REVIEW, Happening, subscribe, tell
from tether.hub.conversations.talking import COMMENTED, NOTED, REVIEWED, Said, add, announce, entry_of
from tether.hub.database.conversations import Conversation, ConversationEntry
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import Pull, PullThread
from tether.repo.history import History
from tether.repo.repository import Repository

APPROVE, CHANGES, COMMENT, DISMISSED = "approve", "changes", "comment", "dismissed"
VERDICTS = (APPROVE, CHANGES, COMMENT)
_DECIDE = (APPROVE, CHANGES, DISMISSED)
MOST_NOTES = 100
"""Notes of one review."""


class Note(NamedTuple):
    """A note to be.

    Attributes:
        path: Of a file at the head, or at the base where the anchor says so.
        anchor: Where in the file: `{"kind": "file"}`, or `line` with `start` and `end`, `row` with `key`, or
            `region` with `x`, `y`, `w` and `h` in pixels; `side` is `head` or `base`.
        suggestion: What is to be in the place of the lines.
    """

    path: str
    anchor: Mapping[str, Any]
    body: str
    suggestion: str | None = None

    @property
    def at_base(self) -> bool:
        """Whether it is about what was there before."""
        return bool(self.anchor.get("side") == "base")


class Placed(NamedTuple):
    """A note with what its path is at the commit."""

    note: Note
    commit: str
    digest: str


@dataclass(frozen=True, slots=True)
class WantedReview:
    """What somebody thinks of the head of a pull request.

    Attributes:
        verdict: `approve`, `changes`, or `comment`.
        head: The head that they looked at, in hexadecimal.
    """

    verdict: str
    head: str
    body: str = ""
    notes: Sequence[Note] = ()


def placed(repository: Repository, pull: Pull, head: str, notes: Sequence[Note]) -> list[Placed]:
    """Find what notes are about.

    Raises:
        InvalidInput: A path cannot be one, or a suggestion is not for lines of the head.
        NotFound: There is no such file, or no such commit.
    """
    history, found = History.of(repository), list[Placed]()
    for note in notes:
        lines = note.anchor["kind"] == "line" and not note.at_base
        if note.suggestion is not None and not lines:
            raise InvalidInput("a suggestion is for lines of the head", hint="say which lines")
        commit = pull.base if note.at_base else head
        if commit is None:
            raise NotFound("the two branches come from no common commit", hint="write the note at the head")
        path = tree_path(note.path)
        entry = find_entry(repository.objects, history.commit(parse_digest(commit)).tree, path)
        if entry is None or (entry.kind == EntryKind.DIRECTORY and note.anchor["kind"] != "file"):
            raise NotFound(f"no file {display(path)} at {commit[:12]}")
        found.append(Placed(note, commit, entry.digest.hex()))
    return found


def review(act: Act, row: RepositoryRow, number: int, wanted: WantedReview, notes: Sequence[Placed]) -> int:
    """Give a review with its notes; return the number of its entry.

    Raises:
        InvalidInput: Nothing is said.
        Forbidden: The author of a pull request decides nothing about it.
        Conflict: The head is another one now, or the pull request is not open.
        NotFound, Unauthenticated: As for `conversations.talking.comment`.
    """
    who = talker(act, row)
    held = hold(act.session, find(act.session, row, number, PULL))
    pull = act.session.get_one(Pull, held.id, populate_existing=True)
    if wanted.verdict != COMMENT:
        _require_decidable(held, pull, who.user.id, wanted)
    elif not wanted.body.strip() and not notes:
        raise InvalidInput("nothing is said", hint="write something, or approve")
    made = add(act, held, Said(REVIEWED, wanted.body, verdict=wanted.verdict, commit=wanted.head))
    for each in notes:
        write_note(act, held, each, made.number)
    subscribe(act.session, held, who.user.id, REVIEW)
    text = "\n".join([wanted.body, *(each.note.body for each in notes)])
    tell(act, who.row, held, Happening("review", made.number, text))
    announce(act, who.row, held, "review.give", entry=made.number, verdict=wanted.verdict, head=wanted.head)
    return made.number


def _require_decidable(held: Conversation, pull: Pull, account_id: str, wanted: WantedReview) -> None:
    if held.state != OPEN:
        raise Conflict(f"pull request {held.number} is {held.state}", hint="comment on it")
    if held.account_id == account_id:
        raise Forbidden("nobody decides about their own pull request", hint="ask somebody else, or comment")
    if pull.head != wanted.head:
        raise Conflict(f"the head is {pull.head[:12]} now", hint="look at what is new, and review that")


def write_note(act: Act, held: Conversation, wanted: Placed, of_review: int | None = None) -> int:
    """Begin a thread in a pull request that is held; return its number."""
    note = wanted.note
    details = {"path": note.path, "anchor": dict(note.anchor)}
    said = Said(NOTED, note.body, details, thread=of_review, commit=wanted.commit)
    number = add(act, held, said).number
    made = PullThread(conversation_id=held.id, number=number, path=note.path, commit_id=wanted.commit)
    made.digest, made.anchor, made.suggestion = wanted.digest, dict(note.anchor), note.suggestion
    act.session.add(made)
    act.session.flush()
    return number


def note(act: Act, row: RepositoryRow, number: int, wanted: Placed) -> int:
    """Begin a thread outside of a review; return its number; errors as for a comment.

    Raises:
        InvalidInput: Nothing is said.
    """
    if not wanted.note.body.strip() and wanted.note.suggestion is None:
        raise InvalidInput("nothing is said", hint="write something")
    who = talker(act, row)
    held = hold(act.session, find(act.session, row, number, PULL))
    made = write_note(act, held, wanted)
    subscribe(act.session, held, who.user.id, REVIEW)
    tell(act, who.row, held, Happening("comment", made, wanted.note.body))
    announce(act, who.row, held, "comment.add", entry=made, path=wanted.note.path)
    return made


def set_resolved(act: Act, row: RepositoryRow, number: int, thread: int, *, resolved: bool) -> None:
    """Say that a thread is settled, or that it is not.

    For the author of the pull request, who began the thread, and from `write` on.

    Raises:
        NotFound: There is no such thread.
        Unauthenticated, Forbidden, Conflict: As for `talker`.
    """
    who = talker(act, row)
    held = hold(act.session, find(act.session, row, number, PULL))
    found = thread_of(act.session, held, thread)
    if entry_of(act.session, held, thread).account_id != who.user.id:
        require_own(who, held.account_id, Role.WRITE, "settle what others began")
    found.resolved = act.now if resolved else None
    found.resolved_by = who.user.id if resolved else None
    act.session.flush()
    act.session.refresh(found)
    word = "resolve" if resolved else "unresolve"
    announce(act, who.row, held, f"comment.{word}", entry=thread)


def thread_of(session: Session, held: Conversation, number: int) -> PullThread:
    """Return a thread of a pull request.

    Raises:
        NotFound: There is none of that number.
    """
    there = 0 < number <= held.entries
    found = session.get(PullThread, (held.id, number)) if there else None
    if found is None:
        raise NotFound(f"the pull request has no thread {number}")
    return found


def dismiss(act: Act, row: RepositoryRow, number: int, entry: int, reason: str) -> None:
    """Let the verdict of a review not count any more; for those who maintain the repository.

    Raises:
        NotFound: There is no such review, or it decides nothing.
        Unauthenticated, Forbidden, Conflict: As for `talker`.
    """
    who = talker(act, row)
    require_role(who, Role.MAINTAIN, "dismiss a review")
    held = hold(act.session, find(act.session, row, number, PULL))
    found = entry_of(act.session, held, entry)
    if found.verdict not in (APPROVE, CHANGES):
        raise NotFound(f"entry {entry} is no review that decides something")
    details = {"verdict": found.verdict, "by": act.actor.name, "reason": reason}
    found.verdict, found.details = DISMISSED, details
    held.updated = act.now
    subject = f"{row.full_name} pulls/{number}"
    act.record("review.dismiss", subject, repository=row, number=number, entry=entry, reason=reason)


def verdicts(session: Session, pull: Pull) -> Sequence[ConversationEntry]:
    """Return the review of each reviewer that counts: their newest one that decides, unless dismissed."""
    of_this = ConversationEntry.conversation_id == pull.conversation_id
    query = select(ConversationEntry).where(of_this, ConversationEntry.verdict.in_(_DECIDE))
    newest = {each.account_id: each for each in session.scalars(query.order_by(ConversationEntry.number))}
    return [each for each in newest.values() if each.verdict != DISMISSED]


class Thread(NamedTuple):
    """A thread as it is shown: the note first, then the answers."""

    row: PullThread
    entries: Sequence[ConversationEntry]
    outdated: bool


def list_threads(
    session: Session, repository: Repository, pull: Pull, after: int, limit: int
) -> list[Thread]:
    """Return threads of a pull request in their order, a page behind a number."""
    of_this = PullThread.conversation_id == pull.conversation_id
    query = select(PullThread).where(of_this, PullThread.number > after).order_by(PullThread.number)
    rows = session.scalars(query.limit(limit)).all()
    numbers = [row.number for row in rows]
    said = select(ConversationEntry).where(
        ConversationEntry.conversation_id == pull.conversation_id,
        ConversationEntry.number.in_(numbers)
        | (ConversationEntry.thread.in_(numbers) & (ConversationEntry.kind == COMMENTED)),
    )
    entries: dict[int, list[ConversationEntry]] = {number: [] for number in numbers}
    for entry in session.scalars(said.order_by(ConversationEntry.number)):
        begins = entry.number if entry.kind == NOTED else entry.thread
        assert begins is not None
        entries[begins].append(entry)
    old = outdated(repository, pull, rows)
    return [Thread(row, entries[row.number], row.number in old) for row in rows]


def outdated(repository: Repository, pull: Pull, threads: Iterable[PullThread]) -> set[int]:
    """Return the numbers of threads whose path is not any more what it was when they were begun."""
    history, rows, found = History.of(repository), list(threads), set[int]()
    for commit, at_base in ((pull.head, False), (pull.base, True)):
        of_side = [row for row in rows if (row.anchor.get("side") == "base") == at_base]
        moved = [row for row in of_side if row.commit_id != commit]
        if not moved or commit is None:
            continue
        tree = history.commit(parse_digest(commit)).tree
        paths = {tree_path(row.path) for row in moved}
        there = find_many(repository.objects, tree, paths)
        for row in moved:
            entry = there.get(tree_path(row.path))
            if entry is None or entry.digest != Digest(bytes.fromhex(row.digest)):
                found.add(row.number)
    return found
