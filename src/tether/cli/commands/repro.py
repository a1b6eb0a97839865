"""`tether repro`: repeat a run in a clean room, and say how the two compare."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from tether.cli.context import Context
from tether.cli.options import with_options
from tether.errors import InvalidInput

_DIFFERENT = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for."""

    ref: str
    env: Literal["recorded", "current"]
    tolerance: tuple[str, ...]
    ignore: tuple[str, ...]
    code: str | None
    room: str | None
    key: str | None
    dry_run: bool


@click.command()
@click.argument("ref", metavar="RUN | RELEASE")
@click.option(
    "--env",
    type=click.Choice(["recorded", "current"]),
    default="recorded",
    show_default=True,
    help="A new Python environment by the lock or the recorded packages, or the one that is there.",
)
@click.option(
    "--tolerance",
    multiple=True,
    metavar="METRIC=ABS",
    help="By how much the last value of a metric may differ.",
)
@click.option("--ignore", multiple=True, metavar="NAME", help="Leave out this metric, or this artefact.")
@click.option(
    "--code",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="A Git repository that has the commit of the code.",
)
@click.option("--room", type=click.Path(), metavar="DIR", help="Make the clean room here, and keep it.")
@click.option(
    "--key",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Sign the verdict about a release with this Ed25519 key; without it with that of signing.key.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be run, with which code and data.")
@with_options(Options)
def command(ctx: Context, options: Options) -> None:
    """Repeat a run, or the training of a release, from its record, and compare what comes out.

    Data, code with its changes, parameters, seeds and variables are as they were recorded; the code is
    written to a new folder. This runs the recorded command: look at it first with --dry-run where somebody
    else made it.

    The verdict is bitwise, tensors, metrics or tolerance, and the command ends with 0; or different or
    failed, and it ends with 1. It is kept with the new run; one about a release becomes an attestation of it,
    if there is a key to sign it. A repetition that Ctrl-C or a signal stopped says nothing of the release,
    whatever the command made of that: it ends with the code of the signal, 130 or 143.
    """
    from tether.api.originals import find_original
    from tether.api.repeating import chosen_room
    from tether.api.reproducing import ReproRequest, attest_verdict, execute_repro, plan_repro
    from tether.cli.render_repro import plan_document, plan_lines, verdict_document, verdict_lines
    from tether.cli.render_running import shower, warn_of
    from tether.releases.verdict import Rules
    from tether.runs.child import at_terminal

    repo = ctx.repo()
    original = find_original(repo, options.ref)
    tolerance = dict(original.release.manifest.tolerance) if original.release is not None else {}
    tolerance |= dict(map(_tolerance, options.tolerance))
    places = [ctx.cwd, *([Path(repo.root)] if repo.repository.worktree is not None else [])]
    code = (Path(options.code),) if options.code is not None else tuple(places)
    rules = Rules(tolerance, options.ignore)
    plan = plan_repro(repo, ReproRequest(original, ctx.environ, code, options.env, rules))
    if options.dry_run:
        ctx.emit(plan_document(plan), lambda: plan_lines(plan))
        return
    room = Path(options.room) if options.room is not None else None
    with chosen_room(room, ctx.environ.get("TMPDIR") or None) as place:
        done = execute_repro(repo, plan, place, shower(ctx), terminal=at_terminal())
    key = ctx.cwd / options.key if options.key is not None else None
    said = attest_verdict(repo, done, original.release, key) if original.release is not None else None
    ctx.emit({**verdict_document(done), "attestation": said}, lambda: verdict_lines(ctx, done, said))
    warn_of(ctx, done.outcome)
    if done.was_stopped:
        ctx.exit(done.code)
    if not done.verdict.verdict.is_good:
        ctx.exit(_DIFFERENT)


def _tolerance(text: str) -> tuple[str, float]:
    name, equals, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not equals or not name or not 0 <= number < float("inf"):
        raise InvalidInput(f"not a tolerance: {text}", hint="write it like --tolerance accuracy=0.005")
    return name, number
