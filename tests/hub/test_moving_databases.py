"""Hubs move from SQLite to PostgreSQL and back by a backup: every row of every table, or nothing."""

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Column, Integer, LargeBinary, String, create_engine, inspect, select
from sqlalchemy.engine import Engine
from tests.support.cli import Room
from tests.support.crowd import Client, check_crowd, run_all
from tests.support.hub import HubRoom
from tests.support.postgres import Cluster
from tests.support.replicas import Replicas
from tests.support.served import Served

from tether.errors import AlreadyExists
from tether.hub.database.engine import Database
from tether.hub.database.models import Base
from tether.hub.snapshots import fill_database, snapshot

TABLES = Base.metadata.sorted_tables
_COUNT = itertools.count(1)


def value_for(column: Column[Any], there: dict[str, list[Any]], full: bool) -> Any:
    """Return a value that a column may have, hard to keep where that is possible."""
    if column.foreign_keys:
        [key] = column.foreign_keys
        return there[key.column.table.name][full]
    number = next(_COUNT)
    if isinstance(column.type, JSON):
        return {"é\u2028": [None, True, 1.5, "\\", number]}
    if isinstance(column.type, Boolean):
        return number % 2 == 0
    if isinstance(column.type, LargeBinary):
        return bytes(range(256)) * 3
    if isinstance(column.type, Integer):
        return number if column.primary_key else (1 << 31) - number
    assert isinstance(column.type, String), column
    return f"{number}ö'\n😀"[: column.type.length]


def fill(database: Database) -> None:
    """Add two rows to every table, one of them with all that may be empty left so."""
    there: dict[str, list[Any]] = {}
    with database.connection() as connection:
        for table in TABLES:
            for full in (False, True):
                kept = [each for each in table.columns if full or not each.nullable]
                row = {each.name: value_for(each, there, full) for each in kept}
                connection.execute(table.insert().values(row))
                if len(table.primary_key.columns) == 1:
                    [key] = table.primary_key.columns
                    there.setdefault(table.name, []).append(row[key.name])


def rows_of(engine: Engine) -> dict[str, list[str]]:
    """Return all rows by their table."""
    with engine.connect() as connection:
        return {table.name: sorted(map(repr, connection.execute(select(table)))) for table in TABLES}


def tables_of(engine: Engine) -> set[str]:
    """Return the names of all tables."""
    return set(inspect(engine).get_table_names())


@pytest.fixture
def empty(postgres: Cluster) -> Iterator[str]:
    """Return the address of a database without tables."""
    with postgres.database() as url:
        yield url


def test_every_row_goes_there_and_back(tmp_path: Path, empty: str) -> None:
    """No table and no value is another one on the other database, nor after the way back."""
    hub = HubRoom(tmp_path / "hub")
    fill(hub.hub.database)
    before = rows_of(hub.hub.database.engine)
    there, back = Database(empty), create_engine(f"sqlite:///{tmp_path / 'back.db'}")

    snapshot(hub.hub.database, tmp_path / "copy.db")
    fill_database(tmp_path / "copy.db", there)
    snapshot(there, tmp_path / "back.db")

    assert min(map(len, before.values())) == 2
    assert rows_of(there.engine) == before
    assert rows_of(back) == before
    assert (
        tables_of(there.engine) == tables_of(back) == {table.name for table in TABLES} | {"alembic_version"}
    )
    assert {path.name for path in tmp_path.iterdir()} == {"hub", "copy.db", "back.db"}
    assert (tmp_path / "back.db").stat().st_mode & 0o777 == 0o600
    with pytest.raises(AlreadyExists):
        fill_database(tmp_path / "copy.db", there)
    hub.close()
    there.close()
    back.dispose()


def test_a_hub_moves_to_postgresql_and_back(tmp_path: Path, empty: str) -> None:
    """People go on with their tokens, and what they push then is in the backup of the new hub."""
    replicas = Replicas(tmp_path / "hubs", 1)
    room = replicas.room
    clients = [Client("c0", replicas.hubs[0].url, replicas.token, tmp_path)]
    run_all(clients, 1)[0].join()
    replicas.hubs[0].stop()
    room.do("hub", "backup", "-q", "safe", "--root", "hub")
    room.do("hub", "restore", "-q", "safe", "--root", "new", "--database", empty)

    replicas.options = ("--root", "new", "--database", empty)
    replicas.hubs[0] = Served(room, *replicas.options)
    fresh = [Client(f"c{number}", replicas.hubs[0].url, replicas.token, tmp_path) for number in (1, 2)]
    threads = run_all(fresh, 2)
    room.do("hub", "backup", "-q", "beside", *replicas.options)
    for thread in threads:
        thread.join()
    clients += fresh
    assert check_crowd(replicas, clients, tmp_path / "copy") == 5

    room.do("hub", "backup", "-q", "beside", *replicas.options)
    replicas.hubs[0].stop()
    room.do("hub", "restore", "-q", "beside", "--root", "back")
    replicas.options = ("--root", "back")
    replicas.hubs[0] = Served(room, *replicas.options)
    assert check_crowd(replicas, clients, tmp_path / "again") == 5
    replicas.close()


def change(backup: Path, statement: str) -> None:
    """Change the database of a backup."""
    with closing(sqlite3.connect(backup / "hub.db")) as connection, connection:
        connection.execute(statement)


def test_what_cannot_be_restored_leaves_an_empty_database(tmp_path: Path, empty: str) -> None:
    """A row that PostgreSQL does not take, a newer hub, tables of others: told, and nothing is changed."""
    room, database = Room(tmp_path), Database(empty)
    room.environ["PG"] = empty
    room.do("hub", "user", "add", "-q", "ada", "--root", "hub")
    room.do("hub", "backup", "-q", "safe", "--root", "hub")
    shutil.copytree(room.work / "safe", room.work / "long")
    change(room.work / "long", "UPDATE accounts SET name = printf('%0300d', 7)")
    shutil.copytree(room.work / "safe", room.work / "newer")
    change(room.work / "newer", "UPDATE alembic_version SET version_num = '9999'")

    room.transcript("""
        $ tether hub restore long --root new --database "$PG"
        error: the database does not take a row of accounts: value too long for type character varying(100)
        ...
        [9]
        $ tether hub restore newer --root new --database "$PG"
        error: the database has tables of a newer hub (9999)
        hint: use a newer Tether
        [9]
    """)
    assert tables_of(database.engine) == set()
    room.transcript("""
        $ tether hub restore safe --root new --database "$PG"
        restored to new: 0 repositories, 0 packs copied (0 B)
        $ tether hub restore safe --root other --database "$PG"
        error: the database ... is not empty
        hint: make a new one and name that
        [4]
    """)
    assert not (room.work / "other").exists()
    database.close()
