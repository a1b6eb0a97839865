"""Commands that wait while another process changes the same repository: they see what it left, not before."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.repos import ADA, START, ticking

from tether.api import history, operations
from tether.api.repo import Repo
from tether.api.staging import CommitRequest
from tether.core.identity import Time
from tether.core.names import branch_ref
from tether.errors import Conflict, NotFound
from tether.repo.operations import Head


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder of a repository with two commits on main, and `side` at the first."""
    repo = Repo.init(tmp_path / "work", clock=ticking())
    repo.author = ADA
    save(repo, "1")
    repo.create_branch("side")
    save(repo, "2")
    repo.close()
    return tmp_path / "work"


def save(repo: Repo, text: str) -> None:
    """Commit a file."""
    (repo.root / "a").write_text(text)
    repo.add()
    repo.commit(text)


def opened(root: Path, before_lock: Callable[[Repo], object]) -> Repo:
    """Return the repository of a process that has to wait while another one works.

    The clock is looked at for the note of the lock, after the command has begun and before it has the
    lock: then the other process does its work.
    """
    waiting = [before_lock]
    ticks: Iterator[int] = iter(range(START + 10**12, START + 10**13, 1_000_000))

    def clock() -> Time:
        if waiting:
            other = Repo.open(root, clock=ticking(START + 10**11))
            other.author = ADA
            waiting.pop()(other)
            other.close()
        return Time(next(ticks), 0)

    repo = Repo.open(root, clock=clock)
    repo.author = ADA
    return repo


def head(repo: Repo) -> str:
    """Return the message of the commit that is checked out."""
    return next(repo.log(limit=1)).commit.message.strip()


@pytest.mark.parametrize("mode", ["soft", "mixed", "hard"])
def test_a_reset_to_head_keeps_the_commit_it_waited_for(root: Path, mode: str) -> None:
    """HEAD is what it is when the command has its turn."""
    repo = opened(root, lambda other: save(other, "3"))

    repo.reset("HEAD", mode)

    assert head(repo) == "3"
    assert (root / "a").read_text() == "3"
    assert repo.status().staged == ()


def test_a_switch_goes_to_where_the_branch_is_when_it_has_its_turn(root: Path) -> None:
    """Another process commits on the branch meanwhile: stage and files are those of its new commit."""

    def commit_on_side(other: Repo) -> None:
        other.switch("side")
        save(other, "3")
        other.switch("main")

    repo = opened(root, commit_on_side)

    repo.switch("side")

    assert head(repo) == "3"
    assert (root / "a").read_text() == "3"
    assert repo.status().staged == ()


def test_a_new_branch_begins_where_head_is_when_it_has_its_turn(root: Path) -> None:
    """The commit that the command waited for is in the new branch."""
    repo = opened(root, lambda other: save(other, "3"))

    repo.switch("new", create="HEAD")

    assert head(repo) == "3"
    assert repo.status().staged == ()


def test_a_branch_that_is_moved_during_the_switch_to_it_is_a_conflict(root: Path) -> None:
    """Someone pushes to the branch after its commit was read: HEAD never names what is not shown."""
    repo, other = Repo.open(root, clock=ticking()).repository, Repo.open(root, clock=ticking()).repository
    side, main = (repo.root().refs[branch_ref(name)] for name in ("side", "main"))
    with pytest.raises(Conflict, match="side"), repo.transaction("switch side") as switching:
        switching.set_head(Head(branch_ref("side")))
        with other.transaction("push") as push:
            push.set_ref(branch_ref("side"), main, expected=side)

    assert repo.root().head == Head(branch_ref("main"))
    assert repo.root().refs[branch_ref("side")] == main


def test_an_undo_does_not_take_back_what_came_while_it_waited(root: Path) -> None:
    """What is newest is another operation now; the user looks again."""
    repo = opened(root, lambda other: save(other, "3"))

    with pytest.raises(Conflict, match="meanwhile"):
        repo.undo()

    assert head(repo) == "3"
    assert repo.undo().operation.command == "commit"
    assert head(repo) == "2"


def test_an_operation_is_not_returned_to_over_what_came_meanwhile(root: Path) -> None:
    """`op restore` tells of it in the same way."""
    newest = operations.list_operations(Repo.open(root, clock=ticking()))[2].id.hex()
    repo = opened(root, lambda other: save(other, "3"))

    with pytest.raises(Conflict, match="meanwhile"):
        operations.restore(repo, newest)

    assert head(repo) == "3"


def test_a_commit_goes_on_from_the_one_it_waited_for(root: Path) -> None:
    """Both commits are in the history."""
    (root / "b").write_text("b")
    repo = opened(root, lambda other: save(other, "3"))

    repo.commit_with(CommitRequest("4", allow_empty=True))

    assert [entry.commit.message.strip() for entry in repo.log()] == ["4", "3", "2", "1"]


def test_a_branch_or_tag_never_names_a_commit_that_gc_freed_meanwhile(root: Path) -> None:
    """The commit was found when the command began and is gone when it has its turn: there is none."""
    repo = Repo.open(root, clock=ticking(START + 10**11))
    repo.author = ADA
    lost = next(repo.log(limit=1)).id.hex()
    repo.reset("HEAD~1", "hard")
    repo.close()

    for make in (Repo.create_branch, Repo.create_tag):
        waiting = opened(root, lambda other: other.gc(prune_now=True))
        with pytest.raises(NotFound):
            make(waiting, "name", lost)
        refs = waiting.repository.root().refs
        assert not [name for name in refs if name.endswith("/name")]


def test_a_branch_is_not_deleted_when_someone_has_switched_to_it(root: Path) -> None:
    """HEAD always names a branch that is there."""
    repo = opened(root, lambda other: other.switch("side"))

    with pytest.raises(Conflict, match="checked out"):
        history.delete_branch(repo, "side")

    assert head(repo) == "1"
