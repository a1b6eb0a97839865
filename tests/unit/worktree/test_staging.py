"""Staging: the stage becomes what the disk holds, and the next comparison reads no file."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import pytest
from tests.support.objects import DictStore
from tests.support.repos import make_repository
from tests.support.worktrees import age, entries_below, make_worktree, tree_of, write_files

from tether.core.digest import hash_bytes
from tether.core.tree import EMPTY_TREE, EntryKind
from tether.core.treeread import find, walk
from tether.errors import InvalidInput, NotFound
from tether.worktree.compare import Comparison, compare
from tether.worktree.staging import StageOptions, StageResult, stage_paths

FILES = {
    "README": b"hello",
    "a/x": b"12",
    "a/y/z": b"3",
    "b/one": b"1" * 3000,
    "b/two": b"22",
}


class Copy:
    """A repository with working files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.repository = make_repository(root)
        self.worktree = make_worktree(root)
        write_files(root, FILES)

    def add(self, *paths: bytes, **options: Unpack[StageOptions]) -> StageResult:
        """Stage paths in a transaction of their own."""
        return self.stage(paths, **options)

    def stage(self, paths: Sequence[bytes], **options: Unpack[StageOptions]) -> StageResult:
        """Stage paths in a transaction of their own."""
        with self.repository.transaction("add") as transaction:
            result = stage_paths(self.worktree, transaction, paths, **options)
        result.remember()
        return result

    def status(self) -> Comparison:
        """Compare with the stage."""
        return compare(self.worktree, self.repository.objects, self.repository.root().stage)

    def staged(self) -> dict[bytes, bytes]:
        """Return every staged content by path."""
        root = self.repository.root().stage
        return {
            path: self.repository.contents.read(entry.digest)
            for path, entry in walk(self.repository.objects, root)
            if entry.kind != EntryKind.DIRECTORY
        }


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Return a repository with files that are not staged."""
    return Copy(tmp_path / "copy")


def test_first_add_stages_everything(copy: Copy) -> None:
    """The stage is the tree of the disk, with contents, and the comparison is clean."""
    (copy.root / "run").write_bytes(b"#!")
    (copy.root / "run").chmod(0o755)
    (copy.root / "a/link").symlink_to("x")
    (copy.root / "hollow/deep").mkdir(parents=True)

    result = copy.add(everything=True)

    assert (result.added, result.modified, result.removed) == (7, 0, 0)
    assert result.bytes == 5 + 2 + 1 + 3000 + 2 + 2 + 1
    assert result.tree == copy.repository.root().stage == tree_of(DictStore(), copy.root)
    assert copy.staged()[b"a/link"] == b"x"
    assert copy.staged()[b"b/one"] == b"1" * 3000
    assert copy.status() == Comparison()


def test_second_add_changes_nothing(copy: Copy) -> None:
    """Without changes there is no operation and no count."""
    copy.add(everything=True)
    before = copy.repository.root()

    result = copy.add(b"")

    assert (result.added, result.modified, result.removed, result.bytes) == (0, 0, 0, 0)
    assert copy.repository.root() == before


def test_staged_files_are_not_read_again(copy: Copy) -> None:
    """After an add the cache knows the files: a change of the disk's content below the stat is not seen."""
    age(copy.root)
    copy.add(everything=True)
    worktree = copy.worktree
    cache = (worktree.state_dir / "stat.journal").read_bytes()

    assert copy.status() == Comparison()
    assert (worktree.state_dir / "stat.journal").read_bytes() == cache


def test_changes_removals_and_new_files(copy: Copy) -> None:
    """An add of a folder stages every kind of difference in it."""
    copy.add(everything=True)
    (copy.root / "b/one").write_bytes(b"one")
    (copy.root / "b/two").unlink()
    (copy.root / "b/three/deep").mkdir(parents=True)
    (copy.root / "b/three/deep/f").write_bytes(b"33")
    (copy.root / "README").write_bytes(b"not staged")

    result = copy.add(b"b", list_changes=True)

    assert sorted(result.changes) == [
        (b"b/one", "modified"),
        (b"b/three/deep/f", "added"),
        (b"b/two", "removed"),
    ]
    assert (result.added, result.modified, result.removed, result.bytes) == (1, 1, 1, 5)
    assert copy.staged() == {
        b"README": b"hello",
        b"a/x": b"12",
        b"a/y/z": b"3",
        b"b/one": b"one",
        b"b/three/deep/f": b"33",
    }
    for _ in range(2):
        assert [change.path for change in copy.status().changes()] == [b"README"]


def test_single_files(copy: Copy) -> None:
    """Named files are staged alone, new, changed and deleted ones."""
    copy.add(b"a/x", b"README")
    assert set(copy.staged()) == {b"a/x", b"README"}
    assert copy.status().untracked == [(b"a/y", True), (b"b", True)]
    (copy.root / "a/x").unlink()
    (copy.root / "README").write_bytes(b"more")

    copy.add(b"a/x", b"README", b"a/y/z")

    assert copy.staged() == {b"README": b"more", b"a/y/z": b"3"}
    assert copy.status().untracked == [(b"b", True)]
    assert copy.status().is_clean


def test_kinds_change(copy: Copy) -> None:
    """A file in place of a folder, a folder in place of a file, a link in place of a file."""
    copy.add(everything=True)
    (copy.root / "a/y/z").unlink()
    (copy.root / "a/y").rmdir()
    (copy.root / "a/y").write_bytes(b"file")
    (copy.root / "README").unlink()
    (copy.root / "README").mkdir()
    (copy.root / "README/part").write_bytes(b"p")
    (copy.root / "b/two").unlink()
    (copy.root / "b/two").symlink_to("/etc/passwd")
    (copy.root / "b/one").chmod(0o755)

    copy.add(b"")

    assert copy.repository.root().stage == tree_of(DictStore(), copy.root)
    for _ in range(2):
        assert copy.status() == Comparison()


def test_deleted_folder(copy: Copy) -> None:
    """A folder that is gone from the disk goes from the stage; one that is only empty stays as empty."""
    copy.add(everything=True)
    (copy.root / "a/x").unlink()
    (copy.root / "a/y/z").unlink()
    (copy.root / "a/y").rmdir()
    (copy.root / "a").rmdir()
    (copy.root / "b/one").unlink()
    (copy.root / "b/two").unlink()

    copy.add(b"")

    assert copy.repository.root().stage == tree_of(DictStore(), copy.root)
    assert set(entries_below(copy.root)) == {b"README", b"b"}
    assert copy.status() == Comparison()


def test_tracked_only(copy: Copy) -> None:
    """As for `commit -a`, new files stay out and deleted ones go."""
    copy.add(b"README", b"a")
    (copy.root / "README").write_bytes(b"x")
    (copy.root / "a/y/z").unlink()

    result = copy.stage((), tracked_only=True)

    assert (result.added, result.modified, result.removed) == (0, 1, 1)
    assert copy.staged() == {b"README": b"x", b"a/x": b"12"}
    assert copy.status().is_clean
    assert copy.status().untracked == [(b"a/y", True), (b"b", True)]


def test_dry_run_stores_nothing(copy: Copy) -> None:
    """A dry run counts what would be staged and leaves the repository alone."""
    copy.add(b"README", b"a/x")
    before = copy.repository.root()
    (copy.root / "README").write_bytes(b"HELLO")
    os.utime(copy.root / "a/x")

    result = copy.add(b"", dry_run=True)

    assert (result.added, result.modified, result.removed) == (3, 1, 0)
    assert (b"README", "modified") in result.changes
    assert copy.repository.root() == before


def test_what_cannot_be_added(copy: Copy) -> None:
    """Paths that are missing, outside, ignored, nested or special are refused by name."""
    write_files(
        copy.root, {".tetherignore": b"*.log\n", "x.log": b"", "sub/.tether/format": b"", "sub/f": b""}
    )
    with pytest.raises(NotFound, match="absent"):
        copy.add(b"absent")
    with pytest.raises(InvalidInput, match=r"\.\."):
        copy.add(b"../x")
    with pytest.raises(InvalidInput, match=r"x\.log is ignored"):
        copy.add(b"x.log")
    with pytest.raises(InvalidInput, match="repository of its own"):
        copy.add(b"sub")
    with pytest.raises(InvalidInput, match="no paths"):
        copy.add()
    copy.add(b"x.log", force=True)
    result = copy.add(b"")
    assert result.nested == [b"sub"]
    assert b"x.log" in copy.staged()
    assert b"sub/f" not in copy.staged()

    os.mkfifo(copy.root / "b/pipe")
    with pytest.raises(InvalidInput, match="b/pipe"):
        copy.add(b"b")


def test_large_file_is_streamed(copy: Copy) -> None:
    """A file above the small size is stored whole."""
    data = os.urandom(1 << 16) * 50
    (copy.root / "big").write_bytes(data)

    copy.add(b"big")

    entry = find(copy.repository.objects, copy.repository.root().stage, b"big")
    assert entry is not None
    assert entry.digest == hash_bytes(data)
    assert entry.size == len(data)
    assert b"".join(copy.repository.contents.stream(entry.digest)) == data
    assert [path for path, _ in copy.status().untracked] == [b"README", b"a", b"b"]


def test_many_small_steps_equal_the_disk(copy: Copy) -> None:
    """Whatever the order of edits and adds, the stage ends as the tree of the disk."""
    steps: list[tuple[bytes, dict[str, bytes]]] = [
        (b"a", {"a/new": b"1"}),
        (b"c/d", {"c/d/e": b"2", "c/other": b"3"}),
        (b"c", {"c/d/e": b"22"}),
        (b"b/one", {"b/one": b"4", "b/two": b"5"}),
        (b"", {"c/d/g": b"6"}),
    ]
    for path, files in steps:
        write_files(copy.root, files)
        copy.add(path)
        compare(copy.worktree, copy.repository.objects, copy.repository.root().stage)
    copy.add(b"")

    assert copy.repository.root().stage == tree_of(DictStore(), copy.root)
    assert copy.status() == Comparison()


def test_failed_transaction_leaves_stage_and_cache(copy: Copy) -> None:
    """When the transaction fails, the next comparison still finds everything new."""
    with pytest.raises(RuntimeError), copy.repository.transaction("add") as transaction:
        stage_paths(copy.worktree, transaction, [b""])
        raise RuntimeError

    assert copy.repository.root().stage == EMPTY_TREE
    assert [path for path, _ in copy.status().untracked] == [b"README", b"a", b"b"]


def test_file_in_place_of_a_folder_staged_by_name(copy: Copy) -> None:
    """Staging one path after a folder gave way to a file leaves nothing of the folder in the cache."""
    copy.add(everything=True)
    (copy.root / "a/y/z").unlink()
    (copy.root / "a/y").rmdir()
    (copy.root / "a/y").write_bytes(b"file")

    copy.add(b"a/y")

    for _ in range(2):
        assert copy.status() == Comparison()
    assert copy.staged()[b"a/y"] == b"file"
