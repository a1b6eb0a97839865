"""Pages read little of a large repository: reads of the store are counted, page by page."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom

from tether.pages import folders
from tether.storage.local import LocalBackend

HTML = {"accept": "text/html"}
FILES = 20_000
COMMITS = 40


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubRoom]:
    """Return a hub with ada/large: one folder of many files, and some history."""
    room = HubRoom(tmp_path_factory.mktemp("bounded") / "hub")
    room.repository(room.user("ada"), "ada/large")
    with closing(open_hosted(room, "ada/large")) as repository:
        commit_paths(repository, {b"flat/%06d.txt" % number: b"x" for number in range(FILES)})
        for number in range(COMMITS):
            changes = {b"flat/%06d.txt" % (number * 7): b"%d" % number, b"README.md": b"# %d" % number}
            commit_paths(repository, changes)
    yield room
    room.close()


@pytest.mark.parametrize(
    ("path", "most_reads", "most_bytes"),
    [
        ("", 200, 900_000),
        ("/tree/main/flat", 200, 900_000),
        ("/tree/main/flat?after=010000.txt", 200, 900_000),
        ("/file/main/flat/019999.txt", 200, 900_000),
        ("/raw/main/flat/019999.txt", 40, 300_000),
        ("/history/main", 200, 900_000),
        ("/commit/main", 60, 400_000),
        (f"/commit/main~{COMMITS}", 120, 100_000),
        ("/compare/main~3...main", 90, 500_000),
    ],
)
def test_a_page_reads_little(
    hub: HubRoom, monkeypatch: pytest.MonkeyPatch, path: str, most_reads: int, most_bytes: int
) -> None:
    """The reads follow what the page shows and not what the repository holds; nothing is remembered."""
    reads: list[int] = []

    def counted(real: Any) -> Any:
        def read(*args: Any, **options: Any) -> Any:
            found = real(*args, **options)
            reads.append(len(found))
            return found

        return read

    monkeypatch.setattr(LocalBackend, "read", counted(LocalBackend.read))
    monkeypatch.setattr(folders, "_CHANGES", folders._Changes())

    reply = hub.call("GET", f"/ada/large{path}", headers=HTML)

    assert reply.status == 200
    assert 0 < len(reads) <= most_reads, (len(reads), sum(reads))
    assert sum(reads) <= most_bytes, (len(reads), sum(reads))
    assert len(reply.body) < 100_000
