"""What a run reads is named while it is under way, so that it stays until the run is stored with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.names import path_bytes
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry
from tether.core.treeedit import edit_tree

if TYPE_CHECKING:
    from tether.repo.repository import Repository
    from tether.repo.transaction import Transaction

PINNED = "refs/running/"
"""Where the data of a run is named while it is under way, so that it stays; these refs do not travel."""
DATA, WORK, ARTEFACTS = "data", "work", "artefacts"


def pin(
    transaction: "Transaction", run: str, entries: Mapping[str, Entry], author: Person, now: Time
) -> None:
    """Name what a run reads until it is sealed.

    Args:
        transaction: Where.
        run: The id of the run.
        entries: What it reads, by path in the tree of the run.
        author: Who runs it.
        now: When.
    """
    changes = {path_bytes(path): renamed(entry, path) for path, entry in entries.items()}
    tree = edit_tree(transaction.objects, EMPTY_TREE, changes).digest
    commit = put_commit(transaction, tree, author, f"run {run} is under way", now)
    transaction.set_ref(PINNED + run, commit, expected=None)


def renamed(entry: Entry, path: str) -> Entry:
    """Return an entry with the name that it has at the end of a path."""
    return entry._replace(name=path_bytes(path).rpartition(b"/")[2])


def put_commit(transaction: "Transaction", tree: Digest, author: Person, message: str, now: Time) -> Digest:
    """Store a commit without parents, as all that is recorded of a run is."""
    commit = Commit(tree, (), author, now, author, now, message + "\n")
    return transaction.objects.put(ObjectKind.COMMIT, commit.encode())


def unpin(repository: "Repository", folder: Path) -> None:
    """Give up what was named for runs that have no journal in a folder: they stopped before they began."""
    refs = repository.root().refs
    left = [
        name for name in refs if name.startswith(PINNED) and not (folder / name.removeprefix(PINNED)).exists()
    ]
    if left:
        with repository.transaction("runs are given up") as transaction:
            for name in left:
                transaction.set_ref(name, None)
