"""`tether help`: the list of all commands, or the help text of one."""

import click

from tether.cli.context import Context, pass_context


@click.command()
@click.argument("words", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
@pass_context
def command(ctx: Context, click_context: click.Context, words: tuple[str, ...]) -> None:
    """List all commands, or explain one."""
    place = click_context.find_root()
    for word in words:
        group = place.command
        found = group.resolve_command(place, [word])[1] if isinstance(group, click.Group) else None
        if found is None:
            raise click.UsageError(f"`{place.command_path}` has no subcommand {word}", place)
        place = click.Context(found, parent=place, info_name=word)
    text = place.get_help()
    ctx.emit({"help": text}, text.splitlines, page=True)
