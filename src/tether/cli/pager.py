"""Long output goes through a pager when a person looks at it."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import TextIO


def pager_command(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the pager to start, from `TETHER_PAGER`, `PAGER` or `less`; empty for none."""
    for name in ("TETHER_PAGER", "PAGER"):
        if name in environ:
            words = shlex.split(environ[name])
            return [] if words in ([], ["cat"]) else words
    return ["less"] if shutil.which("less") else []


def page_lines(lines: Iterable[str], out: TextIO) -> None:
    """Write lines to a terminal; what is longer than the screen goes to the pager as it comes."""
    height = shutil.get_terminal_size().lines - 1
    rest: Iterator[str] = iter(lines)
    head = list(islice(rest, height + 1))
    command = pager_command() if len(head) > height else []
    if command and _through(command, chain(head, rest)):
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
