"""How files of many kinds are shown, and what hostile ones get."""

import io
import json
import re
import tarfile
import time
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from tests.support.gallery import tables
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom

from tether.core.digest import Digest, hash_bytes
from tether.errors import NotFound
from tether.pages.notebookpictures import NotebookPictures
from tether.pages.viewers.notebook import Picture

HTML = {"accept": "text/html"}


def picture(form: str, **options: object) -> bytes:
    """Return a small picture."""
    out = io.BytesIO()
    Image.new("RGB", (30, 20), (200, 0, 0)).save(out, form, **options)
    return out.getvalue()


def with_exif() -> bytes:
    """Return a picture with what a camera writes."""
    exif = Image.Exif()
    exif[0x010F] = "<b>Camera</b>"
    return picture("JPEG", exif=exif)


def zipped(count: int) -> bytes:
    """Return an archive of so many files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"in/<i>{number:04d}</i>.txt", "x" * number)
    return out.getvalue()


def tarred(mode: str) -> bytes:
    """Return an archive with one file and a large one that compresses well."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, size in (("first.txt", 3), ("bomb.bin", 40_000_000), ("behind.txt", 3)):
            info = tarfile.TarInfo(name)
            info.size = size
            archive.addfile(info, io.BytesIO(bytes(size)))
    return out.getvalue()


NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["# A title\n", "<script>alert(1)</script>"]},
        {
            "cell_type": "code",
            "source": "print(1)",
            "outputs": [
                {"output_type": "stream", "text": ["<u>printed</u>\n"]},
                {"output_type": "display_data", "data": {"image/png": b64encode(picture("PNG")).decode()}},
                {"output_type": "display_data", "data": {"image/png": b64encode(b"<script>").decode()}},
                {"output_type": "display_data", "data": {"image/svg+xml": "<svg/>"}},
            ],
        },
    ]
}
TREE = {"a": [1, None, True], "<k>": {"b": "x" * 900}, "many": list(range(9000))}
FILES = {
    b"a.jpg": with_exif(),
    b"b.png": picture("PNG"),
    b"c.tiff": picture("TIFF"),
    b"cut.png": picture("PNG")[:40],
    b"tone.wav": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88\x58\1\0\2\0\x10\0data\0\0\0\0",
    b"film.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(100),
    b"noise.bin": bytes(range(255, -1, -1)) * 9,
    b"paper.pdf": b"%PDF-1.4\n%\xe2\xe3\n",
    b"deep.json": b"[" * 50_000 + b"]" * 50_000,
    b"nested.json": b"[" * 200 + b"]" * 200,
    b"tree.json": json.dumps(
        {"a": [1, None, True], "<k>": {"b": "x" * 900}, "many": list(range(9000))}
    ).encode(),
    b"broken.json": b'{"a": ',
    b"book.ipynb": json.dumps(NOTEBOOK).encode(),
    b"odd.ipynb": b'{"cells": 3}',
    b"some.zip": zipped(3),
    b"many.zip": zipped(1200),
    b"cut.zip": zipped(3)[:-30],
    b"plain.tar": tarred("w"),
    b"packed.tar.gz": tarred("w:gz"),
    b"long.txt": b"".join(b"line %d\n" % number for number in range(60_000)),
    **{path.encode(): data for path, data in tables(changed=False).items()},
}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubRoom]:
    """Return a hub with ada/files, which these tests only read."""
    room = HubRoom(tmp_path_factory.mktemp("views") / "hub")
    room.repository(room.user("ada"), "ada/files")
    with closing(open_hosted(room, "ada/files")) as repository:
        commit_paths(repository, FILES)
    yield room
    room.close()


def page(hub: HubRoom, name: str) -> str:
    """Return the page of a file."""
    reply = hub.call("GET", f"/ada/files/file/main/{name}", headers=HTML)
    assert reply.status == 200
    assert b"<script>alert" not in reply.body
    return reply.body.decode()


def test_pictures(hub: HubRoom) -> None:
    """Size, what the camera wrote, the next one; kinds that browsers do not show are made anew."""
    shown = page(hub, "a.jpg")
    assert 'width="30" height="20"' in shown
    assert "&lt;b&gt;Camera" in shown
    assert 'href="/ada/files/file/main/b.png"' in shown

    assert "/thumb/" in page(hub, "c.tiff")
    assert "/raw/main/cut.png" in page(hub, "cut.png")
    assert hub.call("GET", "/ada/files/thumb/main/c.tiff?size=1280").headers["content-type"] == "image/webp"
    assert hub.call("GET", "/ada/files/thumb/main/cut.png").headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    ("name", "kind", "tag"), [("tone.wav", "audio/wav", "audio"), ("film.mp4", "video/mp4", "video")]
)
def test_players(hub: HubRoom, name: str, kind: str, tag: str) -> None:
    """The browser plays the contents and asks for parts of them."""
    assert f"<{tag} controls" in page(hub, name)
    part = hub.call("GET", f"/ada/files/raw/main/{name}", headers={"range": "bytes=8-11"})
    assert (part.status, part.headers["content-type"]) == (206, kind)


def test_a_pdf_is_opened_by_the_browser(hub: HubRoom) -> None:
    """As what it is, and as nothing else."""
    assert "Open it in the browser" in page(hub, "paper.pdf")
    raw = hub.call("GET", "/ada/files/raw/main/paper.pdf")
    assert (raw.headers["content-type"], raw.headers["x-content-type-options"]) == (
        "application/pdf",
        "nosniff",
    )


def test_json_is_a_tree(hub: HubRoom) -> None:
    """It folds, is cut where it is long or deep, and is text where it is none."""
    shown = page(hub, "tree.json")
    assert '<span class="key">&lt;k&gt;</span>' in shown
    assert '<span class="v-null">null</span>' in shown
    assert "x" * 501 not in shown
    assert "more</li>" in shown
    assert 300 > page(hub, "nested.json").count("<details") > 30
    assert 'id="L1"' in page(hub, "deep.json")
    assert 'id="L1"' in page(hub, "broken.json")
    assert 'id="L1"' in page(hub, "tree.json?plain=1")


def test_notebooks(hub: HubRoom) -> None:
    """Text, code, what it printed and drew; what is no notebook is text, and no picture is sent as none."""
    shown = page(hub, "book.ipynb")
    assert "<h1>A title</h1>" in shown
    assert "&lt;u&gt;printed" in shown
    assert '<img src="/ada/files/raw/main/book.ipynb?picture=1.1"' in shown
    assert "1 more picture in" in shown  # the drawing that may hold scripts
    sent = hub.call("GET", "/ada/files/raw/main/book.ipynb?picture=1.1")
    assert (sent.headers["content-type"], sent.body) == ("image/png", picture("PNG"))
    assert "sandbox" in sent.headers["content-security-policy"]
    for at in (
        "book.ipynb?picture=1.2",
        "book.ipynb?picture=1.3",
        "odd.ipynb?picture=0.0",
        "a.jpg?picture=0.0",
    ):
        assert hub.call("GET", f"/ada/files/raw/main/{at}").status == 404
    assert 'id="L1"' in page(hub, "odd.ipynb")


def test_a_notebook_is_parsed_once_for_all_its_pictures() -> None:
    """However many are asked for at once; the ones looked at last are kept, and of another there are none."""
    one, other = (json.dumps(book | {"x": n}).encode() for n, book in enumerate((NOTEBOOK, NOTEBOOK)))
    known, reads = {hash_bytes(data): data for data in (one, other, b"[1]")}, list[Digest]()

    def read(digest: Digest, offset: int, limit: int) -> bytes:
        reads.append(digest)
        time.sleep(0.02)
        return known[digest][offset:limit]

    contents: Any = SimpleNamespace(read=read)
    kept = NotebookPictures(kept=len(picture("PNG")) + 700)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: kept.of(contents, hash_bytes(one), "1.1"), range(8)))
    assert found == [Picture(picture("PNG"), "image/png")] * 8
    assert reads == [hash_bytes(one)]
    for number in ("1.2", "9.9", "x"):
        with pytest.raises(NotFound):
            kept.of(contents, hash_bytes(one), number)
    with pytest.raises(NotFound):
        kept.of(contents, hash_bytes(b"[1]"), "0.0")
    assert len(reads) == 2
    kept.of(contents, hash_bytes(other), "1.1")
    kept.of(contents, hash_bytes(one), "1.1")
    assert reads[2:] == [hash_bytes(other), hash_bytes(one)]


def test_archives_are_listed(hub: HubRoom) -> None:
    """Names and sizes; long lists are cut, bombs stay packed, damaged ones are shown as what they are."""
    assert "in/&lt;i&gt;0002" in page(hub, "some.zip")
    many = page(hub, "many.zip")
    assert many.count("in/&lt;i&gt;") == 1000
    assert "There may be more" in many
    assert "save=1" in page(hub, "cut.zip")
    assert "is in the archive" not in page(hub, "cut.zip")
    assert "behind.txt" in page(hub, "plain.tar")
    packed = page(hub, "packed.tar.gz")
    assert "first.txt" in packed


def test_long_texts_are_cut(hub: HubRoom) -> None:
    """The beginning is shown; the page stays of a size that a phone takes."""
    shown = page(hub, "long.txt")

    assert "Next part" in shown
    assert "from=" in shown


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("nested.json", True),
        ("tables/labels.csv", True),
        ("tables/labels.parquet", False),
        ("a.jpg", False),
        ("long.txt", False),
    ],
)
def test_texts_alone_are_offered_for_editing(hub: HubRoom, name: str, offered: bool) -> None:
    """A table in Parquet is none, nor is a text that is too long for a form; JSON is, though it is a tree."""
    reply = hub.call("GET", f"/ada/files/file/main/{name}", hub.token("ada"), headers=HTML)

    assert reply.status == 200
    assert (f'href="/ada/files/edit/main/{name}"' in reply.body.decode()) is offered


def test_bytes_are_shown_from_anywhere(hub: HubRoom) -> None:
    """A part of a file is read by where it begins; what is behind the end shows the last part."""
    first = page(hub, "noise.bin")
    assert '<td class="no">00000000</td><td class="line">ff fe fd' in first
    assert 'href="?at=512"' in first
    middle = page(hub, "noise.bin?at=0x408")
    assert '<td class="no">00000400</td><td class="line">ff fe fd' in middle
    assert {'href="?at=512"', 'href="?at=1536"'} <= set(re.findall(r'href="\?at=\d+"', middle))
    last = page(hub, "noise.bin?at=99999999999999999999")
    assert "000008f0" in last
    assert 'href="?at=1536"' in last
    assert 'rel="next"' not in last
    assert page(hub, "noise.bin?at=-3") == first
