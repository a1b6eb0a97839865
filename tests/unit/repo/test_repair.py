"""Repair brings back what is sound here or elsewhere, and deletes nothing."""

import random
from pathlib import Path

from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.core.digest import hash_bytes
from tether.core.identity import Time
from tether.repo.check import CheckOptions, ProblemKind, check_repository
from tether.repo.packs import pack_key
from tether.repo.repair import repair_repository
from tether.repo.repository import Repository

NOW = Time(1_800_000_000_000_000, 0)
FILES = {"a": random.Random(1).randbytes(3000), "b": random.Random(2).randbytes(900_000), "c": b"text" * 500}


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def reopen(repository: Repository) -> Repository:
    """Open a repository again."""
    return Repository.open(repository.directory, clock=ticking())


def test_good_frames_are_saved_and_the_bad_one_is_fetched(tmp_path: Path) -> None:
    """With another copy at hand everything is whole again; the damaged pack is kept aside."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here")
    commit_files(there, FILES, "one")
    tip = commit_files(here, FILES, "one")
    (name,) = here.root().data_packs
    path = here.directory / pack_key(name)
    flip(path, path.read_bytes().index(FILES["a"]) + 5)

    repair = repair_repository(reopen(here), NOW, [there.objects])

    assert repair.report.ok, repair.report.problems
    assert read_files(reopen(here), tip) == FILES
    assert (here.directory / "quarantine/damaged" / path.name).exists()
    assert check_repository(reopen(here), CheckOptions(full=True)).ok
    assert any("saved" in action for action in repair.actions)
    assert any("fetched 1 object" in action for action in repair.actions)


def test_without_another_copy_the_rest_is_saved(tmp_path: Path) -> None:
    """Only what was damaged is lost, and the report still names it."""
    here = make_repository(tmp_path)
    commit_files(here, FILES, "one")
    path = here.directory / pack_key(here.root().data_packs[0])
    flip(path, path.read_bytes().index(FILES["a"]) + 5)

    repair = repair_repository(reopen(here), NOW)

    assert [(p.kind, p.object) for p in repair.report.problems] == [
        (ProblemKind.MISSING, hash_bytes(FILES["a"]).hex())
    ]
    assert reopen(here).contents.read(hash_bytes(FILES["b"])) == FILES["b"]


def test_a_lost_metadata_pack_comes_back_with_all_below_it(tmp_path: Path) -> None:
    """Commit, tree and recipe are fetched although only the commit was known to be missing."""
    there, here = make_repository(tmp_path / "there"), make_repository(tmp_path / "here")
    commit_files(there, FILES, "one")
    tip = commit_files(here, FILES, "one")
    assert there.objects.has(tip)
    for name in here.root().packs():
        (here.directory / pack_key(name)).unlink()

    repair = repair_repository(reopen(here), NOW, [there.objects])

    assert repair.report.ok, repair.report.problems
    assert read_files(reopen(here), tip) == FILES


def test_damaged_indexes_are_built_again(tmp_path: Path) -> None:
    """An index with a changed bit is replaced."""
    here = make_repository(tmp_path)
    tip = commit_files(here, FILES, "one")
    for path in (here.directory / "index").iterdir():
        flip(path, path.stat().st_size // 2)

    repair = repair_repository(reopen(here), NOW)

    assert repair.report.ok, repair.report.problems
    assert read_files(reopen(here), tip) == FILES


def test_a_damaged_table_of_contents(tmp_path: Path) -> None:
    """The frames are found by their headers, and no object is lost."""
    here = make_repository(tmp_path)
    tip = commit_files(here, FILES, "one")
    path = here.directory / pack_key(here.root().data_packs[0])
    flip(path, path.stat().st_size - 150)

    repair = repair_repository(reopen(here), NOW)

    assert repair.report.ok, repair.report.problems
    assert read_files(reopen(here), tip) == FILES


def test_a_damaged_root_is_made_again_from_the_packs(tmp_path: Path) -> None:
    """Every commit without a successor gets a branch, the newest is main, and the old root is kept."""
    here = make_repository(tmp_path)
    side = commit_files(here, {"x": b"x"}, "side", branch="refs/heads/side")
    commit_files(here, {"a": b"1"}, "one")
    tip = commit_files(here, FILES, "two")
    flip(here.directory / "root", 40)

    repair = repair_repository(reopen(here), NOW)

    assert repair.report.ok, repair.report.problems
    assert dict(reopen(here).root().refs) == {"refs/heads/main": tip, "refs/heads/recovered-1": side}
    assert read_files(reopen(here), tip) == FILES
    assert list((here.directory / "quarantine/damaged").glob("root-*"))


def test_a_sound_repository_is_left_alone(tmp_path: Path) -> None:
    """Nothing to mend: nothing is done."""
    here = make_repository(tmp_path)
    commit_files(here, FILES, "one")
    before = here.root()

    repair = repair_repository(here, NOW)

    assert (repair.actions, repair.report.ok, here.root()) == ([], True, before)
