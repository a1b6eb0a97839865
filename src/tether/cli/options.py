"""Options that every command has, and help for writing the others."""

import os
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar

import click

from tether.cli.context import Context
from tether.errors import NotFound

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

GLOBAL_FIELDS = frozenset({"json_", "quiet", "verbose", "directory"})


def with_options(options: Callable[..., T]) -> Callable[[Callable[[Context, T], None]], Callable[..., None]]:
    """Call a command's function with the context and its parameters as one frozen dataclass.

    The fields of `options` are named as the click parameters are; see `tether.cli.commands`.
    """

    def decorate(function: Callable[[Context, T], None]) -> Callable[..., None]:
        def invoke(**values: Any) -> None:
            context = click.get_current_context().find_object(Context)
            assert context is not None
            function(context, options(**values))

        return update_wrapper(invoke, function)

    return decorate


def paths_argument(*, required: bool = False, name: str = "paths") -> Callable[[F], F]:
    """Return the decorator of a PATH... argument; give its value to `tether.cli.paths.expand_paths`."""
    return click.argument(name, nargs=-1, required=required, type=click.Path(), metavar="[PATH]...")


def add_global_options(command: click.Command) -> click.Command:
    """Let `command` and what is below it take `--json`, `-q`, `-v` and `-C` after its name too.

    A command that has an option of the same spelling keeps its own.
    """
    taken = {spelling for param in command.params for spelling in param.opts}
    for make in (_json_option, _quiet_option, _verbose_option, _directory_option):
        option = make()
        if not taken.intersection(option.opts):
            command.params.append(option)
    if isinstance(command, click.Group):
        for child in command.commands.values():
            add_global_options(child)
    return command


def _switch(field: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    """Return the callback that turns on one field of the context; off never overrides an earlier on."""

    def turn_on(context: click.Context, _: click.Parameter, value: bool) -> None:
        found = context.find_object(Context)
        if value and found is not None:
            setattr(found, field, True)

    return turn_on


def _change_directory(context: click.Context, _: click.Parameter, value: tuple[str, ...]) -> None:
    """Go to the folders of `-C`, one after the other as git does, before anything looks at a path."""
    if context.resilient_parsing:
        return
    for directory in value:
        try:
            os.chdir(directory)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"no such folder: {directory}") from None


def _option(*spellings: str, **settings: Any) -> click.Option:
    """Return an option that changes the context and is not given to the command."""
    return click.Option(spellings, expose_value=False, is_eager=True, **settings)


def _json_option() -> click.Option:
    return _option("--json", "json_", is_flag=True, callback=_switch("json"), help="Print one JSON document.")


def _quiet_option() -> click.Option:
    return _option("-q", "--quiet", is_flag=True, callback=_switch("quiet"), help="Say only what was asked.")


def _verbose_option() -> click.Option:
    return _option("-v", "--verbose", is_flag=True, callback=_switch("verbose"), help="Say more.")


def _directory_option() -> click.Option:
    return _option(
        "-C",
        "directory",
        metavar="DIR",
        multiple=True,
        type=click.Path(file_okay=False),
        callback=_change_directory,
        help="Run as if started in DIR.",
    )
