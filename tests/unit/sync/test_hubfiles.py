"""What a hub says of its files is not believed, nor what it sends as one."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import pytest

from tether.core.digest import hash_bytes
from tether.core.tree import EntryKind
from tether.errors import Corrupt, InvalidInput, Unavailable
from tether.sync.fileaddress import FileAddress, parse_file_address
from tether.sync.http import HttpClient, Reply, Request
from tether.sync.hubfiles import HubFiles
from tether.sync.remotefiles import RemoteEntry, read_whole

T = TypeVar("T")
DATA = bytes(range(256)) * 40
COMMIT = "ab" * 32
ENTRY = RemoteEntry(b"a b/x", EntryKind.FILE, len(DATA), hash_bytes(DATA), 1)
TAG = f'"{ENTRY.digest.hex()}"'


class Liar:
    """A client of a hub that answers as the test says.

    Attributes:
        document: The next document.
        replies: The next replies with contents; an error is raised after the bytes of a reply before it.
        asked: The ranges that were asked for.
    """

    base, jobs = "http://hub.example.org", 2

    def __init__(self, document: Any = None, *replies: tuple[int, dict[str, str], bytes, bool]) -> None:
        self.document, self.replies = document, list(replies)
        self.asked: list[str] = []

    def json(self, method: str, path: str) -> Any:
        """Return the document."""
        return self.document

    def exchange(self, make: Callable[[], Request], use: Callable[[Reply], T], *, block: int = 0) -> T:
        """Give the next reply."""
        self.asked.append((make().headers or {})["Range"])
        status, headers, body, is_cut = self.replies.pop(0)

        def blocks() -> Iterator[bytes]:
            yield body[:1000]
            yield body[1000:]
            if is_cut:
                raise Unavailable("cut")

        return use(Reply(status, headers, blocks()))

    def files(self) -> HubFiles:
        """Return the files of a repository there."""
        return HubFiles(cast("HttpClient", self), "ada", "photos")


def part(start: int, stop: int, *, cut: bool = False) -> tuple[int, dict[str, str], bytes, bool]:
    """Return the reply with a part of the file."""
    headers = {"ETag": TAG, "Content-Range": f"bytes {start}-{stop - 1}/{len(DATA)}"}
    return 206, headers, DATA[start:stop], cut


def test_a_cut_costs_nothing() -> None:
    """What came is not asked for again; a proxy that sends the whole file is understood."""
    hub = Liar(
        None, part(0, 3000, cut=True), part(3000, 5000, cut=True), (200, {"ETag": f"W/{TAG}"}, DATA, False)
    )

    assert read_whole(hub.files(), COMMIT, ENTRY) == DATA
    assert hub.asked == [f"bytes={start}-{len(DATA) - 1}" for start in (0, 3000, 5000)]


def test_a_cut_without_a_byte_ends_it() -> None:
    """The client has tried often enough."""
    hub = Liar(None, part(0, 3000, cut=True), (206, part(3000, 4000)[1], b"", True))

    with pytest.raises(Unavailable):
        read_whole(hub.files(), COMMIT, ENTRY)


@pytest.mark.parametrize(
    "reply",
    [
        (206, {"ETag": '"other"', "Content-Range": f"bytes 0-{len(DATA) - 1}/{len(DATA)}"}, DATA, False),
        (206, {"ETag": TAG, "Content-Range": f"bytes 1-{len(DATA) - 1}/{len(DATA)}"}, DATA, False),
        (206, {"ETag": TAG, "Content-Range": f"bytes 0-{len(DATA) - 1}/999999"}, DATA, False),
        (206, {"ETag": TAG, "Content-Range": "bytes */5"}, DATA, False),
        (206, {"ETag": TAG}, DATA, False),
        (204, {"ETag": TAG}, b"", False),
        (200, {}, DATA, False),
        (200, {"ETag": TAG}, DATA[::-1], False),
        (200, {"ETag": TAG}, b"", False),
    ],
)
def test_contents_that_are_none(reply: tuple[int, dict[str, str], bytes, bool]) -> None:
    """Another file, another part, other bytes, or nothing."""
    with pytest.raises(Corrupt):
        read_whole(Liar(None, reply).files(), COMMIT, ENTRY)


def test_too_much_is_cut_off() -> None:
    """No byte behind the part that was asked for is taken."""
    got: list[bytes] = []
    Liar(None, (206, part(0, 100)[1], DATA, False)).files().read(COMMIT, ENTRY, 0, 100, got.append)

    assert b"".join(got) == DATA[:100]


def row(path: str, **changes: Any) -> dict[str, Any]:
    """Return an entry as a hub sends it."""
    return {"path": path, "kind": "file", "size": 1, "digest": "00" * 32, "files": 1, **changes}


def document(*rows: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the reply to a look at the folder `d`."""
    return {
        "commit": COMMIT,
        "entry": row("d", kind="directory"),
        "entries": list(rows),
        "next": None,
        **changes,
    }


def test_a_list_that_is_one() -> None:
    """Names that are no text come back as they were."""
    look = Liar(document(row("d/a"), row("d/\udcff"), next="\udcff")).files().look("main", b"d")

    assert [entry.path for entry in look.below] == [b"d/a", b"d/\xff"]
    assert look.after == b"\xff"


@pytest.mark.parametrize(
    "reply",
    [
        None,
        [],
        {},
        document(commit="zz" * 32),
        document(commit=5),
        document(row("d/../x")),
        document(row("d/..")),
        document(row("d/.")),
        document(row("d/")),
        document(row("d/a/b")),
        document(row("e/a")),
        document(row("/d/a")),
        document(row("d/a\0")),
        document(row("d/\ud800")),
        document(row("d/b"), row("d/a")),
        document(row("d/a"), row("d/a")),
        document(row("d/a", kind="device")),
        document(row("d/a", size=-1)),
        document(row("d/a", size=2**64)),
        document(row("d/a", size="1")),
        document(row("d/a", digest="00")),
        document(row("d/a", files=None)),
        document(row("d/a"), next="b"),
        document(next="a"),
        document(next=5),
        document(row("d/a"), entry=row("d")),
        document(entry=row("x", kind="directory")),
    ],
)
def test_lists_that_are_none(reply: Any) -> None:
    """A name leads only down, in order, and what follows a page is behind it."""
    with pytest.raises((Corrupt, InvalidInput)):
        Liar(reply).files().look("main", b"d")


def test_a_page_begins_behind_the_one_before() -> None:
    """So a list has an end."""
    with pytest.raises(Corrupt):
        Liar(document(row("d/a"), row("d/b"))).files().look("main", b"d", b"a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://h:80/ada/photos@v1:a/b.csv", FileAddress("http://h:80/ada/photos", "v1", b"a/b.csv")),
        ("https://h/ada/photos:", FileAddress("https://h/ada/photos", "", b"")),
        ("https://h/ada/photos:a@b:c", FileAddress("https://h/ada/photos", "", b"a@b:c")),
        ("https://h/a/p@feature%2Fx:y", FileAddress("https://h/a/p", "feature/x", b"y")),
        (
            "https://h/a/p@main@{2026-01-31T10:00}:y",
            FileAddress("https://h/a/p", "main@{2026-01-31T10:00}", b"y"),
        ),
        ("../s@ared/photos@v1~2:./a//b", FileAddress("../s@ared/photos", "v1~2", b"a/b")),
        ("file:///srv/photos@v1:a", FileAddress("file:///srv/photos", "v1", b"a")),
        ("photos:a", FileAddress("photos", "", b"a")),
        ("s3://data/p/q@v1:a", FileAddress("s3://data/p/q", "v1", b"a")),
        ("gs://data@v1:a", FileAddress("gs://data", "v1", b"a")),
        ("az://data:a", FileAddress("az://data", "", b"a")),
        ("/srv/caf\udce9:a\udcff", FileAddress("/srv/caf\udce9", "", b"a\xff")),
    ],
)
def test_addresses(text: str, expected: FileAddress) -> None:
    """The path begins at the first colon behind the host, the revision at the first @ of the last name."""
    assert parse_file_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":", "photos", "http://h:80/ada/photos", "https://h", ":a", "x:../a", "@v1:a"]
)
def test_addresses_that_are_none(text: str) -> None:
    """Each part is needed, and a path stays inside."""
    with pytest.raises(InvalidInput):
        parse_file_address(text)
