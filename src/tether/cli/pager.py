"""Long output goes through a pager when a person looks at it."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import TextIO


def pager_command(environ: Mapping[str, str], setting: str | None) -> list[str]:
    """Return the pager: `TETHER_PAGER`, the setting `core.pager`, `PAGER` or `less`; empty for none."""
    for value in (environ.get("TETHER_PAGER"), setting, environ.get("PAGER")):
        if value is not None:
            words = shlex.split(value)
            return [] if words in ([], ["cat"]) else words
    return ["less"] if shutil.which("less") else []


def page_lines(lines: Iterable[str], out: TextIO, command: list[str]) -> None:
    """Write lines to a terminal; what is longer than the screen goes to the pager as it comes."""
    height = shutil.get_terminal_size().lines - 1
    rest: Iterator[str] = iter(lines)
    head = list(islice(rest, height + 1))
    if command and len(head) > height and _through(command, chain(head, rest)):
        return
    for line in chain(head, rest):
        out.write(line + "\n")


def _through(command: list[str], lines: Iterable[str]) -> bool:
    """Feed the pager until the lines end or the person leaves; false where it cannot be started."""
    environ = {"LESS": "FRX", **os.environ}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=environ, text=True, errors="surrogateescape"
        )
    except OSError:
        return False
    with process:
        assert process.stdin is not None
        try:
            for line in lines:
                process.stdin.write(line + "\n")
        except BrokenPipeError:
            pass  # the person has seen enough
        finally:
            try:
                process.stdin.close()
            except BrokenPipeError:
                process.stdin = None
    return True
