"""A PostgreSQL server for the tests: a cluster of its own in a temporary folder, reached by a socket there.

Databases of hubs are emptied and used again, which takes a tenth of what it takes to make and drop one.
The server binaries are those of the machine, such as Debian's package `postgresql`; nothing of its own
clusters is touched. The server ends with the process that started it, however that one ends.
"""

import ctypes
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tether.hub.database.engine import Database
from tether.hub.database.migrate import migrate

MISSING = "no PostgreSQL server on this machine: apt-get install postgresql"
_SUPER = "tether"
_PORT = 5432
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "autovacuum": "off",
}
_PARENT_DEATH = 1
_TEMPLATE = "migrated"
_USES = 30
"""How often a database is emptied: rows that were deleted take room until it is dropped."""
_OF_US = "relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
_TABLES = f"SELECT relname FROM pg_class WHERE relkind = 'r' AND {_OF_US}"
_COUNTERS = f"SELECT relname FROM pg_class WHERE relkind = 'S' AND {_OF_US}"
_ALONE = """SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_STATE = """SELECT (SELECT array_agg(version_num || xmin) FROM alembic_version),
(SELECT md5(string_agg(format('%s %s', oid, xmin), ',' ORDER BY oid)) FROM pg_class),
(SELECT md5(string_agg(format('%s %s', attname, xmin), ',' ORDER BY attrelid, attnum)) FROM pg_attribute),
(SELECT md5(string_agg(format('%s %s', oid, xmin), ',' ORDER BY oid)) FROM pg_constraint)"""
"""Which release the tables are of, and who wrote each line of what the server knows of them."""


def find_binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`, the newest version; None where there is none."""
    versions = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if versions:
        return max(versions, key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


class _Empty(NamedTuple):
    """How a database of a hub is emptied, and how the server describes one that is."""

    how: str
    state: tuple[Any, ...] | None


class Cluster:
    """A server that runs.

    Args:
        binaries: Where its programs are.
    """

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._user = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="tether-pg-"))
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        data = str(self.folder / "data")
        options = ["-D", data, "-U", _SUPER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", *options)
        with (self.folder / "data/postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in _SETTINGS.items())
            file.write(f"unix_socket_directories = '{self.folder}'\n")
        self._empty: _Empty | None = None
        self._free: list[tuple[str, int]] = []
        self.start()

    def url(self, name: str) -> str:
        """Return the address of a database for `--database`."""
        return f"postgresql://{_SUPER}@/{name}?host={self.folder}"

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """Make a database and yield its address; it is gone afterwards."""
        name = f"t{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.drop(self.url(name))

    def drop(self, url: str) -> None:
        """Remove a database, and cut the connections to it."""
        self.execute(f"DROP DATABASE IF EXISTS {url.partition('@/')[2].partition('?')[0]} WITH (FORCE)")

    @contextmanager
    def hub_database(self) -> Iterator[str]:
        """Yield the address of a database that has the tables of a hub, all of them empty."""
        if self._empty is None:
            self._empty = self._migrate()
        if not self._free:
            name = f"t{secrets.token_hex(8)}"
            self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
            self._free.append((name, 0))
        name, uses = self._free.pop()
        try:
            yield self.url(name)
        finally:
            if uses < _USES and self._emptied(name, self._empty):
                self._free.append((name, uses + 1))
            else:
                self.drop(self.url(name))

    def _migrate(self) -> "_Empty":
        self.execute(f"CREATE DATABASE {_TEMPLATE}")
        database = Database(self.url(_TEMPLATE))
        migrate(database)
        database.close()
        with psycopg.connect(self.url(_TEMPLATE)) as connection:
            tables = [name for (name,) in connection.execute(_TABLES)]
            counters = [name for (name,) in connection.execute(_COUNTERS)]
            state = connection.execute(_STATE).fetchone()
        steps = ["SET session_replication_role = replica"]  # no order: references are not looked at
        steps += [f'DELETE FROM "{name}"' for name in tables]
        steps += [f"SELECT setval('\"{name}\"', 1, false)" for name in counters]
        return _Empty("; ".join(steps), state)

    def _emptied(self, name: str, empty: "_Empty") -> bool:
        """Empty a database of a hub; return whether it is as a new one: it isn't when tables changed."""
        try:
            with psycopg.connect(self.url(name), autocommit=True) as connection:
                connection.execute(_ALONE)
                connection.execute(empty.how.encode())
                return connection.execute(_STATE).fetchone() == empty.state
        except psycopg.Error:
            return False  # it is gone, or the server is

    def execute(self, statement: str) -> None:
        """Run one statement outside of any of those databases."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - it takes no lock
                **self._as_user(),
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.02)

    def stop(self, *, crash: bool = False) -> None:
        """End the server at once: in order, or as after a crash, with connections cut in both cases."""
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait(timeout=60)

    def close(self) -> None:
        """End the server and remove its folder."""
        if self._process.poll() is None:
            self.stop(crash=True)
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        done = subprocess.run(command, capture_output=True, cwd="/", check=False, **self._as_user())
        assert done.returncode == 0, done.stderr.decode()

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": ()}


def _unprivileged() -> pwd.struct_passwd | None:
    """Return who runs the server where the tests run as root, which it refuses; None for ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _end_with_parent() -> None:
    """Let the kernel stop the server when the process that started it is gone."""
    ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGQUIT)
