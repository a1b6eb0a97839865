"""Pages read little of a large repository: reads of the store are counted, page by page."""

import io
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from PIL import Image
from starlette.routing import Route
from tests.support.hosted import commit_paths, open_hosted
from tests.support.hub import HubRoom
from tests.support.records import put_release, put_run, run_id

from tether.hub.opened import Opened
from tether.hub.pages.changing.routes import routes as of_changing
from tether.hub.pages.conversations.routes import routes as of_conversations
from tether.hub.pages.settings.routes import routes as of_settings
from tether.pages import folders, lastchange
from tether.pages import routes as addresses
from tether.pages.remembered import Remembered
from tether.storage.local import LocalBackend

HTML = {"accept": "text/html"}
AT = "/ada/x"
FILES = 20_000
COMMITS = 40
PAGES: list[tuple[str, int, int]] = [
    ("", 120, 100_000),
    ("/tree/main", 120, 100_000),
    ("/tree/main/flat", 200, 300_000),
    ("/tree/main/flat?after=010000.txt", 200, 300_000),
    ("/tree/main/flat?from=0100", 200, 300_000),
    ("/tree/main/flat?view=grid", 200, 300_000),
    ("/file/main/flat/019999.txt", 200, 300_000),
    ("/file/main/table.csv", 120, 100_000),
    ("/file/main/owl.png", 120, 100_000),
    ("/raw/main/flat/019999.txt", 40, 300_000),
    ("/thumb/main/owl.png", 40, 300_000),
    ("/blame/main/README.md", 40, 300_000),
    ("/history/main", 60, 100_000),
    ("/history/main?author=ada", 60, 100_000),
    ("/history/main/README.md", 120, 100_000),
    ("/history/main/flat/000007.txt", 200, 300_000),
    ("/commit/main", 40, 100_000),
    (f"/commit/main~{COMMITS}", 120, 100_000),
    ("/compare", 60, 300_000),
    ("/compare/main~3...main", 90, 500_000),
    ("/diff/main~3...main/README.md", 40, 100_000),
    ("/runs", 60, 300_000),
    (f"/runs/diff?old={run_id(1)}&new={run_id(2)}", 60, 300_000),
    (f"/runs/compare?run={run_id(1)}&run={run_id(2)}", 60, 300_000),
    (f"/runs/{run_id(1)}", 60, 300_000),
    ("/releases", 60, 300_000),
    ("/releases/net/1", 60, 300_000),
    ("/releases/net/1/exports/mof", 60, 300_000),
    ("/lineage", 60, 300_000),
    ("/edit/main/README.md", 60, 300_000),
    ("/new/main/flat", 60, 300_000),
    ("/delete/main/flat", 60, 300_000),
    ("/rename/main/flat/000001.txt", 60, 300_000),
    ("/upload/main/flat", 60, 300_000),
    ("/pulls", 60, 300_000),
    ("/pulls/new?source=side&target=main", 90, 500_000),
    ("/pulls/1", 90, 500_000),
    ("/pulls/1/commits", 90, 500_000),
    ("/pulls/1/files", 90, 500_000),
    ("/pulls/1/file?path=side.txt", 90, 500_000),
    ("/discussions", 60, 300_000),
    ("/settings", 60, 300_000),
    ("/settings/storage", 60, 300_000),
]
"""The address below that of the repository, and the most reads and bytes."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubRoom]:
    """Return a hub with ada/x: one folder of many files, some history, runs, a release, a pull request."""
    room = HubRoom(tmp_path_factory.mktemp("bounded") / "hub")
    token = room.user("ada")
    room.repository(token, "ada/x")
    picture = io.BytesIO()
    Image.new("RGB", (300, 200), "green").save(picture, "png")
    with closing(open_hosted(room, "ada/x")) as repository:
        commit_paths(repository, {b"flat/%06d.txt" % number: b"x" for number in range(FILES)})
        more = {b"table.csv": b"name,legs\nowl,2\ncat,4\n", b"owl.png": picture.getvalue()}
        for number in range(COMMITS):
            changes = {b"flat/%06d.txt" % (number * 7): b"%d" % number, b"README.md": b"# %d" % number}
            commit_paths(repository, {**changes, **more})
            more = {}
        with repository.transaction("branch") as transaction:
            main = transaction.ref("refs/heads/main")
            assert main is not None
            transaction.set_ref("refs/heads/side", main)
        commit_paths(repository, {b"side.txt": b"side"}, branch="side")
    for number in (1, 2):
        put_run(room, number)
    put_release(room, "net", "1")
    wanted = {"title": "Side", "source": "side", "target": "main"}
    room.ok("POST", "/repos/ada/x/pulls", token, wanted)
    yield room
    room.close()


@pytest.fixture
def reads(hub: HubRoom, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the bytes of each read of the store; nothing is remembered of earlier pages."""
    found: list[int] = []

    def counted(real: Any) -> Any:
        def read(*args: Any, **options: Any) -> Any:
            data = real(*args, **options)
            found.append(len(data))
            return data

        return read

    monkeypatch.setattr(LocalBackend, "read", counted(LocalBackend.read))
    monkeypatch.setattr(folders, "_CHANGES", folders._Changes())
    monkeypatch.setattr(lastchange, "_BETWEEN", lastchange._Between())
    monkeypatch.setattr(addresses, "PAGES", Remembered())
    hub.hub.opened.close()
    object.__setattr__(hub.hub, "opened", Opened())
    return found


@pytest.mark.parametrize(("path", "most_reads", "most_bytes"), PAGES)
def test_a_page_reads_little(
    hub: HubRoom, reads: list[int], path: str, most_reads: int, most_bytes: int
) -> None:
    """The reads follow what the page shows and not what the repository holds; nothing is remembered."""
    # Neither run has an evaluation: all that could be one is looked at, and then the page says so.
    status = 400 if path.startswith("/runs/compare") else 200

    reply = hub.call("GET", f"{AT}{path}", hub.token("ada"), headers=HTML)

    assert reply.status == status, reply.body[-2000:].decode()
    assert 0 < len(reads) <= most_reads, (len(reads), sum(reads))
    assert sum(reads) <= most_bytes, (len(reads), sum(reads))
    assert len(reply.body) < 100_000


def test_the_next_file_of_a_folder_reads_hardly_anything(hub: HubRoom, reads: list[int]) -> None:
    """What differs between two states of a folder was found for the page before."""
    assert hub.call("GET", f"{AT}/file/main/flat/019999.txt", hub.token("ada"), headers=HTML).status == 200
    before = len(reads)

    assert hub.call("GET", f"{AT}/file/main/flat/010001.txt", hub.token("ada"), headers=HTML).status == 200
    assert len(reads) - before <= 6


@pytest.mark.parametrize("path", ["/", "/?all=1", "/ada", "/-/search?q=x", "/-/notifications", "/-/settings"])
def test_pages_of_the_hub_read_no_repository(hub: HubRoom, reads: list[int], path: str) -> None:
    """Lists of repositories, search and what concerns people come from the database alone."""
    assert hub.call("GET", path, hub.token("ada"), headers=HTML).status == 200
    assert reads == []


def test_every_kind_of_page_of_a_repository_is_counted() -> None:
    """Each address of a page fits one of those above, but for those below, which read the database alone."""
    others = re.compile(r"/(settings|discussions)/.*|/attachments|/workspaces.*|/pulls/\{number\}/conflicts")
    tried = [f"{AT}{path}".partition("?")[0] for path, *_ in PAGES]
    routes = [*addresses.routes(), *of_changing(), *of_conversations(), *of_settings()]
    pages = [each for each in routes if isinstance(each, Route) and "GET" in (each.methods or ())]
    left = [
        each.path
        for each in pages
        if (below := each.path.removeprefix(addresses.REPOSITORY)) != each.path
        and not others.fullmatch(below)
        and not any(each.path_regex.match(path) for path in tried)
    ]

    assert left == []
