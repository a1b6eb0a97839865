"""`tether compare`: two models on the same evaluation set."""

from dataclasses import dataclass

import click

from tether.cli.context import Context
from tether.cli.options import with_options

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
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Compare the evaluations A and B, example by example.

    Shows how each metric changed with an interval from pairs, wins and regressions by slice, the examples
    that got worse by most, and what differs in the runs that made the models. A and B are runs: evaluations,
    or trainings whose model was evaluated; or files with predictions.

    A rule of --fail-on is a change (B less A) of a metric: 'accuracy<-0.01'. '-0.01' alone: the main metric
    got worse by more. 'slice:GLOB:' before it looks at slices, 'new:' at the value of B, and 'significant'
    behind it wants the whole interval there. 'wins' and 'regressions' are numbers of examples.
    """
    from tether.api.comparing import CompareRequest, compare_evaluations
    from tether.cli.render_compare import compared_document, compared_lines, compared_markdown
    from tether.evals.failing import failures, parse_rule
    from tether.evals.intervals import Plan

    rules = [parse_rule(text) for text in options.fail_on]
    plan = Plan(options.level, options.replicates, options.seed)
    request = CompareRequest(options.old, options.new, ctx.cwd, common=options.common, plan=plan)
    found = compare_evaluations(ctx.repo(), request)
    failed = failures(rules, found.comparison)
    document = compared_document(found, failed)
    shown = compared_markdown if options.markdown else compared_lines
    ctx.emit(document, lambda: shown(ctx, found, failed, options.examples), page=not options.markdown)
    if failed:
        ctx.exit(_FAILED)
