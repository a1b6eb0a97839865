"""What Python gives of runs, benches, evaluations and lineage is what the command gives of them."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.support.cli import Room
from tests.support.repos import ADA

from tether.api.repo import Repo
from tether.bench.comparing import diff_document
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound, TetherError
from tether.runs.rundoc import Status

TRAIN = """
import os, pathlib
rate = float(os.environ["TETHER_PARAM_LR"])
files = sorted(pathlib.Path(os.environ["TETHER_DATA_TRAIN"]).iterdir())
with open(os.environ["TETHER_METRICS"], "a") as told:
    for step in range(2):
        told.write('{"loss": %r, "step": %d}\\n' % (rate / (step + 1), step))
pathlib.Path("weights.bin").write_bytes(bytes(len(files)))
print(len(files), "files")
"""
ANSWER = """
from tether.bench.wire import serve

serve(lambda ids, arrays: {"y": arrays["x"][:, :3]}, "mine", "7")
"""
SAID = "id,prediction\na,cat\nb,dog\nc,cat\n"
SLICES = "version: 1\nmin: 1\nslices:\n  dark: light < 0.5\n"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with a repository: data, a training, and two runs of it."""
    room = Room(tmp_path_factory.mktemp("python"))
    room.inside = True
    room.do("init", "-q")
    room.write("train/cat.txt", "a cat\n")
    room.write("train.py", TRAIN)
    room.write("answer.py", ANSWER)
    room.write("slices.yml", SLICES)
    room.write("test.csv", "id,light,label\na,0.1,cat\nb,0.9,dog\nc,0.2,dog\n")
    data = io.BytesIO()
    np.savez(data, x=np.ones((6, 4), "float32"))
    room.write("x.npz", data.getvalue())
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "A cat")
    room.do("tag", "v1")
    room.write("train/dog.txt", "a dog\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "A dog")
    for name, rate in (("slow", 0.25), ("fast", 0.5)):
        words = ["--data", "train=v1:train", "--param", f"lr={rate}", "--artefact", "weights.bin"]
        room.do("run", "-q", "--name", name, *words, "--", sys.executable, "train.py")
    return room


@pytest.fixture
def repo(room: Room, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repo]:
    """Return the repository, opened where the commands run."""
    monkeypatch.chdir(room.work)
    with Repo.open(room.work) as opened:
        opened.author = ADA
        yield opened


def as_json(value: Any) -> Any:
    """Return a value as a reader of its JSON has it."""
    return json.loads(json.dumps(value))


def test_one_run(room: Room, repo: Repo) -> None:
    """By name, by a part of its id, and with all that lies beside its record."""
    found = repo.find_run("slow")

    assert as_json(found.document()) == room.json("runs", "show", "slow")
    assert repo.find_run(found.id[-8:]).id == found.id
    assert found.output().decode() == room.do("runs", "show", "slow", "--stdout") == "1 files\n"
    assert found.files.read_bytes("artefacts/weights.bin") == bytes(1)
    assert found.metrics["loss"].values == [0.25, 0.125]
    assert repr(found) == f"FoundRun('{found.id}', name='slow', status='finished')"
    for wrong in ("none", "01"):
        with pytest.raises(NotFound):
            repo.find_run(wrong)
    with pytest.raises(NotFound):
        found.output("stderr")


@pytest.mark.parametrize("form", ["json", "csv"])
@pytest.mark.parametrize("points", [False, True])
def test_exports(room: Room, repo: Repo, form: str, *, points: bool) -> None:
    """All runs, some of them, and those for which something holds."""
    words = ["--format", form, *(["--metrics"] if points else [])]

    assert repo.export_runs(form=form, points=points) == room.do("runs", "export", *words)
    assert repo.export_runs("fast", form=form, points=points) == room.do("runs", "export", "fast", *words)
    few = repo.export_runs(form=form, points=points, where=["lr<0.3"])
    assert few == room.do("runs", "export", "--where", "lr<0.3", *words)
    assert few != repo.export_runs(form=form, points=points)
    with pytest.raises(InvalidInput, match="as xml"):
        repo.export_runs(form="xml")


def test_drawings(room: Room, repo: Repo) -> None:
    """Curves, parallel coordinates, and what says most where nobody chose."""
    for words, drawn in (
        ((), repo.plot_runs()),
        (("fast", "--metric", "loss"), repo.plot_runs("fast", metric="loss")),
        (("--parallel", "lr,loss"), repo.plot_runs(axes=["lr", "loss"])),
        (("--where", "lr>0.3"), repo.plot_runs(where=["lr>0.3"])),
    ):
        room.do("runs", "plot", "-q", "-o", "drawn.svg", *words)
        assert (room.work / "drawn.svg").read_text() == drawn
    (room.work / "drawn.svg").unlink()
    with pytest.raises(InvalidInput, match="two drawings"):
        repo.plot_runs(metric="loss", axes=["lr"])
    for wrong in ({"where": ["lr>9"]}, {"metric": "none"}, {"axes": ["lr", "none"]}):
        with pytest.raises(NotFound, match="no run"):
            repo.plot_runs(**wrong)


def test_lineage_has_directions_and_drawings(room: Room, repo: Repo) -> None:
    """Up, down and both, as JSON, as SVG and in the language of Mermaid."""
    sizes = []
    for direction, words in (("up", ["--up"]), ("down", ["--down"]), ("both", [])):
        found = repo.lineage("slow", direction)  # type: ignore[arg-type]
        told = room.json("lineage", "slow", *words, "--svg", "drawn.svg")
        assert {"ref": "slow", **as_json(found.document())} == told
        assert found.svg() == (room.work / "drawn.svg").read_text()
        assert found.mermaid().splitlines() == room.do("lineage", "slow", *words, "--mermaid").splitlines()
        sizes.append(len(found.graph.nodes))
    (room.work / "drawn.svg").unlink()
    assert max(sizes[:2]) < sizes[2]
    assert len(repr(found)) < 120
    with pytest.raises(InvalidInput, match="no such direction"):
        repo.lineage("slow", "sideways")  # type: ignore[arg-type]


def test_a_command_is_run_again(room: Room, repo: Repo, capfd: pytest.CaptureFixture[str]) -> None:
    """As a run, in a clean room and on other data; nothing is shown but to who takes it."""
    shown: list[bytes] = []
    command = [sys.executable, "train.py"]
    done = repo.run_command(
        command, name="mine", data=["train=v1:train"], parameters={"lr": 0.5}, seeds={"seed": 3},
        artefacts=["weights.bin"], show=shown.append,
    )  # fmt: skip
    assert (done.code, b"".join(shown)) == (0, b"1 files\n")
    difference = repo.diff_runs("fast", "mine")
    assert (difference.parameters, difference.metrics, difference.data) == ({}, {}, ())
    assert set(difference.facts) <= {"name", "seeds", "seed.seed"}

    plan = repo.plan_repro("mine", environment="current")
    told = room.json("repro", "mine", "--env", "current", "--dry-run")
    assert told["command"] == list(plan.request.original.record.command)
    assert "PATH" not in repr(plan)
    again = repo.repro("mine", environment="current", tolerance={"loss": 0.1}, ignore=["none"])
    by_command = room.json("repro", "mine", "--env", "current")
    assert str(again.verdict.verdict) == by_command["verdict"] == "bitwise"
    assert repo.find_run(again.record.id).verdict == "bitwise"
    assert again.attestation is None
    assert len(repr(again)) < 120

    more = repo.retrain(
        "mine", data=["train=HEAD:train"], parameters={"lr": 1}, seeds={"seed": 4}, name="more"
    )
    (room.work / "weights.bin").unlink()
    room.do(
        "retrain", "-q", "mine", "--data", "train=HEAD:train", "--param", "lr=1", "--seed", "4",
        "--name", "told",
    )  # fmt: skip
    said = repo.find_run("told")
    assert (more.record.parameters, more.record.seeds) == (said.record.parameters, said.record.seeds)
    assert (more.record.parameters, more.record.seeds) == ({"lr": 1}, {"seed": 4})
    assert more.record.data == said.record.data
    assert as_json(repo.find_run("more").document())["parent"] == room.json("runs", "show", "told")["parent"]
    assert capfd.readouterr() == ("", "")


def test_a_room_is_kept_where_it_was_asked_for(repo: Repo, tmp_path: Path) -> None:
    """It has the code; what is there already is not written to."""
    done = repo.repro("slow", environment="current", room=tmp_path / "kept")

    assert (tmp_path / "kept/code/train.py").read_text() == TRAIN
    assert str(done.verdict.verdict) == "bitwise"
    with pytest.raises(AlreadyExists):
        repo.repro("slow", environment="current", room=tmp_path / "kept")


def test_choices_that_make_no_sense(repo: Repo) -> None:
    """They are refused before anything runs."""
    before = len(repo.runs())
    with pytest.raises(InvalidInput, match="no 'sort'"):
        repo.retrain("slow", sort="lr")  # type: ignore[call-arg]
    with pytest.raises(InvalidInput, match="no such environment"):
        repo.repro("slow", environment="other")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="tolerance of loss"):
        repo.repro("slow", tolerance={"loss": -1.0})
    with pytest.raises(TetherError, match="reads no test"):
        repo.retrain("slow", data=["test=v1:train"])
    with pytest.raises(NotFound):
        repo.plan_repro("none")
    with pytest.raises(InvalidInput, match="no command"):
        repo.run_command([])
    assert len(repo.runs()) == before


def test_lost_runs_and_pinned_data(room: Room, repo: Repo) -> None:
    """A run whose process is gone is stored; folders of data that nobody reads go."""
    assert repo.seal_runs() == []
    pinned = room.work / ".tether/pins"
    folders = list(pinned.iterdir()) if pinned.exists() else []
    assert repo.clean_runs() > 0 or not folders
    assert room.json("runs", "clean") == {"freed": 0}
    assert repo.clean_runs() == 0


def test_benches(room: Room, repo: Repo) -> None:
    """One, with its figures computed anew and drawn, and two beside each other."""
    quick = ["--queries=4", "--seconds=0", "--warmup=1", "--rounds=1", "--threads=1", "--scenario=single"]
    words = ["answer.py", "--data", "HEAD:x.npz", *quick]
    for name in ("one", "two"):
        room.json("bench", *words, "--name", name, "--", sys.executable, "answer.py")
    found = repo.find_bench("one")

    told = room.json("bench", "show", "one", "--check", "--svg", "drawn.svg")
    assert {"run": found.run.id, **as_json(msgspec.to_builtins(found.bench)), "checked": True} == told
    assert found.svg() == (room.work / "drawn.svg").read_text()
    (room.work / "drawn.svg").unlink()
    found.check()
    compared = repo.compare_benches("one", "two")
    assert as_json(diff_document(compared)) == room.json("bench", "compare", "one", "two")
    assert compared.runs == (found.run.id, repo.find_bench("two").run.id)
    assert max(map(len, map(repr, (found, found.bench, compared)))) < 150
    room.json("bench", *words, "--sample", "3", "--name", "few", "--", sys.executable, "answer.py")
    with pytest.raises(Conflict, match="inputs"):
        repo.compare_benches("one", "few")
    assert repo.compare_benches("one", "few", vary=["inputs"]).varied == ("inputs",)
    with pytest.raises(NotFound, match="no bench"):
        repo.find_bench("slow")


def test_slices_and_what_was_measured_of_them(room: Room, repo: Repo) -> None:
    """Those of the next commit, those of a revision, and those of an evaluation."""
    room.write("said.csv", SAID)
    words = ["--predictions", "said.csv", "--key", "id", "--label", "label", "--replicates", "20"]
    room.json("eval", "HEAD:test.csv", *words, "--name", "said")
    (room.work / "said.csv").unlink()

    for given, place in (((), None), (("--slices", "v1:slices.yml"), "v1:slices.yml")):
        told = [(each["name"], each["where"], each["min"]) for each in room.json("slices", "list", *given)]
        assert [(each.name, each.where, each.least) for each in repo.slices(place)] == told != []
    measured = repo.evaluation("said")
    told = room.json("slices", "list", "said")
    assert [(each.name, each.count) for each in measured.slices] == [
        (each["name"], each["count"]) for each in told
    ]
    assert measured.slices[0].count == 2
    assert len(repr(measured)) < 120
    with pytest.raises(NotFound):
        repo.evaluation("slow")
    with pytest.raises(NotFound):
        repo.slices("v1:none.yml")


def test_records_are_short_where_they_are_printed(room: Room, repo: Repo) -> None:
    """What a notebook shows of a result fits on a line, however much there is in it."""
    np.save(room.work / "weights.npy", np.zeros(3, "float32"))
    release = repo.create_release(
        "cats@1.0", run="slow", weights=["weights.npy"], licences={"release": "MIT"}
    )
    (room.work / "weights.npy").unlink()
    with repo.at("releases/cats/1.0").model("weights/weights.npy") as model:
        shown = [
            release, release.known, release.manifest, release.verify(), release.repo, repo.runs()[0],
            repo.runs()[0].record, repo.find_run("slow").known, repo.diff_runs("slow", "fast"),
            repo.users_of("v1:train"), repo.profile("v1:train"), model.facts, model.diff(model),
        ]  # fmt: skip

    assert repr(release) == f"Release('cats@1.0', '{release.id[:12]}', class none)"
    assert {type(each).__name__: len(repr(each)) for each in shown if len(repr(each)) > 160} == {}
    assert repo.runs()[0].record.status in tuple(Status)
