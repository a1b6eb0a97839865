"""Checks: what machines found of commits, told by who may write in the repository."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tether.core.digest import Digest
from tether.errors import Conflict, InvalidInput
from tether.hub.access import Scope, require_user
from tether.hub.acting import Act
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import CommitCheck

PENDING, SUCCESS, FAILURE, ERROR = STATES = ("pending", "success", "failure", "error")
MOST = 100
"""Checks of one commit."""


@dataclass(frozen=True, slots=True)
class WantedCheck:
    """What a machine found; `url` leads to more of it."""

    state: str
    summary: str = ""
    url: str = ""


def set_check(act: Act, row: RepositoryRow, commit: Digest, name: str, wanted: WantedCheck) -> CommitCheck:
    """Tell of a check, in the place of what was told before; whether the actor may was asked before.

    Raises:
        InvalidInput: The name or the address is none.
        Conflict: The commit has too many checks.
    """
    user = require_user(act.actor, Scope.WRITE)
    if not name.strip() or not name.isprintable():
        raise InvalidInput("the name of a check is one line of text")
    if wanted.url and not wanted.url.startswith(("https://", "http://")):
        raise InvalidInput("the address of a check is none", hint="write https://HOST/PATH")
    session, of_commit = (
        act.session,
        (CommitCheck.repository_id == row.id, CommitCheck.commit_id == commit.hex()),
    )
    found = session.get(CommitCheck, (row.id, commit.hex(), name))
    if found is None:
        count = session.scalar(select(func.count()).select_from(CommitCheck).where(*of_commit)) or 0
        if count >= MOST:
            raise Conflict(f"commit {commit.hex()[:12]} has {MOST} checks already")
        found = CommitCheck(repository_id=row.id, commit_id=commit.hex(), name=name, created=act.now)
        session.add(found)
    found.state, found.summary, found.url = wanted.state, wanted.summary, wanted.url
    found.account_id, found.changed = user.id, act.now
    session.flush()
    told = {"commit": commit.hex(), "name": name, "state": wanted.state}
    act.announce("check.set", f"{row.full_name} {commit.hex()}", row, told)
    return found


def list_checks(session: Session, row: RepositoryRow, commit: str) -> Sequence[CommitCheck]:
    """Return the checks of a commit, by name."""
    query = select(CommitCheck).where(CommitCheck.repository_id == row.id, CommitCheck.commit_id == commit)
    return session.scalars(query.order_by(CommitCheck.name)).all()


def states_of(
    session: Session, row: RepositoryRow, commits: Collection[str]
) -> dict[str, list[tuple[str, str]]]:
    """Return the name and the state of each check of commits, by name, with one query."""
    columns = select(CommitCheck.commit_id, CommitCheck.name, CommitCheck.state)
    query = columns.where(CommitCheck.repository_id == row.id, CommitCheck.commit_id.in_(commits))
    found: dict[str, list[tuple[str, str]]] = {}
    for commit, name, state in session.execute(query.order_by(CommitCheck.name)):
        found.setdefault(commit, []).append((name, state))
    return found
