"""Datasets that a command logs with MLflow are inputs of its run where this repository has what they name."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Room

SCRIPT = r"""
import json, os, sys, urllib.request

def ask(path, body):
    address = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/" + path
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))

datasets = [
    {"dataset": {"name": name, "digest": "x", "source_type": "local", "source": source}}
    for name, source in json.loads(sys.argv[1])
]
run = ask("create", {"experiment_id": "0"})["run"]["info"]["run_id"]
ask("log-inputs", {"run_id": run, "datasets": datasets})
"""


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """Return a room with a repository: a folder and two files, of which one is changed."""
    room = Room(tmp_path)
    room.inside = True
    room.do("init", "-q")
    for name in ("train/cat.txt", "train/dog.txt", "labels.csv", "changed.csv"):
        room.write(name, f"{name}\n")
    room.write("code/train.py", SCRIPT)
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Data")
    room.do("tag", "v1")
    room.write("changed.csv", "other\n")
    return room


def logged(room: Room, sources: list[tuple[str, str]], *arguments: str) -> Any:
    """Log datasets in a run; return what is known of it, with the tags of its datasets."""
    command = [sys.executable, "train.py", json.dumps(sources)]
    done = room.run("run", "-q", *arguments, "--", *command, cwd=room.work / "code")
    assert done.code == 0, done
    found = json.loads(room.do("runs", "show", "last", "--json"))
    told = json.loads(room.do("cat", f"runs/{found['id']}:mlflow.json"))["inputs"]
    return found, {each["dataset"]["name"]: each["tags"] for each in told}


def test_what_the_repository_has_is_an_input(room: Room) -> None:
    """Paths of the working copy, however they are written, and an address with a commit."""
    commit = json.loads(room.do("log", "--json"))[0]["id"]
    found, tags = logged(
        room,
        [
            ("my train", json.dumps({"uri": "../train"})),
            ("labels", f"file://{room.work}/labels.csv"),
            ("now", str(room.work / "changed.csv")),
            ("then", f"tether://hub.example.org/ada/photos@{commit}/changed.csv"),
            ("labels", f"tether://hub.example.org/ada/photos@{commit}/labels.csv"),
        ],
    )

    data = {each["name"]: each for each in found["data"]}
    assert {name: each["path"] for name, each in data.items()} == {
        "my-train": "train", "labels": "labels.csv", "now": "changed.csv", "then": "changed.csv",
    }  # fmt: skip
    assert {name: each["commit"] for name, each in data.items()} == {
        "my-train": commit, "labels": commit, "now": None, "then": commit,
    }  # fmt: skip
    assert tags["labels"] == {"tether.input": "labels"}
    assert room.do("cat", f"runs/{found['id']}:data/now") == "other\n"
    assert room.do("cat", f"runs/{found['id']}:data/then") == "changed.csv\n"
    assert room.do("fsck", "--full")

    graph = room.json("lineage", "v1:labels.csv")
    edges = {(each["from"], each["to"]) for each in graph["edges"]}
    assert (f"data:{data['labels']['digest']}", f"run:{found['id']}") in edges
    assert found["id"] in room.do("lineage", "--uses", "v1:changed.csv")


def test_what_is_not_certain_stays_a_word_of_the_client(room: Room) -> None:
    """Other systems, branches of others, files that are not recorded or have changed, and places outside."""
    code = room.work / "code"
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "c"],
    ):
        assert room.shell(f"cd {code} && git {' '.join(words)}").code == 0
    room.write("new.csv", "new\n")
    sources = [
        "s3://bucket/labels.csv", "tether://hub.example.org/ada/photos@main/labels.csv",
        "tether://hub.example.org/ada/photos@v1/labels.csv", "../new.csv", "../changed.csv", "../../x",
        "/etc/passwd", "../.tether/root", "", '{"uri": 7}', "[" * 2000, "../train",
    ]  # fmt: skip
    named = [(str(number), source) for number, source in enumerate(sources)]

    found, tags = logged(room, [*named, ("known", "../labels.csv")], "--data", "train=HEAD:train")

    assert [each["name"] for each in found["data"]] == ["train", "known"]
    assert {name for name, each in tags.items() if each} == {"known"}
