"""What undo takes back, and how far it goes."""

from pathlib import Path

import pytest
from tests.support.repos import commit_files, make_repository

from tether.errors import InvalidInput, NotFound
from tether.repo.oplog import (
    apply_goal,
    find_operation,
    moves_files,
    next_undo,
    operations_after,
    read_operations,
    restore_goal,
    undo_goal,
)
from tether.repo.repository import Repository


def undo(repository: Repository) -> str:
    """Take back one operation and return its command."""
    operation = next_undo(repository)
    goal = undo_goal(repository.root(), operation)
    with repository.transaction(goal.command) as transaction:
        apply_goal(transaction, goal)
    return operation.command


def test_repeated_undo_goes_further_back(tmp_path: Path) -> None:
    """Each undo takes the next older operation; work in between is taken back first."""
    repository = make_repository(tmp_path)
    empty = repository.root()
    for name in "abc":
        commit_files(repository, {name: name.encode()}, name)

    assert [undo(repository), undo(repository)] == ["commit c", "commit b"]
    commit_files(repository, {"d": b"d"}, "d")
    assert [undo(repository) for _ in range(2)] == ["commit d", "commit a"]
    assert (repository.root().refs, repository.root().pointers()) == ({}, empty.pointers())
    with pytest.raises(NotFound):
        undo(repository)


def test_refs_of_remotes_stay(tmp_path: Path) -> None:
    """An undo leaves what was seen in remotes, and a mere fetch is nothing to undo."""
    repository = make_repository(tmp_path)
    tip = commit_files(repository, {"a": b"a"}, "a")
    with repository.transaction("fetch origin") as transaction:
        transaction.set_ref("refs/remotes/origin/main", tip)

    assert undo(repository) == "commit a"
    assert repository.root().refs == {"refs/remotes/origin/main": tip}


def test_returning_to_an_operation(tmp_path: Path) -> None:
    """Refs made since are removed, deleted ones come back; then the way forward works as well."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "a")
    old = repository.root()
    target = next(iter(read_operations(repository)))
    commit_files(repository, {"x": b"x"}, "x", branch="refs/heads/x")
    with repository.transaction("drop") as transaction:
        transaction.set_ref("refs/heads/main", None)
    new = repository.root()
    newest = next(iter(read_operations(repository)))

    for operation, root in ((target, old), (newest, new)):
        goal = restore_goal(repository, operation, operations_after(repository, operation))
        with repository.transaction(goal.command) as transaction:
            apply_goal(transaction, goal)
        assert (repository.root().refs, repository.root().pointers()) == (root.refs, root.pointers())


def test_finding_an_operation(tmp_path: Path) -> None:
    """A prefix of six digits or more names one operation."""
    repository = make_repository(tmp_path)
    commit_files(repository, {"a": b"a"}, "a")
    operation = next(iter(read_operations(repository)))

    assert find_operation(repository, operation.id.hex()[:6].upper()) == operation
    with pytest.raises(NotFound):
        find_operation(repository, "0" * 64)
    for text in ("abc", "not-hexadecimal"):
        with pytest.raises(InvalidInput):
            find_operation(repository, text)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("add a.txt", False),
        ("commit", False),
        ("commit --amend", False),
        ("reset --soft HEAD~1", False),
        ("reset --hard HEAD~1", True),
        ("switch main", True),
        ("undo 12ab", False),
        ("undo 12ab (files)", True),
        ("address", True),
    ],
)
def test_which_commands_move_files(command: str, expected: bool) -> None:
    """Only commands of the stage leave working files alone."""
    assert moves_files(command) is expected
