"""The job that follows the branches of open pull requests when something was pushed."""

import logging
from contextlib import closing

from sqlalchemy import or_, select

from tether.errors import TetherError
from tether.hub.conversations.finding import OPEN
from tether.hub.database.conversations import Conversation
from tether.hub.database.models import RepositoryRow
from tether.hub.database.pulls import Pull
from tether.hub.hub import Hub
from tether.hub.pulls.heads import follow, tip
from tether.hub.repositories import open_repository

_logger = logging.getLogger("tether.hub")


def follow_all(hub: Hub, row: RepositoryRow) -> int:
    """Let the open pull requests from and into a repository be of its newest commits; return how many moved.

    Raises:
        Unavailable: The storage or the database does not answer.
    """
    query = select(Pull, RepositoryRow).join(Conversation, Conversation.id == Pull.conversation_id)
    query = query.join(RepositoryRow, RepositoryRow.id == Conversation.repository_id)
    here = or_(Pull.source_id == row.id, Conversation.repository_id == row.id)
    query = query.where(Conversation.state == OPEN, RepositoryRow.deleted_at.is_(None), here)
    with hub.database.session(reads_only=True) as session:
        found = [(pull, into) for pull, into in session.execute(query.order_by(Conversation.number))]
    if not found:
        return 0
    with closing(open_repository(hub, row)) as repository:
        seen = {
            pull.conversation_id: (tip(repository, pull.source_branch), tip(repository, pull.target_branch))
            for pull, _ in found
        }
    moved = 0
    for pull, into in found:
        head, target = seen[pull.conversation_id]
        pushed = pull.source_id == row.id and head is not None and head.hex() != pull.head
        passed = into.id == row.id and target is not None and target.hex() != pull.target
        if pushed or passed:
            moved += _follow(hub, into, pull.conversation.number)
    return moved


def _follow(hub: Hub, row: RepositoryRow, number: int) -> bool:
    """Follow one; what keeps one from it does not hold up the others."""
    try:
        follow(hub, row, number)
    except TetherError as error:
        _logger.warning("pull request %d of %s cannot be followed: %s", number, row.full_name, error)
        return False
    return True
