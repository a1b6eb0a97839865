"""A closed room for the real command: its own home and folder, no environment from outside, a fixed date."""

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.instead import find_instead
from tests.support.preloaded import LONGEST_STDIN, finish

from tether.cli.context import Context
from tether.cli.main import run as run_command

BIN = Path(sys.executable).parent
TETHER = BIN / "tether"
DATE = "2026-01-31T12:00:00+00:00"
_TIMEOUT_S = 120
_STARTS_OTHERWISE = ("PYTHON", "LANG", "LC_", "LD_")
"""Variables that begin so say how an interpreter starts; a copy of one that runs would not heed them."""
_LONG = 8192
"""Characters of a command line that is too long to be asked of a copy, whatever they are."""
_PLAIN = "tether "
_OF_A_SHELL = re.compile(r"[|&;<>()$`\\*?\[\]#~\n]")
"""What a shell does not give to a command as it is."""


class Result(NamedTuple):
    """What a process left behind; the text with bytes that are not UTF-8 as surrogates."""

    code: int
    out: str
    err: str


class Room:
    """A folder to work in and a home, both empty, and the commands that are run there.

    Attributes:
        work: Where commands run.
        home: The home of the user, without settings.
        environ: All that a command sees of the environment.
        inside: Whether commands run in this process, which takes a tenth of the time: for tests of what
            commands do, where others show how the process starts, prints and ends.
        anew: Whether the program is started for each command as people start it; otherwise a process is a
            copy of one that has imported all it needs.
    """

    inside = False
    anew = False

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.home = folder / "home"
        self.work.mkdir(parents=True)
        self.home.mkdir()
        self.environ = {
            "HOME": str(self.home),
            "PATH": f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "TMPDIR": str(folder),
            "TETHER_USER_NAME": "Ada Lovelace",
            "TETHER_USER_EMAIL": "ada@example.org",
            "TETHER_DATE": DATE,
        }

    def run(
        self,
        *arguments: str | bytes,
        stdin: bytes = b"",
        environ: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
    ) -> Result:
        """Run `tether` with these arguments; `environ` changes variables, None removes one."""
        if self.inside and not stdin and environ is None:
            return self._here(arguments, cwd)
        if sum(map(len, arguments)) < _LONG and self._can_be_copied(stdin, environ):
            return self._copy(arguments, stdin, environ, cwd)
        return self._process([TETHER, *arguments], stdin, environ, cwd)

    def shell(self, line: str, *, timeout_s: float = _TIMEOUT_S) -> Result:
        """Run a line of `sh` with stdout and stderr in one, as a terminal shows them.

        The shell is left out where the line is nothing but a command of `tether`. In a shell too, commands of
        `tether` are copies.
        """
        if line.startswith(_PLAIN) and not _OF_A_SHELL.search(line) and self._can_be_copied(b"", None):
            return self._copy(shlex.split(line)[1:], b"", None, None, timeout_s, in_one=True)
        path = {"PATH": self.copying_path()}
        return self._process(["/bin/sh", "-c", f"exec 2>&1\n{line}"], b"", path, None, timeout_s)

    def copying_path(self) -> str:
        """Return a search path on which `tether` lets a copy run its command, where that does the same."""
        path = self.environ["PATH"]
        return f"{find_instead()}{os.pathsep}{path}" if self._can_be_copied(b"", None) else path

    def ok(self, *arguments: str | bytes, **settings: Any) -> str:
        """Run `tether`, which must succeed and say nothing on stderr; return its output."""
        result = self.run(*arguments, **settings)
        assert (result.code, result.err) == (0, ""), result
        return result.out

    def do(self, *arguments: str, cwd: Path | None = None) -> str:
        """As `ok`, in this process: for what a test needs first or checks last, beside what it tests."""
        result = self._here(arguments, cwd)
        assert (result.code, result.err) == (0, ""), result
        return result.out

    def json(self, *arguments: str | bytes, code: int = 0, **settings: Any) -> Any:
        """Run `tether ... --json`, which must end with `code`; return the one document it printed."""
        at = arguments.index("--") if "--" in arguments else len(arguments)
        result = self.run(*arguments[:at], "--json", *arguments[at:], **settings)
        assert result.code == code, result
        return json.loads(result.out)

    def write(self, path: str, data: bytes | str) -> Path:
        """Write a file below the folder, with the folders above it."""
        place = self.work / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)
        return place

    def transcript(self, text: str) -> None:
        """Run the lines that begin with `$ ` in a shell each and compare what is printed.

        After a command come its lines of stdout and stderr, then `[N]` where it ended with N instead
        of 0. `...` stands for any text in a line, and as a line of its own for any lines.
        """
        steps = re.split(r"^\$ ", textwrap.dedent(text), flags=re.M)
        assert steps[0].strip() == "", f"a transcript begins with a command: {steps[0]}"
        for step in steps[1:]:
            command, _, expected = step.partition("\n")
            result = self.shell(command)
            shown = result.out + (f"[{result.code}]\n" if result.code else "")
            assert matches(_trimmed(expected), _trimmed(shown)), (
                f"$ {command}\n{shown}\nexpected:\n{expected}"
            )

    def _here(self, arguments: Sequence[str | bytes], cwd: Path | None) -> Result:
        out, err = (
            io.TextIOWrapper(io.BytesIO(), errors="surrogateescape", write_through=True) for _ in range(2)
        )
        with contextlib.chdir(cwd or self.work):
            context = Context(out=out, err=err, environ=self.environ)
            code = run_command(context, [os.fsdecode(argument) for argument in arguments])
        said = (stream.buffer.getvalue().decode(errors="surrogateescape") for stream in (out, err))
        return Result(code, *said)

    def _process(
        self,
        command: list[str | bytes | Path],
        stdin: bytes,
        environ: Mapping[str, str | None] | None,
        cwd: Path | None,
        timeout_s: float = _TIMEOUT_S,
    ) -> Result:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            cwd=cwd or self.work,
            env=self._surroundings(environ),
            timeout=timeout_s,
            check=False,
        )
        return _result(done.returncode, done.stdout, done.stderr)

    def _copy(
        self,
        arguments: Sequence[str | bytes],
        stdin: bytes,
        environ: Mapping[str, str | None] | None,
        cwd: Path | None,
        timeout_s: float = _TIMEOUT_S,
        *,
        in_one: bool = False,
    ) -> Result:
        names, given = [os.fsdecode(argument) for argument in arguments], self._surroundings(environ)
        return _result(*finish(names, cwd or self.work, given, stdin, timeout_s, in_one=in_one))

    def _can_be_copied(self, stdin: bytes, environ: Mapping[str, str | None] | None) -> bool:
        """Tell whether a copy of a process does what one that is started would."""
        changed = {**self.environ, **(environ or {})}
        unusual = (name for name in changed if name.startswith(_STARTS_OTHERWISE))
        as_always = all(name == "LANG" and changed[name] == "C.UTF-8" for name in unusual)
        return as_always and not self.anew and len(stdin) <= LONGEST_STDIN

    def _surroundings(self, environ: Mapping[str, str | None] | None) -> dict[str, str]:
        changed: dict[str, str | None] = {**self.environ, **(environ or {})}
        return {name: value for name, value in changed.items() if value is not None}


def _result(code: int, out: bytes, err: bytes) -> Result:
    return Result(code, out.decode(errors="surrogateescape"), err.decode(errors="surrogateescape"))


def _trimmed(text: str) -> str:
    """Return the lines without spaces at their ends and without empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n")


def matches(pattern: str, text: str) -> bool:
    """Tell whether `text` fits a pattern of a transcript."""
    expression = ""
    for line in pattern.split("\n"):
        if line == "...":
            expression += r"(?:.*\n)*?"
        else:
            expression += r".*".join(re.escape(part) for part in line.split("...")) + r"\n"
    return re.fullmatch(expression, text + "\n") is not None
