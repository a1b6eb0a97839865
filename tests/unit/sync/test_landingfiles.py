"""Large files of a tree: found wherever they are, without looking into folders that cannot have one."""

from pathlib import Path

import pytest
from tests.support.repos import make_repository

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treeedit import edit_tree
from tether.core.treeread import find
from tether.repo.objectdb import ObjectDb
from tether.sync.landingfiles import large_files


def file(path: bytes, size: int) -> tuple[bytes, Entry]:
    """Return a file of a tree."""
    return path, Entry(path.rpartition(b"/")[2], EntryKind.FILE, size, hash_bytes(path))


def test_only_folders_that_can_have_one_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside thousands of small ones, in folders of any depth, and once for a folder that is there twice."""
    small = [file(b"many/%05d" % number, 10) for number in range(3000)]
    found = [file(b"a/deep/one", 1001), file(b"b/deep/one", 1001), file(b"top", 5000), file(b"many/x", 2000)]
    few = [file(b"few/%d" % number, 100) for number in range(10)]
    repository = make_repository(tmp_path / "r", bare=True)
    read: list[Digest] = []
    get_many = ObjectDb.get_many

    def reading(self: ObjectDb, kind: ObjectKind, digests: list[Digest]) -> list[bytes]:
        read.extend(digests)
        return get_many(self, kind, digests)

    with repository.transaction("tree") as transaction:
        changes: dict[bytes, Entry | None] = dict([*small, *found, *few, file(b"just", 1000)])
        top = edit_tree(transaction.objects, EMPTY_TREE, changes).digest
        fewest = edit_tree(transaction.objects, EMPTY_TREE, {path[4:]: each for path, each in few}).digest
        transaction.set_stage(top)
    monkeypatch.setattr(ObjectDb, "get_many", reading)

    assert set(large_files(repository.objects, top, 1000)) == {each.digest for _, each in found}
    assert len(set(read)) == len(read)
    assert find(repository.objects, top, b"few").digest == fewest  # type: ignore[union-attr]
    assert fewest not in read
    read.clear()
    assert not list(large_files(repository.objects, top, 10_000_000))
    assert read == [top]
    repository.close()
