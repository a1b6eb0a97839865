"""What is staged in a workspace: files put, paths removed and renamed, and what differs then."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice

from sqlalchemy import ColumnElement, Select, delete, func, or_, select
from sqlalchemy.orm import Session

from tether.core.digest import Digest, parse_digest
from tether.core.names import display, path_bytes
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import TreeChange, diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treeread import find, find_many
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound, TooLarge
from tether.hub.access import Principal
from tether.hub.branchrules import tree_path
from tether.hub.database.models import RepositoryRow
from tether.hub.database.rights import PATH
from tether.hub.database.workspaces import Workspace, WorkspaceEntry
from tether.hub.guarding import PushGuard, StagedChanges
from tether.hub.hub import Hub
from tether.hub.repositories import open_repository
from tether.hub.storing import LEVEL, Stored, Storing, store_content
from tether.hub.workspaces import Asking, default_branch
from tether.hub.workspaces import find as find_workspace
from tether.repo.history import History
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.repo.session import WriteSession
from tether.repo.streams import ReadInto
from tether.storage.memory import MemoryBackend

MOST = 10_000
"""Entries of a workspace; who changes more makes a clone."""


class Staging:
    """Works in one workspace for somebody who may write in its repository.

    Args:
        hub: Has the repository.
        principal: Who asks.
        row: The repository.
        workspace_id: Of the workspace.
    """

    def __init__(self, hub: Hub, principal: Principal, row: RepositoryRow, workspace_id: str) -> None:
        self.hub, self.principal, self.row, self.id = hub, principal, row, workspace_id

    def put(self, path: str, read_into: ReadInto, *, executable: bool, digest: Digest | None) -> Stored:
        """Stage a file; what was staged at the path before is replaced.

        Args:
            path: Where the file goes.
            read_into: Gives its bytes.
            executable: Whether its owner may run it.
            digest: What the contents must be; None takes what comes.

        Raises:
            AlreadyExists: A folder is at the path, or a file where a folder is needed.
            InvalidInput: It cannot be a path, or other contents came.
            NotFound, Forbidden, Conflict, QuotaExceeded: As for `check`.
        """
        name = _name_of(path)
        with closing(open_repository(self.hub, self.row)) as repository:
            self._check(repository, name, is_file=True)
            stored = store_content(Storing(self.hub, self.row, repository.backend), read_into, name)
            if digest is not None and digest != stored.digest:
                raise InvalidInput(f"other contents came for {display(name)}", hint="send them again")
            kind = EntryKind.EXECUTABLE if executable else EntryKind.FILE
            # While this lock is held no pack goes away, and afterwards the entry keeps it.
            with repository.lock("writer", "workspace").shared(repository.wait):
                require_there(repository, stored)
                with self.hub.database.session() as session:
                    workspace = self.change(session)
                    self._require_free(session, repository, workspace, name)
                    _replace(
                        session, workspace, path, Entry(b"", kind, stored.size, stored.digest), stored.packs
                    )
                    _require_few(session, workspace)
        return stored

    def remove(self, path: str) -> None:
        """Stage that a file or folder goes; what is gone already stays so.

        Raises:
            NotFound: Nothing is at the path, neither staged nor in the base.
            InvalidInput, Forbidden, Conflict: As for `check`.
        """
        name = self.check(path)
        opened = closing(open_repository(self.hub, self.row))
        with opened as repository, self.hub.database.session() as session:
            workspace = self.change(session)
            base = find(repository.objects, base_tree(repository, workspace), name)
            staged = session.scalars(_at_and_below(workspace, path)).all()
            if base is None and not any(each.digest for each in staged):
                raise NotFound(f"nothing is at {display(name)} in this workspace")
            _replace(session, workspace, path, None, {})
            if base is None:
                session.execute(delete(WorkspaceEntry).where(*_is(workspace, path)))

    def rename(self, path: str, target: str) -> None:
        """Stage that a file or folder gets another path.

        Raises:
            NotFound: Nothing is at the path.
            AlreadyExists: Something is at the other one.
            TooLarge: The folder holds more than a workspace does.
            InvalidInput, Forbidden, Conflict: As for `check`.
        """
        old, new = self.check(path), self.check(target)
        if new.startswith(old + b"/"):
            raise InvalidInput(f"{display(old)} cannot go below itself")
        opened = closing(open_repository(self.hub, self.row))
        with opened as repository, scratch(repository) as writer, self.hub.database.session() as session:
            workspace = self.change(session)
            tree = staged_tree(session, repository, writer, workspace)
            entry = find(writer, tree, old)
            if entry is None:
                raise NotFound(f"nothing is at {display(old)} in this workspace")
            _require_path(find_many(writer, tree, _above(new)), new)
            if find(writer, tree, new) is not None:
                raise AlreadyExists(f"{display(new)} is there already", hint="choose another path")
            named = entry._replace(name=new.rpartition(b"/")[2])
            moved = edit_tree(writer, tree, {old: None}).digest
            moved = edit_tree(writer, moved, {new: named}).digest
            restage(session, workspace, diff_trees(writer, base_tree(repository, workspace), moved))

    def unstage(self, path: str) -> None:
        """Let a path be what it is in the base again.

        Raises:
            NotFound: Nothing is staged for just this path.
            Conflict: What is staged above or below it leaves no room for that.
            InvalidInput: It cannot be a path.
        """
        name = tree_path(path)
        with self.hub.database.session() as session:
            workspace = self.change(session)
            near = [each.decode() for each in _above(name)]
            above = select(WorkspaceEntry).where(WorkspaceEntry.workspace_id == workspace.id)
            above = above.where(WorkspaceEntry.path.in_(near), WorkspaceEntry.digest.is_not(None))
            below = _at_and_below(workspace, path).where(WorkspaceEntry.path != path)
            if session.scalars(above.limit(1)).first() or session.scalars(below.limit(1)).first():
                raise Conflict(
                    f"more is staged above or below {display(name)}", hint="drop that first, or discard all"
                )
            if session.get(WorkspaceEntry, (workspace.id, path)) is None:
                hint = "it goes with its folder: discard the workspace to keep it"
                raise NotFound(f"nothing is staged for {display(name)} alone", hint=hint)
            session.execute(delete(WorkspaceEntry).where(*_is(workspace, path)))

    def changes(self, after: str, limit: int) -> list[TreeChange]:
        """Return how the workspace differs from its base, in order of the paths, from behind one on."""
        with closing(open_repository(self.hub, self.row)) as repository, scratch(repository) as writer:
            with self.hub.database.session(reads_only=True) as session:
                workspace = find_workspace(session, Asking(self.hub, self.principal, self.row), self.id)
                base = base_tree(repository, workspace)
                tree = staged_tree(session, repository, writer, workspace)
            start = path_bytes(after).split(b"/")
            found = diff_trees(writer, base, tree)
            return list(islice((c for c in found if not after or c.path.split(b"/") > start), limit))

    # -- what the others need -----------------------------------------------------------------

    def check(self, path: str) -> bytes:
        """Return a path that somebody may change.

        Raises:
            InvalidInput: It cannot be one.
            Conflict: Somebody else has locked it.
            Forbidden: A rule does not allow it.
            QuotaExceeded: The owner has more than they may.
        """
        name = _name_of(path)
        with closing(open_repository(self.hub, self.row)) as repository:
            self._check(repository, name, is_file=False)
        return name

    def _check(self, repository: Repository, name: bytes, *, is_file: bool) -> None:
        """Refuse what nobody may change here, and a file where there is no room for one."""
        with self.hub.database.session(reads_only=True) as session:
            workspace = self.open(session)
            if is_file:
                self._require_free(session, repository, workspace, name)
            branch = workspace.branch
        root = repository.root()
        head = root.head.ref and default_branch(root)
        guard = PushGuard(self.hub, self.principal, self.row)
        guard.check_staged(StagedChanges(branch, head or None, [name]))

    def open(self, session: Session) -> Workspace:
        """Return the workspace, which is no commit yet.

        Raises:
            NotFound: There is none for who asks.
            Conflict: It is a commit already.
        """
        found = find_workspace(session, Asking(self.hub, self.principal, self.row), self.id)
        if found.committed is not None:
            raise Conflict(f"the workspace is commit {found.committed[:12]} already", hint="make another one")
        return found

    def change(self, session: Session) -> Workspace:
        """Return the workspace for a change: others wait for the end of the transaction."""
        session.get(Workspace, self.id, with_for_update={"of": Workspace}, populate_existing=True)
        found = self.open(session)
        found.version, found.changed = found.version + 1, self.hub.now()
        return found

    def _require_free(
        self, session: Session, repository: Repository, workspace: Workspace, name: bytes
    ) -> None:
        """Refuse to put a file in the place of a folder, or below a file."""
        above = _above(name)
        shown = [each.decode() for each in (*above, name)]
        of_workspace = WorkspaceEntry.workspace_id == workspace.id
        query = select(WorkspaceEntry).where(of_workspace, WorkspaceEntry.path.in_(shown))
        rows = {path_bytes(row.path): row for row in session.scalars(query)}
        there = find_many(repository.objects, base_tree(repository, workspace), [*above, name])
        for path in (*above, name):
            row = rows.get(path)
            if row is None:
                continue
            for below in [each for each in there if each == path or each.startswith(path + b"/")]:
                del there[below]
            if row.digest is not None:
                there[path] = Entry(b"", EntryKind(row.kind), row.size, parse_digest(row.digest))
        _require_path(there, name)
        query = _at_and_below(workspace, name.decode()).where(WorkspaceEntry.path != name.decode())
        staged = session.scalars(query.where(WorkspaceEntry.digest.is_not(None)).limit(1)).first()
        found = there.get(name)
        if staged is not None or (found is not None and found.kind == EntryKind.DIRECTORY):
            raise AlreadyExists(f"{display(name)} is a folder there", hint="choose another path")


def _name_of(path: str) -> bytes:
    """Return a path as trees have it.

    Raises:
        InvalidInput: It cannot be one.
    """
    if len(path) > PATH:
        raise InvalidInput(f"a path here has at most {PATH} characters")
    if "\ufffd" in path:  # what an address that is no UTF-8 is read as
        raise InvalidInput("a path here is UTF-8")
    return tree_path(path)


def base_tree(repository: Repository, workspace: Workspace) -> Digest:
    """Return the tree that a workspace is against.

    Raises:
        Conflict: The branch lost that commit, and garbage collection took it.
    """
    if workspace.base is None:
        return EMPTY_TREE
    try:
        return History.of(repository).commit(parse_digest(workspace.base)).tree
    except NotFound:
        raise Conflict(
            "the branch does not have the base of this workspace any more", hint="discard it"
        ) from None


@contextmanager
def scratch(repository: Repository) -> Iterator[WriteSession]:
    """Yield what takes tree nodes that nobody keeps."""
    session = WriteSession(MemoryBackend(), repository.objects, LEVEL)
    try:
        yield session
    finally:
        session.abort()


def entries_of(session: Session, workspace: Workspace) -> Sequence[WorkspaceEntry]:
    """Return all that is staged."""
    return session.scalars(select(WorkspaceEntry).where(WorkspaceEntry.workspace_id == workspace.id)).all()


def staged_tree(
    session: Session, repository: Repository, writer: WriteSession, workspace: Workspace
) -> Digest:
    """Return the tree of the base with what is staged."""
    edits: dict[bytes, Entry | None] = {}
    for row in entries_of(session, workspace):
        path = path_bytes(row.path)
        edits[path] = None if row.digest is None else _entry(path, row)
    return edit_tree(writer, base_tree(repository, workspace), edits).digest


def restage(session: Session, workspace: Workspace, changes: Iterable[TreeChange]) -> None:
    """Let what is staged be these changes of the base; contents stay where they are.

    Raises:
        TooLarge: There are too many.
        InvalidInput: A path is none that a workspace can hold.
    """
    packs = {row.digest: row.packs for row in entries_of(session, workspace)}
    session.execute(delete(WorkspaceEntry).where(WorkspaceEntry.workspace_id == workspace.id))
    session.expire_all()
    for change in islice(changes, MOST + 1):
        path = change.path.decode("utf-8", "surrogateescape")
        tree_path(path)
        digest = None if change.new is None else change.new.digest.hex()
        _add(session, workspace, path, change.new, packs.get(digest, {}) if digest else {})
    session.flush()
    _require_few(session, workspace)


def _entry(path: bytes, row: WorkspaceEntry) -> Entry:
    assert row.digest is not None
    name, digest = path.rpartition(b"/")[2], parse_digest(row.digest)
    return Entry(name, EntryKind(row.kind), row.size, digest)


def _replace(
    session: Session, workspace: Workspace, path: str, entry: Entry | None, packs: dict[str, list[str]]
) -> None:
    """Let a path be an entry, or removed; nothing else is staged there or below then."""
    below = WorkspaceEntry.path.startswith(f"{path}/", autoescape=True)
    of_workspace = WorkspaceEntry.workspace_id == workspace.id
    session.execute(delete(WorkspaceEntry).where(of_workspace, or_(WorkspaceEntry.path == path, below)))
    _add(session, workspace, path, entry, packs)
    session.flush()


def _add(
    session: Session, workspace: Workspace, path: str, entry: Entry | None, packs: dict[str, list[str]]
) -> None:
    made = WorkspaceEntry(workspace_id=workspace.id, path=path, kind=0, size=0, digest=None, packs=packs)
    if entry is not None:
        made.kind, made.size, made.digest = int(entry.kind), entry.size, entry.digest.hex()
    session.add(made)


def _at_and_below(workspace: Workspace, path: str) -> Select[WorkspaceEntry]:
    below = WorkspaceEntry.path.startswith(f"{path}/", autoescape=True)
    of_workspace = WorkspaceEntry.workspace_id == workspace.id
    return select(WorkspaceEntry).where(of_workspace, or_(WorkspaceEntry.path == path, below))


def _is(workspace: Workspace, path: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return (WorkspaceEntry.workspace_id == workspace.id, WorkspaceEntry.path == path)


def _above(path: bytes) -> list[bytes]:
    """Return the folders that a path is in, the outermost first."""
    return [path[:at] for at, byte in enumerate(path) if byte == ord("/")]


def _require_path(there: dict[bytes, Entry], path: bytes) -> None:
    for above in _above(path):
        found = there.get(above)
        if found is not None and found.kind != EntryKind.DIRECTORY:
            raise AlreadyExists(f"{display(above)} is a file there", hint="choose another path")


def _require_few(session: Session, workspace: Workspace) -> None:
    query = select(WorkspaceEntry.path).where(WorkspaceEntry.workspace_id == workspace.id).limit(MOST + 1)
    if session.scalars(select(func.count()).select_from(query.subquery())).one() > MOST:
        raise TooLarge(f"a workspace holds at most {MOST} changes", hint="commit it, or make a clone")


def require_there(repository: Repository, stored: Stored) -> None:
    """Make sure that the packs of a content are still there.

    Raises:
        Conflict: The upload took so long that its beginning was collected.
    """
    names = (name for part in stored.packs.values() for name in part)
    if not all(repository.backend.exists(pack_key(Digest(bytes.fromhex(name)))) for name in names):
        raise Conflict("the upload took too long, and its beginning is gone", hint="send it again")
