"""What a fork begins with: whole packs that are shared, and the rest copied."""

from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import make_repository, read_files

from tether.errors import Corrupt
from tether.repo.forking import execute_fork, plan_fork
from tether.repo.frames import DATA, META
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
