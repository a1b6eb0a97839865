"""Pages of releases and of lineage, and forking from a page."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.hub.test_pages import FORM, PASSWORD, look, send, signed_in
from tests.support.benches import small
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom
from tests.support.hubpush import RoomClient
from tests.support.records import put, put_release, put_run, run_id

from tether.core.names import attestation_ref, release_ref
from tether.evals.evaldoc import EvalData, Evaluation, Intervals, Metric, Predictor, SliceResult
from tether.releases.manifest import (
    MANIFEST,
    Base,
    Creator,
    Data,
    Manifest,
    Profile,
    RunPart,
    Source,
    Weights,
)
from tether.releases.reading import find_release
from tether.repo.revision import find_entry
from tether.runs.rundoc import Artefact, DataInput
from tether.sync.hubend import HubEnd
from tether.sync.wire import PushRequest, RefMove

EVIL = "<script>alert(1)</script>"
AT = "/ada/x"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub with a repository of ada's."""
    made = HubRoom(tmp_path / "hub", signup="open")
    made.repository(made.user("ada", password=PASSWORD), "ada/x")
    yield made
    made.close()


def text(room: HubRoom, path: str, status: int = 200) -> str:
    """Return a page."""
    reply = look(room, f"{AT}/{path}")
    assert reply.status == status, reply.body[-1500:].decode()
    return reply.body.decode()


def measured() -> Evaluation:
    """Return what an evaluation says."""
    return Evaluation(
        "classification",
        EvalData("main:test", None, "test", "ab" * 32, "cd" * 32, 40, "row"),
        Predictor("file"),
        "ef" * 32,
        Intervals(0.95, 10, 0),
        "accuracy",
        (Metric("accuracy", 0.75, 0.6, 0.85, "wilson"),),
        slices=(
            SliceResult(
                "dark", f"brightness < {EVIL}", 5, 10, (Metric("accuracy", 0.5, 0.2, 0.8, "wilson"),)
            ),
            SliceResult("rare", "label == emu", 20, 3),
        ),
    )


def whole(room: HubRoom) -> None:
    """Push a release with weights, data, an evaluation, a bench and a profile."""
    with closing(open_hosted(room, "ada/x")) as repository:
        commit_paths(repository, {b"data/a.csv": b"1\n"})
        place, entry = find_entry(repository, "main:data")
    assert place.commit is not None
    judge, bench = run_id(1), run_id(2)
    files = {
        "weights/w.bin": b"numbers",
        f"runs/{judge}/artefacts/eval.json": measured().encode(),
        f"runs/{bench}/artefacts/bench.json": small().encode(),
        "profiles/train.json": b'{"rows": 10, "columns": {"age": {"mean": 40.5}}}',
    }
    empty: dict[str, Any] = {"kind": "file", "digest": "ab" * 32, "files": 1, "bytes": 7}

    def run(name: str) -> RunPart:
        return RunPart(path=f"runs/{name}", id=name, commit="cd" * 32, **(empty | {"kind": "directory"}))

    made = Manifest(
        name="spam",
        version="1.0",
        created="2026-11-01T10:00:00",
        creator=Creator(name=EVIL, email=""),
        weights=(Weights(path="weights/w.bin", licence="MIT", **empty),),
        parameters={"lr": 0.1},
        data=(
            Data(
                path="data/train/data", role="train", name="train", included=False,
                source=Source(commit=place.commit.hex(), path="data"),
                kind="directory", digest=entry.digest.hex(), files=1, bytes=2,
            ),
        ),
        evaluations=(run(judge),),
        benches=(run(bench),),
        profiles=(Profile(path="profiles/train.json", data="data/train/data", **empty),),
    )  # fmt: skip
    put(room, release_ref("spam", "1.0"), {MANIFEST: made.encode(), **files})


def test_no_releases_tell_how_to_begin(room: HubRoom) -> None:
    """And the lineage of nothing is a blank state."""
    assert "tether release create" in text(room, "releases")
    assert "Nothing came from anything yet" in text(room, "lineage")


def test_a_release_begins_with_what_it_lacks(room: HubRoom) -> None:
    """Then come figures by slice, bench, parts with their commits, and what to type."""
    whole(room)
    with closing(open_hosted(room, "ada/x")) as repository:
        known = find_release(repository, "spam@1.0")
        commit = find_entry(repository, "main:data")[0].commit
    assert commit is not None
    base = Base(name="spam", version="1.0", id=known.id)
    put_release(room, "spam", "2.0", bases=(base,))

    page = text(room, "releases/spam/1.0")

    order = [
        page.find(word)
        for word in ("No class yet", '<th scope="row">all</th>', "How fast it is", ">Weights<")
    ]
    assert -1 not in order
    assert order == sorted(order)
    assert "Model card" in page
    assert "--card FILE" in page
    assert "0.600 to 0.850" in page
    assert "fewer than 20 examples" in page
    assert '<svg class="latency"' in page
    assert f'href="{AT}/tree/{commit.hex()}/data"' in page
    assert '<span class="badge">private</span>' in page
    assert "columns.age.mean" in page
    assert "tether repro spam@1.0" in page
    assert f'href="{AT}/releases/spam/2.0"' in page  # carried on by
    assert EVIL not in page
    assert "/fork" not in page  # nobody is signed in
    child = text(room, "releases/spam/2.0")
    assert f'<a href="{AT}/releases/spam/1.0">spam@1.0</a>' in child
    listed = text(room, "releases")
    assert f'href="{AT}/releases/spam/1.0"' in listed
    assert "no class yet" in listed
    text(room, "releases/spam/3.0", 404)


def test_a_damaged_release_is_told_of(room: HubRoom) -> None:
    """Its page says so; the list and the lineage leave it out."""
    put(room, release_ref("bad", "1.0"), {MANIFEST: b"{}"})
    put_release(room, "good", "1.0")

    assert look(room, f"{AT}/releases/bad/1.0").status >= 400
    assert "/releases/bad/" not in text(room, "releases")
    assert "good@1.0" in text(room, "lineage")


def test_lineage_is_walked(room: HubRoom) -> None:
    """From a run up to its data and down to its model; each node leads on; steps are bounded."""
    digest = "ab" * 32
    data = (DataInput(f"train {EVIL}", "main", None, "", "directory", digest, 3, 9),)
    put_run(room, 1, name="spam", data=data, artefacts=(Artefact("model.onnx", "cd" * 32, 5),))

    page = text(room, f"lineage?of=run%3A{run_id(1)}&steps=999")

    assert f'<a href="{AT}/lineage?of=data%3A{digest}' in page
    assert f'<a href="{AT}/lineage?of=model%3A{"cd" * 32}' in page
    assert 'role="group"' in page
    assert EVIL not in page
    assert f'href="{AT}/runs/{run_id(1)}"' in page
    down = text(room, f"lineage?of=data%3A{digest}&steps=1")
    assert "model.onnx" not in down.partition("Begin elsewhere")[0]  # two steps away
    assert "spam" in down
    text(room, "lineage?of=data%3A00", 404)


def test_the_graph_is_bounded(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many nodes are drawn around the middle, and the lists are cut too."""
    monkeypatch.setattr("tether.pages.records.walking.MOST_DRAWN", 5)
    data = tuple(DataInput(f"d{n}", "main", None, "", "file", f"{n:064x}", 1, 1) for n in range(120))
    put_run(room, 1, data=data)

    page = text(room, f"lineage?of=run%3A{run_id(1)}")

    assert page.partition("Came from")[0].count("<rect") < 20
    assert "20 more are not listed" in page


def test_a_release_is_forked_by_a_form(room: HubRoom) -> None:
    """By somebody else who is signed in; not by another site, and not by nobody."""
    whole(room)
    room.user("bob", password=PASSWORD)
    reply = send(room, "/-/signin", name="bob", password=PASSWORD, next="/")
    bob = reply.headers["set-cookie"].partition(";")[0]

    assert f'action="{AT}/fork"' in look(room, f"{AT}/releases/spam/1.0", cookie=bob).body.decode()
    assert b"/fork" not in look(room, f"{AT}/releases/spam/1.0", cookie=signed_in(room)).body  # it is hers
    other = {**FORM, "cookie": bob, "sec-fetch-site": "cross-site"}
    assert send(room, f"{AT}/fork", headers=other).status == 403
    assert send(room, f"{AT}/fork").status in (303, 401)
    assert look(room, "/bob/x").status == 404

    made = send(room, f"{AT}/fork", headers={**FORM, "cookie": bob})

    assert (made.status, made.headers["location"]) == (303, "/bob/x")
    fork = look(room, "/bob/x", cookie=bob)
    assert fork.status == 200
    assert f'forked from <a href="{AT}">ada/x</a>' in fork.body.decode()
    assert b"forked from" not in look(room, AT, cookie=bob).body
    room.ok("PATCH", "/repos/ada/x", room.token("ada"), {"private": True})
    assert b"ada/x" not in look(room, "/bob/x", cookie=bob).body  # bob may not know of it any more
    assert send(room, f"{AT}/fork", headers={**FORM, "cookie": bob}).status == 404


def test_attestations_that_were_pushed_are_named(room: HubRoom) -> None:
    """What happened lately names the release that they are of, and leads to its page, not to a branch."""
    put_release(room, "spam", "1.0")
    commit = put(room, "refs/heads/main", {"attestation.json": b"{}"})
    move = RefMove(attestation_ref("spam", "1.0", "ab" * 32), None, commit, False)
    HubEnd(RoomClient(room, room.token("ada")), "ada", "x").push(PushRequest(b"w" * 16, (), (move,)))
    shown = look(room, "/ada").body.decode()

    assert f'attested something of <a href="{AT}/releases/spam/1.0"><code>spam@1.0</code></a>' in shown
    assert "refs/attestations" not in shown
    assert "pushed to" not in shown
    assert look(room, f"{AT}/releases/spam/1.0").status == 200
