"""`tether lineage --remote`: the hub is asked, and people see what they see of their own repository."""

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.cli import Room
from tests.support.served import Served, add_user

from tether.api.farlineage import far_lineage, far_users
from tether.cli.context import Context
from tether.cli.render_lineage import users_lines
from tether.errors import Corrupt
from tether.sync.address import HubAddress


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, str]]:
    """Return Bob's repository and the hub: he went on with a model that Ada released in hers."""
    folder = tmp_path_factory.mktemp("hub")
    keeper = Room(folder / "keeper")
    tokens = {name: add_user(keeper, name) for name in ("ada", "bob")}
    hub = Served(keeper)
    rooms = {name: Room(folder / name) for name in tokens}
    for name, room in rooms.items():
        room.inside = True
        room.environ["TETHER_TOKEN"] = tokens[name]
        room.do("repo", "create", "-q", f"{hub.url}/{name}/pets")
        room.do("init", "-q")
        room.do("remote", "add", "-q", "origin", f"{hub.url}/{name}/pets")
    ada, bob = rooms["ada"], rooms["bob"]
    ada.write("train/cat.txt", "a cat\n")
    train(ada, "first", "train=HEAD:train", "cat $TETHER_DATA_TRAIN/* > weights.bin")
    ada.do("release", "create", "pets@1", "--run", "first", "--licence", "MIT", "-q")
    ada.do("push", "-q", "origin", "main")
    bob.write("base.bin", "a cat\n")
    train(bob, "second", "base=HEAD:base.bin", "echo more > weights.bin")
    bob.do("push", "-q", "origin", "main")
    yield bob, hub.url
    hub.close()


def train(room: Room, name: str, data: str, command: str) -> None:
    """Commit what is there, and make weights of it."""
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "Data")
    arguments = ("--data", data, "--artefact", "weights.bin", "--", "sh", "-c", command)
    room.do("run", "-q", "--name", name, *arguments)


def test_a_remote_is_asked(served: tuple[Room, str]) -> None:
    """By name, by address, and by a file that only lies here; the graph goes over both repositories."""
    room, url = served

    here = json.loads(room.do("lineage", "second", "--up", "--json"))
    there = json.loads(room.do("lineage", "second", "--up", "--remote", "origin", "--json"))

    names = {node["label"] for node in there["nodes"]}
    assert {"second", "first", "train", "weights.bin"} <= names
    assert "first" not in {node["label"] for node in here["nodes"]}
    assert {each["repository"] for each in there["repositories"]} == {"ada/pets", "bob/pets"}
    (room.home / "found.bin").write_text("a cat\n")
    of_file = room.do("lineage", "../home/found.bin", "--remote", f"{url}/ada/pets", cwd=room.work)
    assert "made run first: " in of_file
    assert ", in ada/pets" in of_file
    assert "read run second: " in of_file


def test_drawings_and_users(served: tuple[Room, str]) -> None:
    """SVG and Mermaid as of a lineage that is here; and who was trained on a file, in which repository."""
    room, url = served

    room.do("lineage", "pets@1", "--remote", f"{url}/ada/pets", "--svg", "out.svg")
    assert "run first" in "".join(ET.parse(room.work / "out.svg").getroot().itertext())
    assert room.do("lineage", "second", "--remote", "origin", "--mermaid").startswith("flowchart LR\n")
    lines = room.do("lineage", "--uses", "main:base.bin", "--remote", "origin").splitlines()
    assert lines[1] == "2 runs were trained on it"
    assert {line.rpartition(", ")[2] for line in lines if line.endswith("/pets")} == {
        "in ada/pets",
        "in bob/pets",
    }


def test_what_is_not_there(served: tuple[Room, str]) -> None:
    """Unknown remotes, folders that are none of a hub, and names that the hub has not."""
    room, url = served

    for code, remote in ((3, "nothing"), (2, "file:///tmp"), (3, f"{url}/ada/none")):
        assert room.run("lineage", "second", "--remote", remote).code == code
    assert room.run("lineage", "pets@7", "--remote", "origin").code == 3


class Lying:
    """A hub that replies with anything."""

    def __init__(self, reply: Any) -> None:
        self._reply = reply

    def json(self, method: str, path: str) -> Any:
        """Reply."""
        del method, path
        return self._reply


NODE = {"id": "run:1", "kind": "run", "label": "a"}
GRAPH = {"starts": ["run:1"], "nodes": [NODE], "edges": [], "problems": [], "complete": True}


@pytest.mark.parametrize(
    "change",
    [
        {"starts": []},
        {"starts": ["run:2"]},
        {"edges": [{"from": "run:1", "to": "run:2", "relation": "read"}]},
        {"nodes": [{**NODE, "kind": "other"}]},
        {"nodes": [{**NODE, "bytes": None}]},
        {"nodes": [{**NODE, "repositories": 7}]},
        {"problems": [1]},
    ],
)
def test_a_hub_that_lies(change: dict[str, Any]) -> None:
    """What has another form, or does not hang together, is refused."""
    address = HubAddress("https://h", "a", "b")
    good: Any = Lying(GRAPH)
    assert far_lineage(good, address, "a", ("up",)).starts == ("run:1",)
    bad: Any = Lying({**GRAPH, **change})
    with pytest.raises(Corrupt):
        far_lineage(bad, address, "a", ("up",))
    with pytest.raises(Corrupt):
        far_users(bad, address, "a")


USE = {"id": "1", "count": 1, "paths": ["a.csv"], "repositories": ["ada/pets"]}
OLDER: dict[str, Any] = {
    "contents": [{"digest": "0" * 64, "path": "a.csv"}],
    "runs": [{**USE, "name": "first", "status": "finished", "undeclared": []}],
    "releases": [{**USE, "release": "pets@1", "by_run": True}],
    "further": [],
    "looked_at": {"runs": 1, "releases": 1},
    "problems": [],
    "complete": True,
}
ROLES = {"roles": ["train"]}
NOBODY: dict[str, list[Any]] = {"runs": [], "releases": []}
NOW = {
    **OLDER,
    "runs": [{**OLDER["runs"][0], **ROLES, "may_have_read": False}],
    "releases": [{**OLDER["releases"][0], **ROLES}],
    "judged": NOBODY,
    "there": NOBODY,
}


def told(reply: dict[str, Any]) -> list[str]:
    """Return what people read of what a hub replied."""
    hub: Any = Lying(reply)
    found = far_users(hub, HubAddress("https://h", "a", "b"), "a")
    return [*users_lines(Context(out=io.StringIO(), err=io.StringIO(), environ={}), found)][1:]


def test_an_older_hub_does_not_tell_who_was_trained() -> None:
    """It lists all that had a file, and nobody says of them that they were trained on it."""
    older = told(OLDER)

    assert [line for line in older if not line.startswith(" ")] == [
        "1 run had it, and the hub is older: it does not tell what for",
        "1 release had it, and the hub is older: it does not tell what for",
    ]
    assert "  1 first, finished, in ada/pets" in older
    assert told({**OLDER, **NOBODY}) == ["none of 1 run and 1 release had it"]
    assert [line for line in told(NOW) if not line.startswith(" ")] == [
        "1 run was trained on it",
        "1 release was trained on it",
    ]
    assert "  1 first, finished, as train, in ada/pets" in told(NOW)
