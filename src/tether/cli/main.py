"""The `tether` command: finds the command by name, runs it, and turns what goes wrong into an exit code."""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

import click

from tether.cli import failures, registry
from tether.cli.context import Context
from tether.cli.options import add_global_options

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = "tether"
COMPLETE_VARIABLE = "_TETHER_COMPLETE"
_SWITCH_INTERVAL_S = 0.0005
"""Threads hold the interpreter lock for microseconds between native calls: who waits need not wait 5 ms."""


class CommandTable(click.Group):
    """The commands of the registry, each imported when it is run and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return every name in the registry."""
        return [info.name for info in registry.COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        info = registry.BY_NAME.get(cmd_name)
        return None if info is None else load_command(info)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first argument names, or fail with the names that are near."""
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None and not ctx.resilient_parsing:
            raise failures.UnknownCommand(name, registry.nearest(name), ctx)
        return name, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List all commands by group, from the registry."""
        write_groups(formatter, common=False)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem"]:
        """Complete command names from the registry, and options as click does."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(info.name, help=info.summary)
            for info in registry.COMMANDS
            if info.name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


_loaded: dict[str, click.Command] = {}


def load_command(info: registry.CommandInfo) -> click.Command:
    """Import one command and give it the options that all commands have."""
    if info.name not in _loaded:
        command: click.Command = import_module(f"tether.cli.commands.{info.module}").command
        command.name = info.name
        _loaded[info.name] = add_global_options(command)
    return _loaded[info.name]


def write_groups(formatter: click.HelpFormatter, *, common: bool) -> None:
    """Write the commands under the titles of their groups, the summaries in one column."""
    width = max(len(info.name) for info in registry.COMMANDS)
    for title, commands in registry.grouped(common=common):
        with formatter.section(title):
            formatter.write_dl([(info.name.ljust(width), info.summary) for info in commands])


def overview() -> str:
    """Return what `tether` alone prints: the usage and the common commands."""
    formatter = click.HelpFormatter(max_width=100)
    formatter.write_usage(PROGRAM, "[-C DIR] [--json] [-q] [-v] COMMAND [ARGS]...")
    write_groups(formatter, common=True)
    formatter.write_paragraph()
    formatter.write_text("`tether help` lists every command; `tether help COMMAND` explains one.")
    return formatter.getvalue()


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    """Run `tether version` for `tether --version`."""
    if value and not context.resilient_parsing:
        context.invoke(load_command(registry.BY_NAME["version"]))
        context.exit()


@click.group(
    PROGRAM,
    cls=CommandTable,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version", is_flag=True, expose_value=False, callback=_print_version, help="Same as `version`."
)
@click.pass_context
def tether(context: click.Context) -> None:
    """Version control for deep-learning data and models."""
    if context.invoked_subcommand is None:
        if context.obj.json:
            raise click.UsageError("no command was given", context)
        context.obj.out.write(overview())


add_global_options(tether)


def run(context: Context, arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; everything it says goes to the context's streams."""
    try:
        code = _invoke(context, arguments)
        context.out.flush()
    except BrokenPipeError:
        failures.silence_stdout()
        return failures.BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        return _fail(context, arguments, error)
    return code


def _invoke(context: Context, arguments: Sequence[str]) -> int:
    """Run the command line, or answer the shell that asks for completions."""
    instruction = context.environ.get(COMPLETE_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(tether, {"obj": context}, PROGRAM, COMPLETE_VARIABLE, instruction)
    try:
        with tether.make_context(PROGRAM, list(arguments), obj=context) as click_context:
            tether.invoke(click_context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return 0


def _fail(context: Context, arguments: Sequence[str], error: BaseException) -> int:
    """Report an exception and return its exit code."""
    failure = failures.describe(error)
    if context.verbose and (failure.exit_code == failures.BUG or isinstance(error, OSError)):
        failures.print_traceback(error, context.err)
    as_json = context.json or (isinstance(error, click.ClickException) and failures.wants_json(arguments))
    try:
        failures.report(failure, as_json=as_json, out=context.out, err=context.err)
        context.out.flush()
    except OSError:
        failures.silence_stdout()
    return failure.exit_code


def end(code: int) -> NoReturn:
    """Leave the process; what is still in memory goes with it and is not searched for cycles first."""
    gc.freeze()
    sys.exit(code)


def entry_point() -> None:
    """Run the process's command line and leave with its exit code."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # Names that are not UTF-8 come out as the bytes they are.
            utf8 = stream.encoding.lower() in {"utf-8", "utf8"}
            stream.reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")
    end(run(Context(), sys.argv[1:]))
