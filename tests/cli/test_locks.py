"""Locks of files by commands, with two people and a hub in processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.test_hub_transfer import People


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """Return Ada, who owns a repository with one commit, and Bob, who may write to it and has a clone."""
    people = People(tmp_path)
    people.share("sheets/one", "cat")
    yield people
    people.hub.close()


def test_who_locks_a_file_is_alone_with_it(people: People) -> None:
    """Others are told who has it, at the lock and at the push, until it is given back."""
    ada, bob = people.ada, people.bob
    bob.transcript("""
        $ tether lock sheets cat --branch main
        locked sheets on main
        locked cat on main
        $ tether -C sheets unlock ../cat
        unlocked cat on main
        $ tether locks
        sheets on main	bob
    """)
    ada.write("sheets/one", "2\n")
    ada.ok("commit", "-q", "-a", "-m", "second")
    ada.transcript("""
        $ tether lock cat sheets/one
        error: bob has locked sheets on main
        hint: ask bob to unlock it, or a maintainer to take the lock away
        [5]
        $ tether push
        error: the push changes sheets/one on main, which bob has locked
        hint: ask bob to unlock sheets, or a maintainer to take the lock away
        [5]
        $ tether unlock sheets
        error: bob has locked sheets on main
        hint: to take the lock away, add --force
        [5]
        $ tether locks
        sheets on main	bob
    """)
    assert [lock["path"] for lock in bob.json("locks")] == ["sheets"]
    bob.ok("unlock", "-q", "sheets")
    ada.ok("push", "-q")
    assert bob.json("locks", "origin") == []


def test_a_maintainer_takes_a_lock_away(people: People) -> None:
    """Only with --force, and who may only write does not at all."""
    ada, bob = people.ada, people.bob
    made = ada.json("lock", "cat")
    assert [(lock["path"], lock["branch"], lock["user"]) for lock in made] == [("cat", None, "ada")]
    assert ada.json("lock", "cat") == made
    refused = bob.run("unlock", "cat", "--force")
    assert (refused.code, refused.err.splitlines()[0]) == (6, "error: ada has locked cat")
    bob.ok("lock", "-q", "sheets/one")
    ada.ok("unlock", "-q", "--force", "sheets/one")
    assert [lock["path"] for lock in ada.json("locks")] == ["cat"]
    assert bob.run("unlock", "sheets/one").code == 3


def test_what_cannot_be_locked(people: People) -> None:
    """The whole repository, what is outside, and what is not on a hub."""
    ada = people.ada
    assert ada.run("lock", ".").code == 2
    assert ada.run("lock", "../other").code == 2
    assert ada.run("lock").code == 2
    ada.ok("remote", "add", "-q", "disk", "../disk")
    assert ada.json("lock", "cat", "--remote", "disk", code=9)["error"]["message"].startswith(
        "disk is not on"
    )
