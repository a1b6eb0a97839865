"""A clone of a plain folder shares packs by hard links and stays whole whatever becomes of the source."""

import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository, read_files

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.errors import Corrupt
from tether.repo.check import CheckOptions, ProblemKind, check_repository
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.packs import pack_key
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions, fill_clone, link_packs

FILES = {"a": b"one\n", "b": random.Random(4).randbytes(300_000), "empty": b""}
LATER = Time(4_000_000_000_000_000, 0)


def source_in(path: Path) -> tuple[Repository, Digest]:
    """Return a repository with a commit on main, and a branch that was made and deleted."""
    repository = make_repository(path)
    commit = commit_files(repository, FILES, "first")
    commit_files(repository, {"gone": random.Random(5).randbytes(200_000)}, "gone", branch="refs/heads/x")
    with repository.transaction("branch -d x") as transaction:
        transaction.set_ref("refs/heads/x", None)
    return repository, commit


def inodes(repository: Repository) -> set[int]:
    """Return the inodes of the live packs."""
    return {(repository.directory / pack_key(name)).stat().st_ino for name in repository.root().packs()}


def collect(repository: Repository) -> None:
    """Collect garbage, with nothing kept for undo or for readers."""
    execute_gc(repository, plan_gc(repository, LATER, GcOptions(retention_days=0, grace_s=0)))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    with tempfile.TemporaryDirectory(dir=other) as folder:
        yield Path(folder)


def test_the_packs_are_the_same_files(tmp_path: Path) -> None:
    """With sharing the clone has the packs of the source, without it files of its own."""
    source, commit = source_in(tmp_path / "source")
    shared, copied = make_repository(tmp_path / "shared"), make_repository(tmp_path / "copied")

    fill_clone(source, shared, CloneOptions(share=True))
    fill_clone(source, copied, CloneOptions(share=False))

    assert inodes(source) == inodes(shared)
    assert not inodes(source) & inodes(copied)
    assert read_files(shared, commit) == read_files(copied, commit) == FILES


def test_the_clone_survives_the_source(tmp_path: Path) -> None:
    """Nothing in the clone needs the source any more, and a commit in one is not in the other."""
    source, commit = source_in(tmp_path / "source")
    clone = make_repository(tmp_path / "clone")
    fill_clone(source, clone, CloneOptions(share=True))

    new = commit_files(clone, {"c": b"new\n"}, "second")
    assert not source.objects.has(new)
    source.close()
    shutil.rmtree(tmp_path / "source")

    assert read_files(clone, commit) == FILES
    assert read_files(clone, new) == {"c": b"new\n"}


@pytest.mark.parametrize("first", ["source", "clone"])
def test_garbage_is_collected_on_each_side(tmp_path: Path, first: str) -> None:
    """Collecting garbage on one side takes nothing from the other, in either order."""
    source, commit = source_in(tmp_path / "source")
    clone = make_repository(tmp_path / "clone")
    fill_clone(source, clone, CloneOptions(share=True))

    for repository in (source, clone) if first == "source" else (clone, source):
        collect(repository)
        assert read_files(source, commit) == read_files(clone, commit) == FILES

    assert not list((tmp_path / "source/.tether/quarantine").rglob("*.pack"))


@pytest.mark.parametrize("damaged", ["source", "clone"])
def test_damage_in_place_is_noticed_on_both_sides(tmp_path: Path, damaged: str) -> None:
    """The packs are the same files: a full check of either finds it, and neither reads it in silence."""
    source, commit = source_in(tmp_path / "source")
    clone = make_repository(tmp_path / "clone")
    fill_clone(source, clone, CloneOptions(share=True))
    holder = source if damaged == "source" else clone
    paths = [holder.directory / pack_key(name) for name in holder.root().data_packs]
    (path,) = [path for path in paths if FILES["b"][:50] in path.read_bytes()]
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(FILES["b"][:50]) + 7)
        file.write(b"\0\1\2")

    for repository in (source, clone):
        kinds = {p.kind for p in check_repository(repository, CheckOptions(full=True)).problems}
        assert kinds >= {ProblemKind.DAMAGED, ProblemKind.PACK}
        with pytest.raises(Corrupt):
            read_files(repository, commit)


def test_objects_are_copied_where_links_are_not_possible(tmp_path: Path, elsewhere: Path) -> None:
    """On another file system the clone is as whole, and holds only what its refs need."""
    source, commit = source_in(tmp_path / "source")
    clone = make_repository(elsewhere / "clone")

    fill_clone(source, clone, CloneOptions(share=True))

    assert read_files(clone, commit) == FILES
    assert len(clone.root().packs()) < len(source.root().packs())


def test_a_pack_that_vanishes_before_it_is_linked(tmp_path: Path) -> None:
    """A source whose packs were replaced since its root was read is not linked, and can be cloned."""
    source, commit = source_in(tmp_path / "source")
    clone, root = make_repository(tmp_path / "clone"), source.root()
    collect(source)

    assert not link_packs(source, clone, root)
    fill_clone(source, clone, CloneOptions(share=True))

    assert read_files(clone, commit) == FILES
    assert set(clone.root().packs()) == set(source.root().packs())
