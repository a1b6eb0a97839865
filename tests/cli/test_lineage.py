"""`tether lineage`: what came from what, and who was trained on a file."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from tests.support.cli import BIN, Room
from tests.support.repos import commit_files

from tether.api.repo import Repo
from tether.core.identity import Person, Time
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find
from tether.repo.history import History
from tether.runs.pinning import pin
from tether.runs.rundoc import RunRecord, Status

TRAIN = "cat $TETHER_DATA_*/* > weights.bin; echo $TETHER_PARAM_LR >> weights.bin"


def run(room: Room, name: str, *arguments: str) -> str:
    """Train, and return the id of the run."""
    room.do("run", "-q", "--name", name, *arguments, "--artefact", "weights.bin", "--", "sh", "-c", TRAIN)
    found: str = json.loads(room.do("runs", "show", "last", "--json"))["id"]
    return found


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Room, dict[str, str]]:
    """Return a repository with a history: trainings, a release, and one that continues it.

    The first data has a file that was renamed and then deleted.
    """
    room = Room(tmp_path_factory.mktemp("story"))
    room.inside = True
    room.do("init", "-q")
    room.write("train/ada.txt", "a picture of Ada\n")
    room.write("train/cat.txt", "a cat\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Pictures")
    room.do("tag", "v1")
    ids = {"base": run(room, "base", "--data", "train=v1:train", "--param", "lr=1")}
    room.do("release", "create", "pets@1", "--run", "base", "--licence", "MIT", "-q")
    room.do("mv", "train/ada.txt", "train/someone.txt")
    room.do("commit", "-q", "-m", "A name less")
    ids["renamed"] = run(room, "renamed", "--data", "train=HEAD:train", "--param", "lr=2")
    room.do("rm", "-q", "train/someone.txt")
    room.do("commit", "-q", "-m", "Taken down")
    ids["clean"] = run(room, "clean", "--data", "train=HEAD:train", "--param", "lr=3")
    base = f"base=runs/{ids['base']}:artefacts/weights.bin"
    ids["tuned"] = run(room, "tuned", "--data", base, "--param", "lr=4", "--no-checkout")
    room.do("release", "create", "pets@2", "--run", "tuned", "--base", "pets@1", "--licence", "MIT", "-q")
    room.do("retrain", "-q", "base", "--data", "train=HEAD:train", "--name", "again")
    ids["again"] = json.loads(room.do("runs", "show", "last", "--json"))["id"]
    return room, ids


def lineage(room: Room, *arguments: str) -> dict[str, Any]:
    """Return a graph."""
    found: dict[str, Any] = json.loads(room.do("lineage", *arguments, "--json"))
    return found


def labels(found: dict[str, Any]) -> set[str]:
    """Return the nodes of a graph as people call them."""
    return {f"{node['kind']} {node['label']}" for node in found["nodes"]}


def test_a_release_and_what_it_came_from(story: tuple[Room, dict[str, str]]) -> None:
    """Back to the data, through the model that was continued, and the release that was."""
    room, _ = story

    found = lineage(room, "pets@2", "--up")

    assert {"release pets@2", "run tuned", "run base", "data train", "release pets@1"} <= labels(found)
    assert "run clean" not in labels(found)
    relations = {
        (edge["from"].partition(":")[0], edge["relation"], edge["to"].partition(":")[0])
        for edge in found["edges"]
    }
    assert {
        ("data", "read", "run"), ("run", "made", "model"), ("model", "read", "run"),
        ("model", "in", "release"), ("release", "continued", "release"), ("code", "with", "run"),
    } <= relations  # fmt: skip


def test_data_and_what_it_led_to(story: tuple[Room, dict[str, str]]) -> None:
    """Down to releases; a run that was repeated leads to the one that repeats it."""
    room, _ = story

    down = labels(lineage(room, "v1:train", "--down"))

    assert {"run base", "run tuned", "release pets@1", "release pets@2", "run again"} <= down
    assert not {"run clean", "run renamed"} & down
    assert "retrains" in {edge["relation"] for edge in lineage(room, "base", "--down")["edges"]}
    one = lineage(room, "v1:train/cat.txt", "--down")
    assert {"run base", "run renamed", "run clean"} <= labels(one)
    assert {edge["relation"] for edge in one["edges"] if edge["from"] == one["starts"][0]} == {"in"}
    whole = lineage(room, "v1", "--down")
    assert "run base" in labels(whole)


def test_a_file_of_the_disk_is_the_model_that_it_is(story: tuple[Room, dict[str, str]]) -> None:
    """By its content, and a digest names it too."""
    room, ids = story
    (room.work / "found.bin").write_text(room.do("cat", f"runs/{ids['base']}:artefacts/weights.bin"))

    found = lineage(room, "found.bin", "--up")
    [start] = found["starts"]

    assert start.startswith("model:")
    assert {"run base", "data train"} <= labels(found)
    assert lineage(room, start.partition(":")[2][:12], "--up")["starts"] == [start]


def test_who_was_trained_on_a_file(story: tuple[Room, dict[str, str]]) -> None:
    """Also after it was renamed and deleted; runs that never saw it are not named, those further down are."""
    room, ids = story

    found = json.loads(room.do("lineage", "--uses", "v1:train/ada.txt", "--json"))

    assert {each["id"] for each in found["runs"]} == {ids["base"], ids["renamed"]}
    assert {path for each in found["runs"] for path in each["paths"]} >= {
        "data/train/ada.txt",
        "data/train/someone.txt",
    }
    assert [each["release"] for each in found["releases"]] == ["pets@1"]
    assert {each["label"] for each in found["further"]} >= {"tuned", "pets@2", "again"}
    digest = found["contents"][0]["digest"]
    by_digest = json.loads(room.do("lineage", "--uses", digest, "--json"))
    assert by_digest["runs"] == found["runs"]
    room.write("copy.txt", "a picture of Ada\n")
    assert json.loads(room.do("lineage", "--uses", "copy.txt", "--json"))["runs"] == found["runs"]
    folder = json.loads(room.do("lineage", "--uses", "v1:train", "--json"))
    assert len(folder["contents"]) == 2
    assert {each["id"] for each in folder["runs"]} >= {
        ids["base"],
        ids["renamed"],
        ids["clean"],
        ids["again"],
    }


def judged_with(room: Room) -> dict[str, str]:
    """Return runs of a repository with files of each sort, by what the runs are called; one is released."""
    for name in ("train/a.txt", "val/b.txt", "test/c.txt", "lying.txt", "more.txt"):
        room.write(name, f"{name}\n")
    room.inside = True
    room.do("init", "-q")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Files of each sort")
    inputs = [word for role in ("train", "val", "test") for word in ("--data", f"{role}=HEAD:{role}")]
    made = ["--artefact", "weights.bin", "--", "sh", "-c", "echo 1 > weights.bin"]
    room.do("run", "-q", "--name", "all", *inputs, *made)
    room.do("release", "create", "pets@1", "--run", "all", "-q")
    room.do("run", "-q", "--name", "bare", *made)
    room.do("release", "create", "bare@1", "--run", "bare", "-q")
    python = f"{sys.base_prefix}/bin/python3"
    room.do("run", "-q", "--name", "python", "--", python, "-c", "open('more.txt').read()")
    found = json.loads(room.do("runs", "list", "--json"))
    return {each["name"]: each["id"] for each in found}


def told(found: dict[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return who had something and what for, by name, in the groups in which they are told."""
    groups = {"trained": found, "judged": found["judged"], "there": found["there"]}
    return {
        how: {
            each.get("release") or each["name"]: each["roles"]
            for kind in ("runs", "releases")
            for each in users[kind]
        }
        for how, users in groups.items()
    }


def test_what_judged_and_what_lay_there_is_told_apart(room: Room) -> None:
    """Only who was trained on a file is named first; one that lay in the working copy nobody read."""
    judged_with(room)
    lay_there = {"all": ["working copy"], "bare": ["working copy"], "python": ["working copy"],
                 "pets@1": ["working copy"], "bare@1": ["working copy"]}  # fmt: skip

    def uses(path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(room.do("lineage", "--uses", path, "--json"))
        return found

    assert told(uses("lying.txt")) == {"trained": {}, "judged": {}, "there": lay_there}
    assert uses("lying.txt")["further"] == []
    others = {name: lay_there[name] for name in ("bare", "python", "bare@1")}
    for path, how, role in (
        ("train/a.txt", "trained", "train"), ("val/b.txt", "judged", "validation"),
        ("test/c.txt", "judged", "test"),
    ):  # fmt: skip
        found = told(uses(path))
        assert found.pop(how) == {"all": [role], "pets@1": [role]}
        assert (found.pop("there"), list(found.values())) == (others, [{}])
    opened = uses("more.txt")
    assert told(opened)["trained"] == {"python": ["opened"]}
    assert opened["runs"][0]["paths"] == ["work/more.txt"]
    may = {each["name"]: each["may_have_read"] for each in uses("lying.txt")["there"]["runs"]}
    assert may == {"all": False, "bare": True, "python": True}


def test_what_judged_is_shown_apart(room: Room) -> None:
    """In text, in the graph and in drawings."""
    ids = judged_with(room)

    assert room.do("lineage", "--uses", "test/c.txt").splitlines()[1:6] == [
        "none of 3 runs and 2 releases was trained on it",
        "1 run was not trained on it, only judged with it",
        f"  {ids['all']} all, finished, as test",
        "    data/test/c.txt",
        "1 release was not trained on it, only judged with it",
    ]
    lying = room.do("lineage", "--uses", "lying.txt").splitlines()
    assert lying[2] == "3 runs only had it in the working copy, not known to have read it"
    assert "    it may have read it: it declared no data, or opened files there that are not named" in lying
    graph = lineage(room, "all", "--up")
    nodes = {node["id"]: node["label"] for node in graph["nodes"]}
    into = [edge for edge in graph["edges"] if edge["to"] == f"run:{ids['all']}"]
    assert {(nodes[edge["from"]], edge["relation"]) for edge in into} >= {
        ("train", "read"), ("val", "validation"), ("test", "test"), ("working copy", "beside"),
    }  # fmt: skip
    room.do("lineage", "all", "--svg", "all.svg")
    assert (room.work / "all.svg").read_text().count('stroke-dasharray="2 4"') == 1


def test_for_people(story: tuple[Room, dict[str, str]]) -> None:
    """A tree up, a tree down, and what comes again is not repeated."""
    room, ids = story

    lines = room.do("lineage", "tuned").splitlines()

    assert lines[0] == f"run tuned: {ids['tuned']}, finished"
    assert lines[1] == "came from"
    assert any(line.startswith("  read model weights.bin: ") for line in lines)
    assert any(line.startswith("    made run base: ") for line in lines)
    assert "led to" in lines
    assert any("in release pets@2: " in line for line in lines)
    led = room.do("lineage", "v1:train/cat.txt", "--down")
    assert led.count("read run base") == 1  # though it read two folders that have the file
    users = room.do("lineage", "--uses", "v1:train/ada.txt").splitlines()
    assert users[1] == "2 runs were trained on it"
    assert "    data/train/someone.txt" in users
    assert users[-1].startswith("  release pets@2") or any("release pets@2" in line for line in users)
    room.write("new.txt", "never seen\n")
    assert room.do("lineage", "--uses", "new.txt").splitlines()[1].startswith("none of ")
    assert room.do("lineage", "new.txt").splitlines()[-1] == "nothing else is known of it here"


def test_drawings(story: tuple[Room, dict[str, str]]) -> None:
    """SVG that is the same again, and Mermaid."""
    room, _ = story

    for name in ("one.svg", "two.svg"):
        assert "drew " in room.do("lineage", "pets@2", "--svg", name)

    assert (room.work / "one.svg").read_bytes() == (room.work / "two.svg").read_bytes()
    assert ET.parse(room.work / "one.svg").getroot().tag.endswith("svg")
    assert room.do("lineage", "pets@2", "--mermaid").startswith("flowchart LR\n")


def test_what_is_not_there(story: tuple[Room, dict[str, str]]) -> None:
    """Unknown names, digests and files."""
    room, _ = story

    for arguments in (
        ["nothing"],
        ["--uses", "nothing.txt"],
        ["pets@9"],
        ["v1:nothing"],
        ["--uses", "0" * 63],
    ):
        assert room.run("lineage", *arguments).code == 3, arguments
    for arguments in ([], ["last", "--uses", "x"], ["--uses", "x", "--svg", "y"]):
        assert room.run("lineage", *arguments).code == 2, arguments
    assert json.loads(room.do("lineage", "--uses", "0" * 64, "--json"))["runs"] == []


def test_a_clone_has_the_lineage(story: tuple[Room, dict[str, str]]) -> None:
    """It travels with runs and releases; the real command shows it."""
    room, _ = story
    room.do("clone", "-q", str(room.work), "../copy")
    copy = room.work.parent / "copy"

    shown = subprocess.run(
        [BIN / "tether", "lineage", "pets@2", "--json"],
        cwd=copy,
        env=room.environ,
        capture_output=True,
        check=True,
    )

    assert json.loads(shown.stdout)["edges"] == lineage(room, "pets@2")["edges"]


def test_runs_that_somebody_pushed_hide_no_others(room: Room) -> None:
    """What cannot be read is told, and the others are found."""
    room.inside = True
    room.do("init", "-q")
    room.write("a.txt", "one")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "One")
    room.do("run", "-q", "--data", "a=HEAD:a.txt", "--", "true")
    with Repo.open(room.work) as repo:
        commit_files(repo.repository, {"run.json": b"{}"}, "run", branch=f"refs/runs/{0:026}")

    shown = room.run("lineage", "HEAD:a.txt", "--json")
    used = room.run("lineage", "--uses", "a.txt", "--json")

    assert "warning: run 0000" in shown.err
    assert [node["kind"] for node in json.loads(shown.out)["nodes"]].count("run") == 1
    assert len(json.loads(used.out)["runs"]) == 1


def test_thousands_of_runs_over_the_same_files_cost_one_walk(room: Room) -> None:
    """Each costs its own commit and node; the nodes of the data are read once."""
    room.inside = True
    room.do("init", "-q")
    with Repo.open(room.work) as repo:
        repo.author = Person("Ada", "ada@example.org")
        repository = repo.repository
        files = {f"{number:05}.txt": b"%d" % number for number in range(5000)}
        data = commit_files(repository, files, "data")
        tree = History.of(repository).commit(data).tree
        entry = find(repository.objects, tree, b"")
        assert entry is not None
        with repository.transaction("runs") as transaction:
            for number in range(1000):
                run = f"{number:026}"
                record = RunRecord(run, Status.FINISHED, ("true",), "2026-01-01T00:00:00+00:00").encode()
                digest = transaction.contents.add(record, b"run.json")
                entries = {
                    "data/train": entry,
                    "run.json": Entry(b"run.json", EntryKind.FILE, len(record), digest),
                }
                pin(transaction, run, entries, repo.author, Time(0, 0))
                transaction.set_ref(f"refs/runs/{run}", transaction.ref(f"refs/running/{run}"))
                transaction.set_ref(f"refs/running/{run}", None)

    room.write("one.txt", "4321")
    found = json.loads(room.do("lineage", "--uses", "one.txt", "--json"))

    assert len(found["runs"]) == 1000
    assert found["runs"][0]["paths"] == ["data/train/04321.txt"]
    assert found["looked_at"]["nodes"] < 1000


def test_a_file_that_was_read_and_not_declared(room: Room) -> None:
    """What a Python was seen to open counts, and it is told that nobody declared it."""
    room.inside = True
    room.do("init", "-q")
    room.write("train/a.txt", "a")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "One")
    secret = room.write("leak.csv", "1,2\n")
    room.run(
        "run", "-q", "--data", "train=HEAD:train", "--", str(BIN / "python"), "-c", "open('leak.csv').read()"
    )

    [found] = json.loads(room.do("lineage", "--uses", str(secret), "--json"))["runs"]

    assert (found["count"], found["undeclared"]) == (0, ["leak.csv"])
