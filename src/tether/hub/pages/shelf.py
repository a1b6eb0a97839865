"""The shelf of the hub: repositories of its database, as far as one who looks may read them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from sqlalchemy.orm import Session
from starlette.requests import Request

from tether.errors import Unauthenticated
from tether.hub.access import ANONYMOUS, Principal, Role, require_held
from tether.hub.conversations.finding import count_open
from tether.hub.conversations.notices import count_unread
from tether.hub.database.models import RepositoryRow
from tether.hub.facts import known_of
from tether.hub.forks import source_of
from tether.hub.hub import Hub
from tether.hub.queues import HEAVY
from tether.hub.repositories import find, reading
from tether.hub.routes.dependencies import asking, count_more, hub_of, note_use
from tether.hub.trackedrecords import TrackedUnderWay
from tether.pages.shelf import Frame, Shown, Tab, shelf_of
from tether.pages.turns import waiting

_TITLE = "Tether"


class HubShelf:
    """What one request may see of a hub.

    Args:
        hub: The hub.
        principal: Who asks.
        address: Of the hub, as people reach it.
        count_more: Counts the request as so many more; raises RateLimited.
    """

    def __init__(
        self, hub: Hub, principal: Principal, address: str, count_more: Callable[[int], None]
    ) -> None:
        self.hub, self.principal, self._address = hub, principal, address.rstrip("/")
        self._count_more = count_more
        self.turns = hub.turns

    def frame(self) -> Frame:
        """Return what stands around the page."""
        user = self.principal.user
        return Frame(
            title=_TITLE,
            now=self.hub.now(),
            viewer=None if user is None else user.name,
            accounts=True,
            administers=self.principal.administers,
            unread=self._unread(),
        )

    def _unread(self) -> int:
        if self.principal.user is None:
            return 0
        with self.hub.database.session(reads_only=True) as session:
            return count_unread(session, self.principal)

    @contextmanager
    def open(self, owner: str, name: str) -> Iterator[Shown]:
        """Open a repository; see `tether.pages.shelf.Shelf`."""
        with self.hub.database.session(reads_only=True) as session:
            found = find(session, owner, name)
            row, role = require_held(session, self.principal, found, Role.READ, f"{owner}/{name}")
            tabs = _tabs(session, row, role)
            source = source_of(session, self.principal, row)
        with reading(self.hub, row) as repository:
            yield Shown(
                owner=row.owner.name,
                name=row.name,
                repository=repository,
                clone=f"{self._address}/{row.full_name}",
                facts=lambda: known_of(self.hub, row, repository.root().head_commit()).facts,
                private=row.private,
                archived=row.archived,
                about=row.about,
                topics=tuple(row.topics.split()),
                may_write=role >= Role.WRITE and not row.archived,
                may_administer=role >= Role.ADMIN,
                tabs=tabs,
                fork=self._fork(row),
                source="" if source is None else source.full_name,
                under_way=TrackedUnderWay(self.hub, row),
            )

    @contextmanager
    def heavy(self, cost: int) -> Iterator[None]:
        """Wait for a turn in the queue that routes have too; other pages are made meanwhile."""
        self._count_more(cost - 1)
        with waiting(), HEAVY.turn():
            yield

    def _fork(self, row: RepositoryRow) -> str:
        """Return where a fork is asked for: by somebody who is signed in, of what is somebody else's."""
        user = self.principal.user
        return "" if user is None or user.id == row.owner_id else f"/{row.full_name}/fork"


def _tabs(session: Session, row: RepositoryRow, role: Role) -> tuple[Tab, ...]:
    pulls, discussions = count_open(session, row)
    found = (
        Tab("pulls", "Pull requests", "pull", pulls),
        Tab("discussions", "Discussions", "talk", discussions),
    )
    return (*found, Tab("settings", "Settings", "gear")) if role >= Role.ADMIN else found


def shelf_for(request: Request) -> HubShelf:
    """Return the shelf of a request; a browser whose token ended looks as nobody."""
    hub = hub_of(request)
    try:
        principal, due = asking(request, hub)
    except Unauthenticated:
        if request.headers.get("authorization") is not None:
            raise
        principal, due = ANONYMOUS, False
    if due:
        note_use(hub, principal)
    more = partial(count_more, request, principal)
    return HubShelf(hub, principal, hub.settings.public_url or str(request.base_url), more)


def principal_in(request: Request) -> Principal:
    """Return who looks at a page of the hub."""
    shelf = shelf_of(request)
    assert isinstance(shelf, HubShelf)
    return shelf.principal
