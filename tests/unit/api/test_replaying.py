"""Cherry-pick, revert and rebase in a working copy, with stops, going on, skipping and going back."""

from pathlib import Path

import pytest
from tests.support.desk import Desk

from tether.api import merging, replaying
from tether.api.resolving import resolve_conflicts
from tether.api.staging import CommitRequest
from tether.core.identity import Person
from tether.errors import Conflict, InvalidInput, NotFound
from tether.repo.history import History

BOB = Person("Bob", "bob@example.org")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a repository where `side` changes the same line in its second of three commits."""
    desk = Desk(tmp_path / "desk")
    desk.commit("base", {"t": b"1\n", "keep": b"k\n"})
    desk.switch("side", new=True)
    desk.commit("one", {"a": b"a\n"})
    desk.commit("two", {"t": b"side\n"})
    desk.commit("three", {"c": b"c\n"})
    desk.switch("main")
    desk.commit("ours", {"t": b"main\n"})
    return desk


def subjects(desk: Desk, count: int) -> list[str]:
    """Return the first lines of the newest commits, newest first."""
    found, commit = [], desk.head
    for _ in range(count):
        found.append(desk.message(commit).strip())
        commit = desk.parents(commit)[0]
    return found


def test_picking_a_commit(desk: Desk) -> None:
    """Its change is applied as a commit with its author, in one operation; local changes stay."""
    desk.write({"keep": b"mine\n"})
    desk.repo.author = BOB
    before = desk.head

    done = replaying.cherry_pick(desk.repo, ["side"])

    commit = History.of(desk.repo.repository).commit(desk.head)
    assert done.id == desk.head
    assert desk.parents(desk.head) == (before,)
    assert (commit.author.name, commit.committer, commit.message) == ("Ada", BOB, "three\n")
    assert desk.files == {"t": b"main\n", "c": b"c\n", "keep": b"mine\n"}
    desk.undo()
    assert desk.head == before
    assert "c" not in desk.files


def test_picking_a_range_that_stops(desk: Desk) -> None:
    """What comes before the conflict is committed; after `go_on` the rest is too."""
    done = replaying.cherry_pick(desk.repo, ["main..side"])

    assert [made.subject for made in done.made] == ["one"]
    assert desk.message(desk.head) == "one\n"
    assert [row.path for row in done.conflicts] == [b"t"]
    assert done.stopped_at is not None
    assert desk.message(done.stopped_at) == "two\n"
    with pytest.raises(Conflict):
        replaying.go_on(desk.repo, "cherry-pick")
    desk.write({"t": b"both\n"})
    resolve_conflicts(desk.repo, [b"t"], "mark")
    with pytest.raises(Conflict, match="under way"):
        desk.repo.commit("too early")

    done = replaying.go_on(desk.repo, "cherry-pick")

    assert subjects(desk, 4) == ["three", "two", "one", "ours"]
    assert (
        desk.files
        == desk.stored(desk.head)
        == {
            "t": b"both\n",
            "a": b"a\n",
            "c": b"c\n",
            "keep": b"k\n",
        }
    )
    assert desk.repo.repository.root().state is None


def test_going_back_from_a_range(desk: Desk) -> None:
    """`abort` takes back the commits that were made before the stop."""
    before, files = desk.head, desk.files
    replaying.cherry_pick(desk.repo, ["main..side"])

    merging.abort(desk.repo, "cherry-pick")

    assert (desk.head, desk.branch, desk.files) == (before, "refs/heads/main", files)


def test_commit_ends_a_single_pick(desk: Desk) -> None:
    """`commit` after the conflict keeps message and author of the commit that was picked."""
    desk.repo.author = BOB
    replaying.cherry_pick(desk.repo, ["side~1"])
    resolve_conflicts(desk.repo, [b"t"], "theirs")

    desk.repo.commit_with(CommitRequest(None))

    commit = History.of(desk.repo.repository).commit(desk.head)
    assert (commit.author.name, commit.committer.name, commit.message) == ("Ada", "Bob", "two\n")
    assert len(commit.parents) == 1


def test_taking_ours_leaves_the_commit_out(desk: Desk) -> None:
    """A commit of whose change nothing is left is not made."""
    before = desk.head
    replaying.cherry_pick(desk.repo, ["side~1"])
    resolve_conflicts(desk.repo, [b"t"], "ours")

    done = replaying.go_on(desk.repo, "cherry-pick")

    assert (desk.head, len(done.skipped)) == (before, 1)


def test_undoing_commits(desk: Desk) -> None:
    """`revert` takes a range out, newest first."""
    desk.switch("side")
    files = desk.files

    done = replaying.revert(desk.repo, ["side~2..side"])

    assert [made.subject for made in done.made] == ['Revert "three"', 'Revert "two"']
    assert desk.files == {"t": b"1\n", "a": b"a\n", "keep": b"k\n"}
    desk.undo()
    assert desk.files == files


def test_rebasing(desk: Desk) -> None:
    """The commits of the branch stand on the other one; the branch is checked out again at the end."""
    main = desk.head
    desk.switch("side")
    desk.write({"keep": b"mine\n"})
    old = desk.head

    done = desk.repo.rebase("main")

    assert done.branch is None
    assert done.conflicts
    assert desk.repo.repository.root().refs["refs/heads/side"] == old
    resolve_conflicts(desk.repo, [b"t"], "theirs")
    done = replaying.go_on(desk.repo, "rebase")
    assert done.branch == "side"
    assert subjects(desk, 4) == ["three", "two", "one", "ours"]
    assert desk.files == {"t": b"side\n", "a": b"a\n", "c": b"c\n", "keep": b"mine\n"}
    assert History.of(desk.repo.repository).is_ancestor(main, desk.head)
    assert desk.repo.rebase("main").up_to_date


def test_skipping(desk: Desk) -> None:
    """The commit in conflict is left out; a local change that is not part of it stays."""
    desk.switch("side")
    desk.repo.rebase("main")
    desk.write({"keep": b"mine\n", "t": b"half\n"})

    replaying.skip(desk.repo, "rebase")

    assert subjects(desk, 3) == ["three", "one", "ours"]
    assert desk.branch == "refs/heads/side"
    assert desk.files == {"t": b"main\n", "a": b"a\n", "c": b"c\n", "keep": b"mine\n"}


def test_skipping_does_not_overwrite(desk: Desk) -> None:
    """A local file in the way of the rest stops it, and nothing has changed."""
    desk.switch("side")
    desk.repo.rebase("main")
    desk.write({"c": b"mine\n"})
    before, files = desk.repo.repository.root(), desk.files

    with pytest.raises(Conflict, match="c"):
        replaying.skip(desk.repo, "rebase")

    assert (desk.repo.repository.root(), desk.files) == (before, files)


def test_going_back_from_a_rebase(desk: Desk) -> None:
    """`abort` checks the branch out as it was, with local changes elsewhere."""
    desk.switch("side")
    desk.write({"keep": b"mine\n"})
    before, files = desk.head, desk.files
    desk.repo.rebase("main")

    merging.abort(desk.repo, "rebase")

    assert (desk.branch, desk.head, desk.files) == ("refs/heads/side", before, files)


def test_rebasing_a_branch_that_is_behind(desk: Desk) -> None:
    """Without commits of its own the branch follows."""
    tip = desk.head
    desk.repo.switch("late", create="HEAD~1")

    done = desk.repo.rebase("main")

    assert done.fast_forward
    assert (desk.head, desk.branch, desk.files["t"]) == (tip, "refs/heads/late", b"main\n")


def test_rebasing_onto_another_commit(desk: Desk) -> None:
    """`onto` says where the commits go, and the revision which are left out."""
    desk.switch("side")

    desk.repo.rebase("side~1", onto="main")

    assert subjects(desk, 2) == ["three", "ours"]
    assert desk.files == {"t": b"main\n", "c": b"c\n", "keep": b"k\n"}


def test_refusals(desk: Desk) -> None:
    """Staged changes, nothing to go on with, a range without commits, the wrong activity."""
    with pytest.raises(NotFound):
        replaying.go_on(desk.repo, "rebase")
    with pytest.raises(InvalidInput):
        replaying.cherry_pick(desk.repo, ["main..main"])
    with pytest.raises(InvalidInput):
        replaying.cherry_pick(desk.repo, ["main..side"], mainline=1)
    replaying.cherry_pick(desk.repo, ["side~1"])
    with pytest.raises(NotFound, match="cherry-pick"):
        merging.abort(desk.repo, "rebase")
    merging.abort(desk.repo)
    desk.write({"keep": b"staged\n"})
    desk.repo.stage([b"keep"])
    with pytest.raises(Conflict, match="staged"):
        desk.repo.rebase("side")


def test_an_empty_repository(tmp_path: Path) -> None:
    """There is nothing to replay upon."""
    desk = Desk(tmp_path / "empty")

    with pytest.raises(NotFound):
        desk.repo.rebase("main")
