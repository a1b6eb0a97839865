"""Runs the shell blocks of guides; `python -m tests.support.guides` writes what they print into the pages.

A block is `sh`, with words after it that no reader sees: `exit=N` for the code that it ends with, `as=NAME`
for the person who runs it, `background` for a command that runs beside the page, such as a hub, `stops=PORT`
for a block in whose place such a command is told to stop.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.balancer import Proxy
from tests.support.cli import Room
from tests.support.postgres import Cluster, find_binaries
from tests.support.s3 import s3_server, why_not

GUIDES = Path(__file__).parents[2] / "docs/guides"
_BLOCK = re.compile(
    r"^```sh(?P<words>.*)\n(?P<code>(?:.*\n)*?)```\n(?P<text>\n```text\n(?:.*\n)*?```\n)?", re.M
)
_MARK = "==== end of a block"
_PAGE_S = 230
"""For all blocks of a page, on a machine that does much else."""
_PORT = 8000
"""What stands on a page for the port that the first background command took; others follow."""

_BALANCER = ":8080"
"""What stands on a page for the port of a proxy before all background commands."""

DATABASE = "postgresql://tether@localhost/hub"
"""What stands on a page for an empty database of a real server."""

_BUCKET = "s3://data/"
"""What stands on a page for a part of a bucket."""


class _Words(NamedTuple):
    """What the words after `sh` ask for."""

    code: str
    person: str | None
    background: bool
    stops: str | None


class _Beside(NamedTuple):
    """The background commands of a page: what they said, and what stands there for the port of each."""

    said: list[str]
    ports: dict[str, str]
    processes: dict[str, int]


def ran(page: str, folder: Path, database: str = "") -> str:
    """Return the page with the text block after each shell block as the shell printed it.

    All blocks of a page run in one shell, in order; a block that ends with another code than it names
    stops the page. Blocks of people begin in the home of each, and go on where that person's last one ended.
    Background commands start before all blocks, on free ports, and end after them; of what they print, the
    first line is shown. A page about buckets gets a part of one of a real server.

    Args:
        page: The text of the page.
        folder: An empty folder.
        database: The address of an empty database, for a page about PostgreSQL.
    """
    room = Room(folder)
    own: dict[str, str] = {}
    if _BUCKET in page:
        server = s3_server()
        room.environ |= server.environment()
        own[_BUCKET] = f"s3://{server.bucket}/{server.new_prefix()}/"
    if DATABASE in page:
        own[DATABASE] = database
    page = _replaced(page, own)
    room.environ |= {"TETHER_USER_NAME": "Ada", "TETHER_USER_EMAIL": "ada@example.org"}
    blocks = list(_BLOCK.finditer(page))
    people = sorted({words.person for words in map(_words, blocks) if words.person})
    for person in people:
        (room.work / person).mkdir()
    with _beside(room, [block for block in blocks if _words(block).background]) as beside:
        script = "\n".join(_script(room, blocks, people, beside))
        done = room.shell(_replaced(script, beside.ports), timeout_s=_PAGE_S)
    assert done.code == 0, done.out
    out = "".join(f"{line}{_MARK}\n" for line in beside.said) + done.out
    out = out.replace(str(room.work), "/home" if people else "/home/ada")
    back = {real: shown for shown, real in {**own, **beside.ports}.items()}
    return _replaced(_filled(page, _replaced(out, back).split(f"{_MARK}\n"), len(beside.said)), back)


def _replaced(text: str, by: dict[str, str]) -> str:
    for old, new in by.items():
        text = text.replace(old, new)
    return text


def masked(page: str) -> str:
    """Return a page without ids and byte counts, which may differ between runs and versions of libraries."""
    return re.sub(r"\b[0-7][0-9a-hjkmnp-tv-z]{25}\b|[0-9a-f]{12,64}|\b[\d.]+ (?:k|M)?B\b", "...", page)


def _words(block: re.Match[str]) -> _Words:
    given = dict(word.partition("=")[::2] for word in block["words"].split())
    assert given.keys() <= {"exit", "as", "background", "stops"}, block[0]
    return _Words(given.get("exit", "0"), given.get("as"), "background" in given, given.get("stops"))


def _script(room: Room, blocks: list[re.Match[str]], people: list[str], beside: _Beside) -> Iterator[str]:
    yield f"cd {room.work}"
    for person in people:
        yield f"at_{person}={room.work}/{person}"
    for block in blocks:
        words = _words(block)
        if words.background:
            continue
        if words.person:
            own = " ".join(f"{name}={value}" for name, value in _person(room, words.person).items())
            yield f'cd "$at_{words.person}"; export {own}'
        if words.stops:
            yield f"kill {beside.processes[f':{words.stops}']}"
            yield f"while curl -s -o {os.devnull} http://127.0.0.1:{words.stops}/healthz; do sleep 0.1; done"
        yield block["code"]
        yield f'test $? -eq {words.code} || exit 99; echo "{_MARK}"'
        if words.person:
            yield f"at_{words.person}=$PWD"


def _person(room: Room, name: str) -> dict[str, str]:
    """Return the part of the environment that is a person's own."""
    email = f"{name}@example.org"
    return {"HOME": f"{room.work}/{name}", "TETHER_USER_NAME": name.title(), "TETHER_USER_EMAIL": email}


@contextmanager
def _beside(room: Room, blocks: list[re.Match[str]]) -> Iterator[_Beside]:
    """Run the background commands of a page, and a proxy before them if the page has one."""
    beside = _Beside([], {}, {})
    with ExitStack() as stack:
        started = [stack.enter_context(_started(room, block)) for block in blocks]
        for number, (process, log) in enumerate(started):
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            found = re.search(r":\d+$", line.rstrip())
            assert found, f"{line}{log.read_text()}"
            shown = f":{_PORT + number}"
            beside.said.append(line)
            beside.ports[shown], beside.processes[shown] = found[0], process.pid
        if any(_BALANCER in block.string for block in blocks):
            hubs = [f"http://127.0.0.1{port}" for port in beside.ports.values()]
            beside.ports[_BALANCER] = f":{stack.enter_context(Proxy(hubs)).url.rpartition(':')[2]}"
        yield beside


@contextmanager
def _started(room: Room, block: re.Match[str]) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Run one background command on a free port; give the file with what it says on stderr too."""
    person = _words(block).person
    assert person, "a background command belongs to somebody"
    own = {"TETHER_HUB_PORT": "0", "PATH": room.copying_path()}
    environ = {**room.environ, **_person(room, person), **own}
    log = room.work.parent / f"background-{block.start()}.log"
    code = re.sub(r" --port \d+", "", block["code"])
    command = ["/bin/sh", "-c", f"exec {code}"]
    with (
        log.open("wb") as err,
        subprocess.Popen(
            command, cwd=room.work / person, env=environ, stdout=subprocess.PIPE, stderr=err
        ) as process,
    ):
        try:
            yield process, log
        finally:
            process.terminate()


def _filled(page: str, texts: list[str], count: int) -> str:
    """Return the page with its texts, first those of so many background commands."""
    background, shells = iter(texts[:count]), iter(texts[count:])

    def filled(block: re.Match[str]) -> str:
        printed = next(background if _words(block).background else shells)
        code = block[0].removesuffix(block["text"] or "")
        return f"{code}\n```text\n{printed}```\n" if block["text"] else code

    return _BLOCK.sub(filled, page)


def _write_all() -> None:
    """Run all pages, and write those that changed; leave out what this machine has no server for."""
    binaries = find_binaries()
    for path in sorted(GUIDES.glob("*.md")):
        page = path.read_text()
        if (_BUCKET in page and why_not()) or (DATABASE in page and binaries is None):
            continue
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            database = ""
            if DATABASE in page and binaries is not None:
                cluster = Cluster(binaries)
                stack.callback(cluster.close)
                database = stack.enter_context(cluster.database())
            new = ran(page, Path(folder), database)
        if masked(new) != masked(page):
            path.write_text(new)


if __name__ == "__main__":
    _write_all()
