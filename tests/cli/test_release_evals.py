"""R2 of `tether release verify`: figures follow from predictions, or the one that does not is named."""

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support import evalsets
from tests.support.benches import small
from tests.support.cli import Room
from tests.support.records import put_in, record, run_id
from tests.support.released import opened, rebuild, safetensors

from tether.api.repo import Repo
from tether.core.digest import hash_bytes
from tether.core.names import RUNS
from tether.repo.revision import find_entry


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room with a release of a model that was evaluated by its predictions."""
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q")
    room.write("train.csv", "text,label\nwin,spam\nhello,ham\n")
    room.write("test.csv", "text,label\nwin,spam\nhello you,ham\nmoney now,spam\nsee you,ham\n")
    room.write("slices.yml", "version: 1\nmin: 1\nslices:\n  long: length(text) > 5\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Mails")
    room.write("model.safetensors", safetensors(w=[1.0, 2.0]))
    room.write("said.csv", "prediction\nspam\nham\nham\nham\n")
    room.do(
        "run",
        "-q",
        "--name",
        "t",
        "--data",
        "train=main:train.csv",
        "--artefact",
        "model.safetensors",
        "--",
        "true",
    )
    room.do(
        "eval",
        "-q",
        "--predictions",
        "said.csv",
        "--in-order",
        "model.safetensors",
        "main:test.csv",
        "--name",
        "e",
    )
    data = ("--data", "train=train", "--data", "test=main:test.csv")
    room.do("release", "create", "spam@1", "--run", "t", "--evaluation", "e", *data, "-q")
    return room


def test_figures_follow_from_predictions(room: Room) -> None:
    """R2 is reached, and a figure that was made better is named with what it should be."""
    before = room.json("release", "verify", "spam@1", "--level", "R2")
    with opened(room) as repo:
        release = repo.release("spam@1")
        path = f"{release.manifest.evaluations[0].path}/artefacts/eval.json"
        told: Any = json.loads(release.read(path))
        next(each for each in told["metrics"] if each["name"] == "accuracy")["value"] = 1.0
        data = json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        rebuild(repo, "spam@1", {path: data}, fitting=True)

    after = room.json("release", "verify", "spam@1", code=7)

    assert (before["level"], before["problems"]) == ("R2", [])
    assert [each["level"] for each in before["untried"]] == ["R3"]
    assert after["level"] == "R1"
    [problem] = after["problems"]
    assert (problem["level"], problem["path"]) == ("R2", path)
    assert problem["message"] == "accuracy is 0.75 and not 1.0"


def test_labels_that_are_not_of_the_data(room: Room) -> None:
    """Predictions that were exchanged are found, though all figures follow from them."""
    with opened(room) as repo:
        release = repo.release("spam@1")
        path = f"{release.manifest.evaluations[0].path}/artefacts/predictions.parquet"
        rebuild(repo, "spam@1", {path: release.read(path) + b"x"}, fitting=True)

    [problem] = room.json("release", "verify", "spam@1", code=7)["problems"]

    assert problem["message"] == "these are not the predictions that were measured"


def test_figures_of_all_come_first(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """`show` has those of all examples in short; in a card a class is one row, and there are few of them."""
    [line] = [each for each in room.do("release", "show", "spam@1").splitlines() if "accuracy" in each]
    [found] = room.json("release", "show", "spam@1")["figures"]
    card = room.do("release", "export", "spam@1", "--as", "model-card")

    assert line.startswith("  accuracy 0.7500 (")
    assert line.endswith(" more  of 4 examples of test.csv")
    assert "[" not in line
    assert (found["kind"], found["examples"], found["data"]) == ("evaluation", 4, "test.csv")
    head, _, body = card.removeprefix("---\n").partition("---\n")
    assert "accuracy" in head
    assert "[spam]" not in head
    table = body.partition("## Measurements")[2].partition("\n## ")[0]
    assert table.count("`accuracy`") == 2
    rows = [each for each in table.splitlines() if each.startswith(("| `ham`", "| `spam`", "| class"))]
    assert rows[0] == "| class | `precision` | `recall` | `f1` |"
    assert rows[1:] == ["| `ham` | 0.666667 | 1 | 0.8 |", "| `spam` | 1 | 0.5 | 0.666667 |"]
    monkeypatch.setattr("tether.releases.exports.modelcard._SHOWN_CLASSES", 1)
    card = room.do("release", "export", "spam@1", "--as", "model-card")
    assert "1 more classes are in the evaluation." in card
    assert "| `spam`" not in card


def test_only_what_judged_this_model_is_taken(room: Room) -> None:
    """Neither trainings, nor evaluations and benches of others; those of the same numbers are."""
    room.write("other.safetensors", safetensors(w=[1.0, 3.0]))
    again = safetensors(w=[1.0, 2.0]).replace(b'"dtype": "F32"', b'"dtype":  "F32"')
    again = (len(again[8:-8])).to_bytes(8, "little") + again[8:]
    room.write("again.safetensors", again)
    judge = ("eval", "-q", "--predictions", "said.csv", "--in-order", "--replicates=0")
    for name, model in (("o", ("other.safetensors",)), ("s", ("again.safetensors",)), ("none", ())):
        room.do(*judge, *model, "main:test.csv", "--name", name)
    with opened(room) as repo:
        weights = repo.release("spam@1").manifest.weights[0].digest
        for number, digest in enumerate((weights, "de" * 32, None)):
            part = msgspec.structs.replace(small().model, digest=digest, weights=None)
            put_in(
                repo.repository,
                RUNS + run_id(number),
                {
                    "run.json": record(number, name=f"b{number}").encode(),
                    "artefacts/bench.json": small(model=part).encode(),
                },
                0,
            )
    create = ("release", "create", "spam@2", "--run", "t")

    for words, said in (
        (("--evaluation", "t"), "run t is no evaluation"),
        (("--bench", "e"), "run e is no bench"),
        (("--evaluation", "o"), "evaluation o is of another model: other.safetensors"),
        (("--bench", "b1"), "bench b1 is of another model: main:net.onnx"),
    ):
        done = room.run(*create, *words)
        assert (done.code, done.err.splitlines()[0]) == (2, f"error: {said}")
    assert [each["version"] for each in room.json("release", "list")] == ["1"]
    judged = ("--evaluation", "s", "--evaluation", "none", "--bench", "b0", "--bench", "b2")
    done = room.run(*create, *judged, "-q")
    assert done.code == 0
    assert [line for line in done.err.splitlines() if "does not say" in line] == [
        "warning: evaluation none does not say of which model it is",
        "warning: bench b2 does not say of which model it is",
    ]
    lines = [
        re.sub(r"(?<=\S) {3,}", "  ", line) for line in room.do("release", "show", "spam@2").splitlines()
    ]
    assert "  p50 single 1.00 ms  peak 91.0 MB" in lines
    with opened(room) as repo:  # somebody puts the bench of another model there
        bench = repo.release("spam@2").manifest.benches[0]
        path = f"{bench.path}/artefacts/bench.json"
        other = msgspec.structs.replace(small().model, digest="de" * 32, weights=None)
        assert room.json("release", "verify", "spam@2", "--to", "R2")["level"] == "R2"
        rebuild(repo, "spam@2", {path: small(model=other).encode()}, fitting=True)
    [problem] = room.json("release", "verify", "spam@2", code=7)["problems"]
    assert (problem["component"], problem["path"], problem["message"]) == (
        "benches", path, "it is of another model",
    )  # fmt: skip
    told = room.json("lineage", "spam@2", "--up")
    names = {node["id"]: node["label"] for node in told["nodes"]}
    judging = {
        (names[each["from"]], each["relation"]) for each in told["edges"] if each["to"] == "release:spam@2"
    }
    assert {("s", "evaluation"), ("none", "evaluation"), ("b0", "bench"), ("b2", "bench")} <= judging


def test_a_model_in_the_working_copy_of_the_training_is_another_one(room: Room) -> None:
    """An older model lies in the code of a training: what it reached is not what the new weights reach."""
    room.write("models/old.safetensors", safetensors(w=[9.0]))
    room.do("add", "-q", "models")
    room.do("commit", "-q", "-m", "The model of last year")
    train = ("--data", "train=main:train.csv", "--artefact", "model.safetensors", "--", "true")
    room.do("run", "-q", "--name", "t2", *train)
    judge = ("eval", "-q", "--predictions", "said.csv", "--in-order", "--replicates=0")
    room.do(*judge, "main:models/old.safetensors", "main:test.csv", "--name", "o")
    room.do(*judge, "model.safetensors", "main:test.csv", "--name", "n")
    named = ("--data", "train=train", "--data", "test=main:test.csv")
    create = ("release", "create", "spam@2", "--run", "t2", *named, "-q")

    refused = room.run(*create, "--evaluation", "o")
    room.do(*create, "--evaluation", "n")
    with opened(room) as repo:  # as a release that was made before could be
        digest = hash_bytes(safetensors(w=[9.0])).hex()
        path, data = changed(repo, "spam@2", partial(of_model, digest))
        rebuild(repo, "spam@2", {path: data}, fitting=True)

    assert (refused.code, refused.err.splitlines()[0]) == (
        2,
        "error: evaluation o is of another model: main:models/old.safetensors",
    )
    [problem] = room.json("release", "verify", "spam@2", code=7)["problems"]
    assert (problem["path"], problem["message"]) == (path, "it is of another model")


def test_what_cannot_be_tried_hides_no_problem(room: Room) -> None:
    """A bench of a newer version beside an evaluation whose figure is false."""
    with opened(room) as repo:
        model = small().model
        own = repo.release("spam@1").manifest.weights[0].digest
        bench = small(model=msgspec.structs.replace(model, digest=own, weights=None)).encode()
        put_in(
            repo.repository,
            RUNS + run_id(1),
            {"run.json": record(1, name="b").encode(), "artefacts/bench.json": bench},
            0,
        )
    room.do("release", "create", "spam@2", "--run", "t", "--evaluation", "e", "--bench", "b", "-q")
    with opened(room) as repo:
        newer = repo.release("spam@2").manifest.benches[0].path + "/artefacts/bench.json"
        told: Any = json.loads(bench)
        told["version"] = 99
        rebuild(repo, "spam@2", {newer: json.dumps(told).encode()}, fitting=True)
        only = room.json("release", "verify", "spam@2", "--level", "R1")
        untried = [each["level"] for each in room.json("release", "verify", "spam@2")["untried"]]
        path, data = changed(repo, "spam@2", lambda told: told["metrics"][0].update(value=0.123))
        rebuild(repo, "spam@2", {path: data}, fitting=True)

    assert only["problems"] == []
    assert "R2" in untried
    [problem] = room.json("release", "verify", "spam@2", code=7)["problems"]
    assert problem["path"] == path


def test_files_of_a_folder_that_was_judged_are_of_its_model(room: Room) -> None:
    """As releases of before may have it: what holds all weights passes, and where it is gone nobody knows."""
    for name, number in (("a", 1.0), ("b", 2.0)):
        room.write(f"sharded/{name}.safetensors", safetensors(w=[number]))
    room.write("sharded/config.json", "{}")
    room.do("add", "-q", "sharded")
    room.do("commit", "-q", "-m", "A model of two files")
    weights = [word for name in "ab" for word in ("--weights", f"main:sharded/{name}.safetensors")]
    judge = ("eval", "-q", "--predictions", "said.csv", "--in-order", "--replicates=0")
    room.do(*judge, "main:sharded/a.safetensors", "main:test.csv", "--name", "f")
    create = (
        "--run",
        "t",
        "--data",
        "train=train",
        "--data",
        "test=main:test.csv",
        "--evaluation",
        "f",
        "-q",
    )
    room.do("release", "create", "spam@2", *create, *weights)
    with opened(room) as repo:
        found = find_entry(repo.repository, "main:sharded")[1].digest.hex()
        for digest, level in ((found, "R2"), ("de" * 32, "R1")):
            change = partial(of_model, digest)
            path, data = changed(repo, "spam@2", change)
            rebuild(repo, "spam@2", {path: data}, fitting=True)
            verified = room.json("release", "verify", "spam@2", "--to", "R2")

            assert (verified["level"], verified["problems"]) == (level, [])


def test_an_evaluation_of_another_model_is_found_among_several_weights(room: Room) -> None:
    """However many weights a release has, an evaluation is of one that it holds, or R2 names it."""
    room.write("b.safetensors", safetensors(w=[3.0]))
    parts = ("--run", "t", "--evaluation", "e", "--data", "train=train", "--data", "test=main:test.csv")
    room.do(
        "release",
        "create",
        "spam@2",
        *parts,
        "--weights",
        "model.safetensors",
        "--weights",
        "b.safetensors",
        "-q",
    )
    good = room.json("release", "verify", "spam@2", "--level", "R2")
    with opened(room) as repo:
        release = repo.release("spam@2")
        path = f"{release.manifest.evaluations[0].path}/artefacts/eval.json"
        told: Any = json.loads(release.read(path))
        told["model"] |= {"digest": "de" * 32, "weights": "ad" * 32}
        data = json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        rebuild(repo, "spam@2", {path: data}, fitting=True)

    bad = room.json("release", "verify", "spam@2", code=7)

    assert (good["level"], good["problems"], len(release.manifest.weights)) == ("R2", [], 2)
    assert bad["level"] == "R1"
    assert [(each["path"], each["message"]) for each in bad["problems"]] == [(path, "it is of another model")]


def test_an_evaluation_of_a_folder_is_of_the_weights_in_it(room: Room) -> None:
    """A model of several files is judged as a folder, and released as the files that are in it."""
    for name, number in (("a", 1.0), ("b", 2.0)):
        room.write(f"sharded/{name}.safetensors", safetensors(w=[number]))
    room.do("add", "-q", "sharded")
    room.do("commit", "-q", "-m", "A model of two files")
    judge = ("eval", "-q", "--predictions", "said.csv", "--in-order", "--replicates=0")
    room.do(*judge, "main:sharded", "main:test.csv", "--name", "f")
    parts = ("--run", "t", "--evaluation", "f", "--data", "train=train", "--data", "test=main:test.csv")

    room.do("release", "create", "spam@2", *parts, "--weights", "main:sharded", "-q")

    found = room.json("release", "verify", "spam@2", "--level", "R2")
    assert (found["level"], found["problems"]) == ("R2", [])


def of_model(digest: str, told: Any) -> None:
    """Let an evaluation be of a file or folder whose tensors are not known."""
    told["model"] |= {"digest": digest, "weights": None}


def changed(repo: Repo, label: str, change: Callable[[Any], object]) -> tuple[str, bytes]:
    """Return the path of the evaluation of a release, and its bytes with a change."""
    release = repo.release(label)
    path = f"{release.manifest.evaluations[0].path}/artefacts/eval.json"
    told = json.loads(release.read(path))
    change(told)
    return path, json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def read(repo: Repo, run: str, name: str) -> bytes:
    """Return an artefact of a run."""
    with repo.at(f"runs/{run}").open(f"artefacts/{name}") as file:
        data: bytes = file.read()
        return data


def test_predictions_follow_from_the_weights(tmp_path: Path) -> None:
    """R3 is reached by a model that is run again; predictions that it does not make are told."""
    pytest.importorskip("onnxruntime")
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q")
    x, y = evalsets.digits()
    weights, bias = evalsets.nearest_mean(x[:1000], y[:1000])
    room.write("train.npz", evalsets.npz(x=x[:50], y=y[:50]))
    room.write("test.npz", evalsets.npz(x=x[1000:1050], y=y[1000:1050]))
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Digits")
    room.write("mean.onnx", evalsets.onnx_linear(weights, bias, ("n", 64)))
    room.write("other.onnx", evalsets.onnx_linear(weights[:, ::-1], bias[::-1], ("n", 64)))
    room.do(
        "run", "-q", "--name", "t", "--data", "train=main:train.npz", "--artefact", "mean.onnx", "--", "true"
    )
    room.do("eval", "-q", "--replicates=0", "mean.onnx", "main:test.npz", "--name", "e")
    room.do("eval", "-q", "--replicates=0", "other.onnx", "main:test.npz", "--name", "o")
    for version in ("1", "2"):
        room.do("release", "create", f"digits@{version}", "--run", "t", "--evaluation", "e", "-q")

    good = room.json("release", "verify", "digits@1", "--level", "R3")
    run = room.json("runs", "show", "o")["id"]
    with opened(room) as repo:  # somebody puts the evaluation of the other model there
        release = repo.release("digits@2")
        folder = f"{release.manifest.evaluations[0].path}/artefacts"
        other = {f"{folder}/{name}": read(repo, run, name) for name in ("eval.json", "predictions.parquet")}
        rebuild(repo, "digits@2", other, fitting=True)
    bad = room.json("release", "verify", "digits@2", code=7)
    with opened(room) as repo:  # and says that the better one made them
        told = json.loads(other[f"{folder}/eval.json"])
        told["model"]["digest"] = release.manifest.weights[0].digest
        data = json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        rebuild(repo, "digits@2", {f"{folder}/eval.json": data}, fitting=True)
    lied = room.json("release", "verify", "digits@2", code=7)
    below = room.json("release", "verify", "digits@2", "--to", "R2", "--level", "R3", code=10)

    assert (good["level"], good["ok"], good["untried"]) == ("R3", True, [])
    assert bad["problems"][0]["message"] == "it is of another model"
    assert (lied["level"], below["level"], below["ok"]) == ("R2", "R2", True)
    assert "predictions are others" in lied["problems"][0]["message"]
