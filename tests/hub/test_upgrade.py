"""Hubs that older versions made: `golden/hub-N.tar.gz` is the folder of one of schema N.

In the first ada has `photos`, with the branches main and side, `empty`, and `gone`, which is deleted; bob is
there too.
"""

import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, create_engine, select
from tests.support.hub import HubRoom
from tests.support.postgres import Cluster
from tests.support.repos import ticking

from tether.core.digest import hash_bytes
from tether.errors import Unsupported
from tether.hub.counting import recount
from tether.hub.database.engine import Database
from tether.hub.database.migrate import migrate
from tether.hub.database.models import RootRow
from tether.hub.keeping import find_deleted
from tether.hub.repositories import find, open_repository
from tether.repo.check import CheckOptions, run_check
from tether.repo.repository import Repository
from tether.repo.root import Root
from tether.storage.local import LocalBackend

GOLDEN = Path(__file__).parent / "golden/hub-0001.tar.gz"
MAIN, SIDE = "a995b1e33dd1", "99907594e9ed"
REFS = {"refs/heads/main": MAIN, "refs/heads/side": SIDE}


class Stopped(BaseException):
    """The process ended here."""


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Return the folder of a hub of the first schema, and the address of its database if it is elsewhere."""
    with tarfile.open(GOLDEN) as archive:
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / "hub"
    if request.param == "sqlite":
        yield root, ""
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.database() as url:
        copy_rows(root / "hub.db", url)
        (root / "hub.db").unlink()
        yield root, url


def copy_rows(source: Path, url: str) -> None:
    """Make the tables of the first schema in a database, and fill them from an SQLite file."""
    database, old = Database(url), create_engine(f"sqlite:///{source}")
    migrate(database, "0001")
    tables = MetaData()
    tables.reflect(database.engine)
    with old.connect() as reading, database.connection() as writing:
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                for row in reading.execute(select(table)):
                    counted = table.name == "audit"  # these ids are counted by the database
                    values = {
                        name: row._mapping[name] for name in row._mapping if not (counted and name == "id")
                    }
                    writing.execute(table.insert().values(values))
    old.dispose()
    database.close()


def opened(hub: HubRoom, name: str) -> Repository:
    """Open one of ada's repositories."""
    with hub.hub.database.session() as session:
        row = find(session, "ada", name) or find_deleted(session, "ada", name, since=0)
    assert row is not None
    return open_repository(hub.hub, row)


def refs(root: Root) -> dict[str, str]:
    """Return what a root names, in short."""
    return {name: digest.hex()[:12] for name, digest in root.refs.items()}


def test_roots_become_rows(old: tuple[Path, str]) -> None:
    """Everything is there afterwards, and sound; the folders say that they are not whole repositories now."""
    root, url = old
    hub = HubRoom(root, database=url)

    for name, expected in (("photos", REFS), ("empty", {}), ("gone", {"refs/heads/main": MAIN})):
        repository = opened(hub, name)
        assert refs(repository.root()) == expected
        assert run_check(repository, CheckOptions(full=True)).problems == []
        assert not (repository.directory / "root").exists()
        [kept] = (repository.directory / "quarantine/moved").iterdir()
        assert kept.read_bytes() == repository.roots.read()
        with pytest.raises(Unsupported, match="belongs to a hub"):
            Repository.open(repository.directory, clock=ticking())
        repository.close()
    token = hub.token("ada")
    assert hub.call("GET", "/api/v1/repos/ada/photos/transfer/refs", token).status == 200
    assert hub.api("GET", "/repos/ada/photos", hub.token("bob")).status == 404
    hub.close()


def test_rights_of_what_was_there(old: tuple[Path, str]) -> None:
    """Repositories of older hubs get no rule, which would refuse what worked; what they take is counted."""
    root, url = old
    hub = HubRoom(root, database=url)
    recount(hub.hub)

    ada = hub.token("ada")
    sizes = [path.stat().st_size for path in root.glob("repositories/*/packs/*.pack")]
    assert hub.ok("GET", "/repos/ada/photos/rules", ada) == []
    assert hub.ok("GET", "/quotas/ada", ada)["bytes"] == sum(sizes) > 0
    hub.ok("PUT", "/repos/ada/photos/rules/r", ada, {"branches": "main"})
    hub.ok("POST", "/repos/ada/photos/locks", ada, {"path": "a"})
    hub.close()


def test_starting_again_changes_nothing(old: tuple[Path, str]) -> None:
    """What moved since is not undone."""
    root, url = old
    hub = HubRoom(root, database=url)
    repository = opened(hub, "photos")
    with repository.transaction("test") as transaction:
        transaction.set_ref("refs/heads/side", None)
    repository.close()
    hub.close()

    again = HubRoom(root, database=url)

    repository = opened(again, "photos")
    assert refs(repository.root()).keys() == {"refs/heads/main"}
    repository.close()
    again.close()


@pytest.mark.parametrize("step", ["swap", "move"])
@pytest.mark.parametrize("after", [False, True])
def test_a_move_that_was_cut_short(
    old: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    """The next start ends it."""
    root, url = old
    real = getattr(LocalBackend, step)

    def stop(*arguments: object) -> None:
        if after:
            real(*arguments)
        raise Stopped

    with monkeypatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(LocalBackend, step, stop)
        HubRoom(root, database=url)

    hub = HubRoom(root, database=url)
    repository = opened(hub, "photos")
    assert refs(repository.root()) == REFS
    assert run_check(repository, CheckOptions(full=True)).problems == []
    repository.close()
    hub.close()


def test_a_file_that_is_there_is_the_truth(old: tuple[Path, str]) -> None:
    """A hub of the old version may have written once more before the move came to its end."""
    root, url = old
    hub = HubRoom(root, database=url)
    repository = opened(hub, "empty")
    stale, value = repository.roots.read(), Root(b"w" * 16).encode()
    (repository.directory / "root").write_bytes(value)
    repository.close()
    hub.close()

    again = HubRoom(root, database=url)

    with again.hub.database.session() as session:
        row = session.get(RootRow, repository.directory.name)
        assert row is not None
        assert (row.value, row.digest) == (value, hash_bytes(value))
    assert stale != value
    again.close()


def test_a_folder_without_a_row_stays(old: tuple[Path, str]) -> None:
    """What no row names is left as it is."""
    root, url = old
    stray = root / "repositories" / ("f" * 32)
    Repository.init(stray, bare=True, clock=ticking()).close()

    HubRoom(root, database=url).close()

    assert Repository.open(stray, clock=ticking()).root().refs == {}


def test_hubs_that_start_at_once(old: tuple[Path, str]) -> None:
    """Each waits for the other, and finds it done."""
    root, url = old
    failures: list[BaseException] = []

    def start() -> None:
        try:
            HubRoom(root, database=url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    hub = HubRoom(root, database=url)
    repository = opened(hub, "photos")
    assert refs(repository.root()) == REFS
    assert not (folder := repository.directory / "root").exists(), folder
    repository.close()
    hub.close()
