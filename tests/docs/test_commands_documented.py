"""Every command exists, explains itself, and is in the reference."""

import importlib.util
import re
from pathlib import Path

import click
import pytest

from tether.cli import registry
from tether.cli.main import load_command

ROOT = Path(__file__).parents[2]


def load_generator() -> object:
    """Return the module that writes the reference."""
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "docs/generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def everything_below(command: click.Command) -> list[click.Command]:
    """Return a command with all its subcommands."""
    children = command.commands.values() if isinstance(command, click.Group) else ()
    return [command, *(found for child in children for found in everything_below(child))]


def test_names_are_unique_and_groups_known() -> None:
    """No two rows of the registry share a name, and each is in a group that is shown."""
    assert len(registry.BY_NAME) == len(registry.COMMANDS)
    assert {info.group for info in registry.COMMANDS} <= set(registry.GROUPS)


@pytest.mark.parametrize("info", registry.COMMANDS, ids=lambda info: info.name)
def test_every_command_explains_itself(info: registry.CommandInfo) -> None:
    """Each registered command loads; it, its subcommands and their options have help texts."""
    for command in everything_below(load_command(info)):
        assert command.help, command.name
        for parameter in command.params:
            assert not isinstance(parameter, click.Option) or parameter.help, (command.name, parameter.opts)


def test_every_module_is_registered() -> None:
    """No command module lies about unused."""
    modules = {path.stem for path in (ROOT / "src/tether/cli/commands").glob("*.py")} - {"__init__"}

    assert {name for name in modules if not name.startswith("_")} == {
        info.module for info in registry.COMMANDS
    }


def test_the_reference_is_current() -> None:
    """`docs/reference/commands.md` is what `make reference` would write."""
    page = (ROOT / "docs/reference/commands.md").read_text()

    assert page == load_generator().reference(), "run `make reference`"  # type: ignore[attr-defined]
    assert set(re.findall(r"^### tether (\S+)$", page, re.M)) == set(registry.BY_NAME)
