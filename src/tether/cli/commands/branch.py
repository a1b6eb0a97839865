"""`tether branch`: list, make, rename or delete branches."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tether.cli import complete
from tether.cli.context import Context
from tether.cli.format import short_id
from tether.cli.options import with_options
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.history import Branch


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    names: tuple[str, ...]
    delete: bool
    delete_any: bool
    rename: bool
    force: bool
    list_: bool
    remotes: bool


@click.command()
@click.argument("names", nargs=-1, shell_complete=complete.revisions, metavar="[NAME [REV]]")
@click.option("-d", "--delete", is_flag=True, help="Delete branches that are merged.")
@click.option("-D", "delete_any", is_flag=True, help="Delete branches, merged or not.")
@click.option("-m", "--move", "rename", is_flag=True, help="Rename: [OLD] NEW.")
@click.option("-f", "--force", is_flag=True, help="Take a name that is in use.")
@click.option("--list", "list_", is_flag=True, help="List branches; NAMEs may be globs.")
@click.option("-a", "--all", "remotes", is_flag=True, help="List those seen in remotes too.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """List branches, or make one that begins at REV, or at HEAD.

    With -v the list tells the newest commit of each and how it stands to what it follows.
    """
    if options.delete or options.delete_any:
        _delete(ctx, options)
    elif options.rename:
        _rename(ctx, options)
    elif options.names and not options.list_:
        _create(ctx, options)
    else:
        _list(ctx, options)


def _delete(ctx: Context, options: Options) -> None:
    from tether.api.history import delete_branch

    if not options.names:
        raise InvalidInput("no branch was named")
    gone = [
        delete_branch(ctx.repo(), name, force=options.delete_any or options.force) for name in options.names
    ]
    ctx.emit(
        [_document(branch) for branch in gone],
        lambda: [f"deleted branch {branch.name} (was {short_id(branch.id)})" for branch in gone],
        essential=False,
    )


def _rename(ctx: Context, options: Options) -> None:
    from tether.api.history import rename_branch

    if not 1 <= len(options.names) <= 2:
        raise InvalidInput("-m takes the new name, or the old and the new one")
    old, new = options.names if len(options.names) == 2 else (None, options.names[0])
    was = rename_branch(ctx.repo(), old, new, force=options.force)
    ctx.emit({"name": new, "was": was}, lambda: [f"renamed branch {was} to {new}"], essential=False)


def _create(ctx: Context, options: Options) -> None:
    from tether.api.history import create_branch

    if len(options.names) > 2:
        raise InvalidInput(f"too many arguments: {' '.join(options.names)}", hint="write NAME [REV]")
    branch = create_branch(ctx.repo(), *options.names, force=options.force)
    ctx.emit(
        _document(branch),
        lambda: [f"created branch {branch.name} at {short_id(branch.id)}"],
        essential=False,
    )


def _list(ctx: Context, options: Options) -> None:
    from tether.api.history import branches

    found = branches(ctx.repo(), remotes=options.remotes)
    if options.names:
        from fnmatch import fnmatchcase

        found = [each for each in found if any(fnmatchcase(each.name, glob) for glob in options.names)]
    if ctx.json:
        ctx.emit([_listed(ctx, branch) for branch in found], list)
    elif ctx.verbose:
        ctx.emit(None, lambda: _long_lines(ctx, found), page=True)
    else:
        ctx.emit(None, lambda: [_marked(ctx, branch, 0) for branch in found], page=True)


def _document(branch: "Branch") -> dict[str, Any]:
    return {"name": branch.name, "id": branch.id.hex(), "current": branch.current}


def _listed(ctx: Context, branch: "Branch") -> dict[str, Any]:
    """Return one row of the list; how it stands to its upstream only with -v, since that reads history."""
    document = {**_document(branch), "remote": branch.remote, "upstream": branch.upstream}
    if ctx.verbose:
        from tether.api.history import ahead_behind

        counts = None if branch.remote else ahead_behind(ctx.repo(), branch)
        document["ahead"], document["behind"] = counts or (None, None)
    return document


def _marked(ctx: Context, branch: "Branch", width: int) -> str:
    name = f"{'remotes/' if branch.remote else ''}{branch.name}"
    role = "added" if branch.current else "removed" if branch.remote else None
    return (
        ("* " if branch.current else "  ")
        + (ctx.style(role, name) if role else name)
        + " " * (width - len(name))
    )


def _long_lines(ctx: Context, found: "list[Branch]") -> Iterator[str]:
    from tether.api.history import ahead_behind
    from tether.cli.render_commit import subject
    from tether.repo.history import History

    history = History.of(ctx.repo().repository)
    width = max((len(each.name) + 8 * each.remote for each in found), default=0)
    for branch in found:
        counts = None if branch.remote else ahead_behind(ctx.repo(), branch)
        words = [f"{word} {n}" for word, n in zip(("ahead", "behind"), counts or (), strict=False) if n]
        state = f": {', '.join(words)}" if words else "" if counts or branch.upstream is None else ": gone"
        follows = f"[{branch.upstream}{state}] " if branch.upstream else ""
        commit = history.commit(branch.id)
        yield f"{_marked(ctx, branch, width)} {short_id(branch.id)} {follows}{subject(commit)}"
