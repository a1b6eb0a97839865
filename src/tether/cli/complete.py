"""What a shell is offered for an argument: branches, tags, remotes and files of the repository here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from tether.cli.context import Context
from tether.errors import TetherError

if TYPE_CHECKING:
    from tether.api.repo import Repo

_HEADS = "refs/heads/"
_KINDS = (_HEADS, "refs/tags/", "refs/remotes/")


def branches(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the branches, and those that a remote has under their own name."""
    return _offer(context, incomplete, _branch_names)


def revisions(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer branches, tags and remote branches; after `A..` for the second end."""
    start, dots, rest = incomplete.rpartition("..")
    found = _offer(context, rest, _revision_names)
    return [CompletionItem(start + dots + item.value, help=item.help) for item in found]


def revisions_and_files(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Offer revisions, and leave files to the shell; these first, since bash forgets what stood before."""
    return [*files(context, param, incomplete), *revisions(context, param, incomplete)]


def files(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell to offer files."""
    return [CompletionItem(incomplete, type="file")]


def remotes(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of the remotes."""
    return _offer(context, incomplete, lambda repo: list(repo.repository.config.names("remote")))


def _offer(
    context: click.Context, incomplete: str, names: "Callable[[Repo], list[str]]"
) -> list[CompletionItem]:
    ctx = context.find_object(Context)
    try:
        found = names(ctx.repo()) if ctx is not None else []
    except TetherError:  # not in a repository: nothing to offer
        return []
    return [CompletionItem(name) for name in sorted(set(found)) if name.startswith(incomplete)]


def _branch_names(repo: "Repo") -> list[str]:
    refs = repo.repository.root().refs
    here = [ref.removeprefix(_HEADS) for ref in refs if ref.startswith(_HEADS)]
    return here + [ref.split("/", 3)[3] for ref in refs if ref.startswith("refs/remotes/")]


def _revision_names(repo: "Repo") -> list[str]:
    refs = repo.repository.root().refs
    return ["HEAD", *(ref.removeprefix(kind) for kind in _KINDS for ref in refs if ref.startswith(kind))]
