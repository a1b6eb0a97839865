"""Moving between commits: switch, checkout, restore, reset, clean; and the rules that ignore files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tether.api.opened import Opened
from tether.api.working import (
    Move,
    Moved,
    branch_of,
    carry,
    changing,
    move_to,
    open_worktree,
    refuse_hidden,
    refuse_under_way,
    tree_of,
    writing,
)
from tether.core.digest import Digest
from tether.core.names import BRANCHES, branch_ref, check_ref_name, display
from tether.core.tree import EMPTY_TREE, Entry
from tether.core.treebuild import build_directory
from tether.core.treediff import TreeChange, diff_trees
from tether.core.treeedit import edit_tree
from tether.core.treeread import find_many
from tether.errors import AlreadyExists, InvalidInput, NotFound
from tether.repo.operations import Head
from tether.repo.revision import resolve
from tether.repo.root import Root
from tether.repo.transaction import Transaction
from tether.worktree.compare import compare


class Restored(NamedTuple):
    """What `restore` or `checkout REV -- PATH` brought back."""

    files: int


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What to bring back, from where, to where.

    Attributes:
        paths: Files and folders.
        source: A revision; None is the stage, or HEAD when only the stage is restored.
        staged: Restore the stage.
        files: Restore the working files.
    """

    paths: Sequence[bytes]
    source: str | None = None
    staged: bool = False
    files: bool = True


def switch(repo: Opened, branch: str, *, create: str | None = None, force: bool = False) -> Moved:
    """Check out a branch; with `create`, a new one that begins at that revision.

    A branch that only a remote has is made here and follows it.

    Raises:
        NotFound: There is no such branch.
        AlreadyExists: The new branch exists.
        Conflict: Local changes would be lost.
    """
    root, ref = repo.repository.root(), branch_ref(check_ref_name(branch))
    if create is not None:
        return _switch_new(repo, branch, create, force=force)
    if ref not in root.refs and root.head.ref == ref:
        return Moved(branch, None, 0)
    if ref not in root.refs:
        return _switch_remote(repo, branch, force=force)

    def target(root: Root) -> Digest:
        if ref not in root.refs:
            raise NotFound(f"the branch {branch} was deleted meanwhile")
        return root.refs[ref]

    return move_to(repo, Move(f"switch {branch}", target, ref, force=force))


def checkout(repo: Opened, rev: str, *, force: bool = False) -> Moved:
    """Check out a branch by name, or any other revision without a branch.

    Raises:
        NotFound: There is no such revision.
        Conflict: Local changes would be lost.
    """
    root = repo.repository.root()
    if _is_branch(root, rev):
        return switch(repo, rev, force=force)
    return move_to(
        repo, Move(f"checkout {rev}", lambda _: resolve(repo.repository, rev), detach=True, force=force)
    )


def restore(repo: Opened, request: RestoreRequest) -> Restored:
    """Bring files back as they were, on the stage, in the working copy or both.

    Working files that are overwritten are kept in the operation, for `undo`.

    Raises:
        NotFound: A path is in neither the source nor the stage.
        InvalidInput: A path is not part of this working copy.
    """
    only_stage = request.staged and not request.files
    with changing(repo, "restore --staged" if only_stage else "restore") as change:
        transaction = change.transaction
        root, objects = transaction.root, transaction.objects
        head = root.head_commit()
        if request.source is not None:
            tree = tree_of(repo, resolve(repo.repository, request.source))
        else:
            tree = tree_of(repo, head) if request.staged else root.stage
        _check_known(repo, request.paths, tree, root.stage)
        whole = b"" in request.paths
        limits = () if whole else tuple(request.paths)
        differing = list(diff_trees(objects, root.stage, tree, paths=limits))
        changes = {c.path: c.new for c in differing}
        new_stage = edit_tree(objects, root.stage, changes).digest if changes else root.stage
        if only_stage:
            transaction.set_stage(new_stage)
            return Restored(len(changes))
        refuse_hidden(change.worktree, limits)
        change.show(new_stage, paths=limits, force=True)
        if not request.staged:
            transaction.set_stage(root.stage)
            if differing and not transaction.changes:
                _keep_replaced(transaction, differing)
    return Restored(change.files)


def reset(repo: Opened, rev: str, mode: str = "mixed") -> Moved:
    """Move the branch to another commit.

    Args:
        repo: Whose branch.
        rev: Where to.
        mode: `soft` leaves stage and files, `mixed` resets the stage, `hard` the files too; what is
            overwritten is kept in the operation for `undo`.

    Raises:
        InvalidInput: An unknown mode.
    """
    command = f"reset --{mode} {rev}"
    if mode == "hard":
        return move_to(repo, Move(command, lambda _: resolve(repo.repository, rev), advance=True, force=True))
    if mode not in ("soft", "mixed"):
        raise InvalidInput(f"no such mode of reset: {mode}")
    with writing(repo, command), repo.repository.transaction(command) as transaction:
        refuse_under_way(transaction.objects, transaction.root, "reset")
        commit = resolve(repo.repository, rev)
        transaction.advance(commit)
        if mode == "mixed":
            transaction.set_stage(tree_of(repo, commit))
    root = repo.repository.root()
    return Moved(branch_of(root), commit, 0)


def clean(
    repo: Opened, paths: Sequence[bytes] = (), *, ignored: bool = False, dry_run: bool = False
) -> list[bytes]:
    """Remove untracked files; return them. They are kept in the operation, for `undo`.

    Ignored files are removed only with `ignored`, and are not kept.
    """
    from tether.worktree.rescue import delete_files, keep_files

    with writing(repo, "clean") as worktree:
        stage = repo.repository.root().stage
        found = compare(
            worktree,
            repo.repository.objects,
            stage,
            paths=paths,
            include_ignored=ignored,
            all_untracked=True,
        )
        files = [path for path, is_folder in found.untracked if not is_folder]
        extra = [path for path, _ in found.ignored] if ignored else []
        if dry_run or not (files or extra):
            return sorted([*files, *extra])
        with repo.repository.transaction("clean") as transaction:
            kept: dict[bytes, Entry | None] = dict(keep_files(worktree, transaction, files))
            if kept:
                transaction.rescue(edit_tree(transaction.objects, EMPTY_TREE, kept).digest)
        delete_files(worktree, [*files, *extra])
    return sorted([*files, *extra])


def explain_ignored(repo: Opened, path: bytes) -> tuple[str, int, str] | None:
    """Return file, line and pattern of the rule that ignores `path`, or None.

    A folder above that is ignored decides for all below it.
    """
    from tether.worktree.folders import Folders
    from tether.worktree.ignore import IgnoreRules
    from tether.worktree.scan import read_ignore_file

    worktree, rules, parts = open_worktree(repo), IgnoreRules.empty(), path.split(b"/")
    with Folders(worktree.root) as folders:
        for depth in range(len(parts)):
            folder = b"/".join(parts[:depth])
            try:
                rules = rules.child(folder, read_ignore_file(folders.open(folder)))
            except OSError:
                break
    place = repo.root / os.fsdecode(path)
    is_folder = place.is_dir() and not place.is_symlink()
    found = rules.explain(path, is_folder)
    return (found.file, found.line, found.pattern) if found is not None else None


def _keep_replaced(transaction: Transaction, changes: Sequence[TreeChange]) -> None:
    """Name the staged versions of files in the operation, where nothing else would be recorded.

    So that the tree is stored from which the files are written: no commit may have that mixture.
    """
    objects = transaction.objects
    kept = {change.path: change.old for change in changes if change.old is not None}
    empty = build_directory(objects, ()).digest
    transaction.rescue(edit_tree(objects, empty, kept).digest)


def _switch_new(repo: Opened, branch: str, start: str, *, force: bool) -> Moved:
    root, ref = repo.repository.root(), branch_ref(branch)
    if ref in root.refs:
        raise AlreadyExists(f"a branch named {branch} exists", hint=f"run 'tether switch {branch}'")
    command = f"switch -c {branch}"
    if start == "HEAD" and root.head_commit() is None:
        with repo.repository.transaction(command) as transaction:
            transaction.set_head(Head(ref))
        return Moved(branch, None, 0)
    with changing(repo, command) as change:
        transaction, commit = change.transaction, resolve(repo.repository, start)
        refuse_under_way(transaction.objects, transaction.root, command)
        transaction.set_ref(ref, commit, expected=None)
        transaction.set_head(Head(ref))
        if commit != transaction.root.head_commit():
            old = tree_of(repo, transaction.root.head_commit())
            change.show(carry(transaction, old, tree_of(repo, commit)), force=force)
    return Moved(branch, commit, change.files)


def _switch_remote(repo: Opened, branch: str, *, force: bool) -> Moved:
    root = repo.repository.root()
    found = [name for name in root.refs if _is_remote_of(name, branch)]
    if len(found) != 1:
        names = sorted(name.removeprefix(BRANCHES) for name in root.refs if name.startswith(BRANCHES))
        known = f"branches: {', '.join(names[:8])}" if names else "there are no branches yet"
        raise NotFound(f"no branch named {branch}", hint=f"{known}; 'tether switch -c {branch}' makes it")
    remote = found[0].removeprefix("refs/remotes/").removesuffix(f"/{branch}")
    moved = _switch_new(repo, branch, found[0], force=force)
    settings = {f"branch.{branch}.remote": remote, f"branch.{branch}.merge": f"{BRANCHES}{branch}"}
    repo.repository.config.update(repo.repository.directory / "config.toml", settings)
    return moved


def _is_remote_of(ref: str, branch: str) -> bool:
    parts = ref.split("/", 3)
    return len(parts) == 4 and parts[1] == "remotes" and parts[3] == branch


def _is_branch(root: Root, rev: str) -> bool:
    try:
        return branch_ref(rev) in root.refs
    except InvalidInput:  # such as HEAD~1, or an id
        return False


def _check_known(repo: Opened, paths: Sequence[bytes], tree: Digest, stage: Digest) -> None:
    objects = repo.repository.objects
    known = {**find_many(objects, stage, paths), **find_many(objects, tree, paths)}
    for path in paths:
        if path and path not in known:
            raise NotFound(f"{display(path)} is not in that revision", hint="see 'tether ls REV'")
