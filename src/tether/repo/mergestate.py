"""What is recorded of a merge, cherry-pick, revert, rebase or stash that stopped at conflicts.

The root names one STATE object while something is under way. It says which paths are left to decide,
what is being joined, and where everything was before, so that `--abort` finds the way back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind, ObjectReader, ObjectWriter
from tether.core.names import display
from tether.core.objects import Commit
from tether.core.tree import Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find_many
from tether.errors import Conflict, Corrupt
from tether.repo.operations import Head, optional_digest, required_digest, split_digests
from tether.repo.transaction import Transaction

VERSION = 1
MERGE: Final = "merge"
CHERRY_PICK: Final = "cherry-pick"
REVERT: Final = "revert"
REBASE: Final = "rebase"
STASH: Final = "stash"
ACTIVITIES = frozenset({MERGE, CHERRY_PICK, REVERT, REBASE, STASH})

_KINDS = {int(kind): kind for kind in EntryKind}


class ConflictRow(NamedTuple):
    """A path that is left to decide, with what each side has there; None is nothing."""

    path: bytes
    base: Entry | None
    ours: Entry | None
    theirs: Entry | None
    reason: str
    """`content`, `modify/delete`, `add/add`, `file/directory`, `rename/rename` or `rename/delete`."""
    our_name: bytes = b""
    """Where our version lies in the working copy; empty for nowhere."""
    their_name: bytes = b""
    """Where theirs lies; the same as `our_name` for a text with both between markers."""

    def names(self) -> set[bytes]:
        """Return all paths of the working copy that this conflict is about."""
        return {name for name in (self.path, self.our_name, self.their_name) if name}


@dataclass(frozen=True, slots=True)
class MergeState:
    """Something that stopped half-way.

    Attributes:
        activity: One of `ACTIVITIES`.
        conflicts: What is left to decide, in order of the paths.
        other: The commit that is being joined, replayed, undone or applied.
        message: What the commit will say unless the user says otherwise.
        head: What was checked out before it all began.
        start: The commit that HEAD named then.
        stage: The stage at that time.
        files: What was written to the working copy when it stopped.
        onto: What a rebase replays upon.
        todo: Commits still to be replayed after `other`.
    """

    activity: str
    conflicts: tuple[ConflictRow, ...]
    other: Digest | None
    message: str
    head: Head
    start: Digest | None
    stage: Digest
    files: Digest
    onto: Digest | None = None
    todo: tuple[Digest, ...] = ()

    def encode(self) -> bytes:
        """Return the bytes of the STATE object."""
        return encode(
            [
                VERSION,
                self.activity,
                [_row_fields(row) for row in self.conflicts],
                self.other,
                self.message,
                [self.head.ref, self.head.commit],
                self.start,
                self.stage,
                self.files,
                self.onto,
                b"".join(self.todo),
            ]
        )

    @classmethod
    def decode(cls, data: bytes) -> "MergeState":
        """Read the bytes of a STATE object.

        Raises:
            Corrupt: They are not in canonical form.
        """
        fields = decode(data, "state")
        try:
            return _state_from(fields)
        except (TypeError, ValueError):
            raise _damaged() from None


def read_state(objects: ObjectReader, digest: Digest) -> MergeState:
    """Return a stored state.

    Raises:
        NotFound: It is not here.
        Corrupt: It is damaged.
    """
    return MergeState.decode(objects.get(ObjectKind.STATE, digest))


def current_state(objects: ObjectReader, digest: Digest | None) -> MergeState | None:
    """Return what is under way, given the `state` of a root; None when nothing is."""
    return None if digest is None else read_state(objects, digest)


def state_references(payload: bytes) -> list[tuple[ObjectKind, Digest]]:
    """Return the objects that a stored state needs.

    The contents of the conflicting files need no row of their own: every side is in the tree of a
    commit named here, or in the tree of what was written to the working copy.

    Raises:
        Corrupt: The payload is damaged.
    """
    state = MergeState.decode(payload)
    commits = [state.other, state.start, state.head.commit, state.onto, *state.todo]
    found = [(ObjectKind.COMMIT, digest) for digest in dict.fromkeys(commits) if digest is not None]
    return [*found, *((ObjectKind.TREE, digest) for digest in dict.fromkeys((state.stage, state.files)))]


def commit_parents(state: MergeState | None, head: Digest | None) -> tuple[Digest, ...]:
    """Return the parents of the commit that ends what is under way; of any commit when nothing is.

    Raises:
        Conflict: Some paths are left to decide, or more commits are to be replayed.
    """
    parents = () if head is None else (head,)
    if state is None:
        return parents
    refuse_unresolved(state)
    if state.activity == REBASE or state.todo:
        raise Conflict(
            f"a {state.activity} is under way", hint=f"run 'tether {state.activity} --continue' to go on"
        )
    if state.activity == MERGE and state.other is not None:
        return (*parents, state.other)
    return parents


def original_author(objects: ObjectReader, digest: Digest | None) -> tuple[Person, Time] | None:
    """Return who wrote what the next commit takes over, and when; None where that is the committer.

    Args:
        objects: Gives state and commit.
        digest: The `state` of the root.
    """
    state = current_state(objects, digest)
    if state is None or state.activity != CHERRY_PICK or state.other is None:
        return None
    source = Commit.decode(objects.get(ObjectKind.COMMIT, state.other))
    return source.author, source.authored


def refuse_unresolved(state: MergeState) -> None:
    """Raise while paths are left to decide.

    Raises:
        Conflict: Names them.
    """
    if state.conflicts:
        names = ", ".join(display(row.path) for row in state.conflicts[:5])
        more = f" and {len(state.conflicts) - 5} more" if len(state.conflicts) > 5 else ""
        raise Conflict(
            f"conflicts are not resolved: {names}{more}",
            hint="edit the files, then 'tether resolve --mark PATH', or take a side with --ours or --theirs",
        )


def put_state(transaction: Transaction, state: MergeState) -> None:
    """Store a state and make it the one under way."""
    transaction.set_state(transaction.objects.put(ObjectKind.STATE, state.encode()))


def settle(objects: ObjectWriter, digest: Digest, paths: Iterable[bytes], stage: Digest) -> Digest | None:
    """Take the conflicts at some paths, or below these folders, as decided, and return the new state.

    `add` of a path that was in conflict does this: what was staged is the decision. The empty path
    stands for everything. A stash that is applied is over with its last conflict: the result is None.
    """
    state = read_state(objects, digest)
    selected = tuple(paths)
    settled = {row.path for row in state.conflicts if _covers(selected, row.path)}
    if not settled:
        return digest
    left = tuple(row for row in state.conflicts if row.path not in settled)
    if not left and state.activity == STASH:
        return None
    staged = find_many(objects, stage, settled)
    files = edit_tree(objects, state.files, {path: staged.get(path) for path in settled}).digest
    return objects.put(ObjectKind.STATE, replace(state, conflicts=left, files=files).encode())


def _covers(selected: Sequence[bytes], path: bytes) -> bool:
    return any(not each or path == each or path.startswith(each + b"/") for each in selected)


# -- the encoding of rows -------------------------------------------------------------------


def _row_fields(row: ConflictRow) -> list[Any]:
    entries = [_entry_fields(entry) for entry in (row.base, row.ours, row.theirs)]
    return [row.path, *entries, row.reason, row.our_name, row.their_name]


def _entry_fields(entry: Entry | None) -> list[Any] | None:
    return None if entry is None else [entry.name, int(entry.kind), entry.size, entry.digest, entry.files]


def _state_from(fields: Any) -> MergeState:
    version, activity, rows, other, message, head, start, stage, files, onto, todo = fields
    if version != VERSION or activity not in ACTIVITIES or not isinstance(message, str):
        raise _damaged()
    ref, commit = head
    if ref is not None and not isinstance(ref, str):
        raise _damaged()
    return MergeState(
        activity=activity,
        conflicts=tuple(_row_from(row) for row in rows),
        other=optional_digest(other),
        message=message,
        head=Head(ref, optional_digest(commit)),
        start=optional_digest(start),
        stage=required_digest(stage),
        files=required_digest(files),
        onto=optional_digest(onto),
        todo=split_digests(todo),
    )


def _row_from(fields: Any) -> ConflictRow:
    path, base, ours, theirs, reason, our_name, their_name = fields
    if not isinstance(reason, str) or not all(type(name) is bytes for name in (path, our_name, their_name)):
        raise _damaged()
    return ConflictRow(
        path, _entry_from(base), _entry_from(ours), _entry_from(theirs), reason, our_name, their_name
    )


def _entry_from(fields: Any) -> Entry | None:
    if fields is None:
        return None
    name, kind, size, digest, files = fields
    whole = all(type(number) is int and 0 <= number < 2**64 for number in (size, files))
    if type(name) is not bytes or kind not in _KINDS or not whole:
        raise _damaged()
    if type(digest) is not bytes or len(digest) != DIGEST_SIZE:
        raise _damaged()
    return Entry(name, _KINDS[kind], size, Digest(digest), files)


def _damaged() -> Corrupt:
    return Corrupt("the state of the merge under way is damaged", hint="run 'tether fsck'")
