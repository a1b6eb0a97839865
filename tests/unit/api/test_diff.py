"""Differences between any two of commits, stage and working copy."""

import os
from pathlib import Path

import pytest
from tests.support.repos import ADA, ticking

from tether.api.diff import DiffQuery, FileChange, content_diff, diff, digest_of
from tether.api.repo import Repo
from tether.core.digest import hash_bytes
from tether.errors import NotFound

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452")


def png(width: int, height: int) -> bytes:
    """Return the head of an image of this size."""
    return PNG + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes(20)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """Return a repository with one commit of four files."""
    repo = Repo.init(tmp_path, clock=ticking())
    repo.author = ADA
    (tmp_path / "dir").mkdir()
    (tmp_path / "text").write_bytes(b"one\ntwo\nthree\n")
    (tmp_path / "dir/moved").write_bytes(b"the same\n")
    (tmp_path / "image.png").write_bytes(png(640, 480))
    (tmp_path / "run").write_bytes(b"#!/bin/sh\n")
    repo.add()
    repo.commit("first")
    return repo


def words(changes: list[FileChange]) -> list[tuple[str, str]]:
    """Return path and kind of each change."""
    return [(os.fsdecode(change.path), change.change) for change in changes]


def edit(repo: Repo) -> None:
    """Change every file in its own way."""
    root = repo.root
    (root / "text").write_bytes(b"one\n2\nthree\n")
    (root / "dir/moved").rename(root / "dir/there")
    (root / "image.png").write_bytes(png(800, 600))
    (root / "run").chmod(0o755)


def test_the_stages_of_a_change(repo: Repo) -> None:
    """Working copy, then stage, then commit: each comparison sees the change where it is."""
    edit(repo)
    unstaged = words(repo.diff())
    assert unstaged == [
        ("dir/moved", "removed"),
        ("image.png", "modified"),
        ("run", "mode"),
        ("text", "modified"),
    ]
    assert repo.diff(staged=True) == []
    repo.add()
    staged = [("dir/there", "renamed"), ("image.png", "modified"), ("run", "mode"), ("text", "modified")]
    assert repo.diff() == []
    assert words(repo.diff(staged=True)) == staged
    assert words(repo.diff("HEAD")) == staged
    repo.commit("second")
    assert words(repo.diff("HEAD~", "HEAD")) == staged
    assert words(repo.diff("HEAD~", paths=["text", "dir"])) == [
        ("dir/there", "renamed"),
        ("text", "modified"),
    ]
    assert words(repo.diff("HEAD", "HEAD~"))[0] == ("dir/moved", "renamed")
    assert words(repo.diff("HEAD~", staged=True)) == staged


def test_a_revision_and_the_working_copy_are_compared_as_they_are(repo: Repo) -> None:
    """What was staged and then taken back in the working copy is no difference."""
    (repo.root / "text").write_bytes(b"staged\n")
    (repo.root / "new").write_bytes(b"new\n")
    repo.add()
    (repo.root / "text").write_bytes(b"one\ntwo\nthree\n")
    (repo.root / "new").unlink()

    assert repo.diff("HEAD") == []
    assert words(repo.diff()) == [("new", "removed"), ("text", "modified")]
    (repo.root / "text").write_bytes(b"ONE\ntwo\nthree\n")
    assert words(repo.diff("HEAD")) == [("text", "modified")]


def test_lines_are_compared_from_the_disk(repo: Repo) -> None:
    """A text gives its lines, whatever of it is only in the working copy."""
    (repo.root / "text").write_bytes(b"one\n2\nthree\nfour\n")
    [change] = repo.diff()

    found = content_diff(repo, change, 0)

    assert found.hunks is not None
    assert [line for hunk in found.hunks for line in hunk.lines] == [
        ("-", b"two\n"),
        ("+", b"2\n"),
        ("+", b"four\n"),
    ]
    assert change.new is not None
    assert digest_of(repo, change.new) == hash_bytes(b"one\n2\nthree\nfour\n")


def test_images_are_summed_up(repo: Repo) -> None:
    """Their kind and size in pixels before and after."""
    (repo.root / "image.png").write_bytes(png(800, 600))
    [change] = repo.diff()

    found = content_diff(repo, change)

    assert found.hunks is None
    assert found.old is not None
    assert found.new is not None
    assert (found.old.kind, found.old.width, found.old.height) == ("png", 640, 480)
    assert (found.new.width, found.new.height) == (800, 600)


def test_large_texts_are_summed_up(repo: Repo) -> None:
    """Above the limit no line is looked at."""
    (repo.root / "text").write_bytes(b"line\n" * 2_000_000)
    [change] = repo.diff()

    found = content_diff(repo, change)

    assert found.hunks is None
    assert found.new is not None
    assert found.new.kind == "text"


def test_links_are_compared_by_their_target_and_never_followed(repo: Repo) -> None:
    """A file that became a link is another type of thing."""
    (repo.root / "text").unlink()
    (repo.root / "text").symlink_to("run")
    [change] = repo.diff()

    found = content_diff(repo, change, 0)

    assert change.change == "type"
    assert found.hunks is not None
    assert found.hunks[0].lines[-1] == ("+", b"run")


def test_three_dots_compare_with_where_both_parted(repo: Repo) -> None:
    """What happened on the other side does not count."""
    repo.create_branch("side")
    (repo.root / "mine").write_bytes(b"mine\n")
    repo.add()
    repo.commit("mine")

    assert words(diff(repo, DiffQuery("main", "side", symmetric=True))) == []
    assert words(diff(repo, DiffQuery("side", "main", symmetric=True))) == [("mine", "added")]
    assert words(diff(repo, DiffQuery("main", "side"))) == [("mine", "removed")]


def test_before_the_first_commit_everything_staged_is_new(tmp_path: Path) -> None:
    """Without HEAD the stage is compared with nothing."""
    repo = Repo.init(tmp_path, clock=ticking())
    (tmp_path / "a").write_bytes(b"x")
    repo.add()

    assert words(repo.diff(staged=True)) == [("a", "added")]
    with pytest.raises(NotFound):
        repo.diff("HEAD")
