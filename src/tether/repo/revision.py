"""What users write for a commit: names, ids, ancestors, dates and upstreams, and paths in them.

REV     = (NAME | ID | HEAD | @ | "") ["@{" upstream | DATE "}"] ("~" [N] | "^" [N])*
NAME    = branch, tag or REMOTE/BRANCH; or a ref's name from `heads/`, `tags/`, `remotes/` or `refs/` on
RANGE   = [REV] ".." [REV] | [REV] "..." [REV]
PLACE   = [REV] ":" PATH      (an empty REV is the stage)
"""

import re
from typing import NamedTuple

from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES, REMOTES, TAGS, path_bytes, short_ref
from tether.core.objects import Tag
from tether.core.tree import Entry
from tether.errors import InvalidInput, NotFound
from tether.repo.history import DEEPEN, History
from tether.repo.operations import Head, walk_operations
from tether.repo.repository import Repository
from tether.repo.root import Root

MIN_PREFIX = 6
_ID = re.compile(rf"[0-9a-fA-F]{{{MIN_PREFIX},64}}\Z")
_SUFFIX = re.compile(r"(?P<sign>[~^])(?P<number>\d{0,9})|@\{(?P<inner>[^{}]*)\}")
_UPSTREAM = ("upstream", "u")
_MAX_TAGS = 16
_SHOWN = 4


class Range(NamedTuple):
    """The commits of `new` without those of `old`; with `symmetric` those that only one of both has."""

    old: str
    new: str
    symmetric: bool


class Place(NamedTuple):
    """A file or folder of a commit, or of the stage."""

    commit: Digest | None
    """None for the stage."""
    tree: Digest
    """The whole tree."""
    path: bytes
    """Empty for the whole tree."""


def resolve(repository: Repository, text: str) -> Digest:
    """Return the commit that `text` names.

    Raises:
        NotFound: There is none.
        InvalidInput: It has another form, or several commits fit.
    """
    cut = min((at for at in map(text.find, ("~", "^", "@{")) if at >= 0), default=len(text))
    base, suffixes = text[:cut], _suffixes(text, cut)
    if suffixes and suffixes[0]["inner"] is not None:
        commit = _at(repository, base, str(suffixes.pop(0)["inner"]))
    else:
        commit = _base(repository, base)
    history = History.of(repository) if suffixes else None
    for suffix in suffixes:
        if suffix["inner"] is not None or history is None:
            raise InvalidInput(f"not a revision: {text!r}", hint="'@{...}' follows the name of a branch")
        number = int(suffix["number"] or 1)
        step = _nth_ancestor if suffix["sign"] == "~" else _nth_parent
        commit = step(history, commit, number, text)
    return commit


def resolve_path(repository: Repository, text: str) -> Place:
    """Return what `REV:PATH` names: `REV` alone is the whole tree, `:PATH` is in the stage.

    The path is not looked up; `find_entry` does.
    """
    rev, path = split_place(text)
    place = resolve_tree(repository, rev)
    return place._replace(path=clean_path(path))


def resolve_tree(repository: Repository, rev: str) -> Place:
    """Return the whole tree of a revision; of the stage when it is empty."""
    if not rev:
        return Place(None, repository.root().stage, b"")
    commit = resolve(repository, rev)
    return Place(commit, History.of(repository).commit(commit).tree, b"")


def find_entry(repository: Repository, text: str) -> tuple[Place, Entry]:
    """Return the place that `REV:PATH` names and the entry there.

    Raises:
        NotFound: The revision or the path does not exist.
    """
    from tether.core.treeread import find

    place = resolve_path(repository, text)
    entry = find(repository.objects, place.tree, place.path)
    if entry is None:
        raise NotFound(
            f"no such file: {text}", hint=f"'tether ls -r {split_place(text)[0]}' lists what is there"
        )
    return place, entry


def split_place(text: str) -> tuple[str, str]:
    """Cut `REV:PATH` at the first colon outside of braces; without one the path is empty."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "{") - (character == "}")
        if character == ":" and depth <= 0:
            return text[:at], text[at + 1 :]
    return text, ""


def split_range(text: str) -> Range | None:
    """Return the ends of `A..B` or `A...B`, where nothing means HEAD; None when `text` is no range."""
    old, dots, new = text.partition("..")
    if not dots:
        return None
    return Range(old or "HEAD", new.removeprefix(".") or "HEAD", new.startswith("."))


def clean_path(path: str) -> bytes:
    """Return a path inside a tree without `.`, `..` and slashes too many.

    Raises:
        InvalidInput: It leads out of the tree.
    """
    parts: list[bytes] = []
    for part in path_bytes(path).split(b"/"):
        if part == b".." and not parts:
            raise InvalidInput(f"outside the repository: {path}")
        if part == b"..":
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def find_ref(root: Root, name: str) -> str | None:
    """Return the full name of the ref that `name` means, or None.

    Raises:
        InvalidInput: It is a branch and a tag with different values.
    """
    spellings = [f"{prefix}{name}" for prefix in ("", "refs/", BRANCHES, TAGS, REMOTES)]
    if not name.startswith("refs/"):
        spellings = spellings[1:]
    found = [ref for ref in spellings if ref in root.refs]
    if not found and f"{REMOTES}{name}/HEAD" in root.refs:
        found = [f"{REMOTES}{name}/HEAD"]
    if len({root.refs[ref] for ref in found}) > 1:
        choices = " or ".join(ref.removeprefix("refs/") for ref in found)
        raise InvalidInput(f"{name} is ambiguous", hint=f"write {choices}")
    return found[0] if found else None


def peel(repository: Repository, digest: Digest, name: str) -> Digest:
    """Follow annotated tags to a commit.

    Raises:
        InvalidInput: The tag names something else.
    """
    for _ in range(_MAX_TAGS):
        place = repository.objects.find(digest)
        if place is None or place.frame.kind == ObjectKind.COMMIT:
            return digest
        if place.frame.kind != ObjectKind.TAG:
            break
        digest = Tag.decode(repository.objects.get(ObjectKind.TAG, digest)).target
    raise InvalidInput(f"{name} does not name a commit")


def upstream_ref(repository: Repository, branch: str) -> str | None:
    """Return the full name of the ref that a branch follows, or None where nothing is set."""
    remote = repository.config.get(f"branch.{branch}.remote")
    merge = repository.config.get(f"branch.{branch}.merge")
    if not remote or not merge:
        return None
    short = merge.removeprefix(BRANCHES)
    return f"{BRANCHES}{short}" if remote == "." else f"{REMOTES}{remote}/{short}"


def _suffixes(text: str, start: int) -> list[dict[str, str | None]]:
    found = []
    while start < len(text):
        match = _SUFFIX.match(text, start)
        if match is None:
            raise InvalidInput(
                f"not a revision: {text!r}",
                hint="a revision is like main, v1, 3fa9c1, HEAD~2 or main@{2026-01-31}",
            )
        found.append(match.groupdict())
        start = match.end()
    return found


def _base(repository: Repository, name: str) -> Digest:
    root = repository.root()
    if name in ("HEAD", "@"):
        return _head(root)
    if not name:
        raise InvalidInput("a revision is empty", hint="write HEAD, a branch, a tag or the id of a commit")
    ref = find_ref(root, name)
    if ref is not None:
        return peel(repository, root.refs[ref], name)
    if _ID.match(name):
        return _by_id(repository, name.lower())
    if root.head.ref == BRANCHES + name:
        return _head(root)
    raise _unknown(root, name)


def _head(root: Root) -> Digest:
    commit = root.head_commit()
    if commit is None:
        branch = short_ref(root.head.ref or "HEAD")
        raise NotFound(f"{branch} has no commits yet", hint="run 'tether commit' to make the first")
    return commit


def _by_id(repository: Repository, prefix: str) -> Digest:
    found = _starting(repository, prefix)
    if not found:
        repository.objects.reset()  # another process may have written it since
        found = _starting(repository, prefix)
    if not found:
        raise NotFound(f"no commit {prefix} in this repository", hint="'tether log' lists commits")
    if len(found) > 1:
        shown = ", ".join(digest.hex()[: len(prefix) + 6] for digest in found[:_SHOWN])
        raise InvalidInput(
            f"{prefix} is ambiguous: {len(found)} commits start so", hint=f"write one of {shown}"
        )
    return peel(repository, found[0], prefix)


def _starting(repository: Repository, prefix: str) -> list[Digest]:
    objects = repository.objects
    whole = bytes.fromhex(prefix[: len(prefix) & ~1])
    digests = [Digest(whole)] if len(whole) == DIGEST_SIZE else objects.lookup.starting(whole)
    wanted = (ObjectKind.COMMIT, ObjectKind.TAG)
    places = [(digest, objects.lookup.find(digest)) for digest in digests if digest.hex().startswith(prefix)]
    return [digest for digest, place in places if place is not None and place.frame.kind in wanted]


def _unknown(root: Root, name: str) -> NotFound:
    from difflib import get_close_matches

    names = ["HEAD", *(short_ref(ref) for ref in root.refs)]
    near = get_close_matches(name, names, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"write a branch, a tag or {MIN_PREFIX} digits of an id"
    )
    return NotFound(f"no such revision: {name}", hint=hint)


def _nth_parent(history: History, commit: Digest, number: int, text: str) -> Digest:
    parents = history.parents(commit)
    if number > len(parents):
        if history.is_cut(commit):
            raise NotFound(f"{text} is not here: history is cut at {commit.hex()[:12]}", hint=DEEPEN)
        raise NotFound(f"{text} does not exist: {commit.hex()[:12]} has {len(parents)} parents")
    return parents[number - 1] if number else commit


def _nth_ancestor(history: History, commit: Digest, number: int, text: str) -> Digest:
    for step in range(number):
        parents = history.parents(commit)
        if history.is_cut(commit):
            raise NotFound(f"{text} is not here: history is cut at {commit.hex()[:12]}", hint=DEEPEN)
        if not parents:
            raise NotFound(f"{text} does not exist: history begins {step} commits before")
        commit = parents[0]
    return commit


# -- `@{...}` -------------------------------------------------------------------------------


def _at(repository: Repository, base: str, inner: str) -> Digest:
    root = repository.root()
    if inner in _UPSTREAM:
        return _upstream(repository, root, base)
    from tether.repo.moments import last_moment

    moment = last_moment(inner, repository.clock().offset if repository.zone is None else repository.zone)
    if base == "HEAD":
        return _value_at(repository, root, None, moment, f"HEAD@{{{inner}}}")
    ref = root.head.ref if base in ("", "@") else find_ref(root, base) or f"{BRANCHES}{base}"
    return _value_at(repository, root, ref, moment, f"{base or 'HEAD'}@{{{inner}}}")


def _upstream(repository: Repository, root: Root, base: str) -> Digest:
    ref = root.head.ref if base in ("", "@", "HEAD") else f"{BRANCHES}{base.removeprefix('heads/')}"
    if ref is None:
        raise InvalidInput("HEAD is on no branch, so it has no upstream")
    branch = ref.removeprefix(BRANCHES)
    target = upstream_ref(repository, branch)
    if target is None:
        raise NotFound(
            f"{branch} has no upstream",
            hint=f"'tether config branch.{branch}.remote' and 'branch.{branch}.merge' set one",
        )
    if target not in root.refs:
        raise NotFound(
            f"{short_ref(target)}, the upstream of {branch}, is not here", hint="run 'tether fetch'"
        )
    return peel(repository, root.refs[target], short_ref(target))


def _value_at(repository: Repository, root: Root, ref: str | None, moment: int, text: str) -> Digest:
    """Return what a ref, or HEAD where it is None, named at a moment, from the log of operations."""
    head, refs, reached = root.head, dict[str, Digest | None](root.refs), False
    for operation in walk_operations(root.operations, root.older_operations, repository.objects):
        if operation.time.micros <= moment:
            reached = True
            break
        head = operation.before.head
        refs.update((change.name, change.old) for change in operation.refs)
    value = _named(head, refs) if ref is None else refs.get(ref)
    if value is None or not reached:
        why = "did not exist then" if reached else "this repository has no record of that time"
        raise NotFound(f"{text}: {why}", hint="'tether log --until DATE' goes by the dates of commits")
    return peel(repository, value, text)


def _named(head: Head, refs: dict[str, Digest | None]) -> Digest | None:
    return refs.get(head.ref) if head.ref is not None else head.commit
