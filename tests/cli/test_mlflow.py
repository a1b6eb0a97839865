"""`tether run` and scripts that use MLflow: real clients of two versions, and what they leave behind."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.support import mlflowclient
from tests.support.cli import Room

from tether.api.opened import Opened
from tether.api.registered import drafts

SCRIPT = Path(__file__).parents[1] / "support/mlflowscript.py"
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module", params=["2", "3"])
def major(request: pytest.FixtureRequest) -> str:
    """Return a major version of the client."""
    if reason := mlflowclient.why_not():
        pytest.skip(reason)
    return str(request.param)


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory, major: str) -> Room:
    """Return a room with a repository in which the script ran once."""
    room = Room(tmp_path_factory.mktemp(f"mlflow{major}"))
    room.inside = True
    room.do("init", "-q")
    room.write("train.csv", "x,y\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Data")
    room.environ |= {
        "PYTHONPATH": str(mlflowclient.place_of(major)),
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
    }
    done = room.run(
        "run",
        "-q",
        "--param",
        "speed=2",
        "--param",
        "lr=1e-1",
        "--",
        "python",
        str(SCRIPT),
        str(room.home / "calls"),
    )
    assert done.code == 0, done
    return room


def runs(room: Room, *arguments: str) -> Any:
    """Return what a subcommand of `tether runs` gives."""
    return json.loads(room.do("runs", *arguments, "--json"))


def test_what_a_client_logs_is_in_the_run(room: Room, major: str) -> None:
    """The first MLflow run is the run of the command; the others are runs with the same code."""
    found = {run["name"]: run for run in runs(room, "list")}
    base = runs(room, "show", "base")

    assert len(found) == (3 if major == "2" else 4)
    assert {"base", "depth-1", "depth-2"} <= set(found)
    assert base["parameters"] == {"speed": 2, "lr": 0.1, "layers": 3, "note": "0.10"}
    assert base["metrics"]["loss"]["count"] == 3
    assert base["metrics"]["bad"]["last"] == "NaN"
    assert found["depth-2"]["parameters"] == {"depth": 2}
    assert {run["status"] for run in found.values()} == {"finished"}
    assert runs(room, "show", "depth-1")["environment"]["python"]["packages"]["mlflow-skinny"]


def test_artefacts_are_files_of_the_run(room: Room, major: str) -> None:
    """Files that were logged are in the store, also an empty one and those of the model."""
    paths = {each["path"] for each in runs(room, "show", "base")["artefacts"]}
    rev = f"runs/{runs(room, 'show', 'base')['id']}"
    folder = "model" if major == "2" else "models/model"

    assert {"notes/hello.txt", "empty.json", "nothing", f"{folder}/MLmodel", f"{folder}/model.pkl"} <= paths
    assert room.do("cat", f"{rev}:artefacts/notes/hello.txt") == "hello"
    told = json.loads(room.do("cat", f"{rev}:mlflow.json"))
    assert told["tags"]["team"] == "vision"
    assert [event["kind"] for event in told["events"]] == [
        "experiment",
        "model",
        "version",
        "alias",
        "version-changed",
    ]
    assert json.loads(room.do("fsck", "--full", "--json"))["problems"] == []


def test_a_registered_version_is_a_draft_of_a_release(room: Room, major: str) -> None:
    """It names the run, and the files there; `runs show` has experiment and tags."""
    base = runs(room, "show", "base")
    with Opened.open(room.work) as repo:
        [draft] = drafts(repo)

    folder = "model" if major == "2" else "models/model"
    assert (draft.name, draft.version, draft.run, draft.path) == ("cats", 1, base["id"], folder)
    assert (draft.aliases, draft.tags["checked"]) == (("champion",), "yes")
    assert base["mlflow"]["experiment"] == "animals"
    shown = room.do("runs", "show", "base")
    assert "team" in shown
    assert "mlflow.source" not in shown


def test_the_calls_are_those_that_are_known(room: Room, major: str) -> None:
    """A new version of the client that asks for something else is seen here."""
    calls = sorted(set((room.home / "calls").read_text().splitlines()))
    golden = GOLDEN / f"mlflow-{major}.txt"
    if os.environ.get("TETHER_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text("\n".join(calls) + "\n")

    assert calls == golden.read_text().splitlines()
