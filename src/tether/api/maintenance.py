"""Space and health of a repository: garbage collection and the check of everything stored."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tether.repo.gc import GcOptions, GcPlan, execute_gc, plan_gc
from tether.repo.gcwrite import GcCounts

if TYPE_CHECKING:
    from tether.api.repo import Repo


@dataclass(frozen=True, slots=True)
class Collected:
    """What gc did, or with a dry run would do."""

    counts: GcCounts
    plan: GcPlan


def collect(repo: "Repo", *, dry_run: bool = False, prune_now: bool = False) -> Collected:
    """Free what nothing needs.

    Args:
        repo: Whose packs.
        dry_run: Find out, and change nothing.
        prune_now: Keep nothing for `undo`, and delete at once instead of after a day.

    Raises:
        Corrupt: It cannot be told what is needed.
        Unavailable: Another process is writing and does not end.
    """
    repository = repo.repository
    days = 0 if prune_now else int(repository.config.get("gc.retention") or 0)
    options = GcOptions(days, 0) if prune_now else GcOptions(days)
    plan = plan_gc(repository, repo.clock(), options, repo.progress)
    if dry_run:
        return Collected(GcCounts(plan.freed, plan.kept, 0, len(plan.replaced), plan.for_undo), plan)
    return Collected(execute_gc(repository, plan, repo.progress), plan)
