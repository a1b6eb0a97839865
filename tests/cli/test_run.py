"""`tether run` and `tether runs`: real commands, also such that are killed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import TETHER, Room
from tests.support.repos import commit_files

from tether.api.repo import Repo

POINT = 'echo \'{"step": 1, "loss": 0.5}\' >> "$TETHER_METRICS"'


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room with a repository: two commits of a folder `train`, the first is tagged v1."""
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q")
    room.write("train/cat.txt", "a cat\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "A cat")
    room.do("tag", "v1")
    room.write("train/dog.txt", "a dog\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "A dog")
    return room


def runs(room: Room, *arguments: str) -> Any:
    """Return what a subcommand of `tether runs` gives."""
    return json.loads(room.do("runs", *arguments, "--json"))


def do(room: Room, *arguments: str) -> str:
    """Record a command that ends well, in this process, and return its output."""
    return room.do("run", "-q", *arguments)


@contextmanager
def started(room: Room) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Run a script that goes on until it is killed; give `tether` and the process of the script."""
    command: list[str | Path] = [TETHER, "run", "-q", "--", "sh", "-c", f"{POINT}; echo $$; exec sleep 100"]
    with subprocess.Popen(
        command, cwd=room.work, env=room.environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            yield process, child
        finally:
            for pid in (process.pid, child):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue


def test_a_command_is_recorded(room: Room) -> None:
    """What it read, was told, said, measured, made and ended with is there; output is shown meanwhile."""
    room.inside = False
    script = f"cat $TETHER_DATA_TRAIN/*; echo oh >&2; {POINT}; echo weights > out.bin; "
    script += "echo $TETHER_PARAM_LR; exit 3"

    done = room.run(
        "run", "--data", "train=v1:train", "--param", "lr=0.1", "--seed", "17", "--artefact", "out.bin",
        "--name", "base", "--", "sh", "-c", script,
    )  # fmt: skip

    assert (done.code, done.out) == (3, "a cat\n0.1\n")
    assert done.err.startswith("oh\nrun ")
    found = runs(room, "show", "last")
    v1 = json.loads(room.do("tag", "--json"))[0]["target"]
    assert (found["status"], found["exit"]["code"], found["name"]) == ("failed", 3, "base")
    assert found["parameters"] | found["seeds"] == {"lr": 0.1, "seed": 17}
    [data] = found["data"]
    assert (data["name"], data["commit"], data["path"], data["files"]) == ("train", v1, "train", 1)
    assert found["metrics"]["loss"]["last"] == 0.5
    assert found["resources"]["peak_bytes"] > 100_000
    assert found["resources"]["wall_s"] > 0
    assert found["environment"]["machine"]["cores"] >= 1
    assert found["code"]["system"] == "tether"
    rev = f"runs/{found['id']}"
    assert room.do("cat", f"{rev}:artefacts/out.bin") == "weights\n"
    assert room.do("cat", f"{rev}:data/train/cat.txt") == "a cat\n"
    assert room.do("cat", f"{rev}:work/train/dog.txt") == "a dog\n"
    assert room.do("runs", "show", "base", "--stderr") == "oh\n"
    assert room.do("runs", "show", "base", "--stdout") == done.out
    assert json.loads(room.do("fsck", "--full", "--json"))["problems"] == []


def test_json_is_one_document(room: Room) -> None:
    """The output of the command goes to stderr then."""
    done = room.run("run", "--json", "--", "sh", "-c", "echo hello")

    document = json.loads(done.out)
    assert done.err == "hello\n"
    assert (document["status"], document["exit_code"]) == ("finished", 0)
    assert document["id"] == runs(room, "list")[0]["id"]


def test_pinned_data_stays_while_the_working_copy_changes(room: Room) -> None:
    """The folder has what it had, is shared by runs, and a file that somebody wrote to is written again."""
    script = "echo changed > train/cat.txt; cat $TETHER_DATA_TRAIN/cat.txt; ls -i $TETHER_DATA_TRAIN/cat.txt"

    first = do(room, "--data", "HEAD:train", "--", "sh", "-c", script)
    second = do(room, "--data", "HEAD:train", "--", "sh", "-c", script)
    place = Path(second.splitlines()[1].split()[1])
    place.chmod(0o644)
    place.write_text("a bat\n")
    third = do(room, "--data", "HEAD:train", "--", "sh", "-c", script)

    assert first == second
    assert first.startswith("a cat\n")
    assert third.startswith("a cat\n")
    assert runs(room, "clean")["freed"] == len("a cat\na dog\n")
    assert not place.exists()


def test_pinned_data_that_is_written_to_meanwhile(room: Room) -> None:
    """The command says which files, the run has it, and `runs show` shows it."""
    script = "chmod u+w $TETHER_DATA_TRAIN/cat.txt; echo a bat > $TETHER_DATA_TRAIN/cat.txt"

    said = room.run("run", "--data", "train=HEAD:train", "--", "sh", "-c", script).err

    assert said.endswith("warning: data train was written to while the run read it: cat.txt\n")
    found = runs(room, "show", "last")
    assert found["altered"]["inputs"] == {"train": {"files": ["cat.txt"], "unnamed": 0}}
    assert "written to while it ran\n  train  cat.txt\n" in room.do("runs", "show", "last")
    assert do(room, "--data", "HEAD:train", "--", "sh", "-c", "cat $TETHER_DATA_TRAIN/cat.txt") == "a cat\n"


def test_changed_files_of_the_working_copy_are_kept(room: Room) -> None:
    """Without --data the run has the tracked files as they were, and the stage is as before."""
    room.write("train/cat.txt", "another cat\n")

    do(room, "--", "true")

    found = runs(room, "show", "last")
    assert found["work"]["modified"]
    assert room.do("cat", f"runs/{found['id']}:work/train/cat.txt") == "another cat\n"
    assert json.loads(room.do("status", "--json"))["staged"] == []
    room.do("gc", "-q", "--prune-now")
    assert json.loads(room.do("fsck", "--full", "--json"))["problems"] == []


def test_a_command_that_is_killed(room: Room) -> None:
    """The signal is known, the exit code is that of shells, and what was measured is there."""
    done = room.run("run", "-q", "--", "sh", "-c", f"{POINT}; kill -9 $$")

    [found] = runs(room, "list")
    assert done.code == 128 + signal.SIGKILL
    assert (found["status"], found["exit"]["signal"]) == ("killed", signal.SIGKILL)
    assert found["metrics"]["loss"]["last"] == 0.5


def test_ctrl_c(room: Room) -> None:
    """It reaches the command, and the run is stored as interrupted."""
    with started(room) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 128 + signal.SIGINT

    assert [found["status"] for found in runs(room, "list")] == ["interrupted"]


def test_tether_itself_is_killed(room: Room) -> None:
    """The run is under way while its command is, then lost, and is stored with what it had measured."""
    with started(room) as (process, child):
        process.kill()
        process.wait()
        [running] = runs(room, "list")
        os.kill(child, signal.SIGKILL)
        until = time.monotonic() + 30
        while runs(room, "list")[0]["status"] == "running" and time.monotonic() < until:
            time.sleep(0.02)
        [lost] = runs(room, "list")

    sealed = runs(room, "seal")
    [found] = runs(room, "list")
    assert (running["status"], lost["status"]) == ("running", "lost")
    assert sealed == [{"id": found["id"], "status": "lost"}]
    assert found["metrics"]["loss"] == lost["metrics"]["loss"]
    assert found["work"]["files"] == 2
    assert room.do("runs", "show", "last", "--stdout").strip() == str(child)
    assert runs(room, "seal") == []


def test_one_name_has_one_value(room: Room) -> None:
    """A second value of a parameter or a seed is refused, and not taken for the first."""
    for words, what in (
        (("--param", "a=1", "--param", "a=2"), "parameter a"),
        (("--seed", "1", "--seed", "seed=2"), "seed seed"),
    ):
        refused = room.run("run", *words, "--", "true")
        assert (refused.code, f"the {what} is given twice" in refused.err) == (2, True)
    assert runs(room, "list") == []
    do(room, "--name", "base", "--data", "train=HEAD:train", "--param", "a=1", "--", "true")
    assert room.run("retrain", "base", "--param", "a=1", "--param", "a=2").code == 2
    assert room.run("retrain", "base", "--data", "train=v1", "--data", "train=HEAD").code == 2
    assert room.run("retrain", "base", "--data", "test=v1").code == 3
    assert len(runs(room, "list")) == 1


def test_nothing_is_left_of_what_cannot_be_run(room: Room) -> None:
    """A command or data that is not there leaves no run behind."""
    assert room.run("run", "--", "no-such-command").code == 3
    assert room.run("run", "--data", "nothing:x", "--", "true").code == 3
    assert room.run("run").code == 2
    assert runs(room, "list") == []
    assert [*(room.work / ".tether/runs").iterdir()] == []
    assert "given up" in room.do("op", "log")


def test_the_code_of_a_git_repository(room: Room) -> None:
    """Commit and changes are known; passwords in the address of its remote are not."""
    code = room.write("code/train.py", "one\n").parent
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "one"],
        ["remote", "add", "origin", "https://ada:secret@example.org/x.git"],
    ):
        subprocess.run(["git", *words], cwd=code, env=room.environ, check=True)
    room.write("code/train.py", "two\n")
    room.write("code/new.py", "")

    room.do("run", "-q", "--data", "v1:train", "--", "true", cwd=code)

    found = runs(room, "show", "last")["code"]
    assert (found["system"], found["dirty"], found["branch"], found["folder"]) == ("git", True, "main", ".")
    assert (found["url"], found["untracked"]) == ("https://example.org/x.git", ["new.py"])
    patch = room.do("cat", f"runs/{runs(room, 'list')[0]['id']}:patch")
    assert "-one\n+two\n" in patch


def test_the_lines_of_code_that_differ_between_two_runs(room: Room) -> None:
    """Commits and what was changed beside them are taken together; nothing is changed where the code is."""
    code = room.write("code/train.py", "one\nsame\n").parent
    room.write("code/gone.py", "x\n")

    def git(*words: str) -> None:
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *who, *words], cwd=code, env=room.environ, check=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "one")
    room.write("code/train.py", "two\nsame\n")
    room.do("run", "-q", "--name", "a", "--data", "v1:train", "--", "true", cwd=code)
    git("rm", "-q", "gone.py")
    git("commit", "-q", "-am", "two")
    room.write("code/train.py", "three\nsame\n")
    room.do("run", "-q", "--name", "b", "--data", "v1:train", "--", "true", cwd=code)
    do(room, "--name", "tracked", "--", "true")

    shown = room.do("runs", "diff", "a", "b", "--show-code", "--code", "code").splitlines()
    assert [line for line in shown if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-x",
        "-two",
        "+three",
    ]
    assert (
        json.loads(room.do("runs", "diff", "a", "b", "--show-code", "--json", cwd=code))["code"].count("@@")
        == 4
    )
    assert room.do("runs", "diff", "b", "b", "--show-code", cwd=code) == ""
    assert (code / "train.py").read_text() == "three\nsame\n"
    elsewhere = room.run("runs", "diff", "a", "b", "--show-code")
    assert (elsewhere.code, "--code DIR" in elsewhere.err) == (3, True)
    assert "-- work" in room.run("runs", "diff", "a", "tracked", "--show-code", "--code", "code").err


def test_a_metric_that_is_no_number_is_written_in_one_way(room: Room) -> None:
    """The table writes it as `show` and JSON do."""
    do(room, "--name", "odd", "--", "sh", "-c", 'echo \'{"step": 1, "loss": NaN}\' >> $TETHER_METRICS')

    [line] = [each for each in room.do("runs", "list").splitlines() if " odd " in each]
    assert line.endswith(" NaN")
    assert "NaN at 1" in room.do("runs", "show", "odd")
    assert runs(room, "show", "odd")["metrics"]["loss"]["last"] == "NaN"


def test_runs_are_listed_compared_exported_and_drawn(room: Room) -> None:
    """Filters, order and pages; the difference of the data is that of the folders."""
    point = 'echo "{\\"loss\\": $TETHER_PARAM_LR}" >> $TETHER_METRICS'
    for lr, rev in ((0.3, "v1"), (0.1, "main"), (0.2, "main")):
        do(
            room,
            "--name",
            f"lr{lr}",
            "--param",
            f"lr={lr}",
            "--data",
            f"train={rev}:train",
            "--",
            "sh",
            "-c",
            point,
        )

    def names(*arguments: str) -> list[str]:
        return [found["name"] for found in runs(room, "list", *arguments)]

    assert names() == ["lr0.2", "lr0.1", "lr0.3"]
    assert names("--where", "loss<0.25", "--sort", "lr") == ["lr0.1", "lr0.2"]
    assert names("--where", "name~3$") == ["lr0.3"]
    assert names("--sort", "-metric.loss.max", "-n", "1", "--skip", "1") == ["lr0.2"]
    table = room.do("runs", "list", "--columns", "lr,loss").splitlines()
    assert table[1].split()[1:] == ["lr0.2", "finished", "0.2", "0.2"]

    found = runs(room, "diff", "lr0.3", "lr0.1")
    assert found["parameters"] == {"lr": {"old": 0.3, "new": 0.1}}
    assert found["metrics"] == {"loss": {"old": 0.3, "new": 0.1}}
    [data] = found["data"]
    assert (data["name"], data["files"]) == ("train", [{"path": "dog.txt", "change": "added"}])
    assert (data["added"], data["changed"], data["removed"], data["complete"]) == (1, 0, 0, True)
    assert "added     dog.txt" in room.do("runs", "diff", "lr0.3", "lr0.1")
    assert "lr  0.3" in room.do("runs", "show", "lr0.3")

    rows = room.do("runs", "export", "--format", "csv").splitlines()
    assert rows[0].endswith("param.lr,metric.loss,data.train")
    assert len(rows) == 4
    [exported] = json.loads(room.do("runs", "export", "lr0.1", "--metrics"))
    assert [(point["step"], point["value"]) for point in exported["points"]] == [(0, 0.1)]
    room.do("runs", "plot", "-q", "--metric", "loss", "-o", "loss.svg")
    room.do("runs", "plot", "-q", "--parallel", "lr,loss", "-o", "all.svg")
    assert (room.work / "loss.svg").read_text().count("<circle") == 3
    assert (room.work / "all.svg").read_text().count("<polyline") == 3


def test_what_is_drawn_where_nobody_says(room: Room) -> None:
    """Curves of a metric with several points; else what tells runs apart, as parallel coordinates."""
    do(room, "--param", "lr=1", "--", "sh", "-c", POINT)
    do(room, "--param", "lr=2", "--", "sh", "-c", POINT)
    assert room.do("runs", "plot").splitlines()[0].split() == ["param.lr", "metric.loss"]
    rows = json.loads(room.do("runs", "plot", "--json"))
    assert [(row["param.lr"], row["metric.loss"]) for row in rows] == [(2, 0.5), (1, 0.5)]
    room.do("runs", "plot", "-q", "-o", "all.svg")
    assert "param.lr / metric.loss" in (room.work / "all.svg").read_text()

    do(room, "--name", "base", "--", "sh", "-c", f"{POINT}; {POINT.replace('0.5', '0.25')}")
    drawn = room.do("runs", "plot", "base").splitlines()
    assert (drawn[0], drawn[-1][:6]) == ("loss", "* base")
    assert [point["value"] for point in json.loads(room.do("runs", "plot", "base", "--json"))] == [0.5, 0.25]


def test_runs_travel_with_push_and_clone(room: Room) -> None:
    """A clone has the run with the data that it read, though no branch has that any more."""
    do(room, "--data", "train=HEAD:train", "--", "true")
    room.do("reset", "-q", "--hard", "v1")
    room.do("remote", "add", "origin", "../shared.tether")
    assert " * 1 run  new" in room.do("push", "origin")

    room.do("clone", "-q", "../shared.tether", "../copy")
    do(room, "--", "true")
    room.do("push", "-q", "origin")
    copy = room.work.parent / "copy"
    room.do("fetch", "-q", cwd=copy)

    here, there = runs(room, "list"), json.loads(room.do("runs", "list", "--json", cwd=copy))
    assert len(here) == 2
    assert there == here
    assert room.do("cat", f"runs/{there[1]['id']}:data/train/dog.txt", cwd=copy) == "a dog\n"
    assert json.loads(room.do("fsck", "--full", "--json", cwd=copy))["problems"] == []
    room.do("clone", "-q", "--depth", "1", "../shared.tether", "../short")
    assert json.loads(room.do("runs", "list", "--json", cwd=room.work.parent / "short")) == []


def test_runs_of_others_that_are_none(room: Room) -> None:
    """A pushed run that cannot be read, or says that it is another one, hides no other run."""
    do(room, "--name", "base", "--", "true")
    with Repo.open(room.work) as repo:
        record = repo.runs()[0].record
        for number, data in enumerate((b"{}", record.encode())):
            ref = f"refs/runs/{number:026}"
            commit_files(repo.repository, {"run.json": data}, "run", branch=ref)

    listed = room.run("runs", "list", "--json")

    assert [found["name"] for found in json.loads(listed.out)] == ["base"]
    assert listed.err.count("warning: run 0000") == 2
    assert room.run("runs", "show", f"{0:026}").code == 7
    assert runs(room, "show", "last")["name"] == "base"


def test_the_nearest_repository_has_the_code(room: Room) -> None:
    """A working copy in an ignored folder of a Git repository has its own code; beside Git, Git has it."""
    for name, place, system in (("outer", "outer/out/inner", "tether"), ("beside", "beside", "git")):
        room.write(f"{name}/.gitignore", "/out/\n")
        said = ["-c", "user.name=a", "-c", "user.email=a@b"]
        for words in (["init", "-q"], ["add", "."], [*said, "commit", "-qm", "x"]):
            subprocess.run(["git", *words], cwd=room.work / name, env=room.environ, check=True)
        folder = room.work / place
        room.write(f"{place}/train.sh", "true\n")
        for command in (("init", "-q"), ("add", "-q", "train.sh"), ("commit", "-q", "-m", "x")):
            room.do(*command, cwd=folder)
        room.do("run", "-q", "--", "sh", "train.sh", cwd=folder)
        [run] = room.json("runs", "list", cwd=folder)
        assert room.json("runs", "show", run["id"], cwd=folder)["code"]["system"] == system
