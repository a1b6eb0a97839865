"""One way to name a model, in `model`, `eval`, `bench` and `compare`."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import Room
from tests.support.released import safetensors

NAMES = ("net.safetensors", "HEAD:net.safetensors", ":./net.safetensors", "first", "net@1", "net")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """Return a room with one model as a file, in a commit, kept by a run, and released; and another one."""
    room = Room(tmp_path_factory.mktemp("names"))
    room.inside = True
    room.do("init", "-q")
    room.write("net.safetensors", safetensors(w=[1.0, 2.0]))
    room.write("other.safetensors", safetensors(w=[1.0, 3.0]))
    room.write("test.csv", "text,label\na,x\nb,y\nc,x\n")
    room.write("first/readme.txt", "a folder that has the name of a run\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Models")
    room.do("run", "-q", "--name", "first", "--artefact", "net.safetensors", "--", "true")
    room.do("run", "-q", "--name", "none", "--artefact", "test.csv", "--", "true")
    two = ("--artefact", "net.safetensors", "--artefact", "other.safetensors")
    room.do("run", "-q", "--name", "two", *two, "--", "true")
    room.do("release", "create", "net@1", "--run", "first", "-q")
    room.do("release", "create", "pair@1", "--run", "two", "-q")
    for name, said in (("good", "x y x"), ("bad", "x x y")):
        room.write(f"{name}.csv", "\n".join(["prediction", *said.split()]) + "\n")
    return room


def judged(room: Room, model: str, said: str) -> Any:
    """Evaluate predictions as those of a model, and return the evaluation."""
    words = ("--predictions", f"{said}.csv", "--in-order", "--replicates=0", "--label", "label")
    return json.loads(room.do("eval", *words, model, "HEAD:test.csv", "--json"))


def test_all_names_of_a_model_are_taken_by_all(room: Room) -> None:
    """They stand for the same file in each command; a folder does not hide a run of its name."""
    known = judged(room, "net.safetensors", "good")["model"]["digest"]
    judged(room, "other.safetensors", "bad")
    for name in NAMES:
        assert room.json("model", "show", name)["parameters"] == 2
        assert judged(room, name, "good")["model"]["digest"] == known
        measured = room.run("bench", name, "--random")
        assert (measured.code, "net.safetensors, which is safetensors" in measured.err) == (9, True), name
        found = room.json("compare", "other.safetensors", name)
        accuracy = next(each for each in found["metrics"] if each["name"] == "accuracy")
        assert (accuracy["old"], accuracy["new"]) == (pytest.approx(1 / 3), 1.0), name
    assert room.run("model", "diff", "first", "net@1", "--exit-code").code == 0


def test_one_error_lists_what_is_understood(room: Room, tmp_path: Path) -> None:
    """The same in each command, also outside of a repository; what has several models names them."""
    listed = "hint: name a file, REV:PATH, a run that kept one model, or a release as NAME@VERSION"
    for name in ("nothing", "nothing@2"):
        for words in (
            ("model", "show", name), ("bench", name, "--random"), ("compare", name, "first"),
            ("eval", "--predictions", "good.csv", "--in-order", name, "HEAD:test.csv"),
        ):  # fmt: skip
            done = room.run(*words)
            assert (done.code, done.err.splitlines()) == (3, [f"error: no such model: {name}", listed]), words
    assert room.run("model", "show", "nothing", cwd=tmp_path).err.splitlines()[-1] == listed
    for name, has in (("two", "the run two kept"), ("pair@1", "the release pair@1 has")):
        done = room.run("model", "show", name)
        assert (done.code, done.err.splitlines()[0]) == (2, f"error: {has} 2 models")
        assert "net.safetensors, " in done.err.splitlines()[1]
    assert "the run none kept no model" in room.run("bench", "none", "--random").err
    never = room.run("compare", "HEAD:test.csv", "first")
    assert (never.code, never.err.splitlines()[0]) == (3, "error: HEAD:test.csv was not evaluated")
