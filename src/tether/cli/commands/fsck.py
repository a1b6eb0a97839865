"""`tether fsck`: verify everything that is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tether.cli.context import Context
from tether.cli.format import count_text, size_text
from tether.cli.options import with_options
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.repo.check import CheckReport

CORRUPT = 7
"""The exit code when something is wrong."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    full: bool
    sample: float
    repair: bool


@click.command()
@click.option("--full", is_flag=True, help="Read and verify every byte.")
@click.option(
    "--sample",
    type=click.FloatRange(0, 100),
    default=0.0,
    metavar="PERCENT",
    help="Verify the bytes of that share of the contents.",
)
@click.option("--repair", is_flag=True, help="Mend what can be mended, with the help of the remotes.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Verify everything that is stored, and tell what damage touches.

    Without options history and trees are verified and every content must be there. --repair saves what
    is good, fetches the rest from remotes, and moves damaged files aside without deleting them.
    Exits with 7 when something is wrong.
    """
    from tether.api.maintenance import check, repair

    if options.full and options.sample:
        raise InvalidInput("--full and --sample exclude each other")
    actions: list[str] = []
    if options.repair:
        mended = repair(ctx.repo())
        actions, report = mended.actions, mended.report
    else:
        report = check(ctx.repo(), full=options.full, sample=options.sample)
    document = {**check_document(report), **({"repaired": actions} if options.repair else {})}
    ctx.emit(document, lambda: check_lines(report, actions))
    if not report.ok:
        ctx.exit(CORRUPT)


def check_document(report: "CheckReport") -> dict[str, Any]:
    """Return what a check found, for `--json`."""
    return {
        "ok": report.ok,
        "checked": report.objects,
        "packs": report.packs,
        "bytes": report.bytes,
        "problems": [
            {"kind": str(p.kind), "object": p.object, "message": p.message, "touches": list(p.touches)}
            for p in report.problems
        ],
        "absent": [{"object": digest.hex(), "remote": remote} for digest, remote in report.absent],
    }


def check_lines(report: "CheckReport", actions: list[str]) -> Iterator[str]:
    """Yield what a check found, for people; `actions` is what was mended before."""
    yield from actions
    for problem in report.problems:
        yield f"{problem.kind} {problem.object[:48]}: {problem.message}"
        yield from (f"    needed by {place}" for place in problem.touches)
    by_remote: dict[str, int] = {}
    for _, remote in report.absent:
        by_remote[remote] = by_remote.get(remote, 0) + 1
    for remote, count in by_remote.items():
        yield f"{count_text(count, 'content')} absent, at {remote}"
    looked = f"{count_text(report.objects, 'object')} in {count_text(report.packs, 'pack')}"
    read = f", {size_text(report.bytes)} read" if report.bytes else ""
    verdict = "no problems" if report.ok else count_text(len(report.problems), "problem")
    yield f"checked {looked}{read}: {verdict}"
