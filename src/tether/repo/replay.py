"""Replaying commits somewhere else, forwards or backwards, without a working copy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind, ObjectReader
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import diff_trees
from tether.errors import InvalidInput
from tether.repo.history import History
from tether.repo.merge import Labels, MergeOutcome, Merger

Change = frozenset[tuple[bytes, tuple[EntryKind, Digest] | None, tuple[EntryKind, Digest] | None]]
"""What a commit did to which paths; two commits with the same one are one change."""


class Made(NamedTuple):
    """A commit that was made from another."""

    old: Digest
    new: Digest
    subject: str
    """First line of the message."""


class Stop(NamedTuple):
    """Where a replay stopped."""

    commit: Digest
    """The commit whose change is in conflict."""
    message: str
    outcome: MergeOutcome


@dataclass(slots=True)
class Replayed:
    """What came of a replay.

    Attributes:
        tip: The last commit made, or where it began.
        made: Commits made, in order.
        skipped: Commits whose change was there already.
        stop: Set where a change is in conflict; what comes after it was not replayed.
        todo: What comes after it.
    """

    tip: Digest
    made: list[Made] = field(default_factory=list)
    skipped: list[Digest] = field(default_factory=list)
    stop: Stop | None = None
    todo: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """How commits are replayed.

    Attributes:
        merger: Merges in the transaction that takes the new commits.
        committer: Who replays.
        clock: Gives the time of each new commit.
        label: What our side is called between markers.
        mainline: Which parent of a merge counts as what was before, from 1; 0 refuses merges.
        backwards: Undo the changes instead, as `revert` does.
    """

    merger: Merger
    committer: Person
    clock: Callable[[], Time]
    label: str = "HEAD"
    mainline: int = 0
    backwards: bool = False

    def run(self, onto: Digest, todo: Sequence[Digest]) -> Replayed:
        """Replay commits one after the other on top of `onto`, up to the first conflict.

        Raises:
            InvalidInput: One of them is a merge, and `mainline` does not name a parent of it.
        """
        result = Replayed(onto)
        for number, digest in enumerate(todo):
            commit, before = self._commit(digest), self._before(digest)
            here = self.merger.tree(result.tip)
            labels = Labels(self.label, f"{digest.hex()[:12]} ({subject_of(commit)})")
            old, new = (commit.tree, before) if self.backwards else (before, commit.tree)
            outcome = self.merger.merge_trees(old, here, new, labels)
            message = self.message(digest)
            if outcome.conflicts:
                result.stop = Stop(digest, message, outcome)
                result.todo = tuple(todo[number + 1 :])
                break
            if outcome.tree == here and commit.tree != before:
                result.skipped.append(digest)
                continue
            made = self.make(digest, outcome.tree, result.tip, message)
            result.made.append(Made(digest, made, message.partition("\n")[0]))
            result.tip = made
        return result

    def make(self, source: Digest, tree: Digest, parent: Digest, message: str) -> Digest:
        """Store the commit that is made from another: its author stays, unless it is undone."""
        now, original = self.clock(), self._commit(source)
        author, authored = original.author, original.authored
        if self.backwards:
            author, authored = self.committer, now
        made = Commit(tree, (parent,), author, authored, self.committer, now, message)
        return self.merger.objects.put(ObjectKind.COMMIT, made.encode())

    def message(self, digest: Digest) -> str:
        """Return what the new commit says."""
        commit = self._commit(digest)
        if not self.backwards:
            return commit.message
        return f'Revert "{subject_of(commit)}"\n\nThis undoes commit {digest.hex()}.\n'

    def _commit(self, digest: Digest) -> Commit:
        return self.merger.history.commit(digest)

    def _before(self, digest: Digest) -> Digest:
        """Return the tree that a commit's change starts from."""
        parents = self.merger.history.parents(digest)
        if len(parents) < 2:
            return self.merger.tree(parents[0]) if parents else EMPTY_TREE
        if not self.mainline:
            raise InvalidInput(
                f"{digest.hex()[:12]} is a merge",
                hint="say with -m 1 or -m 2 against which parent",
            )
        if self.mainline > len(parents):
            raise InvalidInput(f"{digest.hex()[:12]} has {len(parents)} parents")
        return self.merger.tree(parents[self.mainline - 1])


def subject_of(commit: Commit) -> str:
    """Return the first line of a commit's message."""
    return commit.message.lstrip("\n").partition("\n")[0]


def commits_to_replay(
    objects: ObjectReader, history: History, upstream: Digest, head: Digest
) -> list[Digest]:
    """Return the commits that only `head` has, the oldest first, without merges.

    A commit is left out too when one that only `upstream` has does exactly the same to the same paths.
    """
    ours = [
        digest
        for digest in history.walk([head], [upstream], order="topo")
        if len(history.parents(digest)) < 2
    ]
    if not ours:
        return []
    theirs = (digest for digest in history.walk([upstream], [head]) if len(history.parents(digest)) < 2)
    known = {change_of(objects, history, digest) for digest in theirs}
    known.discard(frozenset())  # commits without a change say nothing
    return [digest for digest in reversed(ours) if change_of(objects, history, digest) not in known]


def change_of(objects: ObjectReader, history: History, digest: Digest) -> Change:
    """Return what a commit did, against its first parent."""
    parents = history.parents(digest)
    before = history.commit(parents[0]).tree if parents else EMPTY_TREE
    changes = diff_trees(objects, before, history.commit(digest).tree)
    return frozenset((each.path, _content(each.old), _content(each.new)) for each in changes)


def _content(entry: Entry | None) -> tuple[EntryKind, Digest] | None:
    return None if entry is None else (entry.kind, entry.digest)
