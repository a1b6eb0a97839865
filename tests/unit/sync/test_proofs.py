"""What new large files replaced: found where both trees have a folder, without reading the others."""

from pathlib import Path

import pytest
from tests.support.repos import ADA, make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.outline import GROUP
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treebuild import build_directory
from tether.core.treeedit import edit_tree
from tether.core.treeread import find
from tether.repo.objectdb import ObjectDb
from tether.repo.repository import Repository
from tether.sync.proofs import _large_changes, replaced

LARGE = GROUP + 1
SMALL = [(b"few", 10), (b"many", GROUP)]
"""Folders of small files, and how long these are: together five of the second are as long as a large one."""


def file(path: bytes, text: bytes, size: int = LARGE) -> tuple[bytes, Entry]:
    """Return a file of a tree, of a content that this text names."""
    return path, Entry(path.rpartition(b"/")[2], EntryKind.FILE, size, hash_bytes(text))


def commit_of(repository: Repository, files: list[tuple[bytes, Entry]], *parents: Digest) -> Digest:
    """Store a commit of some files."""
    with repository.transaction("commit") as transaction:
        tree = edit_tree(transaction.objects, EMPTY_TREE, dict(files)).digest
        payload = Commit(tree, parents, ADA, Time(0, 0), ADA, Time(0, 0), "m").encode()
        digest = transaction.objects.put(ObjectKind.COMMIT, payload)
        transaction.set_ref(f"refs/heads/b{digest.hex()[:8]}", digest, expected=None)
    return digest


def tree_of(repository: Repository, commit: Digest) -> Digest:
    """Return the tree of a commit."""
    return Commit.decode(repository.objects.get(ObjectKind.COMMIT, commit)).tree


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return an empty repository."""
    return make_repository(tmp_path / "r", bare=True)


def test_what_was_at_the_path_in_the_parent(repository: Repository) -> None:
    """In folders of any depth; not what is new, small, was a folder, or was of the same content."""
    small = file(b"a/small", b"s0", GROUP)
    first = [small, file(b"a/b/x", b"x0"), file(b"top", b"t0"), file(b"same", b"s"), file(b"was/in", b"w")]
    before = commit_of(repository, first)
    second = [
        file(b"a/small", b"s1", GROUP),
        file(b"a/b/x", b"x1"),
        file(b"a/b/y", b"y1"),
        file(b"top", b"t1"),
        file(b"same", b"s"),
        file(b"was", b"w1"),
    ]
    after = commit_of(repository, second, before)
    files = {entry.digest for _, entry in second}

    found = replaced(repository.objects, [after, before], files)

    assert found == {hash_bytes(b"x1"): hash_bytes(b"x0"), hash_bytes(b"t1"): hash_bytes(b"t0")}
    assert replaced(repository.objects, [after], {hash_bytes(b"x1")}) == {
        hash_bytes(b"x1"): hash_bytes(b"x0")
    }


def test_the_oldest_commit_counts(repository: Repository) -> None:
    """A content that comes back replaced what was there when it first came."""
    line = [commit_of(repository, [file(b"f", b"0")])]
    for text in (b"1", b"2", b"1"):
        line.append(commit_of(repository, [file(b"f", text)], line[-1]))
    found = replaced(repository.objects, line[::-1], {hash_bytes(b"1"), hash_bytes(b"2")})
    assert found == {hash_bytes(b"1"): hash_bytes(b"0"), hash_bytes(b"2"): hash_bytes(b"1")}


def test_folders_that_cannot_help_are_not_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are new, those of small files, and all of them after a commit of nothing."""
    empty = commit_of(repository, [])
    old = [
        file(b"%s/%d" % (name, number), b"o%d" % number, size) for number in range(5) for name, size in SMALL
    ]
    before = commit_of(repository, [*old, file(b"big/f", b"0")], empty)
    changed = [(path, entry._replace(digest=hash_bytes(path))) for path, entry in old]
    fresh = [file(b"new/%d" % number, b"f%d" % number) for number in range(5)]
    after = commit_of(repository, [*changed, *fresh, file(b"big/f", b"1")], before)
    top, many = (find(repository.objects, tree_of(repository, after), path) for path in (b"", b"many"))
    assert top is not None
    assert many is not None
    read: list[Digest] = []
    get = ObjectDb.get

    def reading(self: ObjectDb, kind: ObjectKind, digest: Digest) -> bytes:
        if kind == ObjectKind.TREE:
            read.append(digest)
        return get(self, kind, digest)

    monkeypatch.setattr(ObjectDb, "get", reading)
    monkeypatch.setattr(ObjectDb, "get_many", lambda self, kind, some: [reading(self, kind, d) for d in some])

    assert replaced(repository.objects, [before], {hash_bytes(b"0")}) == {}
    assert not read
    assert replaced(repository.objects, [after], {hash_bytes(b"1")}) == {hash_bytes(b"1"): hash_bytes(b"0")}
    assert len(set(read)) == len((b"top", b"big")) * len((before, after)) + len((b"many",))
    assert {top.digest, many.digest} <= set(read)


def test_trees_that_stand_for_any_number_of_paths_are_soon_looked_at(repository: Repository) -> None:
    """Two towers of folders, each of two that are the same below: 2^64 paths of a few nodes."""
    towers = []
    for text in (b"x0", b"x1"):
        with repository.transaction("tower") as transaction:
            objects = transaction.objects
            tree = edit_tree(objects, EMPTY_TREE, dict([file(b"x", text)])).digest
            for _ in range(40):
                rows = [Entry(name, EntryKind.DIRECTORY, LARGE, tree, 1) for name in (b"a", b"b")]
                tree = build_directory(objects, rows).digest
            transaction.set_stage(tree)
        towers.append(tree)
    found = list(_large_changes(repository.objects, *towers))
    assert found == [(hash_bytes(b"x0"), hash_bytes(b"x1"))]
