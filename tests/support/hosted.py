"""Repositories on a hub that tests fill without a client."""

import io
from collections.abc import Mapping

from tests.support.hub import HubRoom
from tests.support.repos import ADA

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.hub.repositories import find, open_repository
from tether.repo.repository import Repository
from tether.repo.transaction import Transaction


def open_hosted(hub: HubRoom, address: str) -> Repository:
    """Open the repository at OWNER/NAME."""
    with hub.hub.database.session() as session:
        row = find(session, *address.split("/"))
        assert row is not None
        return open_repository(hub.hub, row)


def commit_paths(
    repository: Repository,
    files: Mapping[bytes, bytes | None],
    kinds: Mapping[bytes, EntryKind] | None = None,
    *,
    branch: str = "main",
) -> Digest:
    """Commit changes of files by path on a branch; None removes one."""
    ref = f"refs/heads/{branch}"
    with repository.transaction("commit") as transaction:
        changes: dict[bytes, Entry | None] = dict.fromkeys(files)
        stored = {data: _store(transaction, data) for data in {*files.values()} if data is not None}
        for path, data in files.items():
            if data is not None:
                kind = (kinds or {}).get(path, EntryKind.FILE)
                changes[path] = Entry(path.rpartition(b"/")[2], kind, len(data), stored[data])
        old = transaction.ref(ref)
        base = Commit.decode(repository.objects.get(ObjectKind.COMMIT, old)).tree if old else EMPTY_TREE
        tree = edit_tree(transaction.objects, base, changes).digest
        now = repository.clock()
        commit = Commit(tree, (old,) if old else (), ADA, now, ADA, now, "files")
        digest = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
        transaction.set_ref(ref, digest)
    return digest


def _store(transaction: Transaction, data: bytes) -> Digest:
    source = io.BytesIO(data)
    return transaction.contents.add_stream(source.readinto)[0]
