"""Facts: found from those before as from nothing, whatever changed, and by looking at what changed alone."""

import random
from pathlib import Path

import pytest
from tests.support.repos import ADA, make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.namekinds import DataKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind, encode_leaf
from tether.core.treeedit import edit_tree
from tether.repo import facts as module
from tether.repo.facts import Amount, Contents, Facts, Large, find_facts
from tether.repo.repository import Repository

MAIN = "refs/heads/main"


def entry(path: bytes, size: int, kind: EntryKind = EntryKind.FILE) -> Entry:
    """Return the entry of a file that nobody reads."""
    return Entry(path.rpartition(b"/")[2], kind, size, hash_bytes(path + b" %d" % size))


def commit(repository: Repository, tree: Digest, *parents: Digest) -> Digest:
    """Commit a tree on main."""
    with repository.transaction("commit") as transaction:
        now = repository.clock()
        made = Commit(tree, parents, ADA, now, ADA, now, "x")
        digest = transaction.objects.put(ObjectKind.COMMIT, made.encode())
        transaction.set_ref(MAIN, digest)
    return digest


def grow(repository: Repository, changes: dict[bytes, Entry | None], *parents: Digest) -> Digest:
    """Commit changes of the first parent on main."""
    base = EMPTY_TREE
    if parents:
        base = Commit.decode(repository.objects.get(ObjectKind.COMMIT, parents[0])).tree
    with repository.transaction("edit") as transaction:
        tree = edit_tree(transaction.objects, base, changes).digest
        transaction.set_stage(tree)
    return commit(repository, tree, *parents)


def counted(files: dict[bytes, Entry]) -> Contents:
    """Return the contents of a tree, counted one by one."""
    folders = {
        b"/".join(path.split(b"/")[:depth]) for path in files for depth in range(1, path.count(b"/") + 1)
    }
    kinds: dict[DataKind, Amount] = {}
    endings = {b"png": DataKind.IMAGES, b"csv": DataKind.TABLES, b"x": DataKind.OTHER}
    for path, each in files.items():
        kind = DataKind.LINKS if each.kind == EntryKind.SYMLINK else endings[path.rpartition(b".")[2]]
        before = kinds.get(kind, Amount(0, 0))
        kinds[kind] = Amount(before.files + 1, before.bytes + each.size)
    plain = [Large(path, each.size) for path, each in files.items() if each.kind != EntryKind.SYMLINK]
    ordered = sorted(plain, key=lambda large: (-large.size, large.path))
    return Contents(len(folders), kinds, tuple(ordered), more=False)


def same(found: Facts, wanted: Contents) -> None:
    """Fail unless facts say what was counted; of the largest as many as are told."""
    assert found.contents is not None
    assert (found.contents.folders, dict(found.contents.kinds)) == (wanted.folders, wanted.kinds)
    assert found.contents.largest == wanted.largest[: len(found.contents.largest)]
    assert len(found.contents.largest) >= min(module.SHOWN, len(wanted.largest))
    assert found.contents.more == (len(found.contents.largest) < len(wanted.largest))
    assert (found.files, found.bytes) == tuple(
        map(sum, zip(*wanted.kinds.values(), strict=True))
    ) or not wanted.kinds


def test_step_by_step_is_as_from_nothing(tmp_path: Path) -> None:
    """Over many commits that add, change and remove files, folders and links, also most of the largest."""
    chance, repository = random.Random(7), make_repository(tmp_path)
    files: dict[bytes, Entry] = {}
    before, parents = None, tuple[Digest, ...]()
    for number in range(25):
        changes: dict[bytes, Entry | None] = {}
        for _ in range(chance.choice((1, 5, 60))):
            folder = chance.choice((b"", b"a/", b"a/b/", b"c/d/e/"))
            path = folder + b"%d.%s" % (chance.randrange(150), chance.choice((b"png", b"csv", b"x")))
            kind = chance.choice((EntryKind.FILE, EntryKind.FILE, EntryKind.SYMLINK))
            changes[path] = entry(path, chance.randrange(50), kind)
        if number % 5 == 4:
            ordered = counted(files).largest[:45]
            changes |= dict.fromkeys(each.path for each in ordered)
        files |= {path: each for path, each in changes.items() if each is not None}
        files = {path: each for path, each in files.items() if changes.get(path, each) is not None}
        head = grow(repository, changes, *parents)
        parents = (head,)
        before = find_facts(repository, head, before)
        same(before, counted(files))
        assert (before.commit, before.commits) == (head, number + 1)
        assert before._replace(contents=None) == find_facts(repository, head)._replace(contents=None)
    repository.close()


def test_commits_are_counted_where_histories_part(tmp_path: Path) -> None:
    """From a branch that was left, over a merge, and from a history that is gone."""
    repository = make_repository(tmp_path)
    one = grow(repository, {b"a.x": entry(b"a.x", 1)})
    left = grow(repository, {b"b.x": entry(b"b.x", 2)}, grow(repository, {}, one))
    right = grow(repository, {b"c.x": entry(b"c.x", 3)}, one)
    at_left = find_facts(repository, left)
    assert at_left.commits == 3
    assert find_facts(repository, right, at_left).commits == 2
    both = grow(repository, {}, right, left)
    assert find_facts(repository, both, at_left) == find_facts(repository, both)
    assert find_facts(repository, both).commits == 5

    gone = at_left._replace(commit=hash_bytes(b"gone"), tree=hash_bytes(b"gone too"))
    assert find_facts(repository, right, gone) == find_facts(repository, right)
    gone = at_left._replace(commit=hash_bytes(b"gone"))
    assert find_facts(repository, right, gone) == find_facts(repository, right)
    repository.close()


def test_what_did_not_change_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of one file among 20,000 reads a few nodes."""
    repository = make_repository(tmp_path)
    names = [b"%d/%d.png" % (number % 40, number) for number in range(20_000)]
    one = grow(repository, {name: entry(name, 5) for name in names})
    before = find_facts(repository, one)
    two = grow(repository, {names[7]: entry(names[7], 6)}, one)
    read, get_many = list[Digest](), repository.objects.get_many

    def noted(kind: ObjectKind, digests: list[Digest]) -> list[bytes]:
        read.extend(digests)
        return get_many(kind, digests)

    monkeypatch.setattr(repository.objects, "get_many", noted)
    after = find_facts(repository, two, before)
    assert len(read) < 10
    assert after.contents is not None
    assert after.contents.largest[0] == Large(names[7], 6)
    assert after.bytes == before.bytes + 1
    repository.close()


def test_a_tree_that_names_itself_often_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some folders in each other can stand for more files, or empty folders, than anybody looks at."""
    monkeypatch.setattr(module, "MOST", 10_000)
    repository = make_repository(tmp_path)
    for entries in ([], [entry(b"f.x", 1)]):
        files = len(entries)
        with repository.transaction("nest") as transaction:
            tree = transaction.objects.put(ObjectKind.TREE, encode_leaf(entries))
            for _ in range(12):
                names = [b"%02d" % number for number in range(10)]
                rows = [Entry(name, EntryKind.DIRECTORY, files, tree, files) for name in names]
                tree, files = transaction.objects.put(ObjectKind.TREE, encode_leaf(rows)), 10 * files
            transaction.set_stage(tree)
        found = find_facts(repository, commit(repository, tree))
        assert (found.files, found.contents) == (files, None)
        again = find_facts(repository, commit(repository, EMPTY_TREE), found)
        assert again.contents == Contents(0, {}, (), more=False)
    repository.close()


def test_a_path_that_no_system_opens_is_not_among_the_largest(tmp_path: Path) -> None:
    """It counts all the same."""
    repository = make_repository(tmp_path)
    path = b"/".join([b"n" * 1000] * 5) + b".png"
    facts = find_facts(repository, grow(repository, {path: entry(path, 9), b"a.png": entry(b"a.png", 1)}))
    assert facts.contents == Contents(4, {DataKind.IMAGES: Amount(2, 10)}, (Large(b"a.png", 1),), more=False)
    repository.close()
