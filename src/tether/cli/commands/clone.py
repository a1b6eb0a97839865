"""`tether clone`: copy a repository."""

from dataclasses import dataclass
from pathlib import Path

import click

from tether.cli.context import Context
from tether.cli.format import count_text
from tether.cli.options import with_options


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    url: str
    folder: str | None
    branch: str | None
    bare: bool
    origin: str


@click.command()
@click.argument("url")
@click.argument("folder", required=False, metavar="[DIR]")
@click.option("-b", "--branch", metavar="BRANCH", help="Check out this branch.")
@click.option("--bare", is_flag=True, help="Without working files, to push to.")
@click.option("-o", "--origin", default="origin", metavar="NAME", help="Call the source NAME, not origin.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Copy the repository at URL into DIR and check out its branch.

    URL is a folder, file:///DIR, or http(s)://HOST/OWNER/REPO on a hub. Copies of a folder on the same
    file system share the stored data with it by hard links; with file:// nothing is shared.
    """
    from tether.api.remotes import CloneRequest, clone_folder
    from tether.api.repo import Repo

    folder = options.folder or clone_folder(options.url)
    request = CloneRequest(
        options.url,
        Path(folder).absolute(),
        options.branch,
        options.bare,
        options.origin,
        progress=ctx.progress(),
        connect=ctx.connect,
    )
    repo, done = Repo.clone_with(request, clock=ctx.now, user_config=ctx.user_config_path, adopt=ctx.adopt)
    document = {
        "path": str(request.path),
        "branch": done.branch,
        "id": done.commit.hex() if done.commit else None,
        "files": done.files,
    }
    repo.close()
    where = f"cloned into {folder}"
    tail = f" on {done.branch}, {count_text(done.files, 'file')}" if done.branch else " (no commits yet)"
    ctx.emit(document, lambda: [where + tail], essential=False)
