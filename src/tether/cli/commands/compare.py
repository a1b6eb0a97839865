"""`tether compare`: two models on the same evaluation set."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from tether.cli.context import Context
from tether.cli.options import with_options
from tether.errors import InvalidInput, TetherError

if TYPE_CHECKING:
    from tether.api.checks import Check, Checked
    from tether.api.comparing import Compared
    from tether.evals.failing import Failure, Rule

_FAILED = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    old: str
    new: str
    fail_on: tuple[str, ...]
    common: bool
    markdown: bool
    examples: int
    level: float
    replicates: int
    seed: int
    check: str | None
    commit: str | None
    remote: str | None


@click.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="B")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="RULE",
    help="End with 10 where this is so: 'accuracy<-0.01', 'slice:*:-0.01', 'regressions>5'.",
)
@click.option("--common", is_flag=True, help="Compare the examples that both have, where the sets differ.")
@click.option("--markdown", is_flag=True, help="Write Markdown, as for a comment on a pull request.")
@click.option("--examples", type=click.IntRange(0, 100), default=10, metavar="N", help="Name N examples: 10.")
@click.option("--level", type=float, default=0.95, metavar="SHARE", help="Of the intervals: 0.95.")
@click.option(
    "--replicates", type=click.IntRange(0, 100_000), default=1000, metavar="N", help="Of the bootstrap: 1000."
)
@click.option("--seed", type=click.IntRange(0), default=0, metavar="N", help="Of the bootstrap: 0.")
@click.option("--check", metavar="NAME", help="Tell the hub how it ended, as the check NAME of a commit.")
@click.option("--commit", metavar="REV", help="Whose check it is; HEAD if not given.")
@click.option("--remote", metavar="REMOTE", help="Which hub is told; that of the branch if not given.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Compare the evaluations A and B, example by example.

    Shows how each metric changed with an interval from pairs, wins and regressions by slice, the examples
    that got worse by most, and what differs in the runs that made the models. A and B are evaluations, files
    with predictions, or models that were evaluated: a file, REV:PATH, the run that made one, or a release.

    A rule of --fail-on is a change (B less A) of a metric: 'accuracy<-0.01'. '-0.01' alone: the main metric
    got worse by more. 'slice:GLOB:' before it looks at slices, 'new:' at the value of B, and 'significant'
    behind it wants the whole interval there. 'wins' and 'regressions' are numbers of examples.

    With --check the verdict and the Markdown go to the hub, where the rule of a branch can ask for the
    success of that check. A comparison that could not be made is told as an error.
    """
    from tether.cli.render_compare import compared_document, compared_lines, compared_markdown
    from tether.evals.failing import parse_rule

    rules = [parse_rule(text) for text in options.fail_on]
    of = _checked(ctx, options)
    try:
        found, failed = _compared(ctx, options, rules)
    except TetherError as error:
        _tell_of(ctx, options, of, error)
        raise
    document = compared_document(found, failed)
    shown = compared_markdown if options.markdown else compared_lines
    ctx.emit(document, lambda: shown(ctx, found, failed, options.examples), page=not options.markdown)
    if options.check is not None and of is not None:
        from tether.api.checks import Check, summary_of

        summary = summary_of(compared_markdown(ctx, found, failed, options.examples))
        _tell(ctx, of, Check(options.check, "failure" if failed else "success", summary))
    if failed:
        ctx.exit(_FAILED)


def _compared(ctx: Context, options: Options, rules: "list[Rule]") -> "tuple[Compared, list[Failure]]":
    from tether.api.comparing import CompareRequest, compare_evaluations
    from tether.evals.failing import failures
    from tether.evals.intervals import Plan

    plan = Plan(options.level, options.replicates, options.seed)
    request = CompareRequest(options.old, options.new, ctx.cwd, common=options.common, plan=plan)
    found = compare_evaluations(ctx.repo(), request)
    return found, failures(rules, found.comparison)


def _checked(ctx: Context, options: Options) -> "Checked | None":
    """Return the commit whose check the comparison is, before the work, so that a wrong name costs none."""
    if options.check is None:
        if options.commit is not None or options.remote is not None:
            raise InvalidInput("--commit and --remote are for --check", hint="name the check")
        return None
    if not options.fail_on:
        hint = "give rules by --fail-on"
        raise InvalidInput("a check that nothing can fail says nothing", hint=hint)
    from tether.api.checks import Check, checked

    Check(options.check, "pending")
    return checked(ctx.repo(), options.commit or "HEAD", options.remote)


def _tell_of(ctx: Context, options: Options, of: "Checked | None", error: TetherError) -> None:
    """Tell the hub that there is no comparison, by the code of the error: its text can name folders here.

    Where that fails too it is a warning, since the first error is the one that counts.
    """
    if options.check is None or of is None:
        return
    from tether.api.checks import Check

    try:
        _tell(ctx, of, Check(options.check, "error", f"There is no comparison: `{error.code}`."))
    except TetherError as second:
        ctx.warn(f"the hub was not told that there is no comparison: {second}")


def _tell(ctx: Context, of: "Checked", check: "Check") -> None:
    from tether.api.checks import report
    from tether.cli.hubs import client_of

    with client_of(ctx, of.address) as client:
        report(client, of, check)
    ctx.note(f"check {check.name} of {of.commit.hex()[:12]} is {check.state}")
