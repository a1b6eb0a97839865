"""Draws `docs/picture.svg`: a terminal with what the real command says about the result of `make demo`."""

import os
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

ROOT = Path(__file__).parents[1]
PROJECT = ROOT / "demo-output" / "project"
PICTURE = Path(__file__).parent / "picture.svg"
WIDTH = 96

COMMANDS = (
    (13, ("log", "--graph", "--oneline")),
    (9, ("diff", "first", "fix-labels", "--", "labels.csv")),
    (9, ("diff", "--stat", "first", "low-light", "--", "labels.csv", "model", "photographs")),
    (10, ("du", "--by", "commit")),
)
"""How many lines are shown of each command."""


def main() -> None:
    """Run the commands and write the picture."""
    if not PROJECT.is_dir():
        sys.exit("run `make demo` first")
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, legacy_windows=False)
    for lines, command in COMMANDS:
        console.print(Text("$ ", "green") + Text(" ".join(["tether", *command]), "bold white"))
        for line in said(command, lines):
            console.print(Text.from_ansi(line), overflow="ellipsis", no_wrap=True)
        console.print()
    drawn = console.export_svg(title="demo-output/project", theme=DIMMED_MONOKAI, unique_id="tether")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.S).replace("Fira Code, ", "")
    PICTURE.write_text(drawn.replace("<text ", '<text xml:space="preserve" '))


def said(command: tuple[str, ...], lines: int) -> list[str]:
    """Return the first lines of what the command prints in colour."""
    tether = Path(sys.executable).parent / "tether"
    with tempfile.TemporaryDirectory() as home:
        environ = {**os.environ, "XDG_CONFIG_HOME": home}
        subprocess.run([tether, "config", "--global", "ui.color", "always"], env=environ, check=True)
        done = subprocess.run(
            [tether, *command], cwd=PROJECT, env=environ, stdout=subprocess.PIPE, text=True, check=True
        )
    rows = done.stdout.splitlines()
    return rows if len(rows) <= lines + 1 else [*rows[:lines], f"... {len(rows) - lines} more lines"]


if __name__ == "__main__":
    main()
