"""Writing a release: its manifest and its parts become one commit without parents."""

from collections.abc import Mapping

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.core.kinds import ObjectKind
from tether.core.names import path_bytes, release_ref
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.releases.manifest import MANIFEST, Manifest
from tether.repo.transaction import Transaction
from tether.runs.pinning import renamed


def store_release(
    transaction: Transaction, manifest: Manifest, entries: Mapping[str, Entry], author: Person, now: Time
) -> Digest:
    """Make the commit of a release and its ref; return the commit.

    Args:
        transaction: Where.
        manifest: Names the parts.
        entries: What lies at the paths of those that are included.
        author: Who makes it.
        now: When.

    Raises:
        AlreadyExists: There is one of this name and version.
    """
    data = manifest.encode()
    changes = {path_bytes(path): renamed(entry, path) for path, entry in entries.items()}
    name = path_bytes(MANIFEST)
    changes[name] = Entry(name, EntryKind.FILE, len(data), transaction.contents.add(data, name))
    commit = orphan(transaction, changes, f"release {manifest.label}", author, now)
    transaction.set_ref(release_ref(manifest.name, manifest.version), commit, expected=None)
    return commit


def orphan(
    transaction: Transaction, entries: Mapping[bytes, Entry], message: str, author: Person, now: Time
) -> Digest:
    """Write a commit without parents that holds entries by path; return its id."""
    tree = edit_tree(transaction.objects, EMPTY_TREE, entries).digest
    commit = Commit(tree, (), author, now, author, now, message + "\n")
    return transaction.objects.put(ObjectKind.COMMIT, commit.encode())
