"""`tether clone`: copy a repository."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.format import count_text
from tether.cli.network import jobs_option, rate_option
from tether.cli.options import with_options
from tether.cli.patterns import top_pattern
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.core.pathfilter import PathFilter


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    url: str
    folder: str | None
    branch: str | None
    bare: bool
    origin: str
    paths: tuple[str, ...]
    depth: int | None
    lazy: bool
    no_checkout: bool


@click.command()
@click.argument("url")
@click.argument("folder", required=False, metavar="[DIR]")
@click.option("-b", "--branch", metavar="BRANCH", help="Check out this branch.")
@click.option("--bare", is_flag=True, help="Without working files, to push to.")
@click.option("-o", "--origin", default="origin", metavar="NAME", help="Call the source NAME, not origin.")
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Only the contents and working files under this file, folder or glob.",
)
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="Only N commits of each branch.")
@click.option("--lazy", is_flag=True, help="Bring contents when they are first read.")
@click.option("-n", "--no-checkout", is_flag=True, help="Show no working files yet.")
@jobs_option
@rate_option
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Copy the repository at URL into DIR and check out its branch.

    URL is a folder, file:///DIR, http(s)://HOST/OWNER/REPO on a hub, or s3://BUCKET/PREFIX (gs://, az://)
    in a bucket. Copies of a folder on the same file system share the stored data with it by hard links; with
    file:// nothing is shared.

    Clones with --path, --depth or --lazy are partial: 'tether fetch' with --path, --depth or --unshallow
    and 'tether prefetch' bring more later. All file names are there in any case.
    """
    from tether.api.remotes import CloneRequest, clone_folder
    from tether.api.repo import Repo
    from tether.repo.partial import Partial

    folder = options.folder or clone_folder(options.url)
    request = CloneRequest(
        options.url,
        Path(folder).absolute(),
        options.branch,
        options.bare,
        options.origin,
        options.depth,
        Partial(options.lazy, shown_paths(options)),
        progress=ctx.progress(),
        connect=ctx.connect,
        open_bucket=ctx.open_bucket,
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


def shown_paths(options: Options) -> "PathFilter":
    """Return what the working copy of a new clone shows."""
    from tether.core.pathfilter import EVERYTHING, PathFilter

    if options.no_checkout:
        if options.paths:
            raise InvalidInput("--no-checkout shows no files, and --path says which", hint="give one of them")
        return PathFilter([])
    return PathFilter(map(top_pattern, options.paths)) if options.paths else EVERYTHING
