"""Releases in forms of others, sent by a hub: what follows from the manifest, within bounds."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.hub.test_pages import look
from tests.support.hosted import open_hosted
from tests.support.hub import HubRoom
from tests.support.records import put, put_release, record, run_id

from tether.core.digest import hash_bytes
from tether.core.names import path_bytes, release_ref
from tether.core.treeread import find
from tether.hub.queues import Queue
from tether.releases.manifest import MANIFEST, Creator, Manifest, RunPart, Weights
from tether.repo.history import History

AT = "/repos/ada/x/releases"
WEIGHTS = b"numbers"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubRoom]:
    """Return a hub with a release whose weights are a file and a folder, and whose training is known."""
    made = HubRoom(tmp_path_factory.mktemp("exports") / "hub")
    made.repository(made.user("ada"), "ada/x")
    push(made, "1", {"weights/w.bin": WEIGHTS, "weights/more/a.bin": b"a", **run_files()})
    yield made
    made.close()


def run_files() -> dict[str, bytes]:
    """Return the files of a run."""
    return {f"runs/{run_id(1)}/run.json": record(1).encode()}


def push(room: HubRoom, version: str, files: dict[str, bytes], sizes: dict[str, int] | None = None) -> None:
    """Push the release spam of a version with these files."""
    with closing(open_hosted(room, "ada/x")) as repository:
        tree = History.of(repository).commit(put(room, f"refs/heads/t{version}", files)).tree
    with closing(open_hosted(room, "ada/x")) as repository:

        def facts(path: str) -> dict[str, Any]:
            entry = find(repository.objects, tree, path_bytes(path))
            assert entry is not None
            kind = entry.kind.name.lower()
            return {
                "path": path,
                "kind": kind,
                "digest": entry.digest.hex(),
                "files": entry.files,
                "bytes": 1,
            }

        whole = hashlib.sha256(WEIGHTS).hexdigest()
        weights = [Weights(**facts("weights/w.bin"), sha256=whole, licence="MIT")]
        if "weights/more/a.bin" in files:
            weights.append(Weights(**facts("weights/more")))
        run = RunPart(**facts(f"runs/{run_id(1)}"), id=run_id(1), commit="cd" * 32)
    made = Manifest(
        name="spam",
        version=version,
        created="2026-11-01T10:00:00.000000+00:00",
        creator=Creator(name="<b>Ada</b>", email=""),
        weights=tuple(weights),
        run=run,
    )
    put(room, release_ref("spam", version), {MANIFEST: made.encode(), **files}, sizes)


def test_what_follows_from_the_manifest_is_sent(room: HubRoom) -> None:
    """As files to be kept, with their types; the same on the page, which links to them."""
    expected = {
        "model-card": ("text/markdown; charset=utf-8", "spam-1-README.md"),
        "cyclonedx": ("application/vnd.cyclonedx+json", "spam-1-bom.cdx.json"),
        "slsa": ("application/vnd.in-toto+json", "spam-1-provenance.json"),
        "mof": ("application/yaml", "spam-1-mof.yml"),
    }
    page = look(room, "/ada/x/releases/spam/1").body.decode()
    for form, (media, name) in expected.items():
        reply = room.api("GET", f"{AT}/spam/1/exports/{form}")
        assert reply.status == 200, (form, reply)
        assert reply.headers["content-type"] == media
        assert reply.headers["content-disposition"] == f"attachment; filename*=UTF-8''{name}"
        place = f"/ada/x/releases/spam/1/exports/{form}"
        assert f'href="{place}"' in page
        assert look(room, place).body == reply.body
    bill = json.loads(room.api("GET", f"{AT}/spam/1/exports/cyclonedx").body)
    hashes = json.dumps(bill)
    assert hashlib.sha256(WEIGHTS).hexdigest() in hashes
    assert hashlib.sha256(b"a").hexdigest() in hashes
    assert b"<b>" not in room.api("GET", f"{AT}/spam/1/exports/model-card").body


@pytest.mark.parametrize("form", ["data-card", "croissant", "model-signing", "folder", "tar.gz"])
def test_what_needs_all_data_is_refused_with_the_command(room: HubRoom, form: str) -> None:
    """It says which command makes it."""
    reply = room.api("GET", f"{AT}/spam/1/exports/{form}")

    assert (reply.status, reply.code) == (422, "unsupported")
    assert f"tether release export spam@1 --as {form}" in reply.body.decode()


def test_what_is_not_there(room: HubRoom) -> None:
    """No such form, release or version."""
    for path in ("spam/1/exports/pdf", "spam/9/exports/mof", "eggs/1/exports/mof"):
        assert room.api("GET", f"{AT}/{path}").status == 404


def test_large_and_damaged_releases_are_refused(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what their contents have and not by what their entries say; a part that is another is damage."""
    record_path = f"runs/{run_id(1)}/run.json"
    large = {"weights/w.bin": WEIGHTS, record_path: record(1).encode() + b" " * (5 << 20)}
    push(room, "2", large)
    assert room.api("GET", f"{AT}/spam/2/exports/model-card").code == "corrupt"
    files = {"weights/w.bin": WEIGHTS, "weights/more/a.bin": b"a" * 100, **run_files()}
    push(room, "3", files)
    monkeypatch.setattr("tether.releases.pushedexports._MOST_BYTES", 50)
    assert room.api("GET", f"{AT}/spam/3/exports/slsa").code == "unsupported"
    assert room.api("GET", f"{AT}/spam/3/exports/mof").status == 200
    monkeypatch.setattr("tether.releases.pushedexports._MOST_FILES", 0)
    assert room.api("GET", f"{AT}/spam/3/exports/mof").code == "unsupported"
    part: dict[str, Any] = {"path": "weights/w.bin", "kind": "file", "files": 1, "bytes": 1}
    put_release(room, "spam", "4", weights=(Weights(**part, digest=hash_bytes(b"other").hex()),))
    assert room.api("GET", f"{AT}/spam/4/exports/mof").code == "corrupt"


def test_who_may_not_read_gets_nothing(room: HubRoom) -> None:
    """A private repository is not there for others, and its exports neither."""
    token = room.user("eve")
    room.repository(token, "eve/y", private=True)

    assert room.api("GET", "/repos/eve/y/releases/spam/1/exports/mof").status in (401, 404)
    assert room.api("GET", "/repos/eve/y/releases/spam/1/exports/mof", room.token("ada")).status == 404


def test_few_are_made_at_a_time(room: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Route and page wait in one queue with all that reads much; who finds no place is told so."""
    queue = Queue("exports", at_once=1, waiting=0, wait_s=0.01)
    monkeypatch.setattr("tether.hub.routes.records.HEAVY", queue)
    monkeypatch.setattr("tether.hub.pages.shelf.HEAVY", queue)
    place = "/ada/x/releases/spam/1/exports/mof"
    with queue.turn():
        assert room.api("GET", f"{AT}/spam/1/exports/mof").status == 503
        assert look(room, place).status == 503
        assert look(room, "/ada/x/releases/spam/1").status == 200
    assert room.api("GET", f"{AT}/spam/1/exports/mof").body == look(room, place).body


def test_what_they_cost(tmp_path: Path) -> None:
    """Each counts as five requests, by the route and by the page."""
    hub = HubRoom(tmp_path / "hub", requests_per_s=1, requests_burst=11)
    hub.repository(hub.user("ada"), "ada/x")
    put_release(hub, "spam", "1")
    place = "/ada/x/releases/spam/1/exports/mof"

    assert hub.api("GET", f"{AT}/spam/1/exports/mof").status == 200
    assert [look(hub, place).status for _ in range(2)] == [200, 429]
    hub.close()
