"""Writes `docs/reference/commands.md` from the help texts of the commands; `make reference` runs it."""

from collections.abc import Iterator
from pathlib import Path

import click

from tether.cli import registry
from tether.cli.main import load_command
from tether.cli.options import GLOBAL_FIELDS

PAGE = Path(__file__).parent / "reference" / "commands.md"
WIDTH = 100

_HEAD = """# Commands

`make reference` writes this page from the help texts. Every command also takes `--json` (print one
JSON document), `-q` (say only what was asked), `-v` (say more), `-C DIR` (run as if started in DIR)
and `-h`; they are left out below. Exit codes are in [errors](../errors.md).
"""


def reference() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for title, commands in registry.grouped(common=False):
        parts.append(f"## {title}\n")
        for info in commands:
            parts.append(f"### tether {info.name}\n\n{info.summary}.\n")
            parts.extend(_blocks(load_command(info), f"tether {info.name}"))
    return "\n".join(parts)


def _blocks(command: click.Command, path: str) -> Iterator[str]:
    """Yield the help text of a command as a code block, then those of its subcommands."""
    yield f"```text\n{_help(command, path)}\n```\n"
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield f"#### {path} {name}\n"
            yield from _blocks(child, f"{path} {name}")


def _help(command: click.Command, path: str) -> str:
    """Return the help text, without the options that all commands share."""
    own = [parameter for parameter in command.params if parameter.name not in GLOBAL_FIELDS]
    context = click.Context(command, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH)
    shared = command.params
    command.params, command.add_help_option, help_option = own, False, command.add_help_option
    try:
        return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    finally:
        command.params, command.add_help_option = shared, help_option


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference())
