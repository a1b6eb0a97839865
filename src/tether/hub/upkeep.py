"""Keeping the repositories of a hub in order, while it serves: which ones, verifying, collecting garbage."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import NamedTuple

from sqlalchemy import select

from tether.core.progress import SILENT, Progress
from tether.errors import Conflict, Corrupt, InvalidInput, NotFound
from tether.hub.conversations.attachments import drop_unused
from tether.hub.database.models import Account, RepositoryRow
from tether.hub.hub import Hub
from tether.hub.leftovers import remove_notes, spared
from tether.hub.repositories import find, open_repository
from tether.hub.strays import find_strays, set_stray_aside
from tether.hub.tracking import is_tracked
from tether.hub.workspaces import is_staged
from tether.repo.check import CheckOptions, CheckReport, Problem, ProblemKind, check_repository
from tether.repo.gc import GcOptions, GcPlan, execute_gc, plan_gc
from tether.repo.gcwrite import GcCounts
from tether.repo.repair import Repair, repair_repository
from tether.repo.repository import Repository
from tether.storage.locks import Wait

_logger = logging.getLogger("tether.hub")


def chosen(hub: Hub, addresses: Sequence[str]) -> list[RepositoryRow]:
    """Return the repositories at some addresses OWNER/NAME, or all that are not deleted where none is named.

    Raises:
        InvalidInput: It is no address.
        NotFound: There is none.
    """
    with hub.database.session(reads_only=True) as session:
        if not addresses:
            live = select(RepositoryRow).join(RepositoryRow.owner).where(RepositoryRow.deleted_at.is_(None))
            return list(session.scalars(live.order_by(Account.key, RepositoryRow.key)))
        rows = []
        for address in addresses:
            owner, _, name = address.partition("/")
            if not owner or not name:
                raise InvalidInput(f"not a repository of a hub: {address}", hint="write OWNER/NAME")
            row = find(session, owner, name)
            if row is None:
                raise NotFound(f"no repository {address} on this hub")
            rows.append(row)
        return rows


def verify(hub: Hub, row: RepositoryRow, *, full: bool, progress: Progress = SILENT) -> CheckReport:
    """Verify a repository, in full or its metadata; see `examine`."""
    return examine(hub, row, CheckOptions(full), progress)


def examine(
    hub: Hub,
    row: RepositoryRow,
    options: CheckOptions,
    progress: Progress = SILENT,
    wait: Wait | None = None,
) -> CheckReport:
    """Verify a repository; damage is reported, not raised, also that its files are gone.

    Args:
        hub: Has the repository.
        row: Of the repository.
        options: How deep to look.
        progress: Told of it.
        wait: As for `tether.storage.locks.Lock`.

    Raises:
        Unavailable: Garbage is collected and that does not end.
    """
    try:
        repository = open_repository(hub, row)
    except Corrupt as error:
        return _lost(hub, row, error)
    repository.wait = wait
    try:
        return check_repository(repository, options, progress)
    finally:
        repository.close()


def check_folders(hub: Hub, *, repair: bool) -> dict[str, Repair]:
    """Look for folders that belong to no repository, and set them aside if wanted; return what was found.

    Raises:
        Unavailable: The folder or the database does not answer.
    """
    found = {}
    for name in find_strays(hub):
        place = f"{hub.settings.repositories.name}/{name}"
        if repair:
            found[place] = Repair([f"moved it to {set_stray_aside(hub, name)}"])
        else:
            problem = Problem(ProblemKind.FOLDER, place, "belongs to no repository")
            found[place] = Repair([], CheckReport([problem]))
    return found


def mend(hub: Hub, row: RepositoryRow, progress: Progress = SILENT) -> Repair:
    """Mend what can be mended of a repository; files that are gone are not."""
    try:
        repository = open_repository(hub, row)
    except Corrupt as error:
        return Repair([], _lost(hub, row, error))
    try:
        return repair_repository(repository, hub.clock(), [], progress)
    finally:
        repository.close()


def _lost(hub: Hub, row: RepositoryRow, error: Corrupt) -> CheckReport:
    """Return what to say of a repository without files, unless it was deleted in this moment."""
    with hub.database.session(reads_only=True) as session:
        now = session.get(RepositoryRow, row.id)
        if now is None or now.deleted_at is not None:
            return CheckReport()
    return CheckReport([Problem(ProblemKind.MISSING, row.full_name, str(error))])


def collect(hub: Hub, row: RepositoryRow, progress: Progress = SILENT, wait: Wait | None = None) -> GcCounts:
    """Free what nothing needs in a repository; packs that wait for a push or are staged stay.

    Pictures of conversations that nothing shows any more go before, or the next time if that meets a push.

    Args:
        hub: Has the repository.
        row: Of the repository.
        progress: Told of it.
        wait: As for `tether.storage.locks.Lock`.

    Raises:
        Corrupt: It cannot be told what is needed.
        Unavailable: Somebody is writing and does not end.
    """
    try:
        drop_unused(hub, row)
    except Conflict as error:
        _logger.info("pictures that nothing shows stay in %s until the next gc: %s", row.full_name, error)
    since = _upload_began(hub)
    with _planned(hub, row, since, progress, wait) as (repository, plan):
        with hub.tracer.span("write collection", packs=len(plan.replaced)):
            counts = execute_gc(repository, plan, progress)
        remove_notes(repository.backend, since)
    return counts


class Foreseen(NamedTuple):
    """What `collect` would do now.

    Attributes:
        freed: Bytes that would go.
        later: Bytes that no ref needs and that stay for as long as going back is possible.
        days: How long that is.
    """

    freed: int
    later: int
    days: int


def foresee(hub: Hub, row: RepositoryRow, progress: Progress = SILENT) -> Foreseen:
    """Return what `collect` would free now; reads the whole history and changes nothing.

    Pictures of conversations that nothing shows any more are not among them.

    Raises:
        Corrupt: It cannot be told what is needed.
        Unavailable: The repository keeps changing.
    """
    with _planned(hub, row, _upload_began(hub), progress, None) as (_, plan):
        return Foreseen(plan.freed, plan.for_undo, plan.options.retention_days)


@contextmanager
def _planned(
    hub: Hub, row: RepositoryRow, since: int, progress: Progress, wait: Wait | None
) -> Iterator[tuple[Repository, GcPlan]]:
    """Open a repository for a block, with what collecting would do now; see `collect` for errors."""
    repository = open_repository(hub, row)
    repository.wait = wait
    try:
        days = int(repository.config.get("gc.retention") or 0)
        waits = spared(repository.backend, since)

        def spares(key: str) -> bool:
            pack = PurePosixPath(key).stem
            return waits(key) or is_staged(hub, row, pack) or is_tracked(hub, row, pack)

        with hub.tracer.span("plan collection"):
            plan = plan_gc(repository, hub.clock(), GcOptions(days, spares=spares), progress)
        yield repository, plan
    finally:
        repository.close()


def _upload_began(hub: Hub) -> int:
    """Return since when packs may have come that no push has named yet, and that stay."""
    return hub.clock().micros - hub.settings.upload_grace_s * 1_000_000
