"""History, branches and tags of a repository."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES, REMOTES, TAGS, branch_ref, check_ref_name, tag_ref
from tether.core.objects import Commit, Tag
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound
from tether.repo.history import AheadBehind, History
from tether.repo.logwalk import LogEntry, LogFilter, LogRange, read_graph, read_log
from tether.repo.operations import Head
from tether.repo.revision import peel, resolve, split_range, upstream_ref

if TYPE_CHECKING:
    from tether.api.diff import FileChange
    from tether.repo.root import Root


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What a log is asked for; times are microseconds since 1970."""

    revs: tuple[str, ...] = ()
    """Revisions and ranges; HEAD if there is none."""
    all_refs: bool = False
    """Begin at every branch, tag and remote branch."""
    limit: int | None = None
    wanted: LogFilter = field(default_factory=LogFilter)


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch of this repository, or with `remote` one that was seen in a remote."""

    name: str
    id: Digest
    current: bool
    remote: bool = False
    upstream: str | None = None
    """Short name of what it follows."""


@dataclass(frozen=True, slots=True)
class TagInfo:
    """A tag; `tag` is the object of an annotated one."""

    name: str
    target: Digest
    tag: Tag | None = None


def log(repo: Opened, query: LogQuery) -> Iterator[LogEntry]:
    """Yield commits from the newest to the oldest.

    Raises:
        NotFound: A revision does not exist.
        InvalidInput: A revision or an expression has another form.
    """
    history, span = History.of(repo.repository), _span(repo, query)
    return read_log(history, repo.repository.objects, span, query.wanted, query.limit)


def log_graph(repo: Opened, query: LogQuery) -> list[LogEntry]:
    """Return commits by lines of history, each with the shown ones before it; errors as for `log`."""
    history, span = History.of(repo.repository), _span(repo, query)
    return read_graph(history, repo.repository.objects, span, query.wanted, query.limit)


def _span(repo: Opened, query: LogQuery) -> LogRange:
    starts: list[Digest] = []
    excludes: list[Digest] = []
    for rev in query.revs:
        _add_range(repo, rev, starts, excludes)
    if query.all_refs:
        starts += _tips(repo)
    if not query.revs and not query.all_refs:
        starts.append(resolve(repo.repository, "HEAD"))
    return LogRange(starts, excludes)


def _add_range(repo: Opened, rev: str, starts: list[Digest], excludes: list[Digest]) -> None:
    ends = split_range(rev)
    if ends is not None:
        old, new = resolve(repo.repository, ends.old), resolve(repo.repository, ends.new)
        starts.append(new)
        if ends.symmetric:
            starts.append(old)
            excludes += History.of(repo.repository).merge_bases(old, new)
        else:
            excludes.append(old)
    elif rev.startswith("^") and len(rev) > 1:
        excludes.append(resolve(repo.repository, rev[1:]))
    else:
        starts.append(resolve(repo.repository, rev))


def _tips(repo: Opened) -> list[Digest]:
    root = repo.repository.root()
    refs = [target for ref, target in root.refs.items() if ref.startswith((BRANCHES, TAGS, REMOTES))]
    head = root.head_commit()
    return [peel(repo.repository, target, "a tag") for target in refs] + ([head] if head else [])


def decorations(repo: Opened) -> dict[Digest, list[str]]:
    """Return the names at each commit: `HEAD -> main`, other branches, `tag: v1`, remote branches."""
    root = repo.repository.root()
    names: dict[Digest, list[str]] = {}
    head = root.head_commit()
    if head is not None:
        current = f" -> {root.head.ref.removeprefix(BRANCHES)}" if root.head.ref else ""
        names[head] = [f"HEAD{current}"]
    for prefix, word in ((BRANCHES, ""), (TAGS, "tag: "), (REMOTES, "")):
        for ref, target in sorted(root.refs.items()):
            if ref.startswith(prefix) and ref != root.head.ref:
                commit = _tagged(repo, target)[0] if prefix == TAGS else target
                names.setdefault(commit, []).append(word + ref[len(prefix) :])
    return names


# -- branches -------------------------------------------------------------------------------


def branches(repo: Opened, *, remotes: bool = False) -> list[Branch]:
    """Return the branches in order of their names, then with `remotes` those seen in remotes."""
    root = repo.repository.root()
    found = [_branch(repo, root, ref) for ref in sorted(root.refs) if ref.startswith(BRANCHES)]
    if remotes:
        seen = [ref for ref in sorted(root.refs) if ref.startswith(REMOTES)]
        found += [Branch(ref.removeprefix(REMOTES), root.refs[ref], False, remote=True) for ref in seen]
    return found


def _branch(repo: Opened, root: "Root", ref: str) -> Branch:
    name = ref.removeprefix(BRANCHES)
    follows = upstream_ref(repo.repository, name)
    short = follows and follows.removeprefix(REMOTES).removeprefix(BRANCHES)
    return Branch(name, root.refs[ref], ref == root.head.ref, upstream=short)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a branch stands to what it follows; `counts` is None where that is not here."""

    upstream: str
    counts: AheadBehind | None


def standing(repo: Opened, name: str) -> Standing | None:
    """Return how a branch of this name stands to what it follows; None where it follows nothing."""
    follows = upstream_ref(repo.repository, name)
    if follows is None:
        return None
    refs = repo.repository.root().refs
    here, there = refs.get(BRANCHES + name), refs.get(follows)
    counts = None
    if here is not None and there is not None:
        counts = History.of(repo.repository).ahead_behind(here, there)
    return Standing(follows.removeprefix(REMOTES).removeprefix(BRANCHES), counts)


def ahead_behind(repo: Opened, branch: Branch) -> AheadBehind | None:
    """Return how a branch stands to what it follows; None where that is not set or not here."""
    target = upstream_ref(repo.repository, branch.name)
    there = repo.repository.root().refs.get(target) if target else None
    return History.of(repo.repository).ahead_behind(branch.id, there) if there else None


def create_branch(repo: Opened, name: str, rev: str = "HEAD", *, force: bool = False) -> Branch:
    """Make a branch at a revision; with `force` move it there if it exists.

    Raises:
        AlreadyExists: The name is taken.
        Conflict: The branch to move is checked out.
    """
    ref = branch_ref(name)
    with repo.repository.transaction(f"branch {name}") as transaction:
        commit = resolve(repo.repository, rev)
        if ref in transaction.root.refs:
            if not force:
                raise AlreadyExists(
                    f"branch {name} exists already", hint=f"'tether switch {name}' goes to it"
                )
            if transaction.root.head.ref == ref:
                raise Conflict(f"branch {name} is checked out", hint="'tether reset' moves it")
        transaction.set_ref(ref, commit, expected=transaction.ref(ref))
    return Branch(name, commit, current=False)


def delete_branch(repo: Opened, name: str, *, force: bool = False) -> Branch:
    """Remove a branch; the commits stay until `gc`, and `undo` brings it back.

    Raises:
        NotFound: There is none.
        Conflict: It is checked out, or unless `force` its commits are in no other line: neither what
            it follows nor HEAD has them.
    """
    ref = branch_ref(name)
    with repo.repository.transaction(f"branch -d {name}") as transaction:
        root = transaction.root
        if ref not in root.refs:
            raise NotFound(f"no branch {name}", hint="'tether branch' lists them")
        if root.head.ref == ref:
            raise Conflict(f"branch {name} is checked out", hint="'tether switch' to another one first")
        branch = _branch(repo, root, ref)
        if not force and not _is_merged(repo, root, branch):
            raise Conflict(
                f"branch {name} has commits that are not merged",
                hint=f"'tether branch -D {name}' removes it anyway",
            )
        transaction.set_ref(ref, None, expected=branch.id)
    _move_settings(repo, name, None)
    return branch


def _is_merged(repo: Opened, root: "Root", branch: Branch) -> bool:
    target = upstream_ref(repo.repository, branch.name)
    homes = [root.refs.get(target) if target else None, root.head_commit()]
    history = History.of(repo.repository)
    return any(home is not None and history.is_ancestor(branch.id, home) for home in homes)


def rename_branch(repo: Opened, old: str | None, new: str, *, force: bool = False) -> str:
    """Give a branch another name, with its settings, and return the old one; None is the current branch.

    Raises:
        NotFound: There is no such branch.
        AlreadyExists: The new name is taken, unless `force`.
        InvalidInput: HEAD is on no branch.
    """
    root = repo.repository.root()
    source = branch_ref(old) if old is not None else root.head.ref
    if source is None:
        raise InvalidInput("HEAD is on no branch", hint="name the branch to rename")
    name, target = source.removeprefix(BRANCHES), branch_ref(new)
    commit, current = root.refs.get(source), root.head.ref == source
    if commit is None and not current:
        raise NotFound(f"no branch {name}", hint="'tether branch' lists them")
    if target in root.refs and target != source and (not force or root.head.ref == target):
        raise AlreadyExists(f"branch {new} exists already")
    with repo.repository.transaction(f"branch -m {name} {new}") as transaction:
        if commit is not None and target != source:
            transaction.set_ref(source, None, expected=commit)
            transaction.set_ref(target, commit, expected=transaction.ref(target))
        if current:
            transaction.set_head(Head(target))
    if target != source:
        _move_settings(repo, name, new)
    return name


def _move_settings(repo: Opened, old: str, new: str | None) -> None:
    """Take the settings of a branch along to its new name, or forget them."""
    config, path = repo.repository.config, repo.repository.directory / "config.toml"
    changes: dict[str, str | None] = {}
    for key in ("remote", "merge"):
        before = f"branch.{old}.{key}"
        if config.origin(before) == path:
            if new is not None:
                changes[f"branch.{new}.{key}"] = config.get(before)
            changes[before] = None
    if changes:
        config.update(path, changes)


# -- tags -----------------------------------------------------------------------------------


def tags(repo: Opened) -> list[TagInfo]:
    """Return the tags in order of their names."""
    refs: Mapping[str, Digest] = repo.repository.root().refs
    names = sorted(ref for ref in refs if ref.startswith(TAGS))
    return [TagInfo(ref.removeprefix(TAGS), *_tagged(repo, refs[ref])) for ref in names]


def _tagged(repo: Opened, digest: Digest) -> tuple[Digest, Tag | None]:
    """Return what a tag's ref leads to in the end, and the first tag object on the way."""
    objects, first = repo.repository.objects, None
    for _ in range(16):
        place = objects.find(digest)
        if place is None or place.frame.kind != ObjectKind.TAG:
            break
        tag = Tag.decode(objects.get(ObjectKind.TAG, digest))
        first, digest = first or tag, tag.target
    return digest, first


def create_tag(
    repo: Opened, name: str, rev: str = "HEAD", *, message: str | None = None, force: bool = False
) -> TagInfo:
    """Name a commit for good; with a message the tag says who made it, when and why.

    Raises:
        AlreadyExists: The name is taken, unless `force`.
    """
    ref = tag_ref(check_ref_name(name))
    with repo.repository.transaction(f"tag {name}") as transaction:
        commit = resolve(repo.repository, rev)
        if ref in transaction.root.refs and not force:
            raise AlreadyExists(f"tag {name} exists already", hint=f"'tether tag -d {name}' removes it")
        info = TagInfo(name, commit)
        target = commit
        if message is not None:
            tag = Tag(name, commit, ObjectKind.COMMIT, repo.author, repo.clock(), message)
            target = transaction.objects.put(ObjectKind.TAG, tag.encode())
            info = replace(info, tag=tag)
        transaction.set_ref(ref, target, expected=transaction.ref(ref))
    return info


def delete_tag(repo: Opened, name: str) -> TagInfo:
    """Remove a tag.

    Raises:
        NotFound: There is none.
    """
    ref = tag_ref(name)
    digest = repo.repository.root().refs.get(ref)
    if digest is None:
        raise NotFound(f"no tag {name}", hint="'tether tag' lists them")
    info = TagInfo(name, *_tagged(repo, digest))
    with repo.repository.transaction(f"tag -d {name}") as transaction:
        transaction.set_ref(ref, None, expected=digest)
    return info


# -- one commit -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """A commit with what it changed, and the tag by which it was asked for."""

    id: Digest
    commit: Commit
    tag: Tag | None
    changes: "list[FileChange]"
    """From the first parent; everything where there is none."""


def show(repo: Opened, rev: str = "HEAD") -> Shown:
    """Return a commit with its changes.

    Raises:
        NotFound: There is none.
    """
    digest = resolve(repo.repository, rev)
    ref = repo.repository.root().refs.get(TAGS + rev)
    tag = _tagged(repo, ref)[1] if ref is not None else None
    return Shown(digest, History.of(repo.repository).commit(digest), tag, changes_of(repo, digest))


def changes_of(repo: Opened, commit: Digest, paths: Sequence[bytes] = ()) -> "list[FileChange]":
    """Return what a commit changed from its first parent, at some paths or everywhere."""
    from tether.api.diff import diff_states

    history = History.of(repo.repository)
    parents = history.parents(commit)
    before = history.commit(parents[0]).tree if parents else None
    return diff_states(repo, before, history.commit(commit).tree, paths)
