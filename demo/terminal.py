"""What the reader sees: chapters, words, and commands with what they printed."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

TETHER = Path(sys.executable).parent / "tether"
WIDTH = 88
OUTPUT_WIDTH = 120


class DemoFailed(Exception):
    """A command ended otherwise than the story needs."""


class Person:
    """Somebody with a folder, who types commands in it.

    Attributes:
        name: Shown before each command, and the author of the commits.
        folder: Where the commands run.
    """

    def __init__(self, name: str, folder: Path, home: Path) -> None:
        self.name = name
        self.folder = folder
        kept = {key: value for key, value in os.environ.items() if not key.startswith("TETHER_")}
        self.environ = kept | {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "TETHER_USER_NAME": name,
            "TETHER_USER_EMAIL": f"{name.lower()}@example.org",
        }

    def run(self, *arguments: str, lines: int = 8, code: int = 0) -> str:
        """Run `tether`, print the command and at most `lines` lines of what it said, and return it all."""
        shown = " ".join(f"'{word}'" if set(word) & set(" {}*~") else word for word in arguments)
        print(f"\n  {bold(f'{self.name} $ tether {shown}')}")
        done = self._process(arguments, code)
        text = (done.stdout + done.stderr).rstrip("\n")
        print(textwrap.indent(shorten(text, lines), "  | ", lambda line: True).rstrip(), flush=True)
        return text

    def ask(self, *arguments: str) -> Any:
        """Run `tether ... --json` without showing it and return the document."""
        return json.loads(self._process((*arguments, "--json"), 0).stdout)

    def read(self, place: str) -> bytes:
        """Return the bytes of a file of any revision, without showing the command."""
        command = [TETHER, "cat", place]
        done = subprocess.run(command, cwd=self.folder, env=self.environ, capture_output=True, check=False)
        if done.returncode:
            raise DemoFailed(f"tether cat {place}: {done.stderr.decode(errors='replace')}")
        return done.stdout

    def _process(self, arguments: tuple[str, ...], code: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TETHER, *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != code:
            said = f"{done.stdout}{done.stderr}"
            raise DemoFailed(f"tether {' '.join(arguments)}: ended with {done.returncode}\n{said}")
        return done


def shorten(text: str, lines: int) -> str:
    """Return the first lines of a text, and how many were left out."""
    rows = [row if len(row) <= OUTPUT_WIDTH else row[: OUTPUT_WIDTH - 3] + "..." for row in text.split("\n")]
    if len(rows) <= lines + 1:
        return "\n".join(rows)
    return "\n".join([*rows[:lines], f"... {len(rows) - lines:,} more lines"])


def chapter(title: str) -> None:
    """Begin a chapter."""
    print(f"\n\n{bold(f'== {title} ==')}")


def say(text: str) -> None:
    """Print a paragraph."""
    print("\n" + textwrap.fill(" ".join(text.split()), WIDTH), flush=True)


def bold(text: str) -> str:
    """Return the text in bold where a person is watching."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def size(count: int) -> str:
    """Return a number of bytes for people."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"
