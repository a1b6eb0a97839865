"""Single files over HTTP: folders in pages, contents whole and in part, and what is refused."""

import asyncio
import os
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import anyio
import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom, Reply, ask

from tether.core.digest import Digest, hash_bytes
from tether.core.kinds import ObjectKind
from tether.core.tree import EntryKind
from tether.repo.objectdb import ObjectDb
from tether.repo.repository import Repository

# Files are read from the repository: the database has no part in it but for who may read.
pytestmark = pytest.mark.parametrize("hub", ["sqlite"], indirect=True)

WEIGHTS = random.Random(5).randbytes(3_000_000)
ODD = b"odd \xff\n\"'%2F;\xc3\xa9.bin"
FILES = {
    b"README": b"hello\n",
    b"empty": b"",
    b"images/cat.png": b"\x89PNG cat",
    b"images/dog.png": b"\x89PNG dog!",
    b"link": b"images/cat.png",
    b"run.sh": b"#!/bin/sh\n",
    b"weights.bin": WEIGHTS,
    b"page.html": b"<script>alert(1)</script>",
    ODD: b"odd",
}
KINDS = {b"link": EntryKind.SYMLINK, b"run.sh": EntryKind.EXECUTABLE}


class Shelf:
    """A hub with one repository of Ada's.

    Attributes:
        commit: The commit on its branches.
    """

    def __init__(self, hub: HubRoom, *, private: bool = False) -> None:
        self.hub, self.token = hub, hub.user("ada")
        hub.repository(self.token, "ada/photos", private=private)
        self.repository = open_hosted(hub, "ada/photos")
        self.commit = commit_paths(self.repository, FILES, KINDS).hex()
        commit_paths(self.repository, {b"only": b"here"}, branch="feature/x")

    def tree(self, place: str, token: str | None = None) -> Reply:
        """Ask for a folder."""
        return self.hub.api("GET", f"/repos/ada/photos/tree/{place}", token)

    def file(self, place: str, method: str = "GET", **headers: str) -> Reply:
        """Ask for a file, with headers whose names have `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.hub.call(method, f"/api/v1/repos/ada/photos/files/{place}", headers=sent)


@pytest.fixture
def shelf(hub: HubRoom) -> Shelf:
    """Return a hub with files."""
    return Shelf(hub)


def names(reply: Reply) -> list[str]:
    """Return the paths that a page lists."""
    return [entry["path"] for entry in reply.json["entries"]]


def test_a_folder_is_listed(shelf: Shelf) -> None:
    """Each entry has path, kind, size, digest and the number of files; the reply names the commit."""
    reply = shelf.tree("main")

    assert reply.json["commit"] == shelf.commit
    assert (reply.json["entry"]["kind"], reply.json["entry"]["files"]) == ("directory", len(FILES))
    assert names(reply) == sorted({os.fsdecode(path).split("/")[0] for path in FILES})
    found = {entry["path"]: entry for entry in reply.json["entries"]}
    assert found["README"] == {
        "path": "README",
        "kind": "file",
        "size": 6,
        "digest": hash_bytes(b"hello\n").hex(),
        "files": 1,
    }
    assert [found[name]["kind"] for name in ("link", "run.sh", "images")] == [
        "symlink",
        "executable",
        "directory",
    ]
    assert names(shelf.tree("main/images")) == names(shelf.tree("main/images/"))
    assert names(shelf.tree("main/images")) == ["images/cat.png", "images/dog.png"]
    assert reply.json["next"] is None


def test_a_file_is_told_of(shelf: Shelf) -> None:
    """The entry at the path of a file is the file, and nothing is below it."""
    reply = shelf.tree("main/images/cat.png")

    assert (reply.json["entry"]["path"], reply.json["entry"]["size"]) == ("images/cat.png", 8)
    assert (reply.json["entries"], reply.json["next"]) == ([], None)


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_pages(shelf: Shelf, limit: int) -> None:
    """All pages together are the folder, also where a name is no text."""
    found: list[str] = []
    after = ""
    while True:
        page = shelf.tree(f"main?limit={limit}&after={quote(os.fsencode(after))}")
        assert len(page.json["entries"]) <= limit
        found += names(page)
        if page.json["next"] is None:
            break
        after = page.json["next"]

    assert found == names(shelf.tree("main"))


def test_a_page_of_a_large_folder_reads_few_objects(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page costs as much in a folder of 100,000 files as in a small one."""
    many = {b"many/%06d" % number: b"x" for number in range(100_000)}
    commit_paths(shelf.repository, many, branch="many")
    read: list[ObjectKind] = []
    get = ObjectDb.get

    def counted(self: ObjectDb, kind: ObjectKind, digest: Digest) -> bytes:
        read.append(kind)
        return get(self, kind, digest)

    monkeypatch.setattr(ObjectDb, "get", counted)
    reply = shelf.tree("many/many?after=054321&limit=10")

    assert names(reply) == [f"many/{number:06}" for number in range(54322, 54332)]
    assert len(read) < 12


def test_revisions(shelf: Shelf) -> None:
    """Whatever names a revision is good, with `%2F` for a slash in it; the stage is none."""
    assert names(shelf.tree("feature%2Fx")) == names(shelf.tree("feature%2fx/")) == ["only"]
    assert shelf.file("feature%2Fx/only").body == b"here"
    for rev in ("HEAD", shelf.commit, shelf.commit[:8], "heads%2Fmain", "main~0"):
        assert shelf.tree(rev).json["commit"] == shelf.commit
    for place in ("feature/x", "none", "main~1", "a..b", "/README"):
        assert shelf.tree(place).status == 404, place
    for place in ("main~x", "%FF"):
        assert shelf.tree(place).status == 400, place
    assert shelf.tree("main@{2001-01-01}").status == 404


@pytest.mark.parametrize("path", [path for path in FILES if path not in KINDS])
def test_contents(shelf: Shelf, path: bytes) -> None:
    """A file comes as it is; its digest is its tag, and a browser neither shows nor guesses it."""
    reply = shelf.file(f"main/{quote(path, safe='')}")

    assert (reply.status, reply.body) == (200, FILES[path])
    assert reply.headers["etag"] == f'"{hash_bytes(FILES[path]).hex()}"'
    assert reply.headers["content-length"] == str(len(FILES[path]))
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-tether-commit"] == shelf.commit
    head = shelf.file(f"main/{quote(path)}", "HEAD")
    del reply.headers["x-request-id"], head.headers["x-request-id"]
    assert (head.status, head.body, head.headers) == (200, b"", reply.headers)


def test_links_and_folders(shelf: Shelf) -> None:
    """A link gives its target and says that it is one; a folder has no contents."""
    link = shelf.file("main/link")

    assert (link.body, link.headers["x-tether-kind"]) == (b"images/cat.png", "symlink")
    assert shelf.file("main/run.sh").headers["x-tether-kind"] == "executable"
    for method in ("GET", "HEAD"):
        assert shelf.file("main/images", method).status == shelf.file("main/", method).status == 400


SIZE = len(WEIGHTS)
RANGES = {
    "bytes=0-0": (0, 1),
    "bytes=10-99": (10, 100),
    "bytes=2999999-": (SIZE - 1, SIZE),
    "bytes=70000-2500000": (70_000, 2_500_001),
    "bytes=5-99999999999999999999": (5, SIZE),
    "bytes=-1": (SIZE - 1, SIZE),
    "bytes=-99999999999999999999": (0, SIZE),
    "BYTES = 1 - 2 ": (1, 3),
}


@pytest.mark.parametrize("asked", RANGES)
def test_ranges(shelf: Shelf, asked: str) -> None:
    """A part comes as 206 with its place in the whole."""
    start, stop = RANGES[asked]
    reply = shelf.file("main/weights.bin", range=asked)

    assert reply.status == 206
    assert reply.body == WEIGHTS[start:stop]
    assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert reply.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 9}", "bytes=-0"])
def test_ranges_outside(shelf: Shelf, asked: str) -> None:
    """No byte is there: 416, with the length."""
    reply = shelf.file("main/weights.bin", range=asked)

    assert (reply.status, reply.headers["content-range"]) == (416, f"bytes */{SIZE}")
    assert reply.code == "invalid-input"


HOSTILE_RANGES = ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "lines=0-1", "bytes=0-0,5-9"]
HOSTILE_RANGES += ["bytes=-5-9", "bytes=1", "bytes=0x1-2", f"bytes=0-{'9' * 5000}", "bytes=0-0," * 900, "é"]


@pytest.mark.parametrize("asked", HOSTILE_RANGES)
def test_ranges_that_are_none(shelf: Shelf, asked: str) -> None:
    """What is no single range is left out, as RFC 9110 says: the whole comes."""
    assert shelf.file("main/README", range=asked).body == FILES[b"README"]


def test_a_range_of_nothing(shelf: Shelf) -> None:
    """An empty file comes whole whatever part is asked for."""
    assert shelf.file("main/empty", range="bytes=0-").status == 200
    assert shelf.file("main/README", "HEAD", range="bytes=0-1").headers["content-length"] == "6"


def test_conditions(shelf: Shelf) -> None:
    """Who has the file is told so; a part counts only for the file that was meant."""
    tag = f'"{hash_bytes(FILES[b"README"]).hex()}"'
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        for method in ("GET", "HEAD"):
            reply = shelf.file("main/README", method, if_none_match=known)
            assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", tag)
    assert shelf.file("main/README", if_none_match='"other"').status == 200
    assert shelf.file("main/README", range="bytes=1-2", if_range=tag).status == 206
    for other in ('"other"', f"W/{tag}", "Wed, 21 Oct 2026 07:28:00 GMT"):
        assert shelf.file("main/README", range="bytes=1-2", if_range=other).body == FILES[b"README"]


HOSTILE_PATHS = ["../secret", "images/../README", "%2e%2e/README", "..%2Fx", "%00", "a%00b", "/README", "."]
HOSTILE_PATHS += [
    "images//cat.png",
    ".tether/root",
    "README/x",
    "%F0%9F%99%82",
    "a" * 5000,
    "images%5Ccat.png",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_paths_that_are_none(shelf: Shelf, path: str) -> None:
    """A path leads nowhere but down the tree of the commit."""
    assert shelf.file(f"main/{path}").status == shelf.tree(f"main/{path}").status == 404


def test_a_path_that_is_no_text_and_not_there(shelf: Shelf) -> None:
    """The reply names it with its odd bytes as escapes, since JSON and UTF-8 have no other way to."""
    for reply in (shelf.file("main/images/%FF"), shelf.tree("main/images/%FF")):
        assert reply.status == 404
        assert reply.json["error"]["message"] == r"no such file in main: images/\udcff"


@pytest.mark.parametrize("query", ["limit=0", "limit=-1", "limit=10001", "limit=x"])
def test_pages_that_are_none(shelf: Shelf, query: str) -> None:
    """The length of a page is bounded."""
    assert shelf.tree(f"main?{query}").status == 400


def test_absent_and_forbidden_are_the_same(hub: HubRoom) -> None:
    """Of a private repository others get the reply of an address that never was."""
    shelf = Shelf(hub, private=True)
    bob = hub.user("bob")
    for kind in ("tree", "files"):
        for token in (None, bob):
            replies = [
                hub.api("GET", f"/repos/ada/{name}/{kind}/main/README", token)
                for name in ("photos", "phetos")
            ]
            for reply in replies:
                del reply.headers["x-request-id"]
            assert replies[0].status == replies[1].status == 404
            assert replies[0].headers == replies[1].headers
            assert replies[0].body == replies[1].body.replace(b"phetos", b"photos")
    assert hub.api("GET", "/repos/ada/photos/files/main/README", shelf.token).body == b"hello\n"


def test_what_is_lost_is_refused_before_the_reply_begins(shelf: Shelf) -> None:
    """Damage is a reply of its own, not half a file."""
    folder = shelf.repository.directory / "packs"
    for path in folder.rglob("*.pack"):
        data = bytearray(path.read_bytes())
        if len(data) > 1_000_000:
            data[200:-200] = bytes(len(data) - 400)
            path.chmod(0o644)
            path.write_bytes(data)

    assert shelf.file("main/weights.bin").status == 500


class Leaving:
    """Somebody who goes away after the first block of a body."""

    def __init__(self) -> None:
        self.got = 0

    async def receive(self) -> dict[str, Any]:
        """Say that nobody is there any more, once something came."""
        while not self.got:
            await anyio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(self, message: Mapping[str, Any]) -> None:
        """Take a block."""
        self.got += len(message.get("body", b""))


@pytest.mark.parametrize("what", ["file", "pack"])
def test_a_reader_who_leaves(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """The repository is closed, and the rest is not read."""
    closed: list[Repository] = []
    close = Repository.close

    def noted(self: Repository) -> None:
        closed.append(self)
        close(self)

    monkeypatch.setattr(Repository, "close", noted)
    reader = Leaving()
    packs = shelf.hub.hub.settings.repositories.glob("*/packs/*.pack")
    largest = max(packs, key=lambda pack: pack.stat().st_size)
    ways = {"file": "files/main/weights.bin", "pack": f"transfer/packs/{largest.stem}/bytes"}
    path = f"/api/v1/repos/ada/photos/{ways[what]}"
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": ("hub", 80),
    }
    asyncio.run(ask(shelf.hub.app, scope, reader.receive, reader.send))

    assert reader.got
    assert reader.got < SIZE or what == "pack"  # which is one block
    assert len(closed) == 1
