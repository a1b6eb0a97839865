"""`tether commit`: record the next commit."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.format import count_text, short_id, size_text
from tether.cli.options import with_options
from tether.core.identity import Person
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.staging import CommitRequest


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    messages: tuple[str, ...]
    all_: bool
    amend: bool
    allow_empty: bool
    author: str | None
    date: str | None
    sign: bool
    no_verify: bool


@click.command()
@click.option(
    "-m", "--message", "messages", multiple=True, metavar="MSG", help="Why; several make paragraphs."
)
@click.option("-a", "--all", "all_", is_flag=True, help="Stage every changed and deleted tracked file first.")
@click.option("--amend", is_flag=True, help="Replace the newest commit of the branch.")
@click.option("--allow-empty", is_flag=True, help="Commit although nothing has changed.")
@click.option("--author", metavar="'NAME <EMAIL>'", help="Whose work it is, if not yours.")
@click.option("--date", metavar="DATE", help="When it was done, like 2026-01-31T14:05+01:00.")
@click.option("-S", "--sign", is_flag=True, help="Sign it with the SSH key of the setting signing.key.")
@click.option("--no-verify", is_flag=True, help="Leave out the hooks pre-commit and commit-msg.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Record what is staged as a commit of the current branch.

    The hooks pre-commit, commit-msg and post-commit in .tether/hooks are run where they are there.
    """
    from tether.api.staging import CommitRequest
    from tether.cli.clock import parse_time
    from tether.cli.render_commit import printable

    request = CommitRequest(
        message="\n\n".join(options.messages) or None,
        all=options.all_,
        amend=options.amend,
        allow_empty=options.allow_empty,
        author=_person(options.author) if options.author else None,
        date=parse_time(options.date) if options.date else None,
        sign=options.sign,
    )
    repo = ctx.repo()
    if not options.no_verify:
        request = _checked(ctx, request)
    done = repo.commit_with(request)
    _tell(ctx)
    document = {
        "id": done.id.hex(),
        "branch": done.branch,
        "files": done.files,
        "bytes": done.bytes,
        "changed": done.changed,
    }
    where = f"{done.branch or 'no branch'} {ctx.style('id', short_id(done.id))}"
    total = f"{count_text(done.changed, 'file')} changed, {count_text(done.files, 'file')} in all"
    ctx.emit(
        document,
        lambda: [f"[{where}] {printable(done.subject)}", f" {total}, {size_text(done.bytes)}"],
        essential=False,
    )


def _checked(ctx: Context, request: "CommitRequest") -> "CommitRequest":
    """Let the hooks look at what is about to be committed; with `-a` it is staged before."""
    from dataclasses import replace

    from tether.api.hooks import PRE_COMMIT
    from tether.api.staging import add

    hooks = ctx.hooks()
    if hooks.path(PRE_COMMIT) is not None:
        if request.all:
            add(ctx.repo(), [], {"tracked_only": True})
        hooks.require(PRE_COMMIT)
    return replace(request, message=hooks.checked_message(request.message)) if request.message else request


def _tell(ctx: Context) -> None:
    from tether.api.hooks import POST_COMMIT

    code = ctx.hooks().tell(POST_COMMIT)
    if code:
        ctx.warn(f"the hook {POST_COMMIT} ended with exit code {code}; the commit is made")


def _person(text: str) -> Person:
    match = re.fullmatch(r"\s*([^<>\n]*[^<>\s])\s*<([^<>\s]+)>\s*", text)
    if match is None:
        raise InvalidInput(f"not an author: {text!r}", hint="write 'NAME <EMAIL>'")
    return Person(match[1], match[2])
