"""Runs travel with branches: they are added, and neither moved nor removed, by whatever end."""

from pathlib import Path

import pytest
from tests.support.far import NearEnd
from tests.support.repos import commit_files, make_repository

from tether.core.digest import Digest
from tether.errors import InvalidInput
from tether.repo.forking import plan_fork
from tether.repo.repository import Repository
from tether.sync.clone import CloneOptions, fill_clone
from tether.sync.exchange import PushOptions, RefState, fetch, push
from tether.sync.far import fetch_far, fill_far, push_far
from tether.sync.wire import PushRequest, RefMove

RUN = "refs/runs/01kdvjkj00000000000000000a"
OTHER = "refs/runs/01kdvjkj00000000000000000b"
MAIN = PushOptions(("main",))


class Ends:
    """A repository with a branch and a run, and an empty one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.here = make_repository(folder / "here")
        self.there = make_repository(folder / "there", bare=True)
        self.end = NearEnd(folder / "there")
        commit_files(self.here, {"a": b"0"}, "zero")
        commit_files(self.here, {"a": b"1"}, "one")
        self.run = commit_files(self.here, {"run.json": b"{}"}, "run", branch=RUN)

    def runs(self, repository: Repository) -> dict[str, Digest]:
        """Return the runs of a repository by their refs."""
        return {name: new for name, new in repository.root().refs.items() if name.startswith("refs/runs/")}


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    """Return them."""
    return Ends(tmp_path)


@pytest.mark.parametrize("far", [True, False])
def test_there_and_back(ends: Ends, far: bool) -> None:
    """A push adds them, a clone and a fetch bring them, and what is there is not sent again."""
    left = PushOptions(("main",), runs=False)
    assert (
        len(
            (
                push_far(ends.here, ends.end, "o", left) if far else push(ends.here, ends.there, "o", left)
            ).updates
        )
        == 1
    )
    done = push_far(ends.here, ends.end, "o", MAIN) if far else push(ends.here, ends.there, "o", MAIN)
    assert [(update.name, update.state) for update in done.updates][1:] == [(RUN, RefState.NEW)]
    copy = make_repository(ends.folder / "copy")
    short = make_repository(ends.folder / "short")
    for target, options in ((copy, CloneOptions()), (short, CloneOptions(depth=1))):
        if far:
            fill_far(ends.end, target, options)
        else:
            fill_clone(ends.there, target, options)
    assert ends.runs(copy) == ends.runs(ends.there) == {RUN: ends.run}
    assert ends.runs(short) == {}

    second = commit_files(ends.here, {"run.json": b"{ }"}, "run", branch=OTHER)
    again = push_far(ends.here, ends.end, "o", MAIN) if far else push(ends.here, ends.there, "o", MAIN)
    for target in (copy, short):
        came = fetch_far(target, ends.end, "origin") if far else fetch(target, ends.there, "origin")
        assert not came.rejected

    assert len(again.updates) == 2
    assert ends.runs(copy) == {RUN: ends.run, OTHER: second}
    assert ends.runs(short) == {}
    assert plan_fork(ends.there).refs[OTHER] == second


def test_a_run_stays(ends: Ends) -> None:
    """Nobody moves or removes one, by force neither, nor gives one a name that cannot be an id."""
    push_far(ends.here, ends.end, "o", MAIN)
    new = commit_files(ends.here, {"a": b"2"}, "two")
    push_far(ends.here, ends.end, "o", MAIN)

    for number, move in enumerate(
        [
            RefMove(RUN, ends.run, new, True),
            RefMove(RUN, ends.run, None, True),
            RefMove("refs/runs/x", None, new, False),
            RefMove("refs/runs/" + "8" * 26, None, new, False),
            RefMove("refs/running/" + "0" * 26, None, new, False),
        ]
    ):
        with pytest.raises(InvalidInput):
            ends.end.push(PushRequest(bytes([number]) * 16, (), (move,)))

    assert ends.runs(ends.there) == {RUN: ends.run}


def test_another_run_of_the_same_id_is_left_alone(ends: Ends) -> None:
    """Ids are drawn, so it is somebody's mistake; nothing is overwritten here."""
    push_far(ends.here, ends.end, "o", MAIN)
    other = make_repository(ends.folder / "other")
    mine = commit_files(other, {"run.json": b"[]"}, "run", branch=RUN)

    [clash] = fetch_far(other, ends.end, "origin").rejected

    assert clash.reason == "another run of that id is here"
    assert ends.runs(other) == {RUN: mine}


def test_the_first_branch_is_checked_out_though_runs_came_before(ends: Ends) -> None:
    """HEAD follows the first branch."""
    with ends.there.transaction("side") as transaction:
        transaction.set_ref(OTHER, commit_files(ends.there, {"x": b"1"}, "run", branch=RUN))
    commit_files(ends.here, {"a": b"1"}, "one", branch="refs/heads/side")

    push_far(ends.here, ends.end, "o", PushOptions(("side",), runs=False))

    assert ends.end.refs().head == "refs/heads/side"
