"""Model files on pages: tensors in tables, pickles that run code, damaged ones."""

import errno
import json
import pickle
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom

from tether.pages.viewers import weights
from tether.storage.oserrors import translate

HTML = {"accept": "text/html"}


class Runs:
    """What a hostile pickle does when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("echo <b>owned</b>",)


def safetensors(count: int) -> bytes:
    """Return a file of `count` tensors named layer000.w and so on, of 2 x 3 floats each."""
    tensors = {
        f"layer{number:03d}.w": {
            "dtype": "F32",
            "shape": [2, 3],
            "data_offsets": [24 * number, 24 * number + 24],
        }
        for number in range(count)
    }
    head = json.dumps({"__metadata__": {"by": "<i>me</i>"}, **tensors}).encode()
    return struct.pack("<Q", len(head)) + head + bytes(24 * count)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub with ada/models."""
    room = HubRoom(tmp_path / "hub")
    room.repository(room.user("ada"), "ada/models")
    files = {
        b"net.safetensors": safetensors(3),
        b"large.safetensors": safetensors(700),
        b"cut.safetensors": safetensors(3)[:90],
        b"owned.pkl": pickle.dumps(Runs()),
    }
    with closing(open_hosted(room, "ada/models")) as repository:
        commit_paths(repository, files)
    yield room
    room.close()


def page(hub: HubRoom, name: str) -> str:
    """Return the page of a file."""
    reply = hub.call("GET", f"/ada/models/file/main/{name}", headers=HTML)
    assert reply.status == 200
    return reply.body.decode()


def test_tensors_with_their_shapes(hub: HubRoom) -> None:
    """Names, types, shapes and sums; what the file says of itself is text."""
    shown = page(hub, "net.safetensors")

    assert [shown.count(f">layer{number:03d}.w<") for number in range(4)] == [1, 1, 1, 0]
    assert "2 \N{MULTIPLICATION SIGN} 3" in shown
    assert "18 parameters" in shown
    assert "&lt;i&gt;me&lt;/i&gt;" in shown
    assert "<i>me" not in shown


def test_many_tensors_come_by_pages_and_are_found_by_name(hub: HubRoom) -> None:
    """The second page has the rest; a name narrows all of them."""
    first, second = page(hub, "large.safetensors"), page(hub, "large.safetensors?first=500")

    assert ("layer499.w" in first, "layer500.w" in first) == (True, False)
    assert ("layer499.w" in second, "layer699.w" in second) == (False, True)
    assert page(hub, "large.safetensors?find=LAYER69").count(">layer69") == 10


def test_a_pickle_that_runs_code_says_so(hub: HubRoom, capfd: pytest.CaptureFixture[str]) -> None:
    """The function is named, and nothing ran."""
    shown = page(hub, "owned.pkl")

    assert "Loading this file runs code" in shown
    assert "system" in shown
    assert "owned</b>" not in shown
    assert "owned" not in capfd.readouterr().out


def test_a_damaged_file_has_a_page(hub: HubRoom) -> None:
    """It says what is wrong, and how to get the file."""
    shown = page(hub, "cut.safetensors")

    assert "cannot be shown" in shown
    assert "save=1" in shown


def test_storage_that_fails_is_not_told_of_the_file(
    hub: HubRoom, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is said of where the hub keeps it, but in the log."""

    def read(*_: object) -> None:
        raise translate(OSError(errno.EIO, "as told"), "/srv/hub/x")

    monkeypatch.setattr(weights, "read_facts", read)
    reply = hub.call("GET", "/ada/models/file/main/net.safetensors", headers=HTML)

    assert reply.status == 503
    assert b"hub cannot use its storage now" in reply.body
    assert b"/srv" not in reply.body
    assert "failed: the disk reports an error at /srv/hub/x" in caplog.text
