"""What `tether runs list` and `plot` are asked for and cannot give: it is said, not taken for nothing."""

import json
from pathlib import Path

import pytest
from tests.support.cli import Room
from tests.support.repos import ADA, ticking

import tether
from tether.api.repo import Repo
from tether.api.running import RUN_FOLDER


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with ten runs, of which nine have a loss and one has an accuracy."""
    room = Room(tmp_path_factory.mktemp("asked"))
    room.inside = True
    with pytest.MonkeyPatch.context() as changed, Repo.init(room.work, clock=ticking()) as repo:
        changed.chdir(room.work)
        changed.setattr("sys.executable", "/bin/false")
        changed.delenv(RUN_FOLDER, raising=False)
        repo.author = ADA
        for number in range(9):
            with tether.run(repo, name=f"r{number}", parameters={"alpha": number / 1000}) as run:
                run.metric("loss", 1 - number / 10, 0)
                run.metric("loss", 0.5 - number / 20, 1)
        texts = {"kind": "b", "tok": "<pad>"}
        with tether.run(repo, name="odd", parameters=texts, seeds={"first": 1}) as run:
            run.metric("accuracy", 0.5)
    return room


@pytest.mark.parametrize(
    "condition",
    ["alpha<<0.005", "alpha==0.005", "alpha!==1", "alpha<=>1", "alpha>~1", "alpha<", "alpha", "<1", "~x"],
)
def test_what_is_no_condition_is_refused(room: Room, condition: str) -> None:
    """With the form that one has, by each command that takes them."""
    for command in ("list", "plot", "export"):
        done = room.run("runs", command, "--where", condition)
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"error: not a condition: '{condition}'\nhint: write it like 'lr<0.1'")


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("alpha < 0.005", 5),
        ("alpha>=0.005", 4),
        ("alpha!=0.001", 9),
        ("alpha<0.005x", 0),
        ("name~^<", 0),
        ("name!=", 10),
        ("tok=<pad>", 1),
        ("tok!=<pad>", 9),
        ("tok!=~x", 10),
        ("alpha=>1", 0),
        ("kind<c", 1),
        ("seed.first=1", 1),
        ("loss.min<0.2", 2),
        ("wall_s<-1", 0),
        ("exit=1", 0),
    ],
)
def test_what_is_one_holds_or_not(room: Room, condition: str, count: int) -> None:
    """A filter that fits nothing is no mistake: JSON is an empty list, and people are told."""
    listed = room.run("runs", "list", "--where", condition, "--json")
    shown = room.run("runs", "list", "--where", condition)

    assert (listed.code, listed.err, len(json.loads(listed.out))) == (0, "", count)
    assert (shown.code, shown.out == "", shown.err) == (
        0,
        not count,
        "" if count else "no runs for which that holds\n",
    )


def test_a_name_that_no_run_has(room: Room) -> None:
    """A condition on it may come to hold, and is warned of; an order and columns would show nothing."""
    warned = room.run("runs", "list", "--where", "alhpa<1", "--json")
    assert (warned.code, json.loads(warned.out)) == (0, [])
    assert warned.err == "warning: no run has alhpa (did you mean alpha?)\n"
    assert room.run("runs", "export", "--where", "metric.los<1").err.count("did you mean loss") == 1
    for words in (["--sort", "-alhpa"], ["--columns", "loss,alhpa"], ["--sort", "param.loss"]):
        refused = room.run("runs", "list", *words)
        assert (refused.code, refused.out) == (3, "")
        assert refused.err.startswith("error: no run has ")
    assert "hint: did you mean alpha?\n" in room.run("runs", "list", "--sort", "alhpa").err
    kept = room.do(
        "runs", "list", "--where", "name=odd", "--sort", "loss", "--columns", "loss,metric.loss.max,id"
    )
    assert kept.splitlines()[1].split()[1:5] == ["odd", "finished", "-", "-"]
    with Repo.open(room.work) as repo, pytest.raises(LookupError):
        repo.runs(sort="alhpa")


def test_a_repository_without_runs(tmp_path: Path) -> None:
    """Whatever is asked of none is answered by none."""
    room = Room(tmp_path)
    room.do("init", "-q")

    shown = room.run("runs", "list", "--sort", "loss", "--where", "loss<1")

    assert (shown.code, shown.out, shown.err) == (0, "", "no runs for which that holds\n")
    assert room.run("runs", "list").err == "no runs: 'tether run -- COMMAND' records one\n"
    assert room.do("runs", "list", "--json") == "[]\n"
    assert room.run("runs", "plot", "--metric", "loss").code == 3


def test_a_metric_that_none_of_them_has(room: Room) -> None:
    """Neither a drawing nor a file is made, and the names that there are are told."""
    for words in (["--metric", "los"], ["--parallel", "alpha,los"]):
        for more in ([], ["-o", "none.svg"], ["--json"]):
            refused = room.run("runs", "plot", *words, *more)
            assert (refused.code, "no run has" in refused.err, "loss" in refused.err) == (3, True, True)
    assert not (room.work / "none.svg").exists()
    assert "there are accuracy\n" in room.run("runs", "plot", "odd", "--metric", "nothing").err


def test_only_runs_that_are_drawn_are_counted(room: Room) -> None:
    """Those without the metric, or without a value at any axis, are left out aloud."""
    drawn = room.run("runs", "plot", "--metric", "loss", "-o", "loss.svg")
    assert (drawn.code, drawn.out) == (0, "drew 9 runs to loss.svg\n")
    assert drawn.err == "1 run without loss left out\n"
    assert (
        json.loads(room.do("runs", "plot", "--parallel", "alpha,loss", "-o", "all.svg", "--json"))["runs"]
        == 9
    )
    beside = room.run("runs", "plot", "--parallel", "alpha,loss")
    assert (beside.err, "odd" in beside.out) == ("1 run without alpha or loss left out\n", False)
    assert (
        len({point["run"] for point in json.loads(room.do("runs", "plot", "--metric", "loss", "--json"))})
        == 9
    )


def test_each_run_has_a_mark_of_its_own(room: Room) -> None:
    """Also the ninth."""
    lines = room.run("runs", "plot", "--metric", "loss").out.splitlines()

    assert len({line[0] for line in lines[-9:]}) == 9
