"""What new large files replaced: found by the paths at which new nodes have them."""

from pathlib import Path

import pytest
from tests.support.repos import ADA, make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.outline import GROUP
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, Inner, digest_at
from tether.core.treebuild import build_directory
from tether.core.treeedit import edit_tree
from tether.core.treeread import read_node
from tether.repo.objectdb import ObjectDb
from tether.repo.repository import Repository
from tether.sync.proofs import replaced
from tether.sync.whereabouts import Whereabouts

LARGE = GROUP + 1


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


def replacing(repository: Repository, commits: list[Digest], files: set[Digest]) -> dict[Digest, Digest]:
    """Return what files of new commits replaced, after their nodes have passed, from the newest commit on."""
    where, level = Whereabouts(), [tree_of(repository, commit) for commit in commits]
    while level:
        nodes = {digest: read_node(repository.objects, digest) for digest in level if digest != EMPTY_TREE}
        below: dict[Digest, None] = {}
        for digest, node in nodes.items():
            where.add(digest, node, files)
            rows = range(len(node.names))
            kinds = None if isinstance(node, Inner) else node.kinds
            inside = [at for at in rows if kinds is None or kinds[at] == EntryKind.DIRECTORY]
            below.update(dict.fromkeys(digest_at(node.digests, at) for at in inside))
        level = list(below)
    return replaced(repository.objects, commits, files, where)


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

    found = replacing(repository, [after, before], files)

    assert found == {hash_bytes(b"x1"): hash_bytes(b"x0"), hash_bytes(b"t1"): hash_bytes(b"t0")}
    assert replacing(repository, [after], {hash_bytes(b"x1")}) == {hash_bytes(b"x1"): hash_bytes(b"x0")}


def test_the_oldest_commit_counts(repository: Repository) -> None:
    """A content that comes back replaced what was there when it first came."""
    line = [commit_of(repository, [file(b"f", b"0")])]
    for text in (b"1", b"2", b"1"):
        line.append(commit_of(repository, [file(b"f", text)], line[-1]))
    found = replacing(repository, line[::-1], {hash_bytes(b"1"), hash_bytes(b"2")})
    assert found == {hash_bytes(b"1"): hash_bytes(b"0"), hash_bytes(b"2"): hash_bytes(b"1")}


def test_a_content_that_was_there_before_it_came_back(repository: Repository) -> None:
    """A first commit has nothing before it, so what the same tree replaced later counts."""
    first = commit_of(repository, [file(b"f", b"0")])
    second = commit_of(repository, [file(b"f", b"1")], first)
    third = commit_of(repository, [file(b"f", b"0")], second)
    found = replacing(repository, [third, second, first], {hash_bytes(b"0"), hash_bytes(b"1")})
    assert found == {hash_bytes(b"1"): hash_bytes(b"0"), hash_bytes(b"0"): hash_bytes(b"1")}


def test_the_way_to_the_file_is_read_alone(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a commit before, and nothing for files that are nowhere, or of a commit without one before."""
    old = [file(b"%02d/x" % number, b"o%d" % number) for number in range(20)]
    before = commit_of(repository, [*old, file(b"big/f", b"0")])
    changed = [(path, entry._replace(digest=hash_bytes(path))) for path, entry in old]
    after = commit_of(repository, [*changed, file(b"big/f", b"1")], before)
    read: list[Digest] = []
    get = ObjectDb.get

    def reading(self: ObjectDb, kind: ObjectKind, digest: Digest) -> bytes:
        if kind == ObjectKind.TREE:
            read.append(digest)
        return get(self, kind, digest)

    def looked(commit: Digest, text: bytes) -> tuple[dict[Digest, Digest], int]:
        with monkeypatch.context() as patch:
            patch.setattr(ObjectDb, "get", reading)
            patch.setattr(
                ObjectDb, "get_many", lambda self, kind, some: [reading(self, kind, d) for d in some]
            )
            found = replacing(repository, [commit], {hash_bytes(text)})
        count = len(read)
        read.clear()
        return found, count

    _, nodes = looked(after, b"nowhere")
    assert nodes == 22
    assert looked(after, b"1") == ({hash_bytes(b"1"): hash_bytes(b"0")}, nodes + 2)
    assert looked(before, b"0") == ({}, nodes)


def test_nodes_of_large_folders_are_followed(repository: Repository) -> None:
    """A file in a folder of many nodes, within a folder, is found by one way up."""
    many = [file(b"a/many/%06d" % number, b"%d" % number, 1) for number in range(6000)]
    before = commit_of(repository, [*many, file(b"a/many/003000x", b"0")])
    after = commit_of(repository, [*many, file(b"a/many/003000x", b"1")], before)
    assert replacing(repository, [after], {hash_bytes(b"1")}) == {hash_bytes(b"1"): hash_bytes(b"0")}


def test_folders_are_not_followed_for_ever(repository: Repository) -> None:
    """A tower of folders, each of two that are the same below, has 2^1000 paths: none is made."""
    with repository.transaction("tower") as transaction:
        objects = transaction.objects
        for name, highest in ((b"b", 255), (b"b" * 1000, 4)):
            where, wanted = Whereabouts(), [hash_bytes(b"x"), hash_bytes(b"another")]
            tree = edit_tree(objects, EMPTY_TREE, dict([file(b"x", b"x")])).digest
            where.add(tree, read_node(objects, tree), wanted)
            for height in range(1, 1000):
                rows = [Entry(each, EntryKind.DIRECTORY, LARGE, tree, 1) for each in (b"a", name)]
                tree = build_directory(objects, rows).digest
                where.add(tree, read_node(objects, tree), wanted)
                path = b"/".join([name] * height + [b"x"])
                assert where.by_tree(wanted) == ({tree: {path: wanted[0]}} if height <= highest else {})


def test_paths_of_many_files_have_a_bound_together(repository: Repository) -> None:
    """What a stranger names with long paths cannot fill the memory; the other files are read whole."""
    names = [b"%06d" % number for number in range(6000)]
    rows = [Entry(name, EntryKind.FILE, LARGE, hash_bytes(name)) for name in names]
    above = b"n" * 1000
    with repository.transaction("long") as transaction:
        objects, where = transaction.objects, Whereabouts()
        files = {row.digest for row in rows}
        level = [build_directory(objects, rows).digest]
        for _ in range(4):
            while level:
                nodes = {digest: read_node(objects, digest) for digest in level}
                for digest, node in nodes.items():
                    where.add(digest, node, files)
                inner = [node for node in nodes.values() if isinstance(node, Inner)]
                top, level = level[0], [digest_at(n.digests, at) for n in inner for at in range(len(n.names))]
            level = [build_directory(objects, [Entry(above, EntryKind.DIRECTORY, LARGE, top, 1)]).digest]
    found = where.by_tree(files)
    assert 0 < sum(len(path) for paths in found.values() for path in paths) < 17 << 20
