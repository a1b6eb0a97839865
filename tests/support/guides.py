"""Runs the shell blocks of guides; `python -m tests.support.guides` writes what they print into the pages.

A block is `sh`, with words after it that no reader sees: `exit=N` for the code that it ends with, `as=NAME`
for the person who runs it, `background` for a command that runs beside the page, such as a hub.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.cli import Room
from tests.support.s3 import s3_server, why_not

GUIDES = Path(__file__).parents[2] / "docs/guides"
_BLOCK = re.compile(
    r"^```sh(?P<words>.*)\n(?P<code>(?:.*\n)*?)```\n(?P<text>\n```text\n(?:.*\n)*?```\n)?", re.M
)
_MARK = "==== end of a block"
_PORT = ":8000"
"""What stands on a page for the port that a background command took."""

_BUCKET = "s3://data/"
"""What stands on a page for a part of a bucket."""


class _Words(NamedTuple):
    """What the words after `sh` ask for."""

    code: str
    person: str | None
    background: bool


def ran(page: str, folder: Path) -> str:
    """Return the page with the text block after each shell block as the shell printed it.

    All blocks of a page run in one shell, in order; a block that ends with another code than it names
    stops the page. Blocks of people begin in the home of each, and go on where that person's last one ended.
    A background command starts before all blocks, on a free port, and ends after them; of what it prints, the
    first line is shown. A page about buckets gets a part of one of a real server.
    """
    room = Room(folder)
    own, shown = "", ""
    if _BUCKET in page:
        server = s3_server()
        room.environ |= server.environment()
        own, shown = f"s3://{server.bucket}/{server.new_prefix()}/", _BUCKET
        page = page.replace(shown, own)
    room.environ |= {"TETHER_USER_NAME": "Ada", "TETHER_USER_EMAIL": "ada@example.org"}
    blocks = list(_BLOCK.finditer(page))
    people = sorted({words.person for words in map(_words, blocks) if words.person})
    for person in people:
        (room.work / person).mkdir()
    with _beside(room, [block for block in blocks if _words(block).background]) as (said, port):
        script = "\n".join(_script(room, blocks, people)).replace(_PORT, port)
        done = room.shell(script)
    assert done.code == 0, done.out
    out = (said + done.out).replace(str(room.work), "/home" if people else "/home/ada").replace(port, _PORT)
    filled = _filled(page, out.split(f"{_MARK}\n"))
    return filled.replace(own, shown) if own else filled


def masked(page: str) -> str:
    """Return a page without ids and byte counts, which may differ between runs and versions of libraries."""
    return re.sub(r"\b[0-7][0-9a-hjkmnp-tv-z]{25}\b|[0-9a-f]{12,64}|\b[\d.]+ (?:k|M)?B\b", "...", page)


def _words(block: re.Match[str]) -> _Words:
    given = dict(word.partition("=")[::2] for word in block["words"].split())
    assert given.keys() <= {"exit", "as", "background"}, block[0]
    return _Words(given.get("exit", "0"), given.get("as"), "background" in given)


def _script(room: Room, blocks: list[re.Match[str]], people: list[str]) -> Iterator[str]:
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
        yield block["code"]
        yield f'test $? -eq {words.code} || exit 99; echo "{_MARK}"'
        if words.person:
            yield f"at_{words.person}=$PWD"


def _person(room: Room, name: str) -> dict[str, str]:
    """Return the part of the environment that is a person's own."""
    email = f"{name}@example.org"
    return {"HOME": f"{room.work}/{name}", "TETHER_USER_NAME": name.title(), "TETHER_USER_EMAIL": email}


@contextmanager
def _beside(room: Room, blocks: list[re.Match[str]]) -> Iterator[tuple[str, str]]:
    """Run the background command of a page; give its first line with a mark, and its port with a colon."""
    if not blocks:
        yield "", _PORT
        return
    [block] = blocks
    person = _words(block).person
    assert person, "a background command belongs to somebody"
    environ = {**room.environ, **_person(room, person), "TETHER_HUB_PORT": "0"}
    with (room.work.parent / "background.log").open("w+b") as log:
        command = ["/bin/sh", "-c", f"exec {block['code']}"]
        with subprocess.Popen(
            command, cwd=room.work / person, env=environ, stdout=subprocess.PIPE, stderr=log
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline().decode()
                found = re.search(r":\d+$", line.rstrip())
                assert found, f"{line}{os.pread(log.fileno(), 1 << 20, 0).decode()}"
                yield f"{line}{_MARK}\n", found[0]
            finally:
                process.terminate()


def _filled(page: str, texts: list[str]) -> str:
    """Return the page with its texts, that of a background command first."""
    background = iter(texts[:1])
    shells = iter(texts[1:] if any(_words(block).background for block in _BLOCK.finditer(page)) else texts)

    def filled(block: re.Match[str]) -> str:
        printed = next(background if _words(block).background else shells)
        code = block[0].removesuffix(block["text"] or "")
        return f"{code}\n```text\n{printed}```\n" if block["text"] else code

    return _BLOCK.sub(filled, page)


if __name__ == "__main__":
    for path in sorted(GUIDES.glob("*.md")):
        with tempfile.TemporaryDirectory() as folder:
            page = path.read_text()
            if _BUCKET in page and why_not():
                continue
            new = ran(page, Path(folder))
        if masked(new) != masked(page):
            path.write_text(new)
