"""What a push sends is all that the far end lacks, and no more, however folders changed; it asks few questions."""

import random
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.repos import ADA, make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.repo.repository import Repository
from tether.sync import negotiate
from tether.sync.exchange import PushOptions
from tether.sync.far import push_far
from tether.sync.negotiate import Missing, find_missing, find_unsent

Files = dict[str, bytes]
FILES: Files = {f"{folder}/{name:03}": b"%s %d" % (folder.encode(), name) for folder in "abcd" for name in range(40)}


def _commit(repository: Repository, files: Mapping[str, bytes], *parents: Digest) -> Digest:
    with repository.transaction("commit") as transaction:
        entries: dict[bytes, Entry] = {}
        for path, data in files.items():
            digest = transaction.objects.put_chunk(data) if data else hash_bytes(data)
            entries[path.encode()] = Entry(path.encode().rpartition(b"/")[2], EntryKind.FILE, len(data), digest)
        tree = edit_tree(transaction.objects, EMPTY_TREE, entries)
        now = repository.clock()
        return transaction.objects.put(
            ObjectKind.COMMIT, Commit(tree, parents, ADA, now, ADA, now, "c").encode()
        )
