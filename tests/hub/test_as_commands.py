"""What a hub tells of models, benches, runs and releases is what the commands tell of the same repository."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
import numpy as np
import pytest
from tests.support import benches, modelfiles
from tests.support.cli import Room
from tests.support.hosted import open_hosted
from tests.support.hub import HubRoom
from tests.support.hubpush import RoomClient
from tests.support.predicted import predicted
from tests.support.records import put, put_release, put_run, run_id
from tests.support.released import known, opened, rebuild, safetensors

from tether.core.digest import hash_bytes
from tether.core.names import RUNS, attestation_ref, release_ref
from tether.hub import queues
from tether.hub.routes import comparing, models, records
from tether.hub.routes.documents import Document
from tether.releases.findings import Reproduction
from tether.releases.manifest import MANIFEST
from tether.sync.exchange import PushOptions
from tether.sync.far import push_far
from tether.sync.hubend import HubEnd

AT = "/repos/ada/x"
LATENCIES = "artefacts/latencies.parquet"
POINT = 'echo "{\\"loss\\": $TETHER_PARAM_LR}" >> $TETHER_METRICS'
ANSWER = """
from tether.bench.wire import serve

serve(lambda ids, arrays: {"y": arrays["x"][:, :3]}, "mine", "7")
"""
QUICK = ["--queries=4", "--seconds=0", "--warmup=1", "--rounds=1", "--threads=1", "--scenario=single"]


class Story(NamedTuple):
    """A repository on a disk, and the same on a hub as `ada/x`."""

    room: Room
    hub: HubRoom
    token: str

    def ok(self, path: str, model: type[Document] | None = None, **query: Any) -> Any:
        """Return what the hub tells, which is as its OpenAPI has it."""
        found = self.hub.ok("GET", f"{AT}/{path}?{urlencode(query, doseq=True)}", self.token)
        if model is not None:
            model.model_validate(found)
        return found

    def refused(self, path: str, **query: Any) -> tuple[int, str]:
        """Return the status and the code with which the hub refuses."""
        reply = self.hub.api("GET", f"{AT}/{path}?{urlencode(query, doseq=True)}", self.token)
        return reply.status, reply.code

    def push(self, address: str) -> None:
        """Send all to a new repository on the hub."""
        self.hub.repository(self.token, address)
        with opened(self.room) as repo:
            end = HubEnd(RoomClient(self.hub, self.token), *address.split("/"))
            push_far(repo.repository, end, "hub", PushOptions(("main",)))

    @contextmanager
    def rebuilt(self, address: str, files: dict[str, bytes], *, fitting: bool = False) -> Iterator[None]:
        """Put another release in the place of `spam@1`, send it to a new repository, and undo it here."""
        with opened(self.room) as repo:
            before = known(repo, "spam@1").commit
            rebuild(repo, "spam@1", files, fitting=fitting)
        self.push(address)
        yield
        with opened(self.room) as repo, repo.repository.transaction("as before") as transaction:
            transaction.set_ref(release_ref("spam", "1"), before)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Return a repository with models, runs, benches and a release that was evaluated."""
    folder = tmp_path_factory.mktemp("told")
    room = Room(folder)
    room.inside = True
    room.do("init", "-q")
    data = io.BytesIO()
    np.savez(data, x=np.ones((6, 4), "float32"))
    room.write("x.npz", data.getvalue())
    room.write("answer.py", ANSWER)
    room.write("old.safetensors", safetensors(w=[1.0, 2.0], b=[0.5], gone=[1.0]))
    room.write("new.safetensors", safetensors(w=[1.0, 2.5], b=[0.5], came=[2.0, 3.0]))
    room.write("damaged.safetensors", safetensors(w=[1.0])[:20])
    room.write("train.csv", "text,label\nwin,spam\nhello,ham\n")
    room.write("test.csv", "text,label\nwin,spam\nhello you,ham\nmoney now,spam\nsee you,ham\n")
    room.do("add", "-q", ".")
    room.do("commit", "-q", "-m", "All")
    for name, lr in (("slow", 0.3), ("fast", 0.1), ("middle", 0.2)):
        words = ["--param", f"lr={lr}", "--data", "train=main:train.csv"]
        room.do("run", "-q", "--name", name, *words, "--", "sh", "-c", POINT)
    for name, more in (("one", []), ("two", []), ("few", ["--sample", "3"])):
        words = ["answer.py", "--data", "main:x.npz", *QUICK, *more, "--name", name]
        room.json("bench", *words, "--", sys.executable, "answer.py")
    room.write("said.csv", "prediction\nspam\nham\nham\nham\n")
    said = ["--predictions", "said.csv", "--in-order", "new.safetensors", "main:test.csv"]
    room.do("eval", "-q", "--replicates=20", *said, "--name", "e")
    trained = ["--name", "t", "--data", "train=main:train.csv", "--artefact", "new.safetensors"]
    room.do("run", "-q", *trained, "--", "true")
    told = ("--data", "train=train", "--data", "test=main:test.csv", "--code", "training=main:answer.py")
    room.do("release", "create", "spam@1", "--run", "t", "--evaluation", "e", *told, "-q")
    hub = HubRoom(folder / "hub")
    token = hub.user("ada")
    made = Story(room, hub, token)
    made.push("ada/x")
    yield made
    hub.close()


def run_of(story: Story, name: str) -> str:
    """Return the id of a run."""
    found: str = story.room.json("runs", "show", name)["id"]
    return found


def test_a_model_file(story: Story) -> None:
    """Its facts, page by page; what is none is told by a code."""
    told = story.ok("model", models.ModelDocument, of="main:new.safetensors")
    shown = story.room.json("model", "show", "main:new.safetensors")

    del shown["path"]
    assert told.items() >= shown.items()
    assert (told["count"], told["further"]) == (3, dict.fromkeys(told["further"], 0))
    assert told["digest"] == hash_bytes((story.room.work / "new.safetensors").read_bytes()).hex()
    page = story.ok("model", of="main:new.safetensors", first=1, limit=1)
    assert page["tensors"] == shown["tensors"][1:2]
    assert (page["count"], page["further"]["tensors"]) == (3, 1)
    by_run = story.ok("model", of=f"runs/{run_of(story, 't')}:artefacts/new.safetensors")
    assert by_run["tensors"] == shown["tensors"]
    for of, refusal in (
        ("main:none", (404, "not-found")),
        ("none:new.safetensors", (404, "not-found")),
        ("main:", (400, "invalid-input")),
        (":new.safetensors", (400, "invalid-input")),
        ("", (400, "invalid-input")),
        ("main:test.csv", (422, "unsupported")),
        ("main:damaged.safetensors", (422, "corrupt")),
    ):
        assert story.refused("model", of=of) == refusal, of


def test_two_model_files(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensor by tensor, with how far they moved; what would be too much is refused before it is read."""
    old, new = "main:old.safetensors", "main:new.safetensors"
    told = story.ok("model/diff", models.ModelDiffDocument, old=old, new=new)
    shown = story.room.json("model", "diff", old, new)

    assert [each["name"] for each in told["changed"]] == ["w"]
    assert told["old"].items() >= shown.pop("old").items()
    assert told["new"].items() >= shown.pop("new").items()
    assert told.items() >= shown.items()
    assert set(told["further"].values()) == {0}
    assert story.ok("model/diff", old=old, new=old)["same"]
    assert story.refused("model/diff", old=old, new="main:damaged.safetensors") == (422, "corrupt")
    assert story.refused("model/diff", old=old, new="main:x") == (404, "not-found")
    assert story.refused("model/diff", old=old)[0] == 400
    monkeypatch.setattr("tether.hub.modelfiles.MOST_TOLD", 0)
    assert story.ok("model/diff", old=old, new=new)["further"]["changed"] == 1
    monkeypatch.setattr("tether.hub.modelfiles.MOST_COMPARED", 100)
    assert story.refused("model/diff", old=old, new=new) == (413, "too-large")


def test_a_small_file_with_many_numbers(story: Story) -> None:
    """What a file says that it unpacks to counts, and a name in a file leads nowhere but beside it."""
    header = json.dumps({"w": {"dtype": "F32", "shape": [1 << 28], "data_offsets": [0, 1 << 30]}}).encode()
    claims = len(header).to_bytes(8, "little") + header
    packed = io.BytesIO()
    np.savez_compressed(packed, w=np.zeros(1 << 16, "float64"), v=np.zeros(1 << 16, "float64"))
    put(story.hub, "refs/heads/odd", {"claims.safetensors": claims, "packed.npz": packed.getvalue()})

    assert len(packed.getvalue()) < 4000
    assert story.refused("model", of="odd:claims.safetensors") == (422, "corrupt")
    told = story.ok("model", of="odd:packed.npz")
    assert told["parameters"] == 1 << 17
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tether.hub.modelfiles.MOST_COMPARED", 1 << 20)
        assert story.refused("model/diff", old="odd:packed.npz", new="odd:packed.npz") == (413, "too-large")
    assert story.ok("model/diff", old="odd:packed.npz", new="odd:packed.npz")["same"]


def test_few_numbers_that_much_is_read_for(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors at the end of one packed storage are small, and each unpacks all of it: that counts."""
    shared = modelfiles.torch_shared(1 << 16)
    put(story.hub, "refs/heads/shared", {"a.pt": shared})
    with story.rebuilt("ada/shared", {"weights/new.safetensors": shared}, fitting=True):
        pass

    assert len(shared) < 10_000
    with monkeypatch.context() as patch:
        patch.setattr("tether.hub.modelfiles.MOST_COMPARED", 1 << 20)
        assert story.refused("model/diff", old="shared:a.pt", new="shared:a.pt") == (413, "too-large")
    assert story.ok("model/diff", old="shared:a.pt", new="shared:a.pt")["same"]
    at = "/repos/ada/shared/releases/spam/1/verification"
    reason = "its weights have more numbers than a hub reads"
    assert not any(reason in each["reason"] for each in story.hub.ok("GET", at)["untried"])
    monkeypatch.setattr("tether.hub.verifying.MOST_BYTES", 1 << 20)
    assert reason in story.hub.ok("GET", at)["untried"][0]["reason"]


def test_two_benches(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranked as the command ranks them, and not where more than the model differs."""
    one, two, few = (run_of(story, name) for name in ("one", "two", "few"))
    told = story.ok("runs/compare-benches", comparing.BenchDiffDocument, old=one, new=two)

    assert told == {**story.room.json("bench", "compare", "one", "two"), "intervals": True}
    assert story.refused("runs/compare-benches", old=one, new=few) == (409, "conflict")
    varied = story.ok("runs/compare-benches", old=one, new=few, vary=["inputs", "blas"])
    assert varied["varied"] == ["inputs"]
    assert story.refused("runs/compare-benches", old=one, new=few, vary="machine")[0] == 400
    assert story.refused("runs/compare-benches", old=one, new=run_of(story, "slow")) == (404, "not-found")
    monkeypatch.setattr("tether.hub.pushedmeasures.MOST_LATENCIES", 3)
    short = story.ok("runs/compare-benches", old=one, new=two)
    assert (short["intervals"], short["sections"][0]["verdict"]) == (False, "not known")


def test_benches_that_somebody_made_up(story: Story) -> None:
    """Figures that no bench has, and latencies that are none, are told by a code."""
    small, path = benches.small(), "artefacts/bench.json"
    odd = json.loads(small.encode())
    odd["process"]["peak_bytes"] = []
    put_run(story.hub, 1, {path: small.encode()})
    put_run(story.hub, 2, {path: json.dumps(odd).encode()})
    put_run(story.hub, 3, {path: small.encode(), LATENCIES: b"PAR1"})
    put_run(story.hub, 4, {path: small.encode(), LATENCIES: benches.latencies(end_ns=["a", "b", "c"])})
    put_run(story.hub, 5, {path: small.encode(), LATENCIES: benches.latencies(scenario=[["single"]] * 3)})
    ids = [run_id(number) for number in (1, 2, 3, 4, 5)]

    assert story.ok("runs/compare-benches", old=ids[0], new=ids[0])["intervals"] is False
    for other in ids[1:]:
        assert story.refused("runs/compare-benches", old=ids[0], new=other) == (422, "corrupt")


def test_many_sections_of_the_same_latencies(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries count as often as sections draw from them: beyond the bound there are no intervals."""
    small = benches.small()
    rates = [msgspec.structs.replace(small.sections[0], rate=float(rate)) for rate in range(4)]
    bench = msgspec.structs.replace(small, sections=rates)
    put_run(story.hub, 6, {"artefacts/bench.json": bench.encode(), LATENCIES: benches.latencies()})

    for most, intervals in ((12, True), (11, False)):
        monkeypatch.setattr("tether.hub.pushedmeasures.MOST_LATENCIES", most)
        told = story.ok("runs/compare-benches", old=run_id(6), new=run_id(6))
        assert (told["intervals"], len(told["sections"])) == (intervals, 4)
        assert (told["sections"][0]["verdict"] == "not known") is not intervals


def test_runs_are_sorted(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the command sorts them, page by page, those without a value last; an unknown name is refused."""
    for sort in ("lr", "-lr", "metric.loss", "-name", "started", "-metric.loss.max", "seed.none"):
        if sort == "seed.none":
            assert story.refused("runs", sort=sort) == (404, "not-found")
            continue
        shown = [each["id"] for each in story.room.json("runs", "list", "--sort", sort)]
        told = story.ok("runs", records.RunsDocument, sort=sort)
        mine = [each["id"] for each in told["runs"] if each["id"] in shown]
        assert (mine, told["next"], told["complete"]) == (shown, None, True)
    asked: dict[str, Any] = {"sort": "lr", "where": "lr<0.25", "limit": 1}
    first = story.ok("runs", **asked)
    second = story.ok("runs", **asked, after=first["next"])
    assert [page["runs"][0]["parameters"]["lr"] for page in (first, second)] == [0.1, 0.2]
    assert second["next"] is None
    assert story.refused("runs", **asked, after="none") == (404, "not-found")
    assert story.refused("runs", sort="-") == (404, "not-found")
    assert story.ok("runs", sort="lr", where="lr>9") == {"runs": [], "next": None, "complete": True}
    plain = story.ok("runs", records.RunsDocument)
    assert plain["complete"]
    monkeypatch.setattr("tether.releases.pushedorder.LOOKED_AT", 1)
    monkeypatch.setattr("tether.releases.pushedorder.PAGES", 2)
    monkeypatch.setattr("tether.releases.pushedruns.LOOKED_AT", 1)
    newest = [each["id"] for each in plain["runs"][:2]]
    few = story.ok("runs", sort="id")
    assert ([each["id"] for each in few["runs"]], few["complete"]) == (sorted(newest), False)


def test_a_release_is_verified(story: Story) -> None:
    """As far as the command gets without running anything, and what is wrong is named as it names it."""
    told = story.ok("releases/spam/1/verification", records.VerificationDocument)
    shown = story.room.json("release", "verify", "spam@1", "--to", "R2")

    assert (told["level"], told.pop("further_problems")) == ("R2", 0)
    assert told == shown
    with pytest.MonkeyPatch.context() as patch:
        said = Reproduction("bitwise", None, "SHA256:key")
        patch.setattr("tether.releases.findings.reproductions_of", lambda *_: [said])
        repeated = story.ok("releases/spam/1/verification", records.VerificationDocument)
    assert repeated["reproductions"] == [said._asdict()]
    assert story.refused("releases/spam/9/verification") == (404, "not-found")
    with story.rebuilt("ada/changed", {"weights/new.safetensors": safetensors(w=[9.0])}):
        worse = story.room.json("release", "verify", "spam@1", "--to", "R2", code=7)
    found = story.hub.ok("GET", "/repos/ada/changed/releases/spam/1/verification")
    assert found["problems"] == worse["problems"] != []
    assert (found["level"], found["ok"]) == (None, False)


def test_releases_that_are_too_much(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A level is not tried where too much would be read or computed, and it is said why."""
    at = "releases/spam/1/verification"
    monkeypatch.setattr("tether.hub.verifying.MOST_WORK", 10)
    told = story.ok(at)
    assert (told["level"], told["ok"]) == ("R1", True)
    assert told["untried"][0]["level"] == "R2"
    for name, value in (("MOST_FILES", 3), ("MOST_BYTES", 10), ("_MOST_PARTS", 1), ("_MOST_SAID", -1)):
        with monkeypatch.context() as patch:
            patch.setattr(f"tether.hub.verifying.{name}", value)
            told = story.ok(at, records.VerificationDocument)
        assert (told["level"], told["ok"], told["files"]) == (None, True, 0), name
        assert "tether release verify" in told["untried"][0]["reason"]
    put(story.hub, release_ref("odd", "1"), {MANIFEST: b"{}"})
    odd = story.ok("releases/odd/1/verification", records.VerificationDocument)
    assert (odd["level"], odd["problems"][0]["component"]) == (None, "manifest")
    put(story.hub, release_ref("odd", "2"), {MANIFEST: b" " * (5 << 20)}, {MANIFEST: 1})
    assert story.refused("releases/odd/2/verification") == (422, "corrupt")
    put_release(story.hub, "said", "1")
    large = {"attestation.json": b" " * (9 << 20), "key.pub": b"no key"}
    put(story.hub, attestation_ref("said", "1", "0" * 64), large, {"attestation.json": 1})
    assert story.ok("releases/said/1/verification")["untried"][0]["level"] == "R0"


def test_evaluations_that_take_long(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small table whose texts take minutes to be compared is not computed again."""
    with opened(story.room) as repo:
        [part] = known(repo, "spam@1").manifest.evaluations
    said = predicted("text", ["ab" * 50_000], ["ba" * 50_000])
    with story.rebuilt("ada/long", {f"{part.path}/artefacts/predictions.parquet": said}, fitting=True):
        pass

    def untried(owned: str) -> str:
        told = story.hub.ok("GET", f"/repos/{owned}/releases/spam/1/verification")
        assert (told["level"], told["problems"]) == ("R1", [])
        reason: str = told["untried"][0]["reason"]
        return reason

    assert "more than a hub computes" in untried("ada/long")
    monkeypatch.setattr("tether.hub.verifying.MOST_NUMBERS", 20 * 3 * 2 - 1)  # replicates, sums, classes
    assert "more than a hub computes" in untried("ada/x")


def test_it_is_for_readers(story: Story) -> None:
    """A private repository is none for others, and a gate keeps them back."""
    hub, bob = story.hub, story.hub.user("bob")
    one = run_of(story, "one")
    paths = [
        "model?of=main:new.safetensors", "model/diff?old=main:old.safetensors&new=main:new.safetensors",
        f"runs/compare-benches?old={one}&new={one}", "runs?sort=lr", "releases/spam/1/verification",
    ]  # fmt: skip
    for path in paths:
        assert hub.api("GET", f"{AT}/{path}", bob).status == 200, path
    hub.ok("PATCH", AT, story.token, {"private": True})
    for path in paths:
        for who in (bob, None):
            told, absent = hub.api("GET", f"{AT}/{path}", who), hub.api("GET", f"/repos/ada/y/{path}", who)
            assert (told.status, told.body.replace(b"ada/x", b"ada/y")) == (absent.status, absent.body)
            assert told.status in (401, 404)
        assert hub.api("GET", f"{AT}/{path}", story.token).status == 200
    hub.ok("PATCH", AT, story.token, {"private": False})
    hub.ok("PUT", f"{AT}/gate", story.token, {"agreement": "be kind", "automatic": False})
    assert {hub.api("GET", f"{AT}/{path}", bob).status for path in paths} == {403}
    hub.ok("DELETE", f"{AT}/gate", story.token)


def test_few_are_answered_at_a_time(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds no place is told so."""
    monkeypatch.setattr(queues.HEAVY, "_wait_s", 0.01)
    with queues.HEAVY.turn(), queues.HEAVY.turn():
        reply = story.hub.api("GET", f"{AT}/model?of=main:new.safetensors", story.token)
    assert (reply.status, reply.code) == (503, "unavailable")
    assert reply.json["error"]["message"] == "too many ask for models, benches or releases now"
    assert story.ok("model", of="main:new.safetensors")["safe"]


def test_what_much_costs(tmp_path: Path) -> None:
    """It counts as several requests."""
    hub = HubRoom(tmp_path / "hub", requests_per_s=1, requests_burst=45)
    hub.repository(hub.user("ada"), "ada/x")
    statuses = [
        hub.api("GET", f"{AT}/{path}").status
        for path in (
            "model/diff?old=a:a&new=a:b", "releases/a/1/verification", "model?of=a:a",
            "runs?sort=lr", "runs", "runs",
        )
    ]  # fmt: skip
    assert statuses == [404, 404, 404, 429, 200, 200]
    hub.close()


def test_only_whole_ids(story: Story) -> None:
    """Names of runs are for commands; an address says exactly what is meant."""
    with closing(open_hosted(story.hub, "ada/x")) as repository:
        assert RUNS + run_of(story, "one") in repository.root().refs
    assert story.refused("runs/compare-benches", old="one", new="two") == (404, "not-found")
