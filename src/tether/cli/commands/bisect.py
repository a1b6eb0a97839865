"""`tether bisect`: find the commit that brought a change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from tether.cli.context import Context, pass_context
from tether.cli.format import count_text, short_id
from tether.errors import NotFound

if TYPE_CHECKING:
    from tether.api.bisecting import Progress, Verdict


@click.group()
def command() -> None:
    """Find the commit that brought a change, by trying the ones in the middle.

    `tether bisect start BAD GOOD` checks out a commit between the two; try it and say `tether bisect
    good`, `bad` or `skip`, until the first bad commit is found. `tether bisect reset` goes back.
    """


@command.command()
@click.argument("bad", required=False)
@click.argument("good", nargs=-1)
@pass_context
def start(ctx: Context, bad: str | None, good: tuple[str, ...]) -> None:
    """Begin; BAD and GOOD may also be named later, by `bad` and `good`."""
    from tether.api import bisecting

    _report(ctx, bisecting.start(ctx.repo(), bad, good))


@command.command()
@click.argument("revs", nargs=-1, metavar="[REV]...")
@pass_context
def good(ctx: Context, revs: tuple[str, ...]) -> None:
    """Say that commits, by default the one checked out, are good."""
    _mark(ctx, "good", revs)


@command.command()
@click.argument("revs", nargs=-1, metavar="[REV]")
@pass_context
def bad(ctx: Context, revs: tuple[str, ...]) -> None:
    """Say that a commit, by default the one checked out, is bad."""
    _mark(ctx, "bad", revs)


@command.command()
@click.argument("revs", nargs=-1, metavar="[REV]...")
@pass_context
def skip(ctx: Context, revs: tuple[str, ...]) -> None:
    """Say that commits cannot be tried."""
    _mark(ctx, "skip", revs)


@command.command()
@click.argument("rev", required=False)
@pass_context
def reset(ctx: Context, rev: str | None) -> None:
    """End, and go back to where it began, or to REV."""
    from tether.api import bisecting

    commit = bisecting.reset(ctx.repo(), rev)
    text = f"back at {short_id(commit)}" if commit else "back at no commit"
    ctx.emit({"id": commit.hex() if commit else None}, lambda: [text], essential=False)


@command.command()
@pass_context
def log(ctx: Context) -> None:
    """List what was said so far."""
    from tether.api import bisecting

    found = bisecting.log(ctx.repo())
    documents = [{"command": each.command, "id": each.commit and each.commit.hex()} for each in found]
    ctx.emit(documents, lambda: [f"tether {each.command}" for each in found])


@command.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, required=True, metavar="CMD...", type=click.UNPROCESSED)
@pass_context
def run(ctx: Context, words: tuple[str, ...]) -> None:
    """Let a command judge: 0 is good, 125 cannot be tried, 1 to 127 are bad.

    With --json what the command prints goes to stderr.
    """
    from tether.api import bisecting

    repo = ctx.repo()
    _report(ctx, bisecting.run(repo, lambda: _try(ctx, words), lambda each: _tell(ctx, each)))


def _tell(ctx: Context, found: "Progress") -> None:
    """Say what comes next; the end is told as the result."""
    if not found.over:
        ctx.note(_lines(found)[0])


def _try(ctx: Context, words: Sequence[str]) -> int:
    import subprocess

    ctx.out.flush()
    output: BinaryIO | None = ctx.err.buffer if ctx.json else None
    try:
        return subprocess.run(words, stdout=output, cwd=ctx.root, check=False).returncode
    except FileNotFoundError:
        raise NotFound(f"no such command: {words[0]}") from None


def _mark(ctx: Context, verdict: "Verdict", revs: Sequence[str]) -> None:
    from tether.api import bisecting

    _report(ctx, bisecting.mark(ctx.repo(), verdict, revs))


def _report(ctx: Context, found: "Progress") -> None:
    document: dict[str, Any] = {
        "bad": found.bad.hex() if found.bad else None,
        "good": [commit.hex() for commit in found.good],
        "current": found.current.hex() if found.current else None,
        "left": found.left,
        "first_bad": found.first_bad.hex() if found.first_bad else None,
        "suspects": [commit.hex() for commit in found.suspects],
    }
    ctx.emit(document, lambda: _lines(found))


def _lines(found: "Progress") -> list[str]:
    if found.first_bad is not None:
        return [f"{found.first_bad.hex()} is the first bad commit"]
    if found.suspects:
        listed = [f"  {commit.hex()}" for commit in found.suspects]
        return ["only skipped commits are left; the first bad one is among", *listed]
    if found.current is not None:
        return [
            f"try {short_id(found.current)}: {count_text(found.left, 'commit')} could be the first bad one"
        ]
    if found.bad is None:
        return ["say which commit is bad: tether bisect bad [REV]"]
    return ["say which commit is good: tether bisect good [REV]"]
