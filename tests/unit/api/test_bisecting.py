"""Bisection: the commits that are tried, what is found, and the way back."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.desk import Desk
from tests.support.histories import Past

from tether.api import bisecting
from tether.core.digest import Digest
from tether.errors import Conflict, InvalidInput, NotFound


def line(desk: Desk, count: int, bad_from: int) -> list[Digest]:
    """Commit one after the other; from one of them on there is a file `broken`."""
    commits = []
    for number in range(count):
        files = {"n": b"%d\n" % number}
        if number == bad_from:
            files["broken"] = b"x"
        commits.append(desk.commit(f"{number}", files))
    return commits


def place(desk: Desk) -> tuple[str | None, Digest]:
    """Return what is checked out."""
    return desk.branch, desk.head


def judge(desk: Desk) -> bisecting.Verdict:
    """Say what is checked out."""
    return "bad" if (desk.root / "broken").exists() else "good"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_finds_the_first_bad_one(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever commit it is, it is found in about log2 trials, and `reset` goes back to the branch."""
    desk = Desk(tmp_path_factory.mktemp("desk") / "d")
    count = data.draw(st.integers(2, 12))
    first = data.draw(st.integers(1, count - 1))
    commits = line(desk, count, first)
    files = desk.files

    found = bisecting.start(desk.repo, "HEAD", [commits[0].hex()])
    trials = 0
    while not found.over:
        assert desk.head == found.current
        found = bisecting.mark(desk.repo, judge(desk))
        trials += 1

    assert found.first_bad == commits[first] == desk.head
    assert trials <= (count - 1).bit_length()
    bisecting.reset(desk.repo)
    assert (desk.branch, desk.head, desk.files) == ("refs/heads/main", commits[-1], files)
    assert not any(name.startswith("refs/bisect/") for name in desk.repo.repository.root().refs)


def test_marks_in_any_order(tmp_path: Path) -> None:
    """Nothing is checked out until both a bad and a good commit are known."""
    desk = Desk(tmp_path / "desk")
    commits = line(desk, 5, 3)

    assert bisecting.start(desk.repo).current is None
    assert bisecting.mark(desk.repo, "bad").current is None
    assert place(desk)[0] == "refs/heads/main"
    found = bisecting.mark(desk.repo, "good", [commits[0].hex()])

    assert found.current == desk.head
    assert place(desk)[0] is None
    assert [each.command for each in bisecting.log(desk.repo)] == [
        "bisect start",
        "bisect bad",
        f"bisect good {commits[0].hex()}",
    ]


def test_skipping(tmp_path: Path) -> None:
    """Commits that cannot be tried are passed over; when only they are left, they are the answer."""
    desk = Desk(tmp_path / "desk")
    commits = line(desk, 4, 2)
    bisecting.start(desk.repo, "HEAD", [commits[0].hex()])

    bisecting.mark(desk.repo, "skip")
    found = bisecting.mark(desk.repo, "skip")

    assert set(found.suspects) == set(commits[1:])
    assert found.first_bad is None


def test_a_history_with_a_merge(tmp_path: Path) -> None:
    """The bad commit is found on a side that was merged in."""
    desk = Desk(tmp_path / "desk")
    base = desk.commit("base", {"a": b"a"})
    desk.switch("side", new=True)
    side = [desk.commit(f"side {n}", {"s": b"%d" % n}) for n in range(4)]
    bad = desk.commit("bad", {"broken": b"x"})
    side.append(desk.commit("side 9", {"s": b"9"}))
    desk.switch("main")
    for number in range(4):
        desk.commit(f"main {number}", {"m": b"%d" % number})
    desk.repo.merge("side")

    found = bisecting.start(desk.repo, "HEAD", [base.hex()])
    while not found.over:
        found = bisecting.mark(desk.repo, judge(desk))

    assert found.first_bad == bad


def test_running_a_command(tmp_path: Path) -> None:
    """Exit codes judge: 0 good, 125 skip, others bad; 128 and more, and signals, stop the run."""
    desk = Desk(tmp_path / "desk")
    commits = line(desk, 9, 4)
    bisecting.start(desk.repo, "HEAD", [commits[0].hex()])
    told: list[bisecting.Progress] = []

    found = bisecting.run(desk.repo, lambda: int(judge(desk) == "bad"), told.append)

    assert found.first_bad == commits[4]
    assert told[-1] == found
    bisecting.reset(desk.repo)
    bisecting.start(desk.repo)
    with pytest.raises(NotFound):
        bisecting.run(desk.repo, lambda: 0, told.append)
    bisecting.mark(desk.repo, "bad")
    bisecting.mark(desk.repo, "good", [commits[0].hex()])
    for code in (128, -9):
        with pytest.raises(InvalidInput):
            bisecting.run(desk.repo, lambda code=code: code, told.append)  # type: ignore[misc]
    assert bisecting.run(desk.repo, lambda: 125, told.append).suspects


def test_local_changes(tmp_path: Path) -> None:
    """They are carried along, and refused where they are in the way."""
    desk = Desk(tmp_path / "desk")
    desk.commit("keep", {"keep": b"k"})
    commits = line(desk, 6, 3)
    desk.write({"keep": b"mine"})

    bisecting.start(desk.repo, "HEAD", [commits[0].hex()])
    desk.write({"n": b"mine"})
    with pytest.raises(Conflict):
        bisecting.mark(desk.repo, "good")
    with pytest.raises(Conflict):
        bisecting.reset(desk.repo)
    desk.write({"n": desk.stored()["n"]})
    bisecting.reset(desk.repo)

    assert desk.files["keep"] == b"mine"


def test_going_elsewhere(tmp_path: Path) -> None:
    """`reset` can end on another branch or commit; a bisection from a detached HEAD ends there."""
    desk = Desk(tmp_path / "desk")
    commits = line(desk, 4, 3)
    desk.switch("other", new=True)
    bisecting.start(desk.repo, "HEAD", [commits[0].hex()])

    bisecting.reset(desk.repo, "main")
    assert desk.branch == "refs/heads/main"
    bisecting.start(desk.repo, "HEAD", [commits[0].hex()])
    bisecting.reset(desk.repo, commits[1].hex())
    assert place(desk) == (None, commits[1])
    bisecting.start(desk.repo, "main", [commits[0].hex()])
    bisecting.reset(desk.repo)
    assert place(desk) == (None, commits[1])


def test_refusals(tmp_path: Path) -> None:
    """Good commits that are no ancestors, two at once, none under way, several bad ones."""
    desk = Desk(tmp_path / "desk")
    with pytest.raises(NotFound):
        bisecting.start(desk.repo)
    commits = line(desk, 3, 1)
    with pytest.raises(NotFound):
        bisecting.mark(desk.repo, "bad")
    with pytest.raises(NotFound):
        bisecting.reset(desk.repo)
    for bad, good in ((commits[0], commits[2]), (commits[1], commits[1])):
        with pytest.raises(InvalidInput):
            bisecting.start(desk.repo, bad.hex(), [good.hex()])
    assert desk.branch == "refs/heads/main"
    bisecting.start(desk.repo)
    with pytest.raises(Conflict):
        bisecting.start(desk.repo)
    with pytest.raises(InvalidInput):
        bisecting.mark(desk.repo, "bad", ["HEAD", "HEAD~1"])
    unrelated = Past(desk.repo.repository).commit("other", {"z": b"z"}, branch="other", parents=[])
    bisecting.mark(desk.repo, "bad", ["HEAD"])
    with pytest.raises(InvalidInput):
        bisecting.mark(desk.repo, "good", [unrelated.hex()])
