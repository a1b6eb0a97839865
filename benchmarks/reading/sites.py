"""Who serves the repository: a hub of Tether, and what a Git repository is looked at with, each on a port."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.servers import await_port, free_port, running

_CGIT = Path("/usr/lib/cgit/cgit.cgi")
_GITWEB = Path("/usr/share/gitweb/gitweb.cgi")
_TICKS: int = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Site:
    """A server with the repository.

    Attributes:
        name: What people call it.
        url: Where it is.
        pid: Its process, which waits for those that it starts.
        addresses: For each kind of page the function that returns the address of one.
        headers: Sent with each request, by kind of page; empty for most.
    """

    name: str
    url: str
    pid: int
    addresses: Mapping[str, Callable[[str], str]]
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """Return the processor time that it took so far with all whom it waited for, in seconds."""
        return sum(_cpu_of(pid) for pid in _family(self.pid))

    def memory_kib(self) -> int:
        """Return the most memory that its own process had, in KiB."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        return 0


def _family(pid: int) -> list[int]:
    found, todo = [], [pid]
    while todo:
        found.append(todo.pop())
        try:
            todo += map(int, Path(f"/proc/{found[-1]}/task/{found[-1]}/children").read_text().split())
        except OSError:
            continue
    return found


def _cpu_of(pid: int) -> float:
    """Return user and system time of a process and of its ended children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


@contextmanager
def tether_hub(root: Path, token: str, ids: list[str]) -> Iterator[Site]:
    """Serve a hub by `tether hub serve`, with no limit of requests, as one address asks them all.

    Args:
        root: Its folder.
        token: Of somebody who is signed in.
        ids: The commits, the newest first.
    """
    command = [str(Path(sys.executable).with_name("tether")), "hub", "serve", "--root", str(root)]
    with running(
        [*command, "--port", "0", "--json", "--set", "requests_per_s=0"], root.with_suffix(".log")
    ) as (process, line):
        url = json.loads(line)["url"]
        base = "/ada/large"
        addresses: dict[str, Callable[[str], str]] = {
            "overview": lambda _: base,
            "folder": lambda path: f"{base}/tree/main/{path}",
            "file": lambda path: f"{base}/file/main/{path}",
            "raw": lambda path: f"{base}/raw/main/{path}",
            "history": lambda commit: f"{base}/history/{ids[int(commit)]}",
            "commit": lambda commit: f"{base}/commit/{ids[int(commit)]}",
            "search": lambda word: f"/-/search?q={word}",
            "flat": lambda _: f"{base}/tree/main/flat",
            "table": lambda row: f"{base}/file/main/table.parquet?first={row}",
            "folder, signed in": lambda path: f"{base}/tree/main/{path}",
        }
        yield Site(
            "Tether", url, process.pid, addresses, {"folder, signed in": {"Authorization": f"Bearer {token}"}}
        )


def why_no_cgi() -> str:
    """Say why cgit and gitweb cannot be served here; empty where they can."""
    lacking = [str(each) for each in (_CGIT, _GITWEB) if not each.exists()]
    lacking += [] if shutil.which("lighttpd") or Path("/usr/sbin/lighttpd").exists() else ["lighttpd"]
    return f"{', '.join(lacking)} not found: apt install cgit gitweb lighttpd" if lacking else ""


@contextmanager
def cgi(folder: Path, repository: Path, ids: list[str], name: str) -> Iterator[Site]:
    """Serve a Git repository by cgit or gitweb behind lighttpd, which starts one process for each page.

    Args:
        folder: For settings, which is made.
        repository: The bare repository.
        ids: The commits, the newest first.
        name: `cgit` or `gitweb`.
    """
    folder.mkdir()
    port, script = free_port(), _CGIT if name == "cgit" else _GITWEB
    (folder / "cgitrc").write_text(
        "root-title=Large\nenable-index-owner=0\nrepo.url=large\nrepo.desc=A large repository\n"
        f"repo.path={repository}\n"
    )
    (folder / "gitweb.conf").write_text(
        f"$projectroot = '{repository.parent}';\n$projects_list = $projectroot;\n1;\n"
    )
    (folder / "lighttpd.conf").write_text(
        'server.modules = ("mod_alias", "mod_cgi", "mod_setenv")\n'
        f'server.port = {port}\nserver.bind = "127.0.0.1"\n'
        f'server.document-root = "{folder}"\nserver.max-keep-alive-requests = 10000\n'
        f'alias.url = ("/see" => "{script}")\ncgi.assign = (".cgi" => "")\n'
        f'setenv.set-environment = ("CGIT_CONFIG" => "{folder}/cgitrc", '
        f'"GITWEB_CONFIG" => "{folder}/gitweb.conf", '
        '"PATH" => "/usr/bin:/bin")\n'
    )
    program = shutil.which("lighttpd") or "/usr/sbin/lighttpd"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "-D", "-f", str(folder / "lighttpd.conf")], stderr=log)
    try:
        await_port(port)
        addresses = _of_cgit(ids) if name == "cgit" else _of_gitweb(ids)
        yield Site(name, f"http://127.0.0.1:{port}", process.pid, addresses)
    finally:
        process.terminate()
        process.wait()


def _of_cgit(ids: list[str]) -> dict[str, Callable[[str], str]]:
    base = "/see/large"
    return {
        "overview": lambda _: f"{base}/",
        "folder": lambda path: f"{base}/tree/{path}",
        "file": lambda path: f"{base}/tree/{path}",
        "raw": lambda path: f"{base}/plain/{path}",
        "history": lambda commit: f"{base}/log/?id={ids[int(commit)]}",
        "commit": lambda commit: f"{base}/commit/?id={ids[int(commit)]}",
        "search": lambda word: f"/see/?q={word}",
        "flat": lambda _: f"{base}/tree/flat",
    }


def _of_gitweb(ids: list[str]) -> dict[str, Callable[[str], str]]:
    base = "/see?p=large.git"
    return {
        "overview": lambda _: f"{base};a=summary",
        "folder": lambda path: f"{base};a=tree;hb=main;f={path}",
        "file": lambda path: f"{base};a=blob;hb=main;f={path}",
        "raw": lambda path: f"{base};a=blob_plain;hb=main;f={path}",
        "history": lambda commit: f"{base};a=log;h={ids[int(commit)]}",
        "commit": lambda commit: f"{base};a=commit;h={ids[int(commit)]}",
        "search": lambda word: f"/see?s={word}",
        "flat": lambda _: f"{base};a=tree;hb=main;f=flat",
    }


@contextmanager
def gogs(folder: Path, program: Path, repository: Path, ids: list[str]) -> Iterator[Site]:
    """Serve a Git repository by Gogs, with SQLite, in a folder that is made.

    Args:
        folder: For its settings and data.
        program: Its executable, with `public` and `templates` beside it.
        repository: The bare repository, which takes the place of an empty one that Gogs made.
        ids: The commits, the newest first.
    """
    port, work = free_port(), folder / "custom"
    (work / "conf").mkdir(parents=True)
    environ = {
        **os.environ,
        "GOGS_WORK_DIR": str(program.parent),
        "GOGS_CUSTOM": str(work),
        "USER": "root",
        "HOME": str(folder),
    }
    settings = folder / "custom/conf/app.ini"
    settings.write_text(_GOGS.format(folder=folder, port=port, public=program.parent))
    command = [str(program), "web", "--config", str(settings)]
    person = ["--name", "ada", "--password", "owl-in-a-tree-9", "--email", "ada@example.org", "--admin"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=folder)
        try:
            await_port(port)
            admin = [str(program), "admin", "create-user", *person, "--config", str(settings)]
            subprocess.run(admin, env=environ, stdout=log, stderr=log, check=True, cwd=folder)
            _make_repository(f"http://127.0.0.1:{port}")
            # It takes no notice of what is put under it: a push would say that there is something now.
            with closing(sqlite3.connect(folder / "gogs.db")) as database, database:
                database.execute("UPDATE repository SET is_bare = 0, default_branch = 'main'")
            place = folder / "repositories/ada/large.git"
            shutil.rmtree(place)
            place.symlink_to(repository)
            yield Site("Gogs", f"http://127.0.0.1:{port}", process.pid, _of_gogs(ids))
        finally:
            process.terminate()
            process.wait()


def _make_repository(url: str) -> None:
    import httpx

    who = ("ada", "owl-in-a-tree-9")
    made = httpx.post(f"{url}/api/v1/users/ada/tokens", json={"name": "bench"}, auth=who, timeout=60)
    headers = {"Authorization": f"token {made.raise_for_status().json()['sha1']}"}
    wanted = {"name": "large", "description": "A large repository", "private": False}
    httpx.post(f"{url}/api/v1/user/repos", json=wanted, headers=headers, timeout=60).raise_for_status()


def _of_gogs(ids: list[str]) -> dict[str, Callable[[str], str]]:
    base = "/ada/large"
    return {
        "overview": lambda _: base,
        "folder": lambda path: f"{base}/src/main/{path}",
        "file": lambda path: f"{base}/src/main/{path}",
        "raw": lambda path: f"{base}/raw/main/{path}",
        "history": lambda commit: f"{base}/commits/{ids[int(commit)]}",
        "commit": lambda commit: f"{base}/commit/{ids[int(commit)]}",
        "search": lambda word: f"/explore/repos?q={word}",
        "flat": lambda _: f"{base}/src/main/flat",
    }


_GOGS = """RUN_USER = root
RUN_MODE = prod
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
DISABLE_SSH = true
OFFLINE_MODE = true
STATIC_ROOT_PATH = {public}
APP_DATA_PATH = {folder}/data
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
[database]
DB_TYPE = sqlite3
PATH = {folder}/gogs.db
[security]
INSTALL_LOCK = true
SECRET_KEY = of-a-benchmark
[log]
MODE = file
ROOT_PATH = {folder}/logs
"""
