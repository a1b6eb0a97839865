"""Suggestions of reviews applied: lines of text files replaced, as one commit on the head branch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tether.core.digest import Digest, hash_bytes, parse_digest
from tether.core.names import branch_ref, display
from tether.core.textdiff import looks_binary, split_lines
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find_many
from tether.errors import Conflict, InvalidInput, NotFound
from tether.hub.access import Principal
from tether.hub.acting import Act
from tether.hub.branchrules import tree_path
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import Pull, PullThread
from tether.hub.guarding import PushGuard
from tether.hub.hub import Hub
from tether.hub.pulls.heads import find_pull, follow, source_of
from tether.hub.pulls.joining import Draft, Move, move, record_move, write
from tether.hub.pulls.merging import person_of
from tether.hub.pulls.resolving import require_as_seen
from tether.hub.repositories import open_repository
from tether.repo.history import History
from tether.repo.merge import TEXT_LIMIT
from tether.repo.repository import Repository

MOST = 100
"""Suggestions applied at a time."""


class WantedSuggestions(NamedTuple):
    """Suggestions to be applied.

    Attributes:
        head: The head that somebody looked at, in hexadecimal.
        threads: The numbers of their threads.
    """

    head: str
    threads: Sequence[int]
    message: str | None = None


def apply_suggestions(
    hub: Hub, principal: Principal, row: RepositoryRow, number: int, wanted: WantedSuggestions
) -> str:
    """Make one commit of some suggestions on the head branch, which settles their threads; return the head.

    Raises:
        NotFound: There is no such pull request or suggestion.
        InvalidInput: Two of them are for the same lines, or the file is no text of so many lines.
        Conflict: The pull request is not open, the head is another one, or the file changed since.
        Unauthenticated, Forbidden, QuotaExceeded, Unavailable: As for a push to the head branch.
    """
    follow(hub, row, number)
    with hub.database.session(reads_only=True) as session:
        pull = find_pull(session, row, number)
        source, threads = source_of(session, pull), _threads(session, pull, wanted.threads)
    require_as_seen(pull, wanted.head)
    if source is None:
        raise Conflict("the branch is gone that it brings", hint="close the pull request")
    head = parse_digest(wanted.head)
    applying = _Applying(hub, principal, source, pull, threads)
    applying.run(head, wanted.message or _message(threads))
    follow(hub, row, number)
    with hub.database.session(reads_only=True) as session:
        return find_pull(session, row, number).head


def _threads(session: Session, pull: Pull, numbers: Sequence[int]) -> Sequence[PullThread]:
    of_this = PullThread.conversation_id == pull.conversation_id
    query = select(PullThread).where(of_this, PullThread.number.in_(numbers[:MOST]))
    found = session.scalars(query.order_by(PullThread.number)).all()
    for number in numbers:
        each = next((thread for thread in found if thread.number == number), None)
        if each is None or each.suggestion is None:
            raise NotFound(f"the pull request has no suggestion {number}")
        if each.applied is not None:
            raise Conflict(f"suggestion {number} was applied as {each.applied[:12]}", hint="leave it out")
    if not found:
        raise InvalidInput("no suggestion is named", hint="name one")
    return found


def _message(threads: Sequence[PullThread]) -> str:
    paths = ", ".join(dict.fromkeys(thread.path for thread in threads))
    return f"Apply {'a suggestion' if len(threads) == 1 else 'suggestions'} to {paths[:200]}"


class _Applying:
    """Some suggestions on their way to a commit."""

    def __init__(
        self,
        hub: Hub,
        principal: Principal,
        source: RepositoryRow,
        pull: Pull,
        threads: Sequence[PullThread],
    ) -> None:
        self._hub, self._principal, self._source, self._pull = hub, principal, source, pull
        self._threads = threads
        self._guard = PushGuard(hub, principal, source)
        self._move: Move | None = None

    def run(self, head: Digest, message: str) -> None:
        """Make the commit and move the branch."""
        hub, pull = self._hub, self._pull
        self._guard.require_writable()  # before anything is stored for them
        with closing(open_repository(hub, self._source, beside=self._record)) as repository:
            edits, contents = _edited(repository, head, self._threads)
            person = person_of(self._principal)
            draft = Draft(head, edits, contents, (head,), person, person, message.strip() + "\n")
            new, packs = write(hub, self._source, repository, draft)
            numbers = " ".join(str(thread.number) for thread in self._threads)
            told = f"suggestions {pull.conversation_id} {head.hex()} {numbers}"
            command = f"suggestions of pull request {pull.conversation.number} by {self._principal.name}"
            ref, write_id = branch_ref(pull.source_branch), hash_bytes(told.encode())[:16]
            self._move = Move(write_id, ref, head, new, packs, command)
            move(repository, self._guard, hub, self._move)

    def _record(self, session: Session) -> None:
        """Settle the threads in the transaction in which the branch moves."""
        assert self._move is not None
        self._guard.confirm(session)
        act = Act(self._hub, session, self._principal, self._hub.now())
        user = None if self._principal.user is None else self._principal.user.id
        done = {"applied": self._move.new.hex(), "resolved": act.now, "resolved_by": user}
        numbers = [thread.number for thread in self._threads]
        of_these = PullThread.conversation_id == self._pull.conversation_id, PullThread.number.in_(numbers)
        session.execute(update(PullThread).where(*of_these).values(**done))
        record_move(act, self._source, self._move)


def _edited(
    repository: Repository, head: Digest, threads: Sequence[PullThread]
) -> tuple[Mapping[bytes, Entry | None], Mapping[Digest, bytes]]:
    """Return the files that suggestions change, and their new contents."""
    by_path: dict[bytes, list[PullThread]] = defaultdict(list)
    for thread in threads:
        by_path[tree_path(thread.path)].append(thread)
    there = find_many(repository.objects, History.of(repository).commit(head).tree, by_path)
    edits: dict[bytes, Entry | None] = {}
    contents: dict[Digest, bytes] = {}
    for path, wanted in by_path.items():
        entry = there.get(path)
        if entry is None or any(thread.digest != entry.digest.hex() for thread in wanted):
            raise Conflict(f"{display(path)} changed since that was suggested", hint="edit it by hand")
        if entry.kind > EntryKind.EXECUTABLE or entry.size > TEXT_LIMIT:
            raise InvalidInput(f"{display(path)} is no text that could be edited here")
        data = replaced(repository.contents.read(entry.digest), path, wanted)
        digest = hash_bytes(data)
        edits[path], contents[digest] = entry._replace(size=len(data), digest=digest), data
    return edits, contents


def replaced(data: bytes, path: bytes, threads: Sequence[PullThread]) -> bytes:
    """Return a text with the lines replaced that suggestions are for.

    Raises:
        InvalidInput: It is no text, has not so many lines, or two are for the same lines.
    """
    if looks_binary(data):
        raise InvalidInput(f"{display(path)} is no text that could be edited here")
    lines = split_lines(data)
    last = len(lines) + 1
    ending = b"\r\n" if lines and lines[0].endswith(b"\r\n") else b"\n"
    for thread in sorted(threads, key=lambda each: -int(each.anchor["start"])):
        start, end = int(thread.anchor["start"]), int(thread.anchor["end"])
        if end > len(lines):
            raise InvalidInput(f"{display(path)} has {len(lines)} lines, and the suggestion is for {end}")
        if end >= last:
            raise InvalidInput(f"two suggestions are for line {end} of {display(path)}")
        last, text = start, (thread.suggestion or "").encode()
        fresh = [line.rstrip(b"\r") + ending for line in text.split(b"\n")] if text else []
        if fresh and end == len(lines) and not lines[-1].endswith(b"\n"):
            fresh[-1] = fresh[-1].removesuffix(ending)
        lines[start - 1 : end] = fresh
    return b"".join(lines)
