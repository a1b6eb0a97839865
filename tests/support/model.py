"""A repository as plain dictionaries: what the commands must do, written down a second time."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EntryKind
from tether.core.treeread import walk
from tether.repo.mergestate import ConflictRow
from tether.repo.repository import Repository

Kind = Literal["file", "exec", "link"]
KINDS: dict[EntryKind, Kind] = {
    EntryKind.FILE: "file",
    EntryKind.EXECUTABLE: "exec",
    EntryKind.SYMLINK: "link",
}


class Thing(NamedTuple):
    """A file or link of the working copy or of a commit."""

    kind: Kind
    data: bytes


Files = dict[str, Thing]


@dataclass(frozen=True)
class State:
    """Everything that a command may change, by value."""

    work: Files = field(default_factory=dict)
    stage: Files = field(default_factory=dict)
    branches: dict[str, Digest] = field(default_factory=dict)
    branch: str | None = "main"
    detached: Digest | None = None
    tags: dict[str, Digest] = field(default_factory=dict)

    @property
    def head(self) -> Digest | None:
        """The commit that is checked out."""
        return self.branches.get(self.branch) if self.branch is not None else self.detached

    def at(self, commit: Digest) -> "State":
        """Return the state with what HEAD names moved to a commit."""
        if self.branch is None:
            return replace(self, detached=commit)
        return replace(self, branches={**self.branches, self.branch: commit})


class Refused(Exception):
    """The command must change nothing and raise Conflict."""


def differing(one: Mapping[str, Thing], other: Mapping[str, Thing]) -> set[str]:
    """Return the paths at which two sets of files differ."""
    return {path for path in {*one, *other} if one.get(path) != other.get(path)}


def put(files: Mapping[str, Thing], source: Mapping[str, Thing], paths: Iterable[str]) -> Files:
    """Return `files` with what `source` has at `paths`, where it has nothing nothing."""
    result = dict(files)
    for path in paths:
        if path in source:
            result[path] = source[path]
        else:
            result.pop(path, None)
    return result


def show(state: State, stage: Files) -> State:
    """Return the state after the files followed from the stage to another one.

    Raises:
        Refused: Local changes would be lost.
    """
    moved = differing(state.stage, stage)
    for path in moved:
        here = state.work.get(path)
        if here is not None and here != state.stage.get(path) and here != stage.get(path):
            raise Refused
    return replace(state, work=put(state.work, stage, moved), stage=stage)


def show_by_force(state: State, stage: Files) -> State:
    """Return the state after the files were made what a tree says, whatever was there."""
    return replace(state, work=put(state.work, stage, {*state.stage, *stage}), stage=stage)


def carry(state: State, old: Files, new: Files) -> Files:
    """Return tree `new` with what is staged on top of `old`.

    Raises:
        Refused: A staged path differs between the two.
    """
    staged = differing(old, state.stage)
    if any(path in differing(old, new) and new.get(path) != state.stage.get(path) for path in staged):
        raise Refused
    return put(new, state.stage, staged)


def after_undo(before: State, after: State, *, forced: bool) -> Files:
    """Return the working files when a command that wrote files is taken back at once.

    A file that had been deleted and was brought back has nothing that could be restored but itself.
    """
    moved = {*before.stage, *after.stage} if forced else differing(before.stage, after.stage)
    gone = {path for path in moved if path in before.stage and path not in before.work}
    return put(before.work, before.stage, gone)


class Merged(NamedTuple):
    """What a merge must come to, as far as a look at whole paths can tell."""

    files: Files
    certain: bool
    """Whether it follows from the paths alone: no renames, no path changed differently on both sides."""
    clashes: frozenset[str]
    """Paths that were changed differently on both sides; none where renames may move them about."""


def merge(base: Files, ours: Files, theirs: Files) -> Merged:
    """Join two sets of files path by path."""
    clashes = {
        path for path in differing(base, ours) & differing(base, theirs) if ours.get(path) != theirs.get(path)
    }
    files = put(ours, theirs, differing(base, theirs) - clashes)
    moved = renames(base, ours) or renames(base, theirs)
    return Merged(files, not clashes and not moved, frozenset(() if moved else clashes))


def renames(base: Files, side: Files) -> bool:
    """Say whether something new could be taken for something that went away."""
    gone = {base[path].data for path in base if path not in side}
    return any(side[path].data in gone for path in side if path not in base)


def check_both_sides(files: Files, row: ConflictRow, ours: Files, theirs: Files) -> None:
    """Fail unless both versions of a path in conflict lie in the working copy."""
    for entry, name, side in ((row.ours, row.our_name, ours), (row.theirs, row.their_name, theirs)):
        if entry is None:
            continue
        kept = files[os.fsdecode(name)].data
        known = {thing.data for thing in side.values() if thing.data in kept}
        assert known, f"{name!r} has nothing of its side"


# -- the real thing, looked at without the commands -----------------------------------------


def read_folder(root: Path) -> Files:
    """Return what lies in a folder, `.tether` left out."""
    found: Files = {}
    for path in _below(root):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = Thing("link", os.fsencode(path.readlink()))
        else:
            found[name] = Thing("exec" if path.stat().st_mode & 0o100 else "file", path.read_bytes())
    return found


def _below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            if path.name != ".tether":
                yield from _below(path)
        else:
            yield path


def read_tree(repository: Repository, tree: Digest) -> Files:
    """Return the files of a tree, their contents read from the packs."""
    return {
        os.fsdecode(path): Thing(KINDS[entry.kind], _content(repository, entry.kind, entry.digest))
        for path, entry in walk(repository.objects, tree)
        if entry.kind in KINDS
    }


def _content(repository: Repository, kind: EntryKind, digest: Digest) -> bytes:
    if kind == EntryKind.SYMLINK:
        return bytes(repository.objects.get(ObjectKind.CHUNK, digest))
    return repository.contents.read(digest)


def read_commit(repository: Repository, commit: Digest) -> Files:
    """Return the files of a commit."""
    return read_tree(repository, Commit.decode(repository.objects.get(ObjectKind.COMMIT, commit)).tree)


def place(root: Path, path: str, thing: Thing) -> None:
    """Put a file or link into a folder in the place of what is there."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or thing.kind == "link":
        target.unlink(missing_ok=True)
    if thing.kind == "link":
        target.symlink_to(os.fsdecode(thing.data))
        return
    target.write_bytes(thing.data)
    target.chmod(0o755 if thing.kind == "exec" else 0o644)


def take_away(root: Path, path: str) -> None:
    """Delete a file, and the folders above that this leaves empty."""
    target = root / path
    target.unlink()
    take_away_empty(root, target)


def take_away_folders(root: Path, tracked: Iterable[str]) -> None:
    """Delete the empty folders in which tracked files were deleted: a model of files alone knows none.

    A command leaves such a folder, which the tree has, but no other.
    """
    for path in tracked:
        place = root / path
        while not place.parent.is_dir():
            place = place.parent
        take_away_empty(root, place)


def take_away_empty(root: Path, target: Path) -> None:
    """Delete the folders above a place that have nothing in them."""
    while target.parent != root and not any(target.parent.iterdir()):
        target = target.parent
        shutil.rmtree(target)
