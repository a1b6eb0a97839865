"""Replaying commits without a working copy: which ones, what they become, where they stop."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.histories import Past
from tests.support.repos import ADA, make_repository, read_files

from tether.core.digest import Digest
from tether.core.identity import Person, Time
from tether.errors import InvalidInput
from tether.repo.history import History
from tether.repo.merge import Merger
from tether.repo.replay import Replay, Replayed, commits_to_replay

BOB = Person("Bob", "bob@example.org")
NOW = Time(1_800_000_000_000_000, 60)


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """Return an empty bare repository to make commits in."""
    return Past(make_repository(tmp_path / "repo", bare=True))


def replay(
    past: Past, onto: Digest, todo: Sequence[Digest], *, backwards: bool = False, mainline: int = 0
) -> Replayed:
    """Replay commits as Bob and keep the result."""
    with past.repository.transaction("replay") as transaction:
        merger = Merger.of(past.repository, transaction)
        how = Replay(merger, BOB, lambda: NOW, "here", mainline, backwards)
        done = how.run(onto, todo)
        transaction.set_ref("refs/heads/result", done.tip)
    return done


def todo_of(past: Past, upstream: Digest, head: Digest) -> list[Digest]:
    """Return what a rebase would replay."""
    return commits_to_replay(past.repository.objects, History.of(past.repository), upstream, head)


def test_commits_are_made_anew(past: Past) -> None:
    """Each has its change, author, date and message; the committer and his time are new."""
    base = past.commit("base", {"a": b"a"})
    one = past.commit("one\n\nmore", {"b": b"b"}, branch="s", parents=[base])
    two = past.commit("two", {"c": b"c", "a": None}, branch="s")
    onto = past.commit("onto", {"d": b"d"})

    done = replay(past, onto, [one, two])

    history = History.of(past.repository)
    assert read_files(past.repository, done.tip) == {"b": b"b", "c": b"c", "d": b"d"}
    assert [made.old for made in done.made] == [one, two]
    assert [made.subject for made in done.made] == ["one", "two"]
    assert history.parents(done.tip) == (done.made[0].new,)
    assert history.parents(done.made[0].new) == (onto,)
    new, old = history.commit(done.made[0].new), history.commit(one)
    assert (new.author, new.authored, new.message) == (ADA, old.authored, "one\n\nmore")
    assert (new.committer, new.committed) == (BOB, NOW)


def test_it_stops_at_the_first_conflict(past: Past) -> None:
    """What was replayed before is kept, and what comes after is named."""
    base = past.commit("base", {"t": b"1\n"})
    one = past.commit("one", {"n": b"n"}, branch="s", parents=[base])
    two = past.commit("two", {"t": b"2\n"}, branch="s")
    three = past.commit("three", {"m": b"m"}, branch="s")
    onto = past.commit("onto", {"t": b"3\n"})

    done = replay(past, onto, [one, two, three])

    assert [made.old for made in done.made] == [one]
    assert done.stop is not None
    assert done.stop.commit == two
    assert [row.path for row in done.stop.outcome.conflicts] == [b"t"]
    assert done.todo == (three,)


def test_changes_that_are_there_already_are_left_out(past: Past) -> None:
    """A commit without an effect is skipped; one that never had an effect is kept."""
    base = past.commit("base", {"a": b"1"})
    same = past.commit("same", {"a": b"2"}, branch="s", parents=[base])
    empty = past.commit("empty", {}, branch="s")
    onto = past.commit("onto", {"a": b"2"})

    done = replay(past, onto, [same, empty])

    assert done.skipped == [same]
    assert [made.old for made in done.made] == [empty]


def test_undoing(past: Past) -> None:
    """Backwards, the change is taken out and what came later stays; the author is who undoes."""
    past.commit("base", {"a": b"1"})
    bad = past.commit("a bad one", {"a": b"2", "b": b"b"})
    tip = past.commit("later", {"c": b"c"})

    done = replay(past, tip, [bad], backwards=True)

    commit = History.of(past.repository).commit(done.tip)
    assert read_files(past.repository, done.tip) == {"a": b"1", "c": b"c"}
    assert commit.message == f'Revert "a bad one"\n\nThis undoes commit {bad.hex()}.\n'
    assert (commit.author, commit.authored) == (BOB, NOW)


def test_undoing_the_first_commit(past: Past) -> None:
    """A commit without parents is undone to no files."""
    first = past.commit("first", {"a": b"1"})
    tip = past.commit("later", {"c": b"c"})

    assert read_files(past.repository, replay(past, tip, [first], backwards=True).tip) == {"c": b"c"}


def test_merges_need_a_parent_to_compare_with(past: Past) -> None:
    """A merge is replayed against the parent that is named, and refused otherwise."""
    base = past.commit("base", {"a": b"a"})
    ours = past.commit("ours", {"o": b"o"})
    theirs = past.commit("theirs", {"t": b"t"}, branch="s", parents=[base])
    merge = past.commit("merge", {"t": b"t"}, parents=[ours, theirs])
    onto = past.commit("onto", {}, branch="r", parents=[base])

    with pytest.raises(InvalidInput, match="is a merge"):
        replay(past, onto, [merge])
    with pytest.raises(InvalidInput, match="2 parents"):
        replay(past, onto, [merge], mainline=3)
    assert read_files(past.repository, replay(past, onto, [merge], mainline=1).tip) == {"a": b"a", "t": b"t"}


def test_what_a_rebase_replays(past: Past) -> None:
    """Commits that only our side has, oldest first, without merges and without changes made there too."""
    base = past.commit("base", {"a": b"a"})
    one = past.commit("one", {"b": b"b"}, branch="s", parents=[base])
    picked = past.commit("picked", {"c": b"c"}, branch="s")
    past.commit("the same change", {"c": b"c"})
    merge = past.commit("merge", {}, branch="s", parents=[picked, base])
    empty = past.commit("empty", {}, branch="s")
    upstream = past.commit("more", {"d": b"d"})
    last = past.commit("last", {"e": b"e"}, branch="s")

    assert todo_of(past, upstream, last) == [one, empty, last]
    assert todo_of(past, last, base) == []
    assert merge not in todo_of(past, base, last)
