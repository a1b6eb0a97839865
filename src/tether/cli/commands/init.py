"""`tether init`: create an empty repository."""

from pathlib import Path

import click

from tether.cli.context import Context, pass_context


@click.command()
@click.argument("folder", required=False, default=".", metavar="[DIR]")
@click.option("--bare", is_flag=True, help="Without working files, to push to.")
@pass_context
def command(ctx: Context, folder: str, bare: bool) -> None:
    """Create an empty repository in DIR, or here.

    The files that are there already stay as they are; `tether add` puts them under version control.
    """
    from tether.api.repo import Repo

    path = Path(folder).absolute()
    repo = ctx.adopt(Repo.init(path, bare=bare, clock=ctx.now))
    branch = (repo.repository.root().head.ref or "").removeprefix("refs/heads/")
    kind = "bare repository" if bare else "repository"
    ctx.emit(
        {"path": str(path), "branch": branch},
        lambda: [f"created an empty {kind} in {path}, on branch {branch}"],
        essential=False,
    )
