"""`tether checkout`: change to a revision, or take files from it."""

import click

from tether.cli import complete
from tether.cli.context import Context, pass_context
from tether.cli.format import count_text
from tether.cli.paths import expand_tracked
from tether.cli.render_moved import report_moved


@click.command()
@click.argument("rev", shell_complete=complete.revisions)
@click.argument("paths", nargs=-1, shell_complete=complete.files, metavar="[-- PATH...]")
@click.option("-b", "branch", metavar="NAME", help="Make branch NAME at REV and check it out.")
@click.option("-f", "--force", is_flag=True, help="Discard local changes; 'tether undo' brings them back.")
@pass_context
def command(ctx: Context, rev: str, paths: tuple[str, ...], branch: str | None, force: bool) -> None:
    """Check out REV: a branch by its name, anything else without a branch.

    With PATHs take these files from REV, onto the stage and into the working copy.
    """
    repo = ctx.repo()
    if paths:
        done = repo.restore(expand_tracked(ctx, paths, rev), source=rev, staged=True)
        ctx.emit(
            {"files": done.files},
            lambda: [f"took {count_text(done.files, 'file')} from {rev}"],
            essential=False,
        )
        return
    if branch is not None:
        report_moved(ctx, repo.switch(branch, create=rev, force=force), f"on new branch {branch}")
        return
    moved = repo.checkout(rev, force=force)
    report_moved(ctx, moved, f"on branch {moved.branch}" if moved.branch else f"checked out {rev}")
