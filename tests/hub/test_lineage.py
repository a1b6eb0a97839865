"""Lineage across repositories of a hub: what goes over them, what stays hidden, and where it ends."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.hosted import open_hosted
from tests.support.hub import SECOND, HubRoom
from tests.support.repos import ADA

from tether.core.digest import hash_bytes
from tether.core.identity import Time
from tether.core.names import RUNS, path_bytes, release_ref
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import find
from tether.hub.queues import Queue
from tether.hub.recordreading import Reading
from tether.hub.routes.lineage import LineageDocument, UsersDocument
from tether.releases.manifest import MANIFEST, Base, Creator, Data, Manifest, RunPart, Weights
from tether.releases.storing import orphan
from tether.repo.history import History
from tether.runs.rundoc import Artefact, DataInput, RunRecord, Status
from tether.storage.oserrors import translate

CAT = {"train/cat.txt": b"a cat", "train/dog.txt": b"a dog"}


def run_id(number: int) -> str:
    """Return the id of a run; greater numbers are newer."""
    return f"01kdvjkj0000000000000000{number:02x}"


class Stored(NamedTuple):
    """What a ref names."""

    commit: str
    data: Entry | None


class Hub(HubRoom):
    """A hub in which runs and releases are pushed as their records say."""

    def put(self, address: str, ref: str, files: Mapping[str, bytes]) -> Stored:
        """Let a ref name a commit of files; tell of the folder `data/train` in it."""
        self.now += SECOND
        with closing(open_hosted(self, address)) as repository:
            with repository.transaction("push") as transaction:
                entries = {
                    path.encode(): Entry(
                        path_bytes(path.rpartition("/")[2]),
                        EntryKind.FILE,
                        len(data),
                        transaction.contents.add(data, path_bytes(path)),
                    )
                    for path, data in files.items()
                }
                commit = orphan(transaction, entries, "pushed", ADA, Time(self.now, 0))
                transaction.set_ref(ref, commit)
            tree = History.of(repository).commit(commit).tree
            return Stored(commit.hex(), find(repository.objects, tree, b"data/train"))

    def run(
        self, address: str, number: int, files: Mapping[str, bytes], made: bytes = b"", **more: Any
    ) -> Stored:
        """Push a run that read files below `data/`, and made `weights.bin`."""
        beside = {f"data/{path}": data for path, data in files.items()}
        entry = self.put(address, "refs/heads/tmp", beside or {"none": b""}).data
        inputs = () if entry is None else (
            DataInput("train", "main:train", "c" * 64, "train", entry.kind.name.lower(), entry.digest.hex(),
                      entry.files, entry.size),
        )  # fmt: skip
        artefacts = (Artefact("weights.bin", hash_bytes(made).hex(), len(made)),) if made else ()
        record = RunRecord(
            run_id(number), Status.FINISHED, ("train",), "2026-11-01T00:00:00.000000+00:00",
            name=f"run{number}", data=more.pop("data", inputs), artefacts=artefacts, **more,
        )  # fmt: skip
        beside |= {"artefacts/weights.bin": made} if made else {}
        return self.put(address, RUNS + run_id(number), {"run.json": record.encode(), **beside})

    def release(self, address: str, label: str, made: bytes, **more: Any) -> str:
        """Push a release of weights; return its id."""
        name, version = label.split("@")
        weights = Weights(
            path="weights/w.bin", kind="file", digest=hash_bytes(made).hex(), files=1, bytes=len(made)
        )
        manifest = Manifest(
            name=name, version=version, created="2026-11-01", creator=Creator(name="Ada", email=""),
            weights=(weights,), **more,
        )  # fmt: skip
        self.put(address, release_ref(name, version), {MANIFEST: manifest.encode(), "weights/w.bin": made})
        return manifest.id.hex()

    def lineage(self, address: str, query: str, token: str | None = None) -> Any:
        """Return the lineage of something, which is as its OpenAPI has it."""
        found = self.ok("GET", f"/repos/{address}/lineage?{query}", token)
        (UsersDocument if query.startswith("uses") else LineageDocument).model_validate(found)
        return found


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """Return a hub with users and repositories of theirs: ada/x, bob/y, and bob/secret, which is private."""
    made = Hub(tmp_path / "hub")
    tokens = {name: made.user(name) for name in ("ada", "bob")}
    made.repository(tokens["ada"], "ada/x")
    made.repository(tokens["bob"], "bob/y")
    made.repository(tokens["bob"], "bob/secret", private=True)
    yield made
    made.close()


def labels(found: Any) -> set[str]:
    """Return the nodes of a graph as people call them."""
    return {f"{node['kind']} {node['label']}" for node in found["nodes"]}


def test_models_go_from_one_repository_to_another(hub: Hub) -> None:
    """Data, run, model, release, and a run elsewhere that goes on with the model, both ways."""
    hub.run("ada/x", 1, CAT, b"weights one")
    base = hub.release("ada/x", "pets@1", b"weights one")
    model = DataInput("base", "m", None, "w.bin", "file", hash_bytes(b"weights one").hex(), 1, 11)
    hub.run("bob/y", 2, {}, b"weights two", data=(model,))
    hub.release(
        "bob/y", "pets@1", b"weights two", bases=(Base(name="pets", version="1", id=base, repo="ada/x"),)
    )

    up = hub.lineage("bob/y", "of=pets@1&direction=up")
    assert labels(up) == {
        "release pets@1", "model weights.bin", "run run2", "run run1", "data train",
    }  # fmt: skip
    [own] = up["starts"]
    nodes = {node["id"]: node for node in up["nodes"]}
    assert nodes[own]["repositories"] == ["bob/y"]
    other = next(node for node in up["nodes"] if node["kind"] == "release" and node["id"] != own)
    assert (other["release"], other["repositories"]) == (base, ["ada/x"])
    assert {(edge["relation"], edge["to"]) for edge in up["edges"]} >= {("continued", own), ("in", own)}
    assert (up["complete"], up["problems"], up["further_nodes"]) == (True, [], 0)
    assert up["looked_at"] | {"nodes": 0} == {"repositories": 2, "runs": 2, "releases": 2, "nodes": 0}

    down = hub.lineage("ada/x", f"of={run_id(1)}&direction=down")
    assert labels(down) == labels(up) - {"data train"}
    assert {each["repository"] for each in down["repositories"]} == {"ada/x", "bob/y"}
    both = hub.lineage("ada/x", "of=run1")
    assert labels(both) == labels(up)
    assert both["starts"] == hub.lineage("ada/x", f"of={run_id(1)[-6:]}")["starts"]


def test_nobody_learns_of_what_they_may_not_read(hub: Hub) -> None:
    """Whether a private repository has what a record names changes no byte of the reply."""
    ada, bob = hub.token("ada"), hub.token("bob")
    digest = hash_bytes(b"secret weights").hex()
    model = DataInput("base", "m", None, "w.bin", "file", digest, 1, 14)
    trained = "f" * 64

    def publish(address: str) -> None:
        hub.run(address, 1, {}, b"public weights", data=(model,))
        base = Base(name="base", version="1", id="e" * 64, repo="https://hub.example.org/bob/secret")
        run = RunPart(path=f"runs/{run_id(9)}", kind="directory", digest="d" * 64, files=1, bytes=1,
                      id=run_id(9), commit=trained)  # fmt: skip
        hub.release(address, "pets@1", b"public weights", bases=(base,), run=run)

    publish("ada/x")
    queries = ["of=pets@1", f"of={digest}", f"uses={digest}", f"uses={hash_bytes(b'a cat').hex()}"]
    before = [hub.api("GET", f"/repos/ada/x/lineage?{query}", ada).body for query in queries]

    hub.run("bob/secret", 9, CAT, b"secret weights")
    hub.release("bob/secret", "base@1", b"secret weights")

    after = [hub.api("GET", f"/repos/ada/x/lineage?{query}", ada).body for query in queries]
    assert before == after
    told = hub.lineage("ada/x", "of=pets@1", ada)
    away = {node["label"]: node for node in told["nodes"] if node.get("here") is False}
    assert set(away) == {"base@1", run_id(9)}
    assert away["base@1"]["repo"] == "https://hub.example.org/bob/secret"
    own = hub.lineage("ada/x", f"of={digest}", bob)
    assert {"run run9", "release base@1"} <= labels(own)
    assert {each["repository"] for each in own["repositories"]} == {"ada/x", "bob/secret"}
    hub.ok("PUT", "/repos/bob/secret/collaborators/ada", bob, {"role": "read"})
    assert "run run9" in labels(hub.lineage("ada/x", f"of={digest}", ada))


def test_it_is_for_readers(hub: Hub) -> None:
    """A private repository is none for others; one with a gate is left out, also as one of the others."""
    ada, bob = hub.token("ada"), hub.token("bob")
    hub.run("ada/x", 1, CAT, b"weights")
    hub.run("bob/y", 2, CAT)
    digest = hash_bytes(b"a cat").hex()

    assert len(hub.lineage("ada/x", f"uses={digest}")["runs"]) == 2
    hub.ok("PUT", "/repos/bob/y/gate", bob, {"agreement": "be kind", "automatic": False})
    assert [run["id"] for run in hub.lineage("ada/x", f"uses={digest}", ada)["runs"]] == [run_id(1)]
    assert len(hub.lineage("ada/x", f"uses={digest}", bob)["runs"]) == 2
    assert hub.api("GET", "/repos/bob/y/lineage?of=run2", ada).status == 403
    told, absent = (hub.api("GET", f"/repos/bob/{name}/lineage?of=a", ada) for name in ("secret", "nosuch"))
    assert (told.status, told.body.replace(b"bob/secret", b"bob/nosuch")) == (404, absent.body)


def test_forks_have_the_same_runs(hub: Hub) -> None:
    """One node that is in both, and it is told what was forked from what; a private fork is not."""
    ada, bob = hub.token("ada"), hub.token("bob")
    hub.run("ada/x", 1, CAT, b"weights")
    hub.ok("POST", "/repos/ada/x/forks", bob, {"owner": "bob", "name": "fork"})
    hub.ok("POST", "/repos/ada/x/forks", bob, {"owner": "bob", "name": "hidden", "private": True})
    hub.run("bob/fork", 2, CAT, b"other weights")

    found = hub.lineage("ada/x", "of=run1", ada)
    [run] = [node for node in found["nodes"] if node["label"] == "run1"]
    assert run["repositories"] == ["ada/x", "bob/fork"]
    assert found["repositories"] == [
        {"repository": "ada/x", "forked_from": None},
        {"repository": "bob/fork", "forked_from": "ada/x"},
    ]
    used = hub.lineage("ada/x", f"uses={hash_bytes(b'a cat').hex()}", ada)
    assert {run["id"]: run["repositories"] for run in used["runs"]} == {
        run_id(1): ["ada/x", "bob/fork"],
        run_id(2): ["bob/fork"],
    }
    assert {node["label"] for node in used["further"]} == {"weights.bin"}


def test_a_run_of_another_takes_no_name_away(hub: Hub) -> None:
    """Who pushes something under the id of a run, or the label of a release, changes nothing of it."""
    hub.run("ada/x", 1, CAT, b"weights")
    hub.release("ada/x", "pets@1", b"weights")
    before = hub.lineage("ada/x", "of=pets@1&direction=up")

    hub.run("bob/y", 1, {"train/other.txt": b"stolen"}, b"others")
    hub.release("bob/y", "pets@1", b"others")

    assert hub.lineage("ada/x", "of=pets@1&direction=up")["edges"] == before["edges"]
    theirs = hub.lineage("bob/y", "of=pets@1&direction=up")
    assert {node["repositories"][0] for node in theirs["nodes"] if node["kind"] == "run"} == {"bob/y"}


def test_who_was_trained_on_a_file(hub: Hub) -> None:
    """By place or digest, in all repositories; private data that a release names by its digest too."""
    stored = hub.run("ada/x", 1, CAT, b"weights")
    hub.run("bob/y", 2, {"train/else.txt": b"else"})
    assert stored.data is not None
    data = Data(path="data/train/cat", kind="file", digest=hash_bytes(b"a cat").hex(), files=1, bytes=5,
                role="train", name="cat", included=False)  # fmt: skip
    hub.release("bob/y", "shy@1", b"others", data=(data,))

    by_place = hub.lineage("ada/x", f"uses=runs/{run_id(1)}:data/train/cat.txt")
    assert [run["id"] for run in by_place["runs"]] == [run_id(1)]
    assert by_place["runs"][0]["paths"] == ["data/train/cat.txt"]
    assert [(each["release"], each["repositories"]) for each in by_place["releases"]] == [
        ("shy@1", ["bob/y"])
    ]
    assert by_place["complete"]
    folder = hub.lineage("ada/x", f"uses=runs/{run_id(1)}:data/train")
    assert len(folder["contents"]) == 2
    assert hub.lineage("ada/x", f"uses={'0' * 64}")["runs"] == []
    for query in ("uses=main:no", "of=nothing", "of=pets@9", "of=main:x"):
        assert hub.api("GET", f"/repos/ada/x/lineage?{query}").status == 404
    for query in ("", "of=a&uses=b", "of=a&direction=sideways"):
        assert hub.api("GET", f"/repos/ada/x/lineage?{query}").code == "invalid-input"


def test_who_judged_and_who_had_it_lying_there_is_told_apart(hub: Hub) -> None:
    """Tested with a file is not trained on it; nor is what lay in a working copy."""
    ada = hub.token("ada")
    tested = DataInput("test", "main:test", None, "test", "directory", "d" * 64, 1, 5)
    one = hub.run("ada/x", 1, {"test/cat.txt": b"a cat"}, b"weights", data=(tested,))
    record = RunRecord(run_id(2), Status.FINISHED, ("train",), "2026-11-01T00:00:00+00:00", name="bare")
    hub.put("ada/x", RUNS + run_id(2), {"run.json": record.encode(), "work/cat.txt": b"a cat"})
    part = {"kind": "directory", "digest": "a" * 64, "files": 1, "bytes": 1}
    run = RunPart(path=f"runs/{run_id(1)}", id=run_id(1), commit=one.commit, **part)  # type: ignore[arg-type]
    hub.release("ada/x", "pets@1", b"weights", run=run)

    used = hub.lineage("ada/x", f"uses={hash_bytes(b'a cat').hex()}", ada)

    assert (used["runs"], used["releases"], used["further"]) == ([], [], [])
    [judged], [released] = used["judged"]["runs"], used["judged"]["releases"]
    assert (judged["id"], judged["roles"], judged["paths"]) == (run_id(1), ["test"], ["data/test/cat.txt"])
    assert (released["release"], released["roles"], released["by_run"]) == ("pets@1", ["test"], True)
    [there] = used["there"]["runs"]
    assert (there["id"], there["paths"], there["may_have_read"]) == (run_id(2), ["work/cat.txt"], True)
    assert used["complete"]


def test_folders_are_joined_with_what_lies_in_them(hub: Hub) -> None:
    """A file that no run named leads to the data that has it."""
    hub.run("ada/x", 1, CAT, b"weights")

    found = hub.lineage("ada/x", f"of=runs/{run_id(1)}:data/train/cat.txt&direction=down")

    assert {"data train", "run run1", "model weights.bin"} <= labels(found)
    assert found["complete"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("recordreading.MOST_RECORDS", 1),
        ("recordreading.MOST_BYTES", 1),
        ("nearby.MOST_READ", 1),
        ("nearby.MOST_SEEN", 0),
    ],
)
def test_bounds(hub: Hub, monkeypatch: pytest.MonkeyPatch, name: str, value: int) -> None:
    """Where there is more than is looked at, the reply says so; what was asked for is there all the same."""
    hub.run("ada/x", 1, CAT, b"weights")
    hub.run("bob/y", 2, CAT)
    digest = hash_bytes(b"a cat").hex()
    assert hub.lineage("ada/x", "of=run1")["complete"]

    monkeypatch.setattr(f"tether.hub.{name}", value)

    found = hub.lineage("ada/x", f"of={run_id(1)}")
    assert not found["complete"]
    assert "run run1" in labels(found)
    assert "run run2" not in labels(found)
    used = hub.lineage("ada/x", f"uses={digest}")
    assert ([run["id"] for run in used["runs"]], used["complete"]) == ([run_id(1)], False)


def test_bounds_of_trees_and_replies(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few nodes of trees, few things, few bytes of paths: what is told is not all, and says so."""
    hub.run("ada/x", 1, CAT, b"weights")
    hub.run("ada/x", 2, CAT, b"more weights")
    digest = hash_bytes(b"a cat").hex()

    monkeypatch.setattr("tether.hub.lineage.MOST_TOLD", 2)
    found = hub.lineage("ada/x", "of=run1")
    assert (len(found["nodes"]), found["further_nodes"] > 0, found["complete"]) == (2, True, False)
    monkeypatch.setattr("tether.hub.lineage.MOST_PATHS", 1)
    assert len(hub.lineage("ada/x", f"uses={digest}")["runs"]) == 1
    monkeypatch.setattr("tether.hub.lineage.MOST_NODES", 0)
    used = hub.lineage("ada/x", f"uses={digest}")
    assert (used["runs"], used["complete"]) == ([], False)
    assert not hub.lineage("ada/x", f"of=runs/{run_id(1)}:data/train/cat.txt")["complete"]
    monkeypatch.setattr("tether.hub.lineage.MOST_WANTED", 1)
    assert hub.api("GET", f"/repos/ada/x/lineage?uses=runs/{run_id(1)}:data").code == "invalid-input"


def test_damaged_records_hide_no_others(hub: Hub) -> None:
    """They are problems of their repository; huge ones are not read."""
    hub.run("ada/x", 1, CAT, b"weights")
    hub.put("bob/y", RUNS + run_id(2), {"run.json": b"{}"})
    hub.put("bob/y", RUNS + run_id(3), {"run.json": b" " * (5 << 20)})
    hub.put("bob/y", RUNS + run_id(4), {"other": b"1"})
    hub.put("bob/y", release_ref("a", "1"), {MANIFEST: b"[" * 100_000})

    found = hub.lineage("ada/x", "of=run1")
    assert {"run run1", "model weights.bin"} <= labels(found)
    assert len(found["problems"]) == 4
    assert all(problem.startswith("bob/y: ") for problem in found["problems"])
    used = hub.lineage("ada/x", f"uses={hash_bytes(b'a cat').hex()}")
    assert [run["id"] for run in used["runs"]] == [run_id(1)]


def test_records_on_storage_that_fails(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are problems too, which say nothing of where storage is; the log does."""

    def weigh(*_: object) -> None:
        raise translate(OSError(errno.EIO, "as told"), "/srv/hub/x")

    hub.run("bob/y", 1, CAT, b"weights")
    monkeypatch.setattr(Reading, "weigh", weigh)

    found = hub.lineage("bob/y", f"uses={hash_bytes(b'a cat').hex()}")
    assert set(found["problems"]) == {"bob/y: the hub cannot use its storage now"}
    assert "records of bob/y cannot be read: the disk reports an error at /srv/hub/x" in caplog.text


def test_it_counts_as_many_requests(tmp_path: Path) -> None:
    """A lineage takes more from who asks than a list does."""
    hub = Hub(tmp_path / "hub", requests_per_s=1, requests_burst=45)
    hub.repository(hub.user("ada"), "ada/x")
    statuses = [hub.api("GET", "/repos/ada/x/lineage?of=none").status for _ in range(3)]
    assert statuses == [404, 404, 429]
    hub.close()


def test_few_are_answered_at_a_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds no place is told so at once, who finds no turn after a while; then all is as before."""
    hub.run("ada/x", 1, CAT, b"weights")
    for waiting in (0, 1):
        queue = Queue("a lineage", at_once=1, waiting=waiting, wait_s=0.01)
        monkeypatch.setattr("tether.hub.lineage._QUEUE", queue)
        with queue.turn():
            reply = hub.api("GET", "/repos/ada/x/lineage?of=run1")
            assert (reply.status, reply.code) == (503, "unavailable")
        assert hub.lineage("ada/x", "of=run1")["complete"]
        assert hub.lineage("ada/x", "of=run1")["complete"]
