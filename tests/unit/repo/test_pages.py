"""A content of so many chunks that its recipe has pages; here a page has three, not 65,536."""

import random
from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository, read_files, ticking

from tether.api import remotes
from tether.api.repo import Repo
from tether.core.digest import Digest, hash_bytes
from tether.core.tree import EMPTY_TREE
from tether.errors import NotFound
from tether.repo import ingest
from tether.repo.check import CheckOptions, check_repository
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.repository import Repository

BIG = random.Random(7).randbytes(1_200_000)
CONTENT = hash_bytes(BIG)


@pytest.fixture(autouse=True)
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a page of a recipe end after three chunks."""
    monkeypatch.setattr(ingest, "PAGE_CHUNKS", 3)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Return a repository with a content of several pages."""
    repository = make_repository(tmp_path / "here")
    commit_files(repository, {"big": BIG, "small": b"x"}, "first")
    return repository


def head(repository: Repository) -> Digest:
    """Return the commit of main."""
    return repository.root().refs["refs/heads/main"]


def test_any_range_reads_back(repository: Repository) -> None:
    """Ranges within a page, over the ends of pages, and up to the end are those of the content."""
    snapshot = Repo(repository).at()
    ranges = random.Random(1)

    with snapshot.open("big") as file:
        for _ in range(60):
            start = ranges.randrange(len(BIG))
            length = ranges.randrange(1, 300_000)
            file.seek(start)
            assert file.read(length) == BIG[start : start + length]
    assert snapshot.read_bytes("big") == BIG


def test_pages_are_needed_and_checked(repository: Repository) -> None:
    """A check reads through the pages, and gc keeps them with the chunks that only they name."""
    assert len(list(repository.contents.chunks(CONTENT))) > 9
    now = repository.clock()
    execute_gc(repository, plan_gc(repository, now, GcOptions(0, 0)))

    assert check_repository(repository, CheckOptions(full=True)).problems == []
    assert read_files(repository, head(repository))["big"] == BIG


def test_what_is_no_longer_needed_goes_with_its_pages(repository: Repository) -> None:
    """When the commit goes, gc frees the pages and chunks as well."""
    with repository.transaction("delete") as transaction:
        transaction.set_ref("refs/heads/main", None)
        transaction.set_stage(EMPTY_TREE)
    done = execute_gc(repository, plan_gc(repository, repository.clock(), GcOptions(0, 0)))

    assert done.freed > len(BIG) * 9 // 10
    with pytest.raises(NotFound):
        repository.contents.read(CONTENT)


def test_a_push_carries_the_pages(repository: Repository, tmp_path: Path) -> None:
    """The other side has every page and chunk, and a second push sends none again."""
    repo = Repo(repository)
    repo.add_remote("there", tmp_path / "there")
    remotes.push(repo, "there")
    other = Repository.open(tmp_path / "there", clock=ticking())

    assert check_repository(other, CheckOptions(full=True)).problems == []
    assert read_files(other, head(other))["big"] == BIG
    assert repo.push("there").objects == 0
