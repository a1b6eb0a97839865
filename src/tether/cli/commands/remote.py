"""`tether remote`: name other repositories."""

import click

from tether.cli.context import Context, pass_context


@click.group(invoke_without_command=True)
@click.pass_context
def command(click_context: click.Context) -> None:
    """List remotes, or add, remove and change them.

    A remote is a folder, file:///DIR, http(s)://HOST/OWNER/REPO on a hub, or s3://BUCKET/PREFIX (gs://, az://).
    """
    if click_context.invoked_subcommand is None:
        click_context.invoke(list_command)


@command.command("list")
@pass_context
def list_command(ctx: Context) -> None:
    """List the remotes with their addresses."""
    from tether.api import remotes

    found = remotes.remotes(ctx.repo())
    ctx.emit(
        [{"name": name, "url": url} for name, url in found.items()],
        lambda: [f"{name}\t{url}" for name, url in found.items()],
    )


@command.command("add")
@click.argument("name")
@click.argument("url")
@pass_context
def add(ctx: Context, name: str, url: str) -> None:
    """Name the repository at URL."""
    from tether.api import remotes

    remotes.add_remote(ctx.repo(), name, url)
    ctx.emit({"name": name, "url": url}, lambda: [f"added remote {name}: {url}"], essential=False)


@command.command("rm")
@click.argument("name")
@pass_context
def remove(ctx: Context, name: str) -> None:
    """Forget a remote and what was fetched of its branches."""
    from tether.api import remotes

    remotes.remove_remote(ctx.repo(), name)
    ctx.emit({"name": name}, lambda: [f"removed remote {name}"], essential=False)


@command.command("set-url")
@click.argument("name")
@click.argument("url")
@pass_context
def set_url(ctx: Context, name: str, url: str) -> None:
    """Change the address of a remote."""
    from tether.api import remotes
    from tether.errors import NotFound

    if name not in remotes.remotes(ctx.repo()):
        raise NotFound(f"no remote named {name}", hint=f"run 'tether remote add {name} URL'")
    remotes.set_remote(ctx.repo(), name, url)
    ctx.emit({"name": name, "url": url}, lambda: [f"{name} is now {url}"], essential=False)
