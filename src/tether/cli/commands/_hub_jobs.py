"""`tether hub work` and `tether hub jobs`: do what a hub does from time to time, and look at it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tether.cli.commands.fsck import CORRUPT
from tether.cli.context import Context, pass_context
from tether.cli.failures import BUG
from tether.cli.format import age_text, count_text, duration_text
from tether.cli.hosting import (
    opened_hub,
    place_options,
    process_name,
    settings_option,
    storage_option,
    with_told,
)
from tether.cli.options import with_options
from tether.core.identity import Time

if TYPE_CHECKING:
    from tether.hub.jobs.listing import JobView
    from tether.hub.jobs.scheduler import Ran


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """What the user asked for."""

    root: Path | None
    database: str | None
    storage: str | None
    once: bool
    told: tuple[str, ...]


@click.command("work")
@place_options
@storage_option
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
@settings_option
@with_options(WorkOptions)
def work(ctx: Context, options: WorkOptions) -> None:
    """Do what a hub does from time to time, without serving, until it is told to stop.

    Any number of these may run beside hubs over the same database; each job is taken up by one of them. Let
    hubs leave the work to them by the setting 'jobs'. Ctrl-C or SIGTERM ends a short job first and parks a
    long one. With --once it exits with 7 if it met damage, and with 1 if something else failed.
    """
    name = process_name()
    flags = {"database": options.database, "storage": options.storage}
    with opened_hub(ctx, options.root, with_told(flags, options.told)) as hub:
        from tether.hub.jobs import worker

        hub.require_bucket()
        if options.once:
            _tell(ctx, *worker.work_once(hub, name, time.monotonic, log=ctx.err))
            return
        ctx.emit(
            {"worker": name, "root": str(hub.settings.root)},
            lambda: [f"working for {hub.settings.root} as {name}"],
        )
        ctx.out.flush()
        worker.work(hub, name, time.monotonic, log=ctx.err)


def _tell(ctx: Context, ran: "list[Ran]", sent: int) -> None:
    def lines() -> Iterator[str]:
        for each in ran:
            took = duration_text(each.took / 1e6)
            yield f"{each.name}: {each.outcome} in {took}{f': {each.message}' if each.message else ''}"
        yield f"{count_text(len(ran), 'job')} done, {count_text(sent, 'delivery', 'deliveries')} sent"

    ctx.emit({"jobs": [each._asdict() for each in ran], "sent": sent}, lines)
    outcomes = {each.outcome.value for each in ran}
    if "damaged" in outcomes:
        ctx.exit(CORRUPT)
    if "failed" in outcomes:
        ctx.exit(BUG)


@click.command("jobs")
@place_options
@click.option(
    "--outcome", type=click.Choice(["done", "failed", "damaged"]), help="Only jobs that ended like this."
)
@pass_context
def jobs(ctx: Context, root: Path | None, database: str | None, outcome: str | None) -> None:
    """List what the hub does from time to time: how it ended the last time, and when it is due next.

    Exits with 7 if one of them met damage.
    """
    with opened_hub(ctx, root, {"database": database}) as hub:
        from tether.hub.jobs.listing import list_jobs, outbox

        with hub.database.session(reads_only=True) as session:
            found, deliveries = list_jobs(session, hub.now(), outcome=outcome), outbox(session)
    document = {"jobs": [each._asdict() for each in found], "deliveries": deliveries._asdict()}

    def lines() -> Iterator[str]:
        yield from (_line(each, ctx.now()) for each in found)
        yield f"webhooks: {count_text(deliveries.waiting, 'delivery', 'deliveries')} waiting"

    ctx.emit(document, lines)
    if any(each.outcome == "damaged" for each in found):
        ctx.exit(CORRUPT)


def _line(job: "JobView", now: Time) -> str:
    """Return a line for people: what, how it ended the last time, what comes next."""
    parts = []
    if job.outcome is not None and job.ended is not None:
        ago = age_text(Time(job.ended, now.offset), now)
        parts.append(f"{job.outcome} {ago} in {duration_text((job.took or 0) / 1e6)}")
    if job.message:
        parts.append(job.message)
    if job.state == "running":
        parts.append(f"running on {job.worker}")
    elif job.due is None:
        parts.append("next when asked for")
    elif job.due <= now.micros:
        parts.append("due now")
    else:
        parts.append(f"next in {duration_text((job.due - now.micros) / 1e6)}")
    return f"{job.name}: {'; '.join(parts)}"
