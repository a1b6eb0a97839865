"""Commits and comparisons on pages: what differs, as fits its kind, and bounded."""

import io
import json
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom
from tests.support.modelfiles import torch_shared

HTML = {"accept": "text/html"}


def weights(*values: float) -> bytes:
    """Return a safetensors file with the tensors a and b of one number each."""
    offsets = {"a": [0, 4], "b": [4, 8]}
    tensors = {name: {"dtype": "F32", "shape": [1], "data_offsets": at} for name, at in offsets.items()}
    head = json.dumps(tensors).encode()
    return struct.pack("<Q", len(head)) + head + struct.pack("<2f", *values)


def picture(shade: int) -> bytes:
    """Return a small picture."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(out, "PNG")
    return out.getvalue()


BEFORE = {
    b"notes.txt": b"one\nrate is <b>0.1</b>\nthree\n",
    b"labels.csv": b"id,label\n1,cat\n2,dog\n3,owl\n",
    b"net.safetensors": weights(1.0, 2.0),
    b"owl.png": picture(10),
    b"data.bin": b"\0\1\2",
    b"gone.txt": b"gone\n",
}
AFTER: dict[bytes, bytes | None] = {
    b"notes.txt": b"one\nrate is <b>0.2</b>\nthree\n",
    b"labels.csv": b"id,label\n1,cat\n3,jay\n4,emu\n",
    b"net.safetensors": weights(1.0, 3.0),
    b"owl.png": picture(90),
    b"data.bin": b"\0\1\3",
    b"gone.txt": None,
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubRoom]:
    """Return a hub with ada/birds: main has two commits, and calm is at the first with one of its own."""
    room = HubRoom(tmp_path / "hub")
    room.repository(room.user("ada"), "ada/birds")
    with closing(open_hosted(room, "ada/birds")) as repository:
        first = commit_paths(repository, BEFORE)
        commit_paths(repository, AFTER)
        with repository.transaction("branch") as transaction:
            transaction.set_ref("refs/heads/dev/calm", first)
        commit_paths(repository, {b"calm.txt": b"calm\n"}, branch="dev/calm")
    yield room
    room.close()


def page(hub: HubRoom, path: str) -> str:
    """Return a page of ada/birds."""
    reply = hub.call("GET", f"/ada/birds/{path}", headers=HTML)
    assert reply.status == 200, reply
    return reply.body.decode()


def test_a_commit_shows_what_differs(hub: HubRoom) -> None:
    """Each kind in its own way: marked words, rows by key, tensors, pictures, the rest by digest."""
    shown = page(hub, "commit/main")

    assert "6 files differ" in shown
    assert "0.<mark>1</mark>" in shown
    assert "0.<mark>2</mark>" in shown
    assert "<b>0." not in shown
    assert "<del>owl</del> <ins>jay</ins>" in shown
    assert 'id="row-2"' in shown
    assert "1 of 2 tensors changed" in shown
    assert shown.count("/thumb/") == 2
    assert "binary data" in shown


def test_the_first_commit_is_compared_with_nothing(hub: HubRoom) -> None:
    """All of its files were added."""
    shown = page(hub, "commit/main~1")

    assert "6 files differ" in shown
    assert '<span class="badge added">added</span>' in shown
    assert "removed</span>" not in shown


def test_a_file_has_a_page_of_its_difference(hub: HubRoom) -> None:
    """Side by side, with more lines around, and the text of a table."""
    split = page(hub, "diff/main~1..main/notes.txt?split=1")
    assert 'class="code diff split"' in split

    assert "<del>owl</del>" in page(hub, "diff/main~1..main/labels.csv")
    assert "<del>owl</del>" not in page(hub, "diff/main~1..main/labels.csv?plain=1")
    assert "data-swipe" in page(hub, "diff/main~1..main/owl.png")
    for path in (
        "diff/main~1..main/absent",
        "diff/main~1..main/",
        "diff/main/notes.txt",
        "diff/main~1..none/notes.txt",
    ):
        assert hub.call("GET", f"/ada/birds/{path}", headers=HTML).status in (400, 404)


def test_branches_are_compared_from_where_they_parted(hub: HubRoom) -> None:
    """Three dots leave out what the base has for itself; two compare the ends; slashes of names are kept."""
    parted, ends = page(hub, "compare/main...dev%2Fcalm"), page(hub, "compare/main..dev%2Fcalm")

    assert "1 file differs" in parted
    assert "7 files differ" in ends
    assert (
        hub.call("GET", "/ada/birds/compare?base=main&head=dev/calm")
        .headers["location"]
        .endswith("/compare/main...dev%2Fcalm")
    )
    assert 'value="dev/calm"' in page(hub, "compare")


def test_a_commit_of_many_pictures_is_read_by_folder(hub: HubRoom) -> None:
    """Counts first, some of the pictures, names up to a limit, and none of them opened."""
    with closing(open_hosted(hub, "ada/birds")) as repository:
        added: dict[bytes, bytes | None] = {
            b"night/%04d.png" % number: picture(number % 200) for number in range(400)
        }
        commit_paths(repository, added)

    shown = page(hub, "commit/main")

    assert "400 files differ" in shown
    assert "+400" in shown
    assert shown.count("size=160") == 12
    assert shown.count("/diff/") == 300
    assert "The first 300 of 400 files" in shown


def test_few_numbers_that_much_is_read_for(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small models of which each tensor unpacks a whole storage are not compared."""
    for count in (8, 9, 10):
        with closing(open_hosted(hub, "ada/birds")) as repository:
            commit_paths(repository, {b"net.pt": torch_shared(1 << 16, count)})
    with monkeypatch.context() as patch:
        for name in ("LIMIT", "_LIMIT_AMONG_MANY"):
            patch.setattr(f"tether.pages.differences.weights.{name}", 1 << 20)
        for path in ("commit/main", "diff/main~1..main/net.pt"):
            assert "This is long" in page(hub, path)

    assert "0 of 9 tensors changed" in page(hub, "commit/main~1")


def test_long_texts_are_cut(hub: HubRoom) -> None:
    """Among others they are a link; alone they are shown as far as a page goes."""
    with closing(open_hosted(hub, "ada/birds")) as repository:
        commit_paths(repository, {b"long.txt": b"".join(b"%d\n" % number for number in range(9000))})

    assert "a page of its own" in page(hub, "commit/main")
    alone = page(hub, "diff/main~1..main/long.txt")
    assert "+9,000" in alone
    assert "Only the first lines" in alone
    assert alone.count("<tr") < 3100
