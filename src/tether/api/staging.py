"""The stage and what becomes of it: add, rm, mv, status, commit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tether.api.opened import Opened
from tether.api.working import (
    branch_of,
    changing,
    command_line,
    open_worktree,
    refuse,
    refuse_under_way,
    tree_of,
    writing,
)
from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.names import display
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import TreeChange, count_changes, diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treeread import find_many, iter_directory, walk
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from tether.repo.history import History
from tether.repo.mergestate import original_author
from tether.repo.root import Root
from tether.repo.transaction import Transaction
from tether.worktree.compare import Comparison, compare
from tether.worktree.journal import is_unfinished
from tether.worktree.rescue import is_there, move_files, new_paths
from tether.worktree.staging import StageOptions, StageResult, stage_paths
from tether.worktree.worktree import WorkTree

if TYPE_CHECKING:
    from tether.api.history import Standing
    from tether.repo.mergestate import ConflictRow


@dataclass(frozen=True, slots=True)
class Status:
    """What would be committed, what would not, and what is under way.

    Attributes:
        branch: The branch that is checked out; None when HEAD is detached.
        commit: The commit that is checked out; None before the first.
        staged: Differences of the stage from that commit.
        work: Differences of the working files from the stage.
        rows: What a merge could not settle.
        activity: "merge", "rebase", "cherry-pick" or "revert" under way; empty otherwise.
        standing: How the branch stands to what it follows; None where it follows nothing.
        unfinished: Whether a checkout was cut short, or another process is at one: the working files may be
            those from before it. The next command that writes files finishes it.
        shown: The files, folders and globs that the working copy shows; None for everything.
    """

    branch: str | None
    commit: Digest | None
    staged: tuple[TreeChange, ...]
    work: Comparison
    rows: "tuple[ConflictRow, ...]"
    activity: str
    standing: "Standing | None" = None
    unfinished: bool = False
    shown: tuple[bytes, ...] | None = None

    @property
    def conflicts(self) -> tuple[bytes, ...]:
        """The paths that a merge could not settle."""
        return tuple(row.path for row in self.rows)


class Removed(NamedTuple):
    """What `rm` or `mv` took from the stage."""

    paths: list[bytes]
    bytes: int


class CommitResult(NamedTuple):
    """A new commit."""

    id: Digest
    branch: str | None
    files: int
    """Files in it."""
    bytes: int
    """Bytes in it."""
    changed: int
    """Files that differ from its first parent."""
    subject: str
    """The first line of its message."""


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """What to commit, and as whom.

    Attributes:
        message: Why; not empty.
        all: Stage every tracked file first.
        amend: Replace the newest commit of the branch.
        allow_empty: Commit although nothing differs from the parent.
        author: Whose work it is; None is the one who commits.
        date: When it was written; None is now.
        sign: Sign it with the key of the setting `signing.key`.
    """

    message: str | None
    all: bool = False
    amend: bool = False
    allow_empty: bool = False
    author: Person | None = None
    date: Time | None = None
    sign: bool = False


def add(repo: Opened, paths: Sequence[bytes], options: StageOptions) -> StageResult:
    """Stage what the working copy holds at `paths`.

    Raises:
        NotFound: A path is neither in the working copy nor on the stage.
        InvalidInput: A path is ignored or cannot be kept.
    """
    options = {"progress": repo.progress, **options}
    with writing(repo, "add") as worktree:
        with repo.repository.transaction(command_line("add", paths)) as transaction:
            result = stage_paths(worktree, transaction, paths, **options)
            if not options.get("dry_run"):
                _mark_resolved(transaction, paths or [b""], result.tree)
        result.remember()
    return result


def status(
    repo: Opened, paths: Sequence[bytes] = (), *, ignored: bool = False, all_files: bool = False
) -> Status:
    """Return how commit, stage and working files differ; nothing but the stat cache is written."""
    repository, root = repo.repository, repo.repository.root()
    commit = root.head_commit()
    tree = tree_of(repo, commit)
    staged = diff_trees(repository.objects, tree, root.stage, paths=paths) if tree != root.stage else ()
    worktree = open_worktree(repo, "status")
    work = compare(
        worktree,
        repository.objects,
        root.stage,
        paths=paths,
        include_ignored=ignored,
        all_untracked=all_files,
        progress=repo.progress,
    )
    rows, activity = under_way(repo, root)
    standing, unfinished = _standing(repo, root), is_unfinished(worktree)
    paths_shown = None if worktree.shown.everything else worktree.shown.patterns
    return Status(
        branch_of(root), commit, tuple(staged), work, rows, activity, standing, unfinished, paths_shown
    )


def commit(repo: Opened, request: CommitRequest) -> CommitResult:
    """Record the stage as a commit of the current branch.

    Raises:
        InvalidInput: There is no message, or nothing to commit.
        Conflict: A merge has conflicts that are not resolved.
    """
    with writing(repo, "commit") as worktree:
        staged = None
        with repo.repository.transaction("commit --amend" if request.amend else "commit") as transaction:
            if request.all:
                staged = stage_paths(worktree, transaction, (), tracked_only=True, progress=repo.progress)
            digest = record_commit(repo, transaction, request, staged.tree if staged else None)
        if staged is not None:
            staged.remember()
    return describe_commit(repo, digest)


def record_commit(
    repo: Opened, transaction: Transaction, request: CommitRequest, tree: Digest | None = None
) -> Digest:
    """Store a commit of the stage (or `tree`) in a transaction and move the branch to it."""
    root, history = transaction.root, History.of(repo.repository)
    head = root.head_commit()
    parents, message = _parents(repo, root, head, request)
    tree = root.stage if tree is None else tree
    if not message or not message.strip():
        raise InvalidInput("no message", hint="say why with -m MESSAGE")
    base = history.commit(parents[0]).tree if parents else EMPTY_TREE
    if tree == base and len(parents) < 2 and not (request.allow_empty or request.amend):
        raise InvalidInput("nothing to commit", hint="stage changes with 'tether add', or give --allow-empty")
    now, committer = repo.clock(), repo.author
    written = original_author(transaction.objects, root.state) or (committer, now)
    author, date = request.author or written[0], request.date or written[1]
    if request.amend and head is not None:
        old = history.commit(head)
        author, date = request.author or old.author, request.date or old.authored
    made = Commit(tree, parents, author, date, committer, now, message.strip() + "\n")
    if request.sign:
        from tether.api.verifying import signed

        made = signed(repo, made)
    digest = transaction.objects.put(ObjectKind.COMMIT, made.encode())
    transaction.advance(digest)
    transaction.set_state(None)
    return digest


def remove(
    repo: Opened, paths: Sequence[bytes], *, cached: bool, recursive: bool, force: bool = False
) -> Removed:
    """Take files from the stage and, unless `cached`, from the working copy.

    Raises:
        NotFound: A path is not tracked.
        InvalidInput: A folder is named without `recursive`.
        Conflict: A file has changes that no commit has, and `force` is not set.
    """
    with changing(repo, command_line("rm --cached" if cached else "rm", paths)) as change:
        transaction = change.transaction
        objects, stage = transaction.objects, transaction.root.stage
        found = find_many(objects, stage, paths)
        paths = [path for path in dict.fromkeys(paths) if not _lies_in_one(path, paths)]
        for path in paths:
            if path not in found:
                raise NotFound(f"{display(path)} is not tracked")
            if found[path].kind == EntryKind.DIRECTORY and not recursive:
                raise InvalidInput(f"{display(path)} is a folder", hint="give -r to remove what is in it")
        gone = [(p, e) for path in paths for p, e in _below(transaction, path, found[path])]
        if not (force or cached):
            _refuse_unsaved(repo, change.worktree, transaction, paths)
        names = [entry.name for entry in iter_directory(objects, stage)] if b"" in paths else paths
        tree = edit_tree(objects, stage, dict.fromkeys(names)).digest
        if cached:
            transaction.set_stage(tree)
        else:
            change.show(tree, paths=paths, force=force)
    return Removed([path for path, _ in gone], sum(entry.size for _, entry in gone))


def move(repo: Opened, sources: Sequence[bytes], target: bytes) -> list[tuple[bytes, bytes]]:
    """Move tracked files and folders, on the stage and in the working copy; return old and new paths.

    Raises:
        NotFound: A source is not tracked.
        AlreadyExists: Something is at the target.
        InvalidInput: A folder would move into itself, two would become one, or the target is below a file.
    """
    with (
        writing(repo, "mv") as worktree,
        repo.repository.transaction(command_line("mv", sources)) as transaction,
    ):
        objects, stage = transaction.objects, transaction.root.stage
        moved = _is_moved(worktree, objects, stage, sources, target)
        pairs = [(sources[0], target)] if moved else new_paths(worktree, sources, target)
        found = find_many(
            objects, stage, {place for pair in pairs for path in pair for place in _way_to(path)}
        )
        changes = dict[bytes, Entry | None]()
        for source, new in pairs:
            if source not in found:
                raise NotFound(f"{display(source)} is not tracked")
            if new in found:
                raise AlreadyExists(f"{display(new)} exists")
            for above in _way_to(new)[:-1]:
                if above in found and found[above].kind != EntryKind.DIRECTORY:
                    raise InvalidInput(f"{display(above)} is no folder")
            changes |= {source: None, new: found[source]._replace(name=new.rsplit(b"/", 1)[-1])}
        transaction.set_stage(edit_tree(objects, stage, changes).digest)
        move_files(worktree, pairs)
    return pairs


def _way_to(path: bytes) -> list[bytes]:
    """Return the folders above a path, the outermost first, and the path itself."""
    parts = path.split(b"/")
    return [b"/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _is_moved(
    worktree: WorkTree, objects: ObjectReader, stage: Digest, sources: Sequence[bytes], target: bytes
) -> bool:
    """Say whether the folder at `target` is the one source itself, moved by a command that was stopped."""
    found = find_many(objects, stage, [*sources, target])
    source = found.get(sources[0]) if len(sources) == 1 else None
    if source is None or source.kind != EntryKind.DIRECTORY or target in found:
        return False
    return not is_there(worktree, sources[0]) and is_there(worktree, target)


def describe_commit(repo: Opened, digest: Digest) -> CommitResult:
    """Return what is in a commit, and how much of it is new."""
    history, objects = History.of(repo.repository), repo.repository.objects
    made = history.commit(digest)
    base = history.commit(made.parents[0]).tree if made.parents else None
    changed = count_changes(objects, base, made.tree)
    whole = find_many(objects, made.tree, [b""])[b""]
    subject = made.message.lstrip("\n").partition("\n")[0]
    return CommitResult(digest, branch_of(repo.repository.root()), whole.files, whole.size, changed, subject)


def _standing(repo: Opened, root: Root) -> "Standing | None":
    """Return how the branch that is checked out stands to what it follows."""
    branch = branch_of(root)
    if branch is None or not repo.repository.config.get(f"branch.{branch}.merge"):
        return None
    from tether.api.history import standing

    return standing(repo, branch)


def under_way(repo: Opened, root: Root) -> "tuple[tuple[ConflictRow, ...], str]":
    """Return what a merge left to decide, and what is under way."""
    if root.state is None:
        return (), ""
    from tether.repo.mergestate import read_state

    state = read_state(repo.repository.objects, root.state)
    return state.conflicts, state.activity


def _parents(
    repo: Opened, root: Root, head: Digest | None, request: CommitRequest
) -> tuple[tuple[Digest, ...], str | None]:
    """Return parents and message: of the commit that is replaced, of a merge under way, or simply HEAD."""
    if request.amend:
        refuse_under_way(repo.repository.objects, root, "amend")
        if head is None:
            raise NotFound("no commit to amend")
        old = History.of(repo.repository).commit(head)
        return old.parents, request.message or old.message
    if root.state is not None:
        from tether.repo.mergestate import commit_parents, read_state

        state = read_state(repo.repository.objects, root.state)
        if state.conflicts:
            names = ", ".join(display(row.path) for row in state.conflicts[:5])
            raise Conflict(
                f"unresolved conflicts: {names}", hint="settle them with 'tether resolve', then commit"
            )
        return commit_parents(state, head), request.message or state.message
    return ((head,) if head else ()), request.message


def _mark_resolved(transaction: Transaction, paths: Sequence[bytes], stage: Digest) -> None:
    """Adding a file in conflict settles it, as in git."""
    if transaction.root.state is None:
        return
    from tether.repo.mergestate import settle

    transaction.set_state(settle(transaction.objects, transaction.root.state, paths, stage))


def _below(transaction: Transaction, path: bytes, entry: Entry) -> list[tuple[bytes, Entry]]:
    if entry.kind != EntryKind.DIRECTORY:
        return [(path, entry)]
    return list(walk(transaction.objects, entry.digest, path))


def _lies_in_one(path: bytes, folders: Sequence[bytes]) -> bool:
    """Say whether a path lies below one of these folders."""
    return path != b"" and any(not each or path.startswith(each + b"/") for each in folders)


def _refuse_unsaved(
    repo: Opened, worktree: WorkTree, transaction: Transaction, paths: Sequence[bytes]
) -> None:
    root = transaction.root
    work = compare(worktree, transaction.objects, root.stage, paths=paths)
    changed = [change.path for change in work.changes() if change.stat is not None]
    head = tree_of(repo, root.head_commit())
    changed += (change.path for change in diff_trees(transaction.objects, head, root.stage, paths=paths))
    if changed:
        hint = "--cached keeps the files, -f removes them; 'tether undo' brings them back"
        refuse(sorted(set(changed)), "changes", hint)
