"""Commits with folders, branches and merges, made without a working copy."""

import os
from collections.abc import Mapping, Sequence

from tests.support.repos import ADA

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction


class Past:
    """Makes commits in a repository; each stands on what its first parent holds.

    Attributes:
        repository: Where the commits go.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    def commit(
        self,
        message: str,
        files: Mapping[str, bytes | None],
        *,
        branch: str = "main",
        parents: Sequence[Digest] | None = None,
        author: Person = ADA,
        time: Time | None = None,
    ) -> Digest:
        """Commit changes of files, None removes one; the parent is the tip of the branch unless given."""
        ref = f"refs/heads/{branch}"
        with self.repository.transaction(f"commit {message}") as transaction:
            tip = transaction.ref(ref)
            above = list(parents) if parents is not None else [tip] if tip else []
            old = self.tree(above[0]) if above else EMPTY_TREE
            changes = {os.fsencode(path): _entry(transaction, path, data) for path, data in files.items()}
            tree = edit_tree(transaction.objects, old, changes).digest
            if tree == EMPTY_TREE:
                from tether.core.treebuild import build_directory

                build_directory(transaction.objects, ())
            now = time or self.repository.clock()
            commit = Commit(tree, tuple(above), author, now, author, now, message)
            digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
            transaction.set_ref(ref, digest, expected=tip)
            if transaction.root.head.ref == ref:
                transaction.set_stage(tree)
        return digest

    def tree(self, commit: Digest) -> Digest:
        """Return the tree of a commit."""
        return Commit.decode(self.repository.objects.get(ObjectKind.COMMIT, commit)).tree


def _entry(transaction: Transaction, path: str, data: bytes | None) -> Entry | None:
    """Store a file and return its entry."""
    if data is None:
        return None
    name = os.fsencode(path.rpartition("/")[2])
    [digest] = transaction.contents.add_files([data], [name])
    assert digest == hash_bytes(data)
    return Entry(name, EntryKind.FILE, len(data), digest)
