"""Comparing a working copy with a tree: every kind of difference, and what the cache saves."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.objects import DictStore
from tests.support.worktrees import age, entries_below, make_worktree, tree_of, write_files

from tether.core.digest import Digest, hash_bytes
from tether.core.tree import EMPTY_TREE
from tether.errors import Forbidden, InvalidInput, NotFound
from tether.worktree.compare import Comparison, compare
from tether.worktree.statcache import StatCache
from tether.worktree.worktree import WorkTree

FILES = {
    "README": b"hello",
    "a/x": b"12",
    "a/y/z": b"3",
    "b/one": b"1" * 3000,
    "b/two": b"22",
}


class Copy:
    """A working copy with a tree of its files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.worktree: WorkTree = make_worktree(root)
        self.store = DictStore()
        write_files(root, FILES)
        self.stage: Digest = tree_of(self.store, root)
        age(root)

    def status(self, *paths: bytes) -> Comparison:
        """Compare with the tree."""
        return compare(self.worktree, self.store, self.stage, paths=paths)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """Return a clean working copy, compared once."""
    made = Copy(tmp_path / "copy")
    assert made.status().is_clean
    return made


def test_clean_copy_reads_no_object_the_second_time(copy: Copy) -> None:
    """Once compared, an unchanged copy is compared from the cache alone."""
    copy.store.reads.clear()

    result = copy.status()

    assert result == Comparison()
    assert copy.store.reads == []


def test_no_file_is_read_the_second_time(copy: Copy) -> None:
    """A file that the cache knows is not opened: one without read permission is still found clean."""
    path = copy.root / "b/one"
    path.chmod(0o644)
    assert copy.status().is_clean
    age(copy.root)
    before = path.stat().st_atime_ns
    os.utime(path, ns=(before - 10**15, path.stat().st_mtime_ns))
    copy.status()
    age(copy.root)
    copy.status()
    seen = path.stat().st_atime_ns

    copy.status()

    assert path.stat().st_atime_ns == seen


def test_each_kind_of_change(copy: Copy) -> None:
    """Modified, deleted, mode, type and new files are told apart."""
    (copy.root / "README").write_bytes(b"HELLO")
    (copy.root / "a/x").unlink()
    (copy.root / "b/one").chmod(0o755)
    (copy.root / "b/two").unlink()
    (copy.root / "b/two").symlink_to("on")
    (copy.root / "new").write_bytes(b"")
    (copy.root / "folder/below").mkdir(parents=True)

    for _ in range(3):
        result = copy.status()

        assert [change.path for change in result.modified] == [b"README"]
        assert result.modified[0].old.digest == hash_bytes(b"hello")
        assert result.modified[0].digest == hash_bytes(b"HELLO")
        assert [change.path for change in result.deleted] == [b"a/x"]
        assert [change.path for change in result.mode_changed] == [b"b/one"]
        assert [change.path for change in result.type_changed] == [b"b/two"]
        assert result.untracked == [(b"folder", True), (b"new", False)]


def test_same_size_and_time_but_other_content(copy: Copy) -> None:
    """A file rewritten with its old size and modification time is found by its change time."""
    path = copy.root / "README"
    found = path.stat()
    path.write_bytes(b"jello")
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))

    assert [change.path for change in copy.status().modified] == [b"README"]


def test_change_right_after_a_comparison_is_found(tmp_path: Path) -> None:
    """Files written in the same tick of the clock as the cache are not trusted."""
    copy = Copy(tmp_path / "copy")
    for turn in range(20):
        content = b"%05d" % turn
        (copy.root / "README").write_bytes(content)
        copy.status()
        (copy.root / "README").write_bytes(b"hello" if turn % 2 else content[::-1])

        assert copy.status().is_clean == bool(turn % 2)


def test_touched_file_is_hashed_once(copy: Copy) -> None:
    """A new time with the old content is no change, and the tree is not asked again."""
    os.utime(copy.root / "a/x")
    age(copy.root)
    assert copy.status().is_clean
    copy.store.reads.clear()

    assert copy.status().is_clean
    assert copy.store.reads == []


def test_deleted_folder_lists_its_files(copy: Copy) -> None:
    """Every tracked file below a folder that is gone is deleted."""
    (copy.root / "a/y/z").unlink()
    (copy.root / "a/y").rmdir()
    (copy.root / "a/x").unlink()
    (copy.root / "a").rmdir()

    for _ in range(2):
        assert [change.path for change in copy.status().deleted] == [b"a/x", b"a/y/z"]


def test_file_in_place_of_a_folder_and_the_reverse(copy: Copy) -> None:
    """What was tracked is deleted; what is there now is new."""
    (copy.root / "a/y/z").unlink()
    (copy.root / "a/y").rmdir()
    (copy.root / "a/y").write_bytes(b"")
    (copy.root / "README").unlink()
    (copy.root / "README").mkdir()

    for _ in range(2):
        result = copy.status()
        assert [change.path for change in result.deleted] == [b"README", b"a/y/z"]
        assert result.untracked == [(b"README", True), (b"a/y", False)]


def test_stage_moves_without_the_files(copy: Copy) -> None:
    """Another tree to compare with reads the nodes that differ, no file."""
    write_files(copy.root, {"b/three": b"3", "README": b"hello2"})
    newer = tree_of(copy.store, copy.root)
    assert [change.path for change in copy.status().modified] == [b"README"]

    assert compare(copy.worktree, copy.store, newer).is_clean
    back = compare(copy.worktree, copy.store, copy.stage)

    assert [change.path for change in back.modified] == [b"README"]
    assert back.untracked == [(b"b/three", False)]


def test_only_the_given_paths(copy: Copy) -> None:
    """Paths limit what is reported, down to one file in a folder."""
    (copy.root / "README").write_bytes(b"HELLO")
    (copy.root / "a/x").write_bytes(b"21")
    (copy.root / "a/y/z").unlink()
    (copy.root / "new/deep").mkdir(parents=True)
    (copy.root / "new/deep/f").write_bytes(b"f")

    assert [change.path for change in copy.status(b"a").changes()] == [b"a/x", b"a/y/z"]
    assert [change.path for change in copy.status(b"a/y/z").changes()] == [b"a/y/z"]
    assert [change.path for change in copy.status(b"a/x", b"README").changes()] == [b"README", b"a/x"]
    assert copy.status(b"new/deep/f").untracked == [(b"new/deep/f", False)]
    assert copy.status(b"absent").changes() == []
    with pytest.raises(InvalidInput, match=r"\.\."):
        copy.status(b"../etc")


def test_ignored_files(copy: Copy) -> None:
    """Ignore rules hide what is new, never what is tracked; a changed rule counts at once."""
    write_files(
        copy.root, {".tetherignore": b"*.log\ntwo\nbuild/\n", "b/x.log": b"", "build/o": b"", "c/k.log": b""}
    )

    result = compare(copy.worktree, copy.store, copy.stage, include_ignored=True)
    assert result.untracked == [(b".tetherignore", False)]
    assert result.ignored == [(b"b/x.log", False), (b"build", True), (b"c", True)]
    (copy.root / "b/two").write_bytes(b"changed")
    assert [change.path for change in copy.status().modified] == [b"b/two"]

    (copy.root / ".tetherignore").unlink()

    assert copy.status().untracked == [(b"b/x.log", False), (b"build", True), (b"c", True)]


def test_all_untracked_files(copy: Copy) -> None:
    """On demand every new file is listed, and every new empty folder."""
    write_files(copy.root, {"n/a": b"", "n/m/b": b"", "a/q": b""})
    (copy.root / "n/empty").mkdir()

    listed = compare(copy.worktree, copy.store, copy.stage, all_untracked=True).untracked

    assert listed == [(b"a/q", False), (b"n/a", False), (b"n/empty", True), (b"n/m/b", False)]


def test_special_files_and_nested_repositories(copy: Copy) -> None:
    """Pipes are reported as what cannot be kept; a repository in a folder is left alone."""
    os.mkfifo(copy.root / "a/pipe")
    write_files(copy.root, {"sub/.tether/format": b"", "sub/file": b""})

    for _ in range(2):
        result = copy.status()
        assert result.special == [b"a/pipe"]
        assert result.nested == [b"sub"]
        assert result.untracked == []


def test_tracked_files_of_a_nested_repository_are_compared(copy: Copy) -> None:
    """A repository made in a tracked folder hides no change of what is tracked there; the rest is its own."""
    write_files(copy.root, {"a/.tether/format": b"", "a/x": b"changed", "a/new": b"", "a/y/new": b""})
    (copy.root / "a/y/z").unlink()

    for _ in range(2):
        result = copy.status()
        assert [change.path for change in result.changes()] == [b"a/x", b"a/y/z"]
        assert (result.nested, result.untracked) == ([b"a"], [])


def test_link_to_a_folder_is_not_followed(copy: Copy) -> None:
    """A link in place of a tracked folder hides its files; what it points to is not looked at."""
    outside = copy.root.parent / "outside"
    write_files(outside, {"x": b"12", "y/z": b"3"})
    (copy.root / "a/x").unlink()
    (copy.root / "a/y/z").unlink()
    (copy.root / "a/y").rmdir()
    (copy.root / "a").rmdir()
    (copy.root / "a").symlink_to(outside)

    result = copy.status()

    assert [change.path for change in result.deleted] == [b"a/x", b"a/y/z"]
    assert result.untracked == [(b"a", False)]


def test_names_of_any_bytes(tmp_path: Path) -> None:
    """Names need not be text."""
    root = tmp_path / "copy"
    worktree = make_worktree(root)
    (root / os.fsdecode(b"\xff\xfe \n\x01")).write_bytes(b"1")
    store = DictStore()

    assert compare(worktree, store, EMPTY_TREE).untracked == [(b"\xff\xfe \n\x01", False)]
    assert compare(worktree, store, tree_of(store, root)).is_clean


def test_large_file_is_streamed(copy: Copy) -> None:
    """A file above the small size is compared by its content too."""
    big = copy.root / "big"
    big.write_bytes(b"a" * 3_000_000)
    stage = tree_of(copy.store, copy.root)
    assert compare(copy.worktree, copy.store, stage).is_clean
    data = bytearray(b"a" * 3_000_000)
    data[1_500_000] = 66
    big.write_bytes(data)

    assert [change.path for change in compare(copy.worktree, copy.store, stage).modified] == [b"big"]


def test_flat_folder_with_a_few_changes(tmp_path: Path) -> None:
    """In a folder of many files the cache is patched, not rewritten, and stays right."""
    root = tmp_path / "copy"
    worktree = make_worktree(root)
    write_files(root, {f"f{number:05}": b"%d" % number for number in range(3000)})
    store = DictStore()
    stage = tree_of(store, root)
    age(root)
    compare(worktree, store, stage)
    (root / "f01500").write_bytes(b"other")
    (root / "f00001").unlink()
    (root / "f02999x").write_bytes(b"")
    before = sum(path.stat().st_size for path in worktree.state_dir.glob("stat.*"))

    for _ in range(3):
        result = compare(worktree, store, stage)
        assert [change.path for change in result.changes()] == [b"f00001", b"f01500"]
        assert result.untracked == [(b"f02999x", False)]
        age(root)

    assert sum(path.stat().st_size for path in worktree.state_dir.glob("stat.*")) < before + 2000


def test_unreadable_folder_is_named(copy: Copy) -> None:
    """A tracked folder without access is a clear error."""
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (copy.root / "a").chmod(0)
    try:
        with pytest.raises(Forbidden, match="a"):
            copy.status()
    finally:
        (copy.root / "a").chmod(stat.S_IRWXU)


def test_entries_are_the_models(copy: Copy) -> None:
    """The helper's own view of the copy holds what was written."""
    assert set(entries_below(copy.root)) == {os.fsencode(name) for name in FILES}


def test_missing_top_folder_is_a_clear_error(tmp_path: Path) -> None:
    """A working copy whose folder went away is named as such."""
    worktree = make_worktree(tmp_path / "copy")
    worktree.root = tmp_path / "gone"
    with pytest.raises(NotFound, match="top folder"):
        compare(worktree, DictStore(), EMPTY_TREE)


def test_other_device_number_rereads_nothing(copy: Copy) -> None:
    """A cache written under another device number, as in another container, still knows the files."""
    cache = StatCache(copy.worktree)
    block = cache.block(b"a")
    assert block is not None
    stats = bytearray(block.rows.stats)
    stats[40::48] = bytes([stats[40] ^ 1]) * block.rows.total
    cache.put(b"a", replace(block, rows=block.rows._replace(stats=bytes(stats))))
    with copy.worktree.exclusive():
        assert cache.save()
    copy.store.reads.clear()

    assert copy.status().is_clean
    assert copy.store.reads == []
