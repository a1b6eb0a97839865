"""How what is staged in a workspace becomes a commit: merged with the branch as it is, and pushed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import delete
from sqlalchemy.orm import Session

from tether.core.digest import Digest, parse_digest
from tether.core.identity import Person
from tether.core.kinds import ObjectKind
from tether.core.names import branch_ref
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, split_digests
from tether.core.treediff import TreeChange, diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treemerge import MergeConflict, merge_trees
from tether.errors import Conflict, InvalidInput, NotFound, Unavailable
from tether.hub.acting import Act
from tether.hub.database.workspaces import Workspace, WorkspaceEntry
from tether.hub.guarding import PushGuard
from tether.hub.repositories import open_repository
from tether.hub.staging import Staging, base_tree, entries_of, restage, scratch, staged_tree
from tether.hub.storing import LEVEL, Storing, names
from tether.hub.workspaces import Asking, find, require_new, tip_of
from tether.repo.history import History
from tether.repo.objectdb import ObjectDb
from tether.repo.packs import read_contents
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.repo.session import WriteSession
from tether.sync.arrivals import note_arrival
from tether.sync.serving import Serving
from tether.sync.wire import PushRequest, RefMove

_TRIES = 50
"""Each time that one is in vain, somebody else has committed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a commit or an update.

    Attributes:
        commit: The branch has it; None in a conflict.
        conflicts: What both sides changed.
    """

    commit: Digest | None
    conflicts: tuple[MergeConflict, ...] = ()


@dataclass(frozen=True, slots=True)
class _Merged:
    """A workspace beside the branch as it is at one moment.

    Attributes:
        version: Of the workspace.
        tip: The commit of the branch; None in an empty repository.
        tree: Of that commit.
        changes: What the workspace changes in it.
        packs: Of the contents that are staged, by digest.
        committed: The commit that the workspace is already.
        makes: The branch is to be made.
    """

    branch: str
    version: int
    tip: Digest | None
    tree: Digest
    changes: tuple[TreeChange, ...]
    conflicts: tuple[MergeConflict, ...]
    packs: Mapping[Digest, dict[str, list[str]]]
    committed: Digest | None = None
    makes: bool = False


def conflicts_of(staging: Staging) -> tuple[MergeConflict, ...]:
    """Return what both the workspace and the branch have changed since the base."""
    repository = open_repository(staging.hub, staging.row)
    try:
        with staging.hub.database.session(reads_only=True) as session:
            return _merged(staging, session, repository).conflicts
    finally:
        repository.close()


def update(staging: Staging) -> Outcome:
    """Let what is staged be against the branch as it is now; in a conflict all stays as it was.

    Raises:
        NotFound, Conflict: As for `Staging.open`, or the branch is gone.
    """
    repository = open_repository(staging.hub, staging.row)
    try:
        with staging.hub.database.session() as session:
            workspace = staging.change(session)
            merged = _merged(staging, session, repository)
            if merged.conflicts:
                return Outcome(None, merged.conflicts)
            workspace.base = None if merged.tip is None else merged.tip.hex()
            restage(session, workspace, merged.changes)
            return Outcome(merged.tip)
    finally:
        repository.close()


def commit(staging: Staging, message: str, author: Person, new_branch: str | None = None) -> Outcome:
    """Make one commit of what is staged, on top of what the branch is now, or in a new branch.

    The workspace is that commit then. Doing it again gives the same commit: that the branch moves and that
    the workspace is over is written in one transaction, under a write id that is the workspace's.

    Args:
        staging: The workspace.
        message: Why.
        author: Who it is by.
        new_branch: Made with the commit, on top of the base of the workspace: so nothing is in conflict.

    Raises:
        InvalidInput: There is no message, or nothing is staged.
        AlreadyExists: The branch that is to be made is there.
        NotFound, Conflict: There is no such workspace, or the branch is gone.
        Forbidden, QuotaExceeded, Unavailable: As for a push.
    """
    if not message.strip():
        raise InvalidInput("no message", hint="say why")
    before: Digest | None = None
    for turn in range(_TRIES):
        repository = open_repository(staging.hub, staging.row)
        try:
            with staging.hub.database.session(reads_only=True) as session:
                merged = _merged(staging, session, repository, new_branch)
        finally:
            repository.close()
        if merged.committed is not None or merged.conflicts:
            return Outcome(merged.committed, merged.conflicts)
        try:
            return Outcome(_Committing(staging, merged, message.strip() + "\n", author).run())
        except Conflict:
            if turn and (merged.tip == before or turn == _TRIES - 1):
                raise
            before = merged.tip
    raise AssertionError("the last turn returns or raises")


def _merged(
    staging: Staging, session: Session, repository: Repository, new_branch: str | None = None
) -> _Merged:
    """Merge a workspace with its branch; changes nothing."""
    workspace = find(session, Asking(staging.hub, staging.principal, staging.row), staging.id)
    if workspace.committed is not None:
        done = parse_digest(workspace.committed)
        return _Merged(workspace.branch, workspace.version, done, EMPTY_TREE, (), (), {}, done)
    tip = _tip(repository.root(), workspace, new_branch)
    with scratch(repository) as writer:
        theirs = EMPTY_TREE if tip is None else History.of(repository).commit(tip).tree
        base = base_tree(repository, workspace)
        staged = staged_tree(session, repository, writer, workspace)
        merge = merge_trees(writer, base, theirs, staged, lambda *_: None)
        changes = tuple(diff_trees(writer, theirs, merge.tree))
    rows = entries_of(session, workspace)
    packs = {parse_digest(row.digest): row.packs for row in rows if row.digest is not None}
    return _Merged(
        new_branch or workspace.branch,
        workspace.version,
        tip,
        theirs,
        changes,
        merge.conflicts,
        packs,
        makes=new_branch is not None,
    )


def _tip(root: Root, workspace: Workspace, new_branch: str | None) -> Digest | None:
    """Return the commit on top of which the workspace goes; None in an empty repository."""
    if new_branch is not None:
        require_new(root, new_branch)
        return None if workspace.base is None else parse_digest(workspace.base)
    try:
        tip = tip_of(root, workspace.branch)
    except NotFound:
        tip = None
    if tip is None and (root.refs or workspace.base is not None):
        hint = "discard the workspace, or commit it to a new branch"
        raise Conflict(f"the branch {workspace.branch} is not there", hint=hint)
    return tip


class _Committing:
    """One try to commit a workspace that was merged."""

    def __init__(self, staging: Staging, merged: _Merged, message: str, author: Person) -> None:
        self._staging, self._merged, self._message, self._author = staging, merged, message, author
        self._guard = PushGuard(staging.hub, staging.principal, staging.row)
        self._made: Digest | None = None

    def run(self) -> Digest:
        """Make the commit and move the branch; the tip where nothing differs from it."""
        staging, merged = self._staging, self._merged
        if not merged.changes:
            return self._end_without()
        repository = open_repository(staging.hub, staging.row, beside=self._record)
        try:
            data = self._live(repository, needed_packs(repository, _files(merged.changes), merged.packs))
            self._made, own = self._write(repository)
            for name in data:
                note_arrival(repository.backend, name, staging.hub.now())
            move = RefMove(branch_ref(merged.branch), None if merged.makes else merged.tip, self._made)
            request = PushRequest(bytes.fromhex(staging.id), (*data, *own), (move,))
            Serving(repository, self._guard, tracer=staging.hub.tracer).push(
                request, f"commit of a workspace by {staging.principal.name}"
            )
        finally:
            repository.close()
        with staging.hub.database.session(reads_only=True) as session:
            # Where the same commit was asked for twice, the other one may have been first.
            done = find(session, Asking(staging.hub, staging.principal, staging.row), staging.id).committed
        assert done is not None
        return parse_digest(done)

    def _end_without(self) -> Digest:
        """End a workspace that changes nothing."""
        if self._merged.tip is None or self._merged.makes or not self._merged.packs:
            raise InvalidInput(
                "nothing is staged that changes the branch", hint="put files first, or discard it"
            )
        with self._staging.hub.database.session() as session:
            self._close(session, self._merged.tip)
        return self._merged.tip

    def _live(self, repository: Repository, packs: Iterable[str]) -> list[Digest]:
        """Return those packs that no root lists yet."""
        there = set(repository.root().packs())
        found = dict.fromkeys(Digest(bytes.fromhex(name)) for name in packs)
        return [name for name in found if name not in there]

    def _write(self, repository: Repository) -> tuple[Digest, list[Digest]]:
        """Write the commit, the tree nodes and the recipes that are new; return its digest and the packs."""
        staging, merged = self._staging, self._merged
        objects = repository.objects
        session = WriteSession(Storing(staging.hub, staging.row, repository.backend), objects, LEVEL)
        try:
            copy_recipes(repository, session, _files(merged.changes), merged.packs)
            edits = {change.path: change.new for change in merged.changes}
            tree = edit_tree(session, merged.tree, edits).digest
            now, parents = staging.hub.clock(), () if merged.tip is None else (merged.tip,)
            made = Commit(tree, parents, self._author, now, self._author, now, self._message)
            digest = session.put(ObjectKind.COMMIT, made.encode())
            sealed = session.seal()
        except BaseException:
            session.abort()
            raise
        own = [*names(sealed, "data"), *names(sealed, "meta")]
        return digest, self._live(repository, own)

    def _record(self, session: Session) -> None:
        """End the workspace in the transaction in which the branch moves."""
        assert self._made is not None
        staging, merged = self._staging, self._merged
        self._guard.confirm(session)
        self._close(session, self._made)
        act = Act(staging.hub, session, staging.principal, staging.hub.now())
        old = None if merged.makes or merged.tip is None else merged.tip.hex()
        shown = {"old": old, "new": self._made.hex()}
        address, ref = staging.row.full_name, branch_ref(merged.branch)
        act.record("ref.move", f"{address} {ref}", repository=staging.row, workspace=staging.id, **shown)

    def _close(self, session: Session, made: Digest) -> None:
        workspace = session.get(
            Workspace, self._staging.id, with_for_update={"of": Workspace}, populate_existing=True
        )
        if workspace is None or workspace.version != self._merged.version or workspace.committed is not None:
            # no Conflict: that would be taken for one of the root
            raise Unavailable("the workspace changed just now", hint="commit it again")
        workspace.committed, workspace.changed = made.hex(), self._staging.hub.now()
        workspace.branch = self._merged.branch
        session.execute(delete(WorkspaceEntry).where(WorkspaceEntry.workspace_id == workspace.id))


def _files(changes: Sequence[TreeChange]) -> list[Entry]:
    return [c.new for c in changes if c.new is not None and c.new.kind != EntryKind.DIRECTORY]


Packs = Mapping[Digest, dict[str, list[str]]]
"""Those that hold some contents, by role."""


def needed_packs(repository: Repository, entries: Iterable[Entry], packs: Packs) -> list[str]:
    """Return the packs of contents that the repository lacks."""
    digests = list(dict.fromkeys(entry.digest for entry in entries))
    there = repository.objects.has_many(digests)
    lacking = (digest for digest, has in zip(digests, there, strict=True) if not has)
    return [name for digest in lacking for name in packs.get(digest, {}).get("data", ())]


def copy_recipes(
    repository: Repository, session: WriteSession, entries: Iterable[Entry], packs: Packs
) -> None:
    """Write the recipes of contents that the repository lacks; those of other contents stay behind."""
    for entry in entries:
        meta = packs.get(entry.digest, {}).get("meta", ())
        if not meta or repository.objects.has(entry.digest):
            continue
        named = [Digest(bytes.fromhex(name)) for name in meta]
        staged = ObjectDb(repository.backend, partial(tuple, named))
        for name in named:
            table = read_contents(repository.backend, name)
            for digest, kind in zip(split_digests(table.digests), table.kinds, strict=True):
                session.put_named(ObjectKind(kind), digest, staged.get(ObjectKind(kind), digest))
