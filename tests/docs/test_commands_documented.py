"""Every command exists, explains itself, and is in the reference."""

import importlib.util
import re
from pathlib import Path

import click
import pytest

import tether
from tether.cli import registry
from tether.cli.main import load_command
from tether.repo.settings import SETTINGS

ROOT = Path(__file__).parents[2]


def generated(script: str) -> str:
    """Return the page that a script in docs/ would write."""
    spec = importlib.util.spec_from_file_location(script, ROOT / f"docs/{script}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.reference()
    assert isinstance(page, str)
    return page


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

    assert page == generated("generate_reference"), "run `make reference`"
    assert set(re.findall(r"^### tether (\S+)$", page, re.M)) == set(registry.BY_NAME)


def test_the_reference_of_python_is_current() -> None:
    """`docs/reference/python.md` is what `make reference` would write, and has every public name."""
    page = (ROOT / "docs/reference/python.md").read_text()

    assert page == generated("generate_api"), "run `make reference`"
    for name in set(tether.__all__) - {"errors"}:
        assert re.search(rf"^##+ {name}$", page, re.M), name


def test_every_setting_has_its_text() -> None:
    """The page of settings has a row for each setting, with its default and its choices."""
    rows = (ROOT / "docs/reference/settings.md").read_text().splitlines()

    for setting in SETTINGS:
        key = setting.key.replace("*", "NAME")
        row = next((line for line in rows if line.startswith(f"| `{key}` |")), "")
        assert row, setting.key
        assert all(f"`{choice}`" in row for choice in setting.choices), setting.key
        assert setting.default is None or f"`{setting.default}`" in row, setting.key
    named = {match[1] for row in rows if (match := re.match(r"\| `([\w.]+\.[\w.]+)` \|", row))}
    assert named == {setting.key.replace("*", "NAME") for setting in SETTINGS}


def test_the_variables_are_listed() -> None:
    """The page of settings names each variable of the environment that the command reads."""
    page = (ROOT / "docs/reference/settings.md").read_text()
    text = "".join(path.read_text() for path in (ROOT / "src/tether/cli").rglob("*.py"))

    for variable in set(
        re.findall(r'"(TETHER_[A-Z_]+|XDG_[A-Z_]+|NO_COLOR|[A-Z_]*PAGER|[A-Z_]*EDITOR|TERM)"', text)
    ):
        assert f"`{variable}`" in page, variable
