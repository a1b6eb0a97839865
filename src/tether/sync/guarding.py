"""What a push is going to do, for rules that decide whether it may: verified, and nothing has moved yet."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from tether.core.digest import Digest
from tether.core.names import BRANCHES, TAGS, short_ref
from tether.core.treediff import diff_trees
from tether.repo.history import History
from tether.repo.objectdb import ObjectDb
from tether.repo.root import Root
from tether.sync.wire import PushRequest, RefMove


class PushView:
    """A push in the transaction that will do it: what is seen here is what moves, or the push fails.

    Args:
        objects: Has what the repository and the push have; all that the new tips reach is there.
        request: The push.
        root: The repository as it is before.
    """

    def __init__(self, objects: ObjectDb, request: PushRequest, root: Root) -> None:
        self._objects, self._root, self._history = objects, root, History(objects)
        self.brings_packs = bool(request.packs)
        self.branch_moves = tuple(move for move in request.moves if move.name.startswith(BRANCHES))
        self.tag_moves = tuple(move for move in request.moves if move.name.startswith(TAGS))

    @property
    def default_branch(self) -> str | None:
        """The branch that a clone checks out, as people write it; None where HEAD is detached."""
        head = self._root.head.ref
        return None if head is None else short_ref(head)

    def rewinds(self, move: RefMove) -> bool:
        """Say whether a branch that stays loses commits."""
        if move.old is None or move.new is None:
            return False
        return not self._history.is_ancestor(move.old, move.new)

    def first_change(self, move: RefMove, paths: Sequence[bytes]) -> bytes | None:
        """Return the first path at or below one of `paths` that differs between before and after, or None.

        A branch that is new is compared with the default branch as it is, and with nothing where there
        is none. One that is deleted loses all its files. Takes time by the difference, and little memory.
        """
        before = move.old
        if before is None and self._root.head.ref is not None:
            before = self._root.refs.get(self._root.head.ref)
        old, new = self._tree(before), self._tree(move.new)
        changes = diff_trees(self._objects, old, new, paths=paths) if old != new else iter(())
        return next((change.path for change in changes), None)

    def _tree(self, commit: Digest | None) -> Digest | None:
        return None if commit is None else self._history.commit(commit).tree


Guard: TypeAlias = Callable[[PushView], None]
"""Raises Forbidden or another error of ours where a push may not be done."""


def allow(_: PushView) -> None:
    """Let every push pass."""
