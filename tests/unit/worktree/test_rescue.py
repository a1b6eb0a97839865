"""Deleting and moving working files by path: no link is followed, and the cache keeps up."""

import os
from pathlib import Path

import pytest
from tests.support.objects import DictStore
from tests.support.worktrees import age, make_worktree, tree_of, write_files

from tether.core.tree import EMPTY_TREE
from tether.errors import AlreadyExists
from tether.worktree.compare import Comparison, compare
from tether.worktree.rescue import delete_files, move_files
from tether.worktree.statcache import StatCache


def test_delete_does_not_leave_the_working_copy(tmp_path: Path) -> None:
    """A link on the way to a path, or in a folder that is deleted, keeps what it points to."""
    outside = tmp_path / "outside"
    write_files(outside, {"x": b"1", "deep/y": b"2"})
    root = tmp_path / "copy"
    worktree = make_worktree(root)
    write_files(root, {"folder/a": b"", "folder/in/b": b"", "only/one/file": b"", "kept": b""})
    (root / "link").symlink_to(outside)
    (root / "folder/link").symlink_to(outside)

    delete_files(worktree, [b"link/x", b"link/deep", b"folder", b"only/one/file", b"absent/file"])

    assert sorted(path.name for path in outside.rglob("*")) == ["deep", "x", "y"]
    assert sorted(path.name for path in root.iterdir()) == [".tether", "kept", "link"]


def test_no_folder_is_too_deep(tmp_path: Path) -> None:
    """Folders nested deeper than the interpreter allows calls, longer than PATH_MAX, are seen and deleted."""
    worktree = make_worktree(tmp_path)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("deep", dir_fd=descriptor)
        inner = os.open("deep", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    store = DictStore()

    assert compare(worktree, store, EMPTY_TREE).untracked == [(b"deep", True)]
    delete_files(worktree, [b"deep"])

    assert compare(worktree, store, EMPTY_TREE).untracked == []


def test_moved_files_are_known_by_their_new_names(tmp_path: Path) -> None:
    """After a folder moved, its files are compared from the cache."""
    worktree = make_worktree(tmp_path)
    write_files(tmp_path, {"a/x": b"1", "a/b/y": b"2", "top": b"3"})
    store = DictStore()
    age(tmp_path)
    compare(worktree, store, tree_of(store, tmp_path))

    move_files(worktree, [(b"a", b"n/m"), (b"top", b"n/top")])

    assert StatCache(worktree).block(b"n/m/b") is not None
    assert StatCache(worktree).block(b"a") is None
    assert compare(worktree, store, tree_of(store, tmp_path)) == Comparison()


def test_move_onto_something_moves_nothing(tmp_path: Path) -> None:
    """When one new path is taken, no file has moved."""
    worktree = make_worktree(tmp_path)
    write_files(tmp_path, {"a": b"1", "b": b"2", "taken": b"3"})

    with pytest.raises(AlreadyExists, match="taken"):
        move_files(worktree, [(b"a", b"free"), (b"b", b"taken")])

    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "taken").read_bytes() == b"3"
