"""Runs and releases as the hub tells of them: page by page, for readers, and whatever somebody pushed."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.support import benches
from tests.support.hosted import open_hosted
from tests.support.hub import HubRoom
from tests.support.records import put, put_release, put_run, record, run_id
from tests.support.repos import ADA

from tether.core.digest import hash_bytes
from tether.core.names import RUNS, attestation_ref, release_ref
from tether.evals.evaldoc import EvalData, Evaluation, Intervals, Metric, Predictor, SliceResult
from tether.hub.routes import records
from tether.hub.routes.documents import Document
from tether.mlflow import document
from tether.releases.attesting import Said, add_attestation, signature_of
from tether.releases.keys import SigningKey
from tether.releases.manifest import MANIFEST
from tether.releases.reading import find_release
from tether.runs.metrics import Metrics, Series, encode_series

AT = "/repos/ada/x"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub with a repository of ada's."""
    made = HubRoom(tmp_path / "hub")
    made.repository(made.user("ada"), "ada/x")
    yield made
    made.close()


def as_json(value: Any) -> Any:
    """Return a document as a reader of its bytes has it."""
    return json.loads(value.encode())


def told_as(room: HubRoom, model: type[Document], path: str) -> Any:
    """Return what the hub tells at a path, which is as its OpenAPI has it."""
    found = room.ok("GET", f"{AT}/{path}")
    model.model_validate(found)
    return found


def small_evaluation() -> Evaluation:
    """Return an evaluation of three examples, two of them in a slice."""
    data = EvalData("main:test.csv", "a" * 64, "test.csv", "b" * 64, "c" * 64, 3, "row")
    figures = (Metric("accuracy", 0.5, 0.25, 0.75, "wilson"), Metric("auc", None))
    night = SliceResult("night", "night = 1", 1, 2, figures)
    intervals = Intervals(0.95, 1000, 0)
    return Evaluation(
        "classification", data, Predictor("file"), "d" * 64, intervals, "accuracy", figures, slices=(night,)
    )


def ids(page: Any) -> list[str]:
    """Return the ids of a page of runs."""
    return [run["id"] for run in page["runs"]]


def test_runs_are_listed_page_by_page(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first, those that fit, without damaged ones; a request looks at so many at most."""
    for number in range(6):
        put_run(room, number, parameters={"lr": number / 10, "big": 10**400})
    put(room, RUNS + run_id(6), {"run.json": b"{}"})
    put(room, RUNS + run_id(7), {"other": b"1"})
    put(room, RUNS + run_id(8), {"run.json": b" " * (4 << 20) + b"{}"}, {"run.json": 10})
    put(room, RUNS + run_id(9), {"run.json": record(1).encode()})

    first = told_as(room, records.RunsDocument, "runs?limit=4")
    assert ids(first) == [run_id(number) for number in (5, 4, 3, 2)]
    assert first["runs"][0] == as_json(record(5, parameters={"lr": 0.5, "big": 10**400}))
    last = room.ok("GET", f"{AT}/runs?limit=4&after={first['next']}")
    assert (ids(last), last["next"]) == ([run_id(1), run_id(0)], None)

    few = room.ok("GET", f"{AT}/runs?where=lr%3C0.25&where=status%3Dfinished&where=big%3E5")
    assert ids(few) == [run_id(2), run_id(1), run_id(0)]
    for where in ("lr", "name~(a*)*b", "&where=".join(["a=1"] * 11), "a=" + "1" * 500):
        assert room.api("GET", f"{AT}/runs?where={where}").code == "invalid-input"

    monkeypatch.setattr("tether.releases.pushedruns.LOOKED_AT", 4)
    pages: list[list[str]] = []
    page: Any = {"next": ""}
    while page["next"] is not None:
        page = room.ok("GET", f"{AT}/runs?where=lr%3C0.05&after={page['next']}")
        pages.append(ids(page))
    assert pages == [[], [], [run_id(0)]]
    monkeypatch.setattr("tether.releases.pushedruns.MOST_READ", 1)
    assert len(room.ok("GET", f"{AT}/runs?after={run_id(6)}")["runs"]) == 1


def test_a_run_is_told_with_what_lies_beside(room: HubRoom) -> None:
    """Environment, verdict and what MLflow's clients said; what is damaged or huge is told by a code."""
    tracked = document.Document(experiment="cats", status="FINISHED", tags={"a": "b"})
    beside = {"environment.json": b'{"python": "3.11"}', "verdict.json": b'{"verdict": "equal"}'}
    put_run(room, 1, {**beside, "mlflow.json": tracked.encode()})
    put_run(room, 2)
    put_run(room, 3, {"environment.json": b'{"a":' + b"[" * 100_000})
    put_run(room, 4, {"mlflow.json": b" " * (2 << 20)})
    put(room, RUNS + run_id(5), {"run.json": b"{}" + b" " * (4 << 20)}, {"run.json": 2})
    put(room, RUNS + run_id(6), {"run.json": record(6).encode().replace(b'"version":1', b'"version":9')})

    told = told_as(room, records.RunDocument, f"runs/{run_id(1)}")
    assert told["run"] == as_json(record(1))
    assert (told["environment"], told["verdict"]) == ({"python": "3.11"}, "equal")
    assert told["mlflow"] == as_json(tracked)
    bare = told_as(room, records.RunDocument, f"runs/{run_id(2)}")
    assert {name for name, value in bare.items() if value is not None} == {"run", "commit"}
    for number, code in ((3, "corrupt"), (4, "corrupt"), (5, "corrupt"), (6, "unsupported")):
        reply = room.api("GET", f"{AT}/runs/{run_id(number)}")
        assert (reply.status, reply.code) == (422, code)
    for run in (run_id(7), "last", "%2e%2e"):
        assert room.api("GET", f"{AT}/runs/{run}").status == 404


@pytest.mark.parametrize("name", ["environment.json", "mlflow.json"])
def test_no_depth_is_a_failure_of_the_hub(room: HubRoom, name: str) -> None:
    """Nor is what can be read and hardly be written, or a folder in the place of a record."""
    for number, depth in enumerate((100, 900, 950, 980, 10_000)):
        deep = b"[" * depth + b"]" * depth
        event = b'{"at":1,"kind":"a","name":"b","data":{"a":%s}}' % deep
        data = {"environment.json": b'{"a":%s}' % deep, "mlflow.json": b'{"version":1,"events":[%s]}' % event}
        put_run(room, number, {name: data[name]})
        reply = room.api("GET", f"{AT}/runs/{run_id(number)}")
        assert reply.status == 200 if depth == 100 else reply.status in (200, 422)
    put(room, RUNS + run_id(9), {"run.json/run.json": b"{}"})
    assert room.api("GET", f"{AT}/runs/{run_id(9)}").status in (404, 422)
    assert len(room.ok("GET", f"{AT}/runs")["runs"]) == 5


def test_metrics_are_series(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a run or one; more than a reply may have is refused and one of them still is to be had."""
    metrics = Metrics({name: Series([0, 1], [value, float("inf")], [None, 2.5]) for name, value in
                       (("acc", 0.5), ("löss\n", 0.25))})  # fmt: skip
    put_run(room, 1, {"metrics.jsonl": encode_series(metrics)})
    put_run(room, 2)
    put_run(room, 3, {"metrics.jsonl": b'{"name":"a","steps":[1],"values":[]}\n'})
    at = f"{AT}/runs/{run_id(1)}/metrics"
    acc = {"name": "acc", "steps": [0, 1], "values": [0.5, "Infinity"], "times": [None, 2.5]}
    loss = {"name": "löss\n", "steps": [0, 1], "values": [0.25, "Infinity"], "times": [None, 2.5]}

    assert told_as(room, records.MetricsDocument, f"runs/{run_id(1)}/metrics") == {"metrics": [acc, loss]}
    assert room.ok("GET", f"{at}?name=l%C3%B6ss%0A") == {"metrics": [loss]}
    assert room.ok("GET", f"{AT}/runs/{run_id(2)}/metrics") == {"metrics": []}
    assert room.api("GET", f"{at}?name=lo").status == 404
    assert room.api("GET", f"{AT}/runs/{run_id(3)}/metrics").code == "corrupt"
    monkeypatch.setattr("tether.releases.pushedruns._MOST_METRICS", 90)
    refused = room.api("GET", at)
    assert (refused.status, "name=" in refused.json["error"]["hint"]) == (413, True)
    assert room.ok("GET", f"{at}?name=acc") == {"metrics": [acc]}
    monkeypatch.setattr("tether.releases.pushedruns._MOST_SEARCHED", 100)
    assert room.api("GET", f"{at}?name=acc").status == 413


def test_evaluations_and_benches_are_told(room: HubRoom) -> None:
    """As they were pushed; who asks a run that is none, or a damaged one, gets its code."""
    evaluation, bench = small_evaluation(), benches.small()
    put_run(room, 1, {"artefacts/eval.json": evaluation.encode(), "artefacts/bench.json": bench.encode()})
    put_run(room, 2)
    put_run(room, 3, {"artefacts/eval.json": b"{}", "artefacts/bench.json": b'{"version":9}'})
    large = b'{"version":1}' + b" " * (4 << 20)
    put_run(room, 4, {"artefacts/eval.json": large, "artefacts/bench.json": large})

    told = told_as(room, records.EvaluationDocument, f"runs/{run_id(1)}/evaluation")
    assert told == {"run": run_id(1), "evaluation": as_json(evaluation)}
    assert told["evaluation"]["slices"][0]["metrics"][0]["low"] == 0.25
    told = told_as(room, records.BenchDocument, f"runs/{run_id(1)}/bench")
    assert told == {"run": run_id(1), "bench": as_json(bench)}
    for name, codes in (
        ("evaluation", ("not-found", "corrupt", "corrupt", "not-found")),
        ("bench", ("not-found", "unsupported", "corrupt", "not-found")),
    ):
        asked = [room.api("GET", f"{AT}/runs/{run_id(number)}/{name}") for number in (2, 3, 4, 5)]
        assert tuple(reply.code for reply in asked) == codes


def test_releases_are_listed_by_name_and_age(room: HubRoom) -> None:
    """With class, licences and how much was said of them; damaged ones are left out."""
    for name, version in (("spam", "1.10"), ("spam", "1.9"), ("eggs", "2"), ("spam", "1.2")):
        put_release(room, name, version, licences={"release": "MIT"})
    put(room, release_ref("spam", "0.1"), {MANIFEST: b"{}"})
    put(room, attestation_ref("spam", "1.9", "a" * 64), {"attestation.json": b"{}"})

    first = told_as(room, records.ReleasesDocument, "releases?limit=2")
    assert [(each["name"], each["version"]) for each in first["releases"]] == [
        ("eggs", "2"),
        ("spam", "1.10"),
    ]
    assert first["releases"][0].items() >= {"class": None, "licences": {"release": "MIT"}}.items()
    rest = room.ok("GET", f"{AT}/releases?after={first['next']}")
    assert [(each["version"], each["attestations"]) for each in rest["releases"]] == [("1.9", 1), ("1.2", 0)]
    assert rest["next"] is None
    assert room.api("GET", f"{AT}/releases?after=none").status == 404
    assert room.api("GET", f"{AT}/releases/spam/0.1").code == "corrupt"
    assert room.api("GET", f"{AT}/releases/spam/7").status == 404


def test_a_release_is_told_with_what_is_said_of_it(room: HubRoom) -> None:
    """What is missing, and attestations with type and key; the hub says that it verified nothing."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    put_release(room, "spam", "1", licences={"release": "(" * 4096})
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    with closing(open_hosted(room, "ada/x")) as repository:
        release = find_release(repository, "spam@1")
        good = add_attestation(repository, release, signature_of(release), key, ADA)
        verdicts = [
            add_attestation(repository, release, Said("urn:tether:verdict:v1", said), key, ADA)
            for said in ({"verdict": "bitwise", "run": run_id(1)}, {"verdict": ["bitwise"]})
        ]
    odd = b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}'
    bad = hash_bytes(odd).hex()
    put(room, attestation_ref("spam", "1", bad), {"attestation.json": odd, "key.pub": b"no key"})
    large = {"attestation.json": b" " * (7 << 20), "key.pub": b"no key"}
    put(room, attestation_ref("spam", "1", "0" * 64), large, {"attestation.json": 1})

    told = told_as(room, records.ReleaseDocument, "releases/spam/1")
    assert (told["id"], told["verified"]) == (release.id, False)
    assert told["manifest"] == as_json(release.manifest)
    assert (told["completeness"]["class"], told["completeness"]["next"]) == (None, "III")
    assert "model card" in {each["component"] for each in told["completeness"]["missing"]}
    known = {each.pop("id"): each for each in told["attestations"]}
    assert known[good] == {
        "predicate_type": "urn:tether:release:v1",
        "reproduced": None,
        "key": key.public.fingerprint,
        "about_this": True,
        "problem": None,
    }
    assert set(known) == {good, *verdicts, bad, "0" * 64}
    assert [known[each]["reproduced"] for each in verdicts] == ["bitwise", None]
    assert all(known[each]["problem"] and not known[each]["key"] for each in (bad, "0" * 64))


def test_records_are_for_readers(room: HubRoom) -> None:
    """A private repository is none for others, and a gate keeps them back."""
    ada, bob = room.token("ada"), room.user("bob")
    beside = {
        "artefacts/eval.json": small_evaluation().encode(),
        "artefacts/bench.json": benches.small().encode(),
    }
    put_run(room, 1, beside)
    put_release(room, "spam", "1")
    paths = ["runs", f"runs/{run_id(1)}", f"runs/{run_id(1)}/metrics", "releases", "releases/spam/1"]
    paths += [f"runs/{run_id(1)}/{name}" for name in ("evaluation", "bench")]
    for path in paths:
        assert room.api("GET", f"{AT}/{path}").status == 200
    room.ok("PATCH", AT, ada, {"private": True})
    for path in paths:
        told, absent = room.api("GET", f"{AT}/{path}", bob), room.api("GET", f"/repos/ada/y/{path}", bob)
        assert (told.status, told.body.replace(b"ada/x", b"ada/y")) == (404, absent.body)
        assert room.api("GET", f"{AT}/{path}", ada).status == 200
    room.ok("PATCH", AT, ada, {"private": False})
    room.ok("PUT", f"{AT}/gate", ada, {"agreement": "be kind", "automatic": False})
    assert {room.api("GET", f"{AT}/{path}", bob).status for path in paths} == {403}
