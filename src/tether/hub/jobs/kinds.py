"""The kinds of jobs: how often each is done, and what it does."""

import logging
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from tether.core.phrases import size_text
from tether.errors import Corrupt
from tether.hub.counting import recount
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import FOLLOW
from tether.hub.facts import refresh
from tether.hub.hub import Hub
from tether.hub.jobs.halting import Halt
from tether.hub.jobs.turns import Outcome, Result
from tether.hub.keeping import purge
from tether.hub.mail.outbox import MAIL
from tether.hub.mail.sending import send_due
from tether.hub.places import remove_ended
from tether.hub.pulls.following import follow_all
from tether.hub.repositories import FACTS, open_repository
from tether.hub.runending import end_lost
from tether.hub.search import indexing
from tether.hub.settings import HubSettings
from tether.hub.strays import find_strays
from tether.hub.upkeep import collect, examine, foresee
from tether.hub.webhooks.deliveries import forget_old
from tether.hub.workspaces import remove_expired
from tether.repo.check import CheckOptions

GARBAGE = "garbage"
SAMPLE = 5.0
"""Percent of the contents whose bytes a verification reads, other ones each time."""
_SHOWN = 3
_logger = logging.getLogger("tether.hub")


class Turn(NamedTuple):
    """One turn of a job.

    Attributes:
        repository: What it is about, of a job of a repository.
        number: How many turns were begun.
        halt: Tells whether to end.
    """

    hub: Hub
    repository: RepositoryRow | None
    number: int
    halt: Halt


class Kind(NamedTuple):
    """One kind of job.

    Attributes:
        every_s: Says by the settings how many seconds lie between two turns; 0: it is not done.
        work: Does it, or raises why not; it must bear to be begun anew, and to be done twice at once.
        of_repository: Whether each repository has one.
        at_once: Whether the first turn is due when the repository is seen first; others are spread.
        on_request: Whether each turn is one that somebody asked for; `every_s` lie between two at least.
    """

    name: str
    every_s: Callable[[HubSettings], int]
    work: Callable[[Turn], Result]
    of_repository: bool = False
    at_once: bool = False
    on_request: bool = False


def _purge(turn: Turn) -> Result:
    names = purge(turn.hub)
    for name in names:
        _logger.info("purged %s", name)
    return Result(Outcome.DONE, f"{len(names)} removed")


def _forget(turn: Turn) -> Result:
    forget_old(turn.hub)
    return Result(Outcome.DONE, "")


def _expire(turn: Turn) -> Result:
    """Remove workspaces that are over, and store runs that nobody ended."""
    stored = end_lost(turn.hub)
    return Result(
        Outcome.DONE, f"{remove_expired(turn.hub)} removed" + (f", {stored} runs stored" if stored else "")
    )


def _end_places(turn: Turn) -> Result:
    remove_ended(turn.hub)
    return Result(Outcome.DONE, "")


def _count(turn: Turn) -> Result:
    recount(turn.hub)
    return Result(Outcome.DONE, "")


def _look_for_strays(turn: Turn) -> Result:
    """Tell of folders without a repository; whoever runs the hub says what becomes of them."""
    names = find_strays(turn.hub)
    if not names:
        return Result(Outcome.DONE, "")
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    told = f"{len(names)} folders belong to no repository: {shown}; see 'tether hub fsck'"
    return Result(Outcome.DAMAGED, told)


def _collect(turn: Turn) -> Result:
    row = _repository_of(turn)
    counts = collect(turn.hub, row, turn.halt, turn.halt.patience())
    return Result(Outcome.DONE, f"freed {size_text(counts.freed)}")


def _foresee(turn: Turn) -> Result:
    """Find out what `gc` would free; whoever administers the repository asks for it."""
    found = foresee(turn.hub, _repository_of(turn), turn.halt)
    later = (
        f"; {size_text(found.later)} that no branch needs stays for {found.days} days" if found.later else ""
    )
    return Result(Outcome.DONE, f"{size_text(found.freed)} would be freed{later}")


def _verify(turn: Turn) -> Result:
    row, options = _repository_of(turn), CheckOptions(sample=SAMPLE, seed=turn.number)
    report = examine(turn.hub, row, options, turn.halt, turn.halt.patience())
    if report.ok:
        return Result(Outcome.DONE, f"{report.objects} objects, {report.bytes} bytes read")
    shown = "; ".join(f"{each.object}: {each.message}" for each in report.problems[:_SHOWN])
    return Result(Outcome.DAMAGED, f"{len(report.problems)} problems: {shown}")


def _count_facts(turn: Turn) -> Result:
    """Count what the default branch has, and let search know it: both look at the same trees."""
    row = _repository_of(turn)
    with closing(open_repository(turn.hub, row)) as repository:
        counted = refresh(turn.hub, row, repository, turn.halt)
        indexing.refresh(turn.hub, row, repository, turn.halt)
    return Result(Outcome.DONE, "counted anew" if counted else "")


def _follow_pulls(turn: Turn) -> Result:
    return Result(Outcome.DONE, f"{follow_all(turn.hub, _repository_of(turn))} followed")


def _send_mail(turn: Turn) -> Result:
    sent = send_due(turn.hub)
    return Result(Outcome.DONE, f"{sent.sent} sent, {sent.dropped} dropped, {sent.left} left")


def _repository_of(turn: Turn) -> RepositoryRow:
    if turn.repository is None:
        raise Corrupt("the job belongs to no repository")
    return turn.repository


def _each(seconds: int) -> Callable[[HubSettings], int]:
    return lambda _: seconds


_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
KINDS = {
    each.name: each
    for each in (
        Kind("purge", _each(_HOUR), _purge),
        Kind("deliveries", _each(_HOUR), _forget),
        Kind("workspaces", _each(_HOUR), _expire),
        Kind("places", _each(_HOUR), _end_places),
        Kind("count", _each(_HOUR), _count),
        Kind("strays", _each(_DAY), _look_for_strays),
        Kind(FACTS, _each(_DAY), _count_facts, of_repository=True, at_once=True),
        Kind(FOLLOW, _each(_DAY), _follow_pulls, of_repository=True),
        Kind(MAIL, lambda settings: _MINUTE if settings.mail_server else 0, _send_mail),
        Kind("gc", lambda settings: settings.gc_every_s, _collect, of_repository=True),
        Kind(GARBAGE, _each(_HOUR), _foresee, of_repository=True, on_request=True),
        Kind("verify", lambda settings: settings.verify_every_s, _verify, of_repository=True),
    )
}
"""By name; what webhooks are told is no job, since `tether.hub.webhooks` has an outbox for that."""
