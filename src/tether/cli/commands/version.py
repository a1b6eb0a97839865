"""`tether version`: what is installed."""

import platform

import click

from tether.cli.context import Context, pass_context


@click.command()
@pass_context
def command(ctx: Context) -> None:
    """Print the version of Tether; with -v also that of Python and the system."""
    from importlib.metadata import version

    python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
    number = version("tether")
    ctx.emit(
        {"version": number, "python": python, "system": system},
        lambda: [f"tether {number}", *([f"python {python}", f"system {system}"] if ctx.verbose else [])],
    )
