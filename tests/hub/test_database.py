"""Migrations and sessions."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from tests.support.hub import HubRoom

from tether.core.identity import Time
from tether.errors import Conflict, InvalidInput, TetherError, Unavailable, Unsupported
from tether.hub.accounts import new_account
from tether.hub.database.engine import Database
from tether.hub.database.migrate import migrate, newest_migration, revision_of
from tether.hub.database.models import Account, Base, Membership
from tether.hub.hub import Hub
from tether.hub.settings import load_settings


def test_migrations_make_what_the_models_say(hub: HubRoom) -> None:
    """Tables, columns, indexes and constraints of a migrated database are those of the models."""
    with hub.hub.database.connection() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})

        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(hub: HubRoom) -> None:
    """A hub that starts on its own database keeps what is in it."""
    token = hub.user("ada")

    migrate(hub.hub.database)

    assert hub.ok("GET", "/me", token)["name"] == "ada"


def test_a_hub_that_finds_all_done_imports_no_alembic(tmp_path: Path) -> None:
    """It is the larger part of the start of `tether hub user add` and the like."""
    HubRoom(tmp_path / "hub").close()
    program = (
        "import sys; from pathlib import Path; from tether.core.identity import Time\n"
        "from tether.hub.hub import Hub; from tether.hub.settings import load_settings\n"
        "Hub.open(load_settings(Path(sys.argv[1]), {}, {}), lambda: Time(0, 0)).close()\n"
        "print('alembic' in sys.modules)\n"
    )

    def imported(root: str) -> bytes:
        return subprocess.check_output([sys.executable, "-c", program, str(tmp_path / root)])

    assert [imported("hub"), imported("new")] == [b"False\n", b"True\n"]


def test_the_newest_migration_is_told_by_its_file(hub: HubRoom) -> None:
    """The number in its name is what the database notes."""
    with hub.hub.database.connection() as connection:
        assert revision_of(connection) == newest_migration()


def test_a_newer_database_is_refused(hub: HubRoom) -> None:
    """An older hub does not touch tables that it does not know."""
    with hub.hub.database.connection() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Unsupported, match="9999"):
        migrate(hub.hub.database)


def test_two_hubs_start_at_once(tmp_path: Path) -> None:
    """One migrates, the other waits and finds it done."""
    settings = load_settings(tmp_path, {}, {})
    failures: list[BaseException] = []

    def start() -> None:
        try:
            Hub.open(settings, lambda: Time(0, 0)).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


@pytest.mark.parametrize("url", ["nonsense", "other://host/name", "postgresql+none://u:secret@h/n"])
def test_addresses_that_are_none(url: str) -> None:
    """The message has no password."""
    with pytest.raises(InvalidInput) as caught:
        Database(url)

    assert "secret" not in f"{caught.value}{caught.value.hint}"


def test_without_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint says what to install."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(InvalidInput) as caught:
        Database("postgresql://ada@localhost/tether")

    assert caught.value.hint == "run: pip install 'tether[postgresql]'"


def test_a_database_out_of_reach(tmp_path: Path) -> None:
    """A hub does not start without its database, and tells why."""
    settings = load_settings(tmp_path, {"database": f"sqlite:///{tmp_path}/missing/hub.db"}, {})

    with pytest.raises(Unavailable, match="missing"):
        Hub.open(settings, lambda: Time(0, 0))


def test_writers_wait_for_each_other(hub: HubRoom) -> None:
    """Many at once all get their turn, and a name is given once; readers never wait."""
    token = hub.user("ada")
    codes: list[int] = []

    def make(turn: int) -> None:
        body = {"owner": "ada", "name": f"x{turn % 4}"}
        codes.append(hub.api("POST", "/repos", token, body).status)

    threads = [threading.Thread(target=make, args=(turn,)) for turn in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == [201] * 4 + [409] * 8
    assert len(list(hub.hub.settings.repositories.iterdir())) == 4


def test_readers_do_not_wait_for_a_writer(hub: HubRoom) -> None:
    """While a change is under way the state before it is read."""
    hub.user("ada")
    with hub.hub.database.session() as writing:
        account = writing.scalars(select(Account)).one()
        account.name = "Lovelace"
        writing.flush()
        with hub.hub.database.session(reads_only=True) as reading:
            assert reading.scalars(select(Account.name)).all() == ["ada"]


def test_a_block_that_raises_changes_nothing(hub: HubRoom) -> None:
    """All of it or nothing."""
    hub.user("ada")
    with pytest.raises(TetherError, match="stop"), hub.hub.database.session() as session:
        session.scalars(select(Account)).one().name = "Lovelace"
        session.flush()
        raise InvalidInput("stop")

    with hub.hub.database.session() as session:
        assert session.scalars(select(Account.name)).all() == ["ada"]


def test_foreign_keys_are_kept(hub: HubRoom) -> None:
    """A row cannot name another one that is not there."""
    with pytest.raises(Conflict), hub.hub.database.session() as session:
        session.add(Membership(organisation_id="none", account_id="none", role="owner"))


def test_nobody_else_reads_the_files(tmp_path: Path) -> None:
    """The folder and the database are closed to others."""
    hub = HubRoom(tmp_path / "hub")
    root = hub.hub.settings.root

    assert root.stat().st_mode & 0o077 == 0
    assert (root / "hub.db").stat().st_mode & 0o077 == 0
    hub.close()


def test_the_same_row_from_two_sides(hub: HubRoom) -> None:
    """Where two writers add one row, the second is told to try again."""
    hub.user("ada")

    with pytest.raises(Conflict, match="at this moment"), hub.hub.database.session() as session:
        session.add(new_account("ADA", "user", hub.now))
