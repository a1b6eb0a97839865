"""`tether commit`: record the next commit."""

import re
from dataclasses import dataclass

import click

from tether.cli.context import Context
from tether.cli.format import count_text, short_id, size_text
from tether.cli.options import with_options
from tether.core.identity import Person
from tether.errors import InvalidInput


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
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Record what is staged as a commit of the current branch."""
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
    done = repo.commit_with(request)
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


def _person(text: str) -> Person:
    match = re.fullmatch(r"\s*([^<>\n]*[^<>\s])\s*<([^<>\s]+)>\s*", text)
    if match is None:
        raise InvalidInput(f"not an author: {text!r}", hint="write 'NAME <EMAIL>'")
    return Person(match[1], match[2])
