"""`tether push`: send commits to a remote."""

from dataclasses import dataclass

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.network import jobs_option, rate_option
from tether.cli.options import with_options
from tether.cli.render_refs import exchange_document, exchange_lines
from tether.core.names import branch_ref


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    remote: str | None
    branches: tuple[str, ...]
    force_with_lease: bool
    tags: bool
    delete: bool
    runs: bool
    no_verify: bool


@click.command()
@click.argument("remote", required=False, shell_complete=complete.remotes)
@click.argument("branches", nargs=-1, shell_complete=complete.branches, metavar="[BRANCH]...")
@click.option(
    "--force-with-lease", is_flag=True, help="Overwrite a branch that nobody moved since your last fetch."
)
@click.option("--tags", is_flag=True, help="Send tags too.")
@click.option("-d", "--delete", is_flag=True, help="Remove the branches from the remote.")
@click.option("--runs/--no-runs", default=True, help="Send the runs that the remote lacks, or not.")
@click.option("--no-verify", is_flag=True, help="Leave out the hook pre-push.")
@jobs_option
@rate_option
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Send the current branch, or the branches named, to a remote.

    A remote folder or prefix of a bucket that does not exist yet becomes a repository. A branch that
    follows nothing follows what it was pushed to. Runs that the remote lacks go along. The hook
    .tether/hooks/pre-push may refuse.
    """
    from tether.api import remotes
    from tether.errors import InvalidInput
    from tether.sync.exchange import PushOptions

    if options.delete and not options.branches:
        raise InvalidInput("no branch to delete", hint="run 'tether push REMOTE -d BRANCH'")
    repo = ctx.repo()
    name = options.remote or remotes.default_remote(repo)
    wanted = PushOptions(
        options.branches, options.force_with_lease, options.tags, options.delete, options.runs
    )
    if not options.no_verify:
        _ask_hook(ctx, name, options)
    done = remotes.push(repo, name, wanted)
    ctx.emit(exchange_document(done), lambda: exchange_lines(done, f"to {name}"), essential=False)


def _ask_hook(ctx: Context, remote: str, options: Options) -> None:
    """Give pre-push the remote, its address, and on stdin each branch with its commit or `-`."""
    from tether.api.hooks import PRE_PUSH
    from tether.api.remotes import remotes

    hooks = ctx.hooks()
    if hooks.path(PRE_PUSH) is None:
        return
    root = ctx.repo().repository.root()
    current = (root.head.ref,) if root.head.ref is not None else ()
    refs = tuple(branch_ref(name) for name in options.branches) or current
    lines = []
    for ref in refs:
        commit = None if options.delete else root.refs.get(ref)
        lines.append(f"{ref} {commit.hex() if commit is not None else '-'}\n")
    url = remotes(ctx.repo()).get(remote, "")
    hooks.require(PRE_PUSH, [remote, url], "".join(lines).encode())
