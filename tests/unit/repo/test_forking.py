"""What a fork begins with: whole packs that are shared, and the rest copied."""

import random
from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import make_repository, read_files

from tether.core.digest import hash_bytes
from tether.errors import Corrupt
from tether.repo.check import CheckOptions, check_repository
from tether.repo.forking import execute_fork, plan_fork
from tether.repo.frames import DATA, FRAME_SIZE, META
from tether.repo.gc import execute_gc, plan_gc
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.storage.local import LocalBackend


def forked(source: Repository, folder: Path) -> Repository:
    """Return a fork of a repository."""
    made = make_repository(folder, bare=True)
    with source.lock("writer").shared(None):
        root = execute_fork(plan_fork(source), source, made.backend)
    made.roots.swap(made.root().encode(), root.encode())
    return made


def test_packs_are_shared_or_copied(tmp_path: Path) -> None:
    """A pack without anything else is shared; of one that has more what is reached is copied."""
    source = make_repository(tmp_path / "source")
    past = Past(source)
    first = past.commit("one", {"a": b"1"})
    second = past.commit("two", {"b": b"2"}, branch="gone", parents=[first])
    with source.transaction("remove") as transaction:
        transaction.set_ref("refs/heads/gone", None)

    plan = plan_fork(source)
    fork = forked(source, tmp_path / "fork")

    assert len(plan.shared[DATA]) == len(plan.shared[META]) == 1
    assert read_files(fork, first) == {"a": b"1"}
    assert not fork.objects.has(second)
    assert plan.size == sum(size for _, size in fork.backend.list("packs/"))


def mixed(folder: Path) -> tuple[Repository, dict[str, bytes]]:
    """Return a repository whose packs hold a branch with some files, and more; and those files."""
    source = make_repository(folder)
    past, files = Past(source), dict[str, bytes]()
    for number in range(9):
        files[f"f{number}"] = random.Random(number).randbytes(3000)
        past.commit("c", {f"f{number}": files[f"f{number}"]})
        past.commit("c", {f"g{number}": random.Random(100 + number).randbytes(3000)}, branch="gone")
    execute_gc(source, plan_gc(source, source.clock()))
    assert len(source.root().packs()) == 2
    with source.transaction("remove") as transaction:
        transaction.set_ref("refs/heads/gone", None)
    return source, files


def test_of_packs_with_more_the_reached_part_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In as many packs as it takes; the fork is sound, and nothing of the rest is there."""
    source, files = mixed(tmp_path / "source")
    plan = plan_fork(source)
    assert plan.shared == {DATA: (), META: ()}
    assert len(plan.copied[DATA]) == 9
    monkeypatch.setattr("tether.repo.packs.PACK_SIZE", 10_000)

    fork = forked(source, tmp_path / "fork")

    assert len(fork.root().data_packs) > 1
    assert read_files(fork, fork.root().refs["refs/heads/main"]) == files
    assert check_repository(fork, CheckOptions(full=True)).problems == []
    gone = [hash_bytes(random.Random(100 + number).randbytes(3000)) for number in range(9)]
    assert source.objects.has_many(gone) == [True] * 9
    assert fork.objects.has_many(gone) == [False] * 9


def test_damage_is_not_copied(tmp_path: Path) -> None:
    """A frame that is to be copied and is damaged ends it, and no pack is left."""
    source, _ = mixed(tmp_path / "source")
    plan = plan_fork(source)
    place = plan.copied[DATA][4]
    path = source.directory / pack_key(place.pack)
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(place.frame.offset + FRAME_SIZE + 10)
        file.write(b"damage")
    target = LocalBackend(tmp_path / "fork")

    with pytest.raises(Corrupt):
        execute_fork(plan, source, target)
    assert list(target.list("")) == []


def test_a_source_that_is_not_whole(tmp_path: Path) -> None:
    """Is refused, and nothing of the fork is there."""
    source = make_repository(tmp_path / "source")
    Past(source).commit("one", {"a": b"1"})
    target = LocalBackend(tmp_path / "fork")
    for path in (source.directory / "packs").iterdir():
        path.unlink()

    with pytest.raises(Corrupt, match="not whole"):
        plan_fork(source)
    assert list(target.list("")) == []
