"""Differences between commits, the stage and the working copy."""

import io
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from tether.api.opened import Opened
from tether.core.digest import Digest
from tether.core.renames import pair_renames
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import TreeChange, changed_word, diff_trees
from tether.errors import InvalidInput, NotFound, Unsupported
from tether.repo import contentdiff
from tether.repo.contentdiff import ContentDiff
from tether.repo.history import History
from tether.repo.partial import partial_of
from tether.repo.revision import resolve, resolve_tree

if TYPE_CHECKING:
    from tether.api.models import Model
    from tether.model.compare import ModelDiff
    from tether.worktree.compare import WorkChange

_PIECE = 4 << 20
_BATCH = 512
"""Changes whose contents are brought in one go."""

_MODELS = frozenset(["safetensors", "onnx", "gguf", "pytorch", "npy", "npz", "zip"])
_MODEL_LIMIT = 64 << 20
"""Larger model files are summed up; `tether model diff` compares those of any size."""


class Version(NamedTuple):
    """A file or link on one side of a difference."""

    path: bytes
    kind: EntryKind
    size: int
    digest: Digest | None
    """None for a working file that has not been hashed; `digest_of` does."""
    on_disk: bool = False


@dataclass(frozen=True, slots=True)
class FileChange:
    """One path that differs; a side where it is not there is None."""

    old: Version | None
    new: Version | None

    @property
    def path(self) -> bytes:
        """Where it is now, or was when it is gone."""
        side = self.new or self.old
        assert side is not None
        return side.path

    @property
    def change(self) -> str:
        """One word: added, removed, renamed, type (a link or folder became a file), mode or modified."""
        old, new = self.old, self.new
        if old is None:
            return "added"
        if new is None:
            return "removed"
        if old.path != new.path:
            return "renamed"
        return changed_word((old.kind, new.kind), same_content=old.digest == new.digest)


@dataclass(frozen=True, slots=True)
class DiffQuery:
    """Which two states to compare.

    With `old` and `new` two revisions; with `old` alone that revision and the working copy; with neither
    the stage and the working copy. With `staged` the revision `old`, or HEAD, and the stage.
    """

    old: str | None = None
    new: str | None = None
    staged: bool = False
    symmetric: bool = False
    """Compare `new` with where it parted from `old`."""
    paths: tuple[bytes, ...] = ()
    """Files and folders to look at; everything if empty."""


def diff(repo: Opened, query: DiffQuery) -> list[FileChange]:
    """Return the files that differ, in the order of their paths; files that only moved are paired.

    Raises:
        NotFound: A revision does not exist.
        InvalidInput: The working copy of a bare repository is asked for.
    """
    repository = repo.repository
    if query.staged:
        head = repository.root().head_commit()
        rev = query.old or ("HEAD" if head is not None else None)
        old = resolve_tree(repository, rev).tree if rev else None
        return diff_states(repo, old, repository.root().stage, query.paths)
    if query.old is None:
        return _diff_work(repo, None, query.paths)
    if query.new is None:
        return _diff_work(repo, resolve_tree(repository, query.old).tree, query.paths)
    old = _base_tree(repo, query) if query.symmetric else resolve_tree(repository, query.old).tree
    return diff_states(repo, old, resolve_tree(repository, query.new).tree, query.paths)


def diff_states(
    repo: Opened, old: Digest | None, new: Digest | None, paths: Sequence[bytes] = ()
) -> list[FileChange]:
    """Return what differs between two trees; None is nothing at all."""
    return _paired(diff_trees(repo.repository.objects, old, new, paths=paths))


def _base_tree(repo: Opened, query: DiffQuery) -> Digest | None:
    """Return the tree of the newest common ancestor, or nothing where there is none."""
    history = History.of(repo.repository)
    ends = (resolve(repo.repository, query.old or "HEAD"), resolve(repo.repository, query.new or "HEAD"))
    bases = history.merge_bases(*ends)
    return history.commit(bases[0]).tree if bases else None


def _paired(changes: Iterable[TreeChange]) -> list[FileChange]:
    rest, renames = pair_renames(list(changes))
    found = [
        FileChange(_stored(change.path, change.old), _stored(change.path, change.new)) for change in rest
    ]
    for rename in renames:
        old = _stored(rename.old_path, rename.entry)
        found.append(FileChange(old, _stored(rename.new_path, rename.entry)))
    return sorted(found, key=_place)


def _place(change: FileChange) -> list[bytes]:
    return change.path.split(b"/")


def _stored(path: bytes, entry: Entry | None) -> Version | None:
    return None if entry is None else Version(path, entry.kind, entry.size, entry.digest)


# -- the working copy -----------------------------------------------------------------------


def _diff_work(repo: Opened, tree: Digest | None, paths: Sequence[bytes]) -> list[FileChange]:
    """Compare a tree, or the stage where it is None, with the tracked files of the working copy."""
    from tether.worktree.compare import compare
    from tether.worktree.worktree import WorkTree

    repository, root = repo.repository, repo.repository.root()
    stage = root.stage
    worktree = WorkTree.open(repo.root, repository.directory, command="diff")
    worktree.shown = partial_of(root).shown
    found = compare(worktree, repository.objects, stage, paths=paths, progress=repo.progress)
    work = {change.path: change for change in found.changes()}
    if tree is None:
        changes = [FileChange(_stored(path, each.old), _on_disk(each)) for path, each in work.items()]
        return sorted(changes, key=_place)
    staged = {change.path: change for change in diff_trees(repository.objects, tree, stage, paths=paths)}
    return sorted(_composed(repo, staged, work), key=_place)


def _composed(
    repo: Opened, staged: dict[bytes, TreeChange], work: "dict[bytes, WorkChange]"
) -> Iterator[FileChange]:
    """Join what the stage changes with what the working copy changes on top of it."""
    untouched: list[TreeChange] = []
    for path, change in staged.items():
        if path not in work:
            untouched.append(change)
            continue
        old, new = _stored(path, change.old), _on_disk(work[path])
        if not _same(repo, old, new):
            yield FileChange(old, new)
    for path, each in work.items():
        if path not in staged:
            yield FileChange(_stored(path, each.old), _on_disk(each))
    yield from _paired(untouched)


def _same(repo: Opened, old: Version | None, new: Version | None) -> bool:
    if old is None or new is None:
        return old is new
    if (old.kind, old.size) != (new.kind, new.size):
        return False
    return old.digest == digest_of(repo, new)


def _on_disk(change: "WorkChange") -> Version | None:
    found = change.stat
    return (
        None if found is None else Version(change.path, found.kind, found.size, change.digest, on_disk=True)
    )


# -- contents -------------------------------------------------------------------------------


def prepared(repo: Opened, changes: Iterable[FileChange]) -> Iterator[FileChange]:
    """Yield changes whose contents are about to be compared; what is not here comes many at a time."""
    left = iter(changes)
    while batch := list(islice(left, _BATCH)):
        versions = [side for change in batch for side in (change.old, change.new) if side is not None]
        repo.repository.contents.prepare(
            [v.digest for v in versions if v.digest and not v.on_disk and v.kind != EntryKind.DIRECTORY]
        )
        yield from batch


def content_diff(repo: Opened, change: FileChange, context: int = 3) -> ContentDiff:
    """Return how the content of a file changed: lines for texts, the kinds of file for the rest.

    Files above 8 MiB are summed up and not read whole, and so are those that the `.tetherattributes` on
    the stage call binary.
    """
    old, new = _readable(repo, change.old), _readable(repo, change.new)
    binary = repo.repository.attributes().of(change.path).binary
    return contentdiff.diff_contents(old, new, context, binary=binary)


def model_diff(repo: Opened, change: FileChange, found: ContentDiff) -> "ModelDiff | None":
    """Return which tensors of a model file changed; None for other, damaged and large files.

    Args:
        repo: Has the stored sides.
        change: The file.
        found: What `content_diff` gave.
    """
    old, new = change.old, change.new
    if old is None or new is None or found.old is None or found.new is None or old.digest == new.digest:
        return None
    if not {found.old.kind, found.new.kind} <= _MODELS or max(old.size, new.size) > _MODEL_LIMIT:
        return None
    try:
        with _model(repo, old) as before, _model(repo, new) as after:
            return before.diff(after)
    except (InvalidInput, Unsupported, NotFound):
        return None


def _model(repo: Opened, version: Version) -> "Model":
    from tether.api.models import Model

    if version.on_disk:
        return Model.open(os.fsdecode(_disk_path(repo, version)))
    assert version.digest is not None
    return Model(io.BufferedReader(repo.repository.contents.open(version.digest)), os.fsdecode(version.path))


def digest_of(repo: Opened, version: Version) -> Digest:
    """Return the digest of a version; a working file that is not known is hashed piece by piece.

    Raises:
        NotFound: The working file has gone.
    """
    if version.digest is not None:
        return version.digest
    from blake3 import blake3

    from tether.storage.oserrors import translated

    hasher = blake3()
    path = _disk_path(repo, version)
    if version.kind == EntryKind.SYMLINK:
        return Digest(hasher.update(_head(repo, version, _PIECE)).digest())
    with translated(os.fsdecode(version.path)), open(path, "rb", buffering=0) as file:  # noqa: PTH123
        while piece := file.read(_PIECE):
            hasher.update(piece)
    return Digest(hasher.digest())


def _readable(repo: Opened, version: Version | None) -> contentdiff.Version | None:
    if version is None or version.kind == EntryKind.DIRECTORY:
        return None
    name = version.path.rpartition(b"/")[2]
    return contentdiff.Version(name, version.size, lambda limit: _head(repo, version, limit))


def _head(repo: Opened, version: Version, limit: int) -> bytes:
    """Return the first bytes of a version; links of the working copy are never followed."""
    if not version.on_disk:
        assert version.digest is not None
        whole = limit >= version.size
        return repo.repository.contents.read(version.digest, 0, None if whole else limit)
    from tether.storage.oserrors import translated

    path = _disk_path(repo, version)
    with translated(os.fsdecode(version.path)):
        if version.kind == EntryKind.SYMLINK:
            return os.readlink(path)  # noqa: PTH115
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return b""
            return file.read(limit)


def _disk_path(repo: Opened, version: Version) -> bytes:
    return os.fsencode(repo.root) + b"/" + version.path
