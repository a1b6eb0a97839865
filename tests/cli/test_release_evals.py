"""R2 of `tether release verify`: figures follow from predictions, or the one that does not is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Room
from tests.support.released import opened, rebuild, safetensors

pytest.importorskip("tether.evals.evaluating")


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
