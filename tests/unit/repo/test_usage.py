"""Sizes are those of the objects in the packs, and `unique` is what gc frees without the branch."""

import random
from pathlib import Path

from tests.support.repos import commit_files, make_repository

from tether.core.identity import Time
from tether.core.treeread import find
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.history import History
from tether.repo.repository import Repository
from tether.repo.usage import Space


def noise(seed: int, size: int) -> bytes:
    """Return bytes that do not compress."""
    return random.Random(seed).randbytes(size)


def filled(tmp_path: Path) -> Repository:
    """Return a repository with three branches that share files."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": noise(1, 10_000), "s": noise(9, 5000)}, "one")
    commit_files(repository, {"b": noise(2, 20_000), "s": noise(9, 5000)}, "x", branch="refs/heads/x")
    commit_files(repository, {"b": noise(2, 20_000), "c": noise(3, 40_000)}, "y", branch="refs/heads/y")
    return repository


def test_unique_is_what_deleting_a_branch_frees(tmp_path: Path) -> None:
    """The number told before is the number of bytes by which the live packs shrink."""
    repository = filled(tmp_path)
    rows = {row.name: row for row in Space(repository).by_branch()[0]}
    assert rows["x"].unique is not None
    assert rows["y"].unique is not None
    assert rows["x"].unique < 1000
    assert 40_000 < rows["y"].unique < 41_000
    assert rows["main"].unique is not None
    assert rows["main"].unique < 300, "the stage needs all but the commit"
    options, later = GcOptions(0, 0), Time(1_900_000_000_000_000, 0)
    before = execute_gc(repository, plan_gc(repository, later, options)).kept

    with repository.transaction("drop") as transaction:
        transaction.set_ref("refs/heads/y", None)
    after = execute_gc(repository, plan_gc(repository, later, options)).kept

    # The packs themselves have a header and a trailer, so one more or less of them is allowed for.
    assert abs((before - after) - rows["y"].unique) < 400


def test_by_path_counts_shared_objects_in_each_row_and_once_in_all(tmp_path: Path) -> None:
    """Two files of one content have its size each; the total has it once."""
    repository = make_repository(tmp_path)
    tip = commit_files(repository, {"one": noise(1, 9000), "two": noise(1, 9000)}, "twins")
    tree = History.of(repository).commit(tip).tree
    entry = find(repository.objects, tree, b"")
    assert entry is not None

    rows, total = Space(repository).by_path(entry, b"")

    assert [(row.name, row.logical, row.files) for row in rows] == [("one", 9000, 1), ("two", 9000, 1)]
    assert all(9000 < row.stored < 9200 for row in rows)
    assert (total.logical, total.files) == (18_000, 2)
    assert 9000 < total.stored < 9600


def test_by_commit_gives_what_each_added(tmp_path: Path) -> None:
    """The sum of what the commits added is what the newest needs with its history."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": noise(1, 10_000)}, "one")
    commit_files(repository, {"a": noise(1, 10_000), "b": noise(2, 30_000)}, "two")
    tip = commit_files(repository, {"b": noise(2, 30_000)}, "three")

    rows, total = Space(repository).by_commit(tip)

    assert [row.logical for row in rows] == [30_000, 40_000, 10_000]
    assert rows[0].stored < 1000
    assert 30_000 < rows[1].stored < 31_000
    assert sum(row.stored for row in rows) == total.stored


def test_what_is_freed_at_once_is_what_was_told_also_of_a_large_pack(tmp_path: Path) -> None:
    """A branch's small file in a pack that is mostly needed is worth the copying where all is to be freed."""
    repository = make_repository(tmp_path)
    files = {"kept": noise(1, 400_000), "lost": noise(2, 9000)}
    commit_files(repository, files, "both", branch="refs/heads/y")
    commit_files(repository, {"kept": files["kept"]}, "one", branch="refs/heads/z")
    unique = {row.name: row.unique for row in Space(repository).by_branch()[0]}["y"]
    with repository.transaction("branch -d y") as transaction:
        transaction.set_ref("refs/heads/y", None)

    later = Time(1_900_000_000_000_000, 0)
    freed = execute_gc(repository, plan_gc(repository, later, GcOptions(0, 0, thorough=True))).freed

    assert unique is not None
    assert unique > 9000
    assert abs(freed - unique) < 500
