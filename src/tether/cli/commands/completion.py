"""`tether completion`: what a shell needs to complete our commands."""

import click

from tether.cli.context import Context, pass_context


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
@pass_context
def command(ctx: Context, click_context: click.Context, shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    bash:  eval "$(tether completion bash)"    in ~/.bashrc
    zsh:   eval "$(tether completion zsh)"     in ~/.zshrc
    fish:  tether completion fish > ~/.config/fish/completions/tether.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    root = click_context.find_root().command
    script = found(root, {}, "tether", "_TETHER_COMPLETE")
    text = script.source_template % script.source_vars()
    ctx.emit({"shell": shell, "script": text}, text.splitlines)
