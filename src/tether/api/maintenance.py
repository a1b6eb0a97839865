"""Space and health of a repository: garbage collection, checks, mending, and where the space goes."""

from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace

from tether.api.opened import Opened
from tether.errors import InvalidInput, TetherError
from tether.repo.check import CheckOptions, CheckReport, check_repository
from tether.repo.gc import GcOptions, GcPlan, execute_gc, plan_gc
from tether.repo.gcwrite import GcCounts
from tether.repo.objectdb import ObjectDb
from tether.repo.repair import Repair, repair_repository
from tether.repo.revision import find_entry, resolve
from tether.repo.usage import Space, Usage
from tether.sync.remotes import list_remotes, open_remote


@dataclass(frozen=True, slots=True)
class Collected:
    """What gc did, or with a dry run would do."""

    counts: GcCounts
    plan: GcPlan


def collect(
    repo: Opened, *, dry_run: bool = False, prune_now: bool = False, differences: bool = False
) -> Collected:
    """Free what nothing needs.

    Args:
        repo: Whose packs.
        dry_run: Find out, and change nothing.
        prune_now: Keep nothing for `undo`, and delete at once instead of after a day.
        differences: Store files as the difference to others like them where that saves.

    Raises:
        Corrupt: It cannot be told what is needed.
        Unavailable: Another process is writing and does not end.
    """
    repository = repo.repository
    days = 0 if prune_now else int(repository.config.get("gc.retention") or 0)
    options = GcOptions(days, differences=differences)
    if prune_now:
        options = replace(options, grace_s=0, thorough=True)
    plan = plan_gc(repository, repo.clock(), options, repo.progress)
    if dry_run:
        return Collected(GcCounts(plan.freed, plan.kept, 0, len(plan.replaced), plan.for_undo), plan)
    return Collected(execute_gc(repository, plan, repo.progress), plan)


def check(repo: Opened, *, full: bool = False, sample: float = 0.0) -> CheckReport:
    """Verify everything that is stored; damage is reported, not raised.

    Args:
        repo: What to verify.
        full: Read every byte.
        sample: Percent of the contents whose bytes are verified; another choice at each run.

    Raises:
        InvalidInput: There is no such percentage.
    """
    if not 0 <= sample <= 100:
        raise InvalidInput(f"not a percentage: {sample}", hint="give a number from 0 to 100")
    options = CheckOptions(full, sample, seed=repo.clock().micros)
    return check_repository(repo.repository, options, repo.progress)


def measure(repo: Opened, place: str = "HEAD", by: str = "path") -> tuple[list[Usage], Usage]:
    """Return where the space goes, as rows and a total.

    Args:
        repo: What to measure.
        place: REV or REV:PATH; of a `by` other than path only REV counts.
        by: `path`, `commit` or `branch`.

    Raises:
        NotFound: There is no such place.
    """
    space = Space(repo.repository)
    if by == "branch":
        return space.by_branch()
    if by == "commit":
        return space.by_commit(resolve(repo.repository, place))
    found, entry = find_entry(repo.repository, place)
    return space.by_path(entry, found.path)


def repair(repo: Opened) -> Repair:
    """Mend what can be mended, with what the remotes that can be reached have.

    Raises:
        Unavailable: Another process is writing and does not end.
    """
    repository = repo.repository
    with ExitStack() as opened:
        sources: list[ObjectDb] = []
        for name in list_remotes(repository):
            with suppress(TetherError):
                remote = open_remote(repository, name)
                opened.callback(remote.close)
                sources.append(remote.objects)
        return repair_repository(repository, repo.clock(), sources, repo.progress)
