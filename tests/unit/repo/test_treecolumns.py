"""Differences by columns: as those entry by entry, read in batches, ended where too much is looked at."""

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.repos import make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, encode_leaf
from tether.core.treediff import diff_trees
from tether.core.treeedit import edit_tree
from tether.repo import treecolumns as module
from tether.repo.repository import Repository
from tether.repo.treecolumns import diff_columns

Rows = Counter[tuple[bytes, int, int]]
FOLDER = int(EntryKind.DIRECTORY)


def edit(repository: Repository, base: Digest, changes: dict[bytes, Entry | None]) -> Digest:
    """Return a tree with changes."""
    with repository.transaction("edit") as transaction:
        tree = edit_tree(transaction.objects, base, changes).digest
        transaction.set_stage(tree)
    return tree


def entry(path: bytes, size: int, kind: EntryKind = EntryKind.FILE) -> Entry:
    """Return an entry of something that nobody reads; a folder is empty."""
    digest = EMPTY_TREE if kind == EntryKind.DIRECTORY else hash_bytes(path + b" %d" % size)
    return Entry(path.rpartition(b"/")[2], kind, size, digest, 0 if kind == EntryKind.DIRECTORY else 1)


def by_columns(repository: Repository, old: Digest | None, new: Digest) -> Rows:
    """Return what is more and what is less, of folders without their sizes."""
    found: Rows = Counter()
    for start, names, kinds, sizes, sign in diff_columns(repository.objects, old, new):
        assert sign in (1, -1)
        for name, kind, size in zip(names, kinds, sizes, strict=True):
            found[start + name, kind, 0 if kind == FOLDER else size] += sign
    return Counter({row: number for row, number in found.items() if number})


def by_entries(repository: Repository, old: Digest | None, new: Digest) -> Rows:
    """Return the same, one entry after the other."""
    found: Rows = Counter()
    for path, *pair in diff_trees(repository.objects, old, new, directories=True):
        for each, sign in zip(pair, (-1, 1), strict=True):
            if each is not None and path:
                found[path, int(each.kind), 0 if each.kind == FOLDER else each.size] += sign
    return Counter({row: number for row, number in found.items() if number})


@pytest.mark.parametrize("few", [0, 2, 64])
def test_they_are_those_of_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Over edits of small and large folders that become files and files that become folders."""
    monkeypatch.setattr(module, "_FEW", few)
    chance, repository = random.Random(few), make_repository(tmp_path)
    large: dict[bytes, Entry | None] = {
        path: entry(path, 1) for path in (b"large/%04d.png" % number for number in range(4000))
    }
    trees = [EMPTY_TREE, edit(repository, EMPTY_TREE, large)]
    for _ in range(10):
        changes: dict[bytes, Entry | None] = {}
        for _ in range(chance.choice((1, 40))):
            folder = chance.choice((b"", b"a/", b"a/b/", b"c/d/e/", b"large/", b"large/0001/"))
            path = folder + b"%04d.png" % chance.randrange(60)
            kind = chance.choice((*EntryKind, EntryKind.FILE))
            size = 0 if kind == EntryKind.DIRECTORY else chance.randrange(9)
            changes[path] = chance.choice((None, entry(path, size, kind)))
        blocked = {path for path in changes if any(path.startswith(other + b"/") for other in changes)}
        trees.append(
            edit(repository, trees[-1], {p: each for p, each in changes.items() if p not in blocked})
        )
    trees.append(edit(repository, trees[-1], {b"large": entry(b"large", 3), b"a": entry(b"a", 2)}))
    for old, new in [*pairwise(trees), *pairwise(reversed(trees))]:
        assert by_columns(repository, old, new) == by_entries(repository, old, new)
    assert by_columns(repository, None, trees[-2]) == by_entries(repository, None, trees[-2])
    assert not by_columns(repository, trees[3], trees[3])
    repository.close()


def test_nodes_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of 300 folders by few questions; of a second tree, those of the folders that changed."""
    repository = make_repository(tmp_path)
    paths = [b"%03d/%d.png" % (number // 5, number) for number in range(1500)]
    one = edit(repository, EMPTY_TREE, {path: entry(path, 1) for path in paths})
    two = edit(repository, one, {path: entry(path, 2) for path in paths[:100]})
    asked, get_many = list[int](), repository.objects.get_many

    def noted(kind: ObjectKind, digests: list[Digest]) -> list[bytes]:
        asked.append(len(digests))
        return get_many(kind, digests)

    monkeypatch.setattr(repository.objects, "get_many", noted)
    assert len(by_columns(repository, None, one)) == 1800
    assert 300 < sum(asked) < 330
    assert len(asked) < 15
    asked.clear()
    assert sum(by_columns(repository, one, two).values()) == 0
    assert 42 <= sum(asked) < 50
    assert len(asked) < 6
    repository.close()


def test_folders_that_differ_in_their_bytes_alone_are_seen(tmp_path: Path) -> None:
    """Whoever counts what is looked at can end a walk through crafted trees without a single change."""
    repository = make_repository(tmp_path)
    trees = []
    for word in (b"one", b"two"):
        with repository.transaction("nest") as transaction:
            file = Entry(b"f", EntryKind.FILE, 1, hash_bytes(word))
            tree = transaction.objects.put(ObjectKind.TREE, encode_leaf([file]))
            for _ in range(30):
                rows = [Entry(b"%d" % number, EntryKind.DIRECTORY, 1, tree, 1) for number in range(9)]
                tree = transaction.objects.put(ObjectKind.TREE, encode_leaf(rows))
            transaction.set_stage(tree)
        trees.append(tree)
    columns = diff_columns(repository.objects, *trees)
    assert all(not next(columns).names for _ in range(2000))
    repository.close()
