"""The stash: what is put aside, what comes back, and that nothing is lost on the way."""

from pathlib import Path

import pytest
from tests.support.desk import Desk

from tether.api import merging, stashing
from tether.api.resolving import resolve_conflicts
from tether.core.identity import Time
from tether.errors import Conflict, NotFound

BASE = {"t": b"1\n", "gone": b"g\n", "keep": b"k\n"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return a repository with one commit."""
    desk = Desk(tmp_path / "desk")
    desk.commit("base", BASE)
    return desk


def change(desk: Desk) -> dict[str, bytes]:
    """Make staged, unstaged and untracked changes; return the files then."""
    desk.write({"new": b"n\n", "t": b"staged\n"})
    desk.repo.stage([b"new", b"t"])
    desk.write({"t": b"unstaged\n", "gone": None, "untracked": b"u\n"})
    return desk.files


def test_putting_aside_and_taking_back(desk: Desk) -> None:
    """Afterwards the files are as committed; then as they were, with new files staged."""
    files = change(desk)

    entry = stashing.push(desk.repo, "half done")

    assert entry is not None
    assert entry.message == "On main: half done"
    assert desk.files == {**BASE, "untracked": b"u\n"}
    assert desk.stored() == BASE
    done = stashing.apply(desk.repo, drop=True)
    assert (done.dropped, done.conflicts) == (True, ())
    assert desk.files == files
    assert desk.stored() == {**BASE, "new": b"n\n"}
    assert stashing.entries(desk.repo) == []


def test_undo_brings_everything_back(desk: Desk) -> None:
    """Undo of a push restores staged and unstaged changes."""
    files = change(desk)
    staged = desk.stored()
    stashing.push(desk.repo)

    desk.undo()

    assert stashing.entries(desk.repo) == []
    assert desk.stored() == staged
    assert {**desk.files, "gone": b""} == {**files, "gone": b""}


def test_the_stage_comes_back_on_request(desk: Desk) -> None:
    """With `staged` the stage is what it was."""
    files = change(desk)
    staged = desk.stored()
    stashing.push(desk.repo)

    stashing.apply(desk.repo, staged=True)

    assert (desk.stored(), desk.files) == (staged, files)
    assert len(stashing.entries(desk.repo)) == 1


def test_untracked_files_go_too_on_request(desk: Desk) -> None:
    """They are removed, and come back untracked."""
    files = change(desk)

    stashing.push(desk.repo, untracked=True)

    assert desk.files == BASE
    stashing.apply(desk.repo)
    assert desk.files == files
    assert "untracked" not in desk.stored()


def test_nothing_to_put_aside(desk: Desk) -> None:
    """A clean working copy gives no entry and no operation; untracked files do not count."""
    desk.write({"untracked": b"u"})
    before = desk.repo.repository.root()

    assert stashing.push(desk.repo) is None
    assert desk.repo.repository.root() == before


def test_entries_by_number(desk: Desk) -> None:
    """The newest is 0 even when the clock stands still; any can be named, shown and dropped."""
    now = desk.repo.clock()
    desk.repo.clock = lambda: now
    for number in range(5):
        desk.write({"t": b"number %d\n" % number})
        stashing.push(desk.repo, f"{number}")

    messages = [entry.message for entry in stashing.entries(desk.repo)]
    assert messages == [f"On main: {n}" for n in (4, 3, 2, 1, 0)]
    assert stashing.find_entry(desk.repo, "stash@{1}").message == "On main: 3"
    assert stashing.drop(desk.repo, "1").message == "On main: 3"
    oldest = stashing.find_entry(desk.repo, "3")
    assert stashing.find_entry(desk.repo, oldest.ref) == oldest
    stashing.apply(desk.repo, "3", drop=True)
    assert desk.files["t"] == b"number 0\n"
    with pytest.raises(NotFound):
        stashing.find_entry(desk.repo, "7")
    assert stashing.clear(desk.repo) == 3
    with pytest.raises(NotFound):
        stashing.drop(desk.repo)
    desk.undo()
    assert len(stashing.entries(desk.repo)) == 3


def test_conflicts_keep_the_entry(desk: Desk) -> None:
    """Changes that disagree with newer commits stop as a merge does; settling them ends it."""
    desk.write({"t": b"mine\n"})
    stashing.push(desk.repo)
    desk.commit("newer", {"t": b"newer\n"})

    done = stashing.apply(desk.repo, drop=True)

    assert [row.path for row in done.conflicts] == [b"t"]
    assert not done.dropped
    assert b"<<<<<<< main" in desk.files["t"]
    merging.abort(desk.repo)
    assert desk.files == {**BASE, "t": b"newer\n"}
    stashing.apply(desk.repo, drop=True)
    resolve_conflicts(desk.repo, [b"t"], "theirs")
    assert desk.files["t"] == b"mine\n"
    assert desk.repo.repository.root().state is None
    assert len(stashing.entries(desk.repo)) == 1


def test_local_changes_are_not_overwritten(desk: Desk) -> None:
    """Taking back is refused while a file that it would change is changed."""
    desk.write({"t": b"aside\n"})
    stashing.push(desk.repo)
    desk.write({"t": b"mine\n"})

    with pytest.raises(Conflict):
        stashing.apply(desk.repo)

    assert desk.files["t"] == b"mine\n"


def test_refusals(tmp_path: Path) -> None:
    """Without a commit there is nothing to go back to."""
    desk = Desk(tmp_path / "empty")
    desk.write({"a": b"a"})
    with pytest.raises(NotFound):
        stashing.push(desk.repo)


def test_clock_of_the_repository(desk: Desk) -> None:
    """The time of an entry is when it was made."""
    desk.repo.clock = lambda: Time(1_900_000_000_000_000, 120)
    desk.write({"t": b"x\n"})

    entry = stashing.push(desk.repo)

    assert entry is not None
    assert entry.time == Time(1_900_000_000_000_000, 120)
