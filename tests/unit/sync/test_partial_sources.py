"""A source that by agreement lacks contents or old history: said before a ref moves, or recorded."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.repos import ADA, commit_files, make_repository, read_files, ticking

from tether.core.digest import Digest, hash_bytes
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE
from tether.errors import Unavailable
from tether.repo.check import CheckOptions, check_repository
from tether.repo.gc import GcOptions, execute_gc, plan_gc
from tether.repo.history import shallow_commits, with_shallow
from tether.repo.repository import Repository
from tether.sync.bundle import create_bundle
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, fetch, push

LATER = Time(4_000_000_000_000_000, 0)
PARENT = Digest(hash_bytes(b"a commit that is nowhere"))
MAIN = PushOptions(("main",))


def dropped(path: Path) -> tuple[Repository, Digest]:
    """Return a repository whose first file was dropped, since the remote `hub` has it."""
    repository = make_repository(path)
    tip = commit_files(repository, {"a": b"a" * 1000, "b": b"b" * 1000}, "one")
    options = GcOptions(0, 0, dropped={hash_bytes(b"a" * 1000): "hub"}, command="drop a")
    execute_gc(repository, plan_gc(repository, LATER, options))
    assert not repository.objects.has(hash_bytes(b"a" * 1000))
    return repository, tip


def shallow(path: Path) -> tuple[Repository, Digest]:
    """Return a repository of one commit whose parent is not there."""
    repository = make_repository(path)
    with repository.transaction("shallow") as transaction:
        commit = Commit(EMPTY_TREE, (PARENT,), ADA, Time(0, 0), ADA, Time(0, 0), "second")
        tip = transaction.objects.put(ObjectKind.COMMIT, commit.encode())
        transaction.set_extra(with_shallow(transaction.root, [tip]))
        transaction.set_ref("refs/heads/main", tip)
    return repository, tip


@pytest.mark.parametrize(
    "send",
    [
        lambda there, here: fill_clone(there, here, CloneOptions(share=True)),
        lambda there, here: fill_clone(there, here, CloneOptions()),
        lambda there, here: fetch(here, there, "origin"),
        lambda there, here: push(there, here, "origin", MAIN),
        lambda there, here: create_bundle(there, here.directory / "x", there.root().refs),
    ],
    ids=["linked clone", "clone", "fetch", "push", "bundle"],
)
def test_dropped_contents_are_not_sent(
    tmp_path: Path, send: Callable[[Repository, Repository], object]
) -> None:
    """Who needs them is told how many, which remote has them and what to do; nothing has changed."""
    (there, _), here = dropped(tmp_path / "there"), make_repository(tmp_path / "here", bare=True)
    before = here.root()

    with pytest.raises(Unavailable, match=r"dropped \(1\).* hub ") as failed:
        send(there, here)

    assert "drop --fetch" in str(failed.value.hint)
    assert here.root() == before


def test_dropped_contents_that_the_receiver_has_are_no_obstacle(tmp_path: Path) -> None:
    """A push of new work goes through where the remote has what was dropped here."""
    (there, tip), hub = dropped(tmp_path / "there"), make_repository(tmp_path / "hub", bare=True)
    with hub.transaction("put") as transaction:
        transaction.contents.add_files([b"a" * 1000], [b"a"])
        transaction.record()

    push(there, hub, "origin", MAIN)

    assert read_files(hub, tip) == {"a": b"a" * 1000, "b": b"b" * 1000}


@pytest.mark.parametrize("share", [True, False])
def test_a_clone_of_a_shallow_source_is_shallow(tmp_path: Path, share: bool) -> None:
    """The boundary is recorded: a check of the clone and of its clone finds nothing missing."""
    source, tip = shallow(tmp_path / "a")
    for name in ("b", "c"):
        clone = make_repository(tmp_path / name)
        fill_clone(source, clone, CloneOptions(share=share))
        assert shallow_commits(clone.root()) == (tip,)
        assert check_repository(clone, CheckOptions(full=True)).ok
        source = clone


def test_a_fetch_from_a_shallow_source(tmp_path: Path) -> None:
    """What came with the fetch ends at its boundary; what was here keeps its parents."""
    (source, tip), here = shallow(tmp_path / "a"), make_repository(tmp_path / "b")
    commit_files(here, {"a": b"a"}, "own")

    fetch(here, source, "origin")

    assert shallow_commits(here.root()) == (tip,)
    assert check_repository(here, CheckOptions(full=True)).ok


def test_a_shallow_history_is_not_pushed(tmp_path: Path) -> None:
    """A remote is not made shallow: the error names the commit, and no ref has moved."""
    (source, tip), hub = shallow(tmp_path / "a"), make_repository(tmp_path / "b", bare=True)

    with pytest.raises(Unavailable, match=tip.hex()[:12]):
        push(source, hub, "origin", MAIN)

    assert dict(Repository.open(hub.directory, clock=ticking()).root().refs) == {}
