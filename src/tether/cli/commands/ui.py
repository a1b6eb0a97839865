"""`tether ui`: show the repository in a browser."""

import webbrowser
from collections.abc import Callable
from dataclasses import dataclass

import click

from tether.cli.context import Context
from tether.cli.hosting import require_packages
from tether.cli.options import with_options
from tether.repo.repository import Repository


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    port: int
    no_open: bool


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port; a free one if not given.")
@click.option("--no-open", is_flag=True, help="Print the address only, and open no browser.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Show the repository in a browser: files, history and differences, as the pages of a hub do.

    The pages are on this machine alone, for the browser that opens the printed address. Ctrl-C ends them.
    """
    require_packages()
    from tether.hub.localui import LocalPages, LocalShelf
    from tether.hub.serving import listen
    from tether.hub.uiserving import serve_pages

    here = ctx.repo().repository
    folder = here.worktree or here.directory
    pages = LocalPages(LocalShelf(opener(ctx), folder, ctx.now))
    with listen("127.0.0.1", options.port) as (listener, url):
        address = url + pages.entrance
        ctx.emit({"url": address}, lambda: [f"serving {folder} at {address}", "press Ctrl-C to end"])
        ctx.out.flush()
        if not options.no_open:
            webbrowser.open(address)
        serve_pages(pages, listener, log=ctx.err)


def opener(ctx: Context) -> Callable[[], Repository]:
    """Return what opens the repository of a command again; a partial clone brings what is looked at."""
    from tether.api.repo import Repo

    directory, settings = ctx.repo().repository.directory, ctx.user_config_path

    def open_again() -> Repository:
        repo = Repo(Repository.open(directory, clock=ctx.now, user_config=settings))
        repo.connect, repo.open_bucket = ctx.connect, ctx.open_bucket
        return repo.repository

    return open_again
