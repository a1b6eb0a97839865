"""R2 of `tether release verify`: figures follow from predictions, or the one that does not is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support import evalsets
from tests.support.cli import Room
from tests.support.released import opened, rebuild, safetensors


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
    for version, run in (("1", "e"), ("2", "o")):
        room.do("release", "create", f"digits@{version}", "--run", "t", "--evaluation", run, "-q")

    good = room.json("release", "verify", "digits@1", "--level", "R3")
    bad = room.json("release", "verify", "digits@2", code=7)

    with opened(room) as repo:  # somebody says that the better one made them
        release = repo.release("digits@2")
        path = f"{release.manifest.evaluations[0].path}/artefacts/eval.json"
        told = json.loads(release.read(path))
        told["model"]["digest"] = release.manifest.weights[0].digest
        data = json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        rebuild(repo, "digits@2", {path: data}, fitting=True)
    lied = room.json("release", "verify", "digits@2", code=7)
    below = room.json("release", "verify", "digits@2", "--to", "R2", "--level", "R3", code=10)

    assert (good["level"], good["ok"], good["untried"]) == ("R3", True, [])
    assert bad["problems"][0]["message"] == "it is of another model"
    assert (lied["level"], below["level"], below["ok"]) == ("R2", "R2", True)
    assert "predictions are others" in lied["problems"][0]["message"]
