"""What pages are given: who looks, and the repository of an address.

The hub has one shelf, `tether ui` another.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote

from starlette.requests import Request

from tether.core.names import short_ref
from tether.pages.turns import Turns
from tether.pages.underway import UnderWay
from tether.repo.facts import Facts
from tether.repo.repository import Repository


@dataclass(frozen=True, slots=True)
class Tab:
    """One more part of a repository, behind those that every shelf shows.

    Attributes:
        word: The part of its address behind that of the repository.
        title: What people read.
        icon: Its name among the icons.
        count: A number beside the title, where there is one.
    """

    word: str
    title: str
    icon: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around each page.

    Attributes:
        title: Of the place, in the tab of the browser.
        now: Microseconds since 1970.
        viewer: The name of who looks; None for nobody in particular.
        accounts: Whether people can sign in here.
        administers: Whether the viewer administers all of it.
        unread: Notifications that the viewer has not read.
    """

    title: str
    now: int
    viewer: str | None = None
    accounts: bool = False
    administers: bool = False
    unread: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A repository that the viewer may read, opened.

    Attributes:
        owner: Of the address; empty where repositories have none.
        name: Of the address.
        repository: Its objects and refs.
        clone: What people give to `tether clone`.
        facts: Gives what was counted of the default branch, if it was.
        private: Others do not see it.
        archived: Nobody changes it.
        about: A line of its owner.
        topics: Words of its owner by which it is found.
        may_write: The viewer may change files.
        may_administer: The viewer may change settings.
        tabs: Parts that this shelf has for it.
        fork: Where a form is sent that forks it; empty where the viewer cannot.
        source: OWNER/NAME of what it was forked from, if the viewer may know of that; else empty.
        under_way: Knows of runs that have not ended; None where they are written beside the repository.
    """

    owner: str
    name: str
    repository: Repository
    clone: str
    facts: Callable[[], Facts | None]
    private: bool = False
    archived: bool = False
    about: str = ""
    topics: tuple[str, ...] = ()
    may_write: bool = False
    may_administer: bool = False
    tabs: tuple[Tab, ...] = ()
    fork: str = ""
    source: str = ""
    under_way: UnderWay | None = None

    @property
    def base(self) -> str:
        """The address of its first page."""
        return _base_of(self.owner, self.name)

    def has_tab(self, word: str) -> bool:
        """Whether this shelf has a part of that name for it."""
        return any(each.word == word for each in self.tabs)

    @property
    def branch(self) -> str:
        """The name of the default branch."""
        ref = self.repository.root().head.ref
        return "HEAD" if ref is None else short_ref(ref)


@lru_cache(1024)
def _base_of(owner: str, name: str) -> str:
    return f"/{quote(owner)}/{quote(name)}"


class Shelf(Protocol):
    """Finds repositories for one who looks.

    Attributes:
        turns: How many pages are made at once.
    """

    turns: Turns

    def frame(self) -> Frame:
        """Return what stands around the page."""
        ...

    def open(self, owner: str, name: str) -> AbstractContextManager[Shown]:
        """Open the repository of an address for a `with` block, which closes it.

        Raises:
            NotFound: There is none for the viewer.
            Forbidden: The viewer may know of it and not read it.
        """
        ...

    def heavy(self, cost: int) -> AbstractContextManager[None]:
        """Wait until it is the turn of what reads much, and have it for a `with` block.

        Args:
            cost: As how many requests this one counts.

        Raises:
            RateLimited: There were too many requests.
            Unavailable: Too many wait, or it took too long.
        """
        ...


def shelf_of(request: Request) -> Shelf:
    """Return the shelf of this request; whoever serves the pages has put the way to it in the state."""
    known: Shelf | None = getattr(request.state, "shelf", None)
    if known is None:
        known = request.state.shelf = request.state.shelf_for(request)
    return known


def frame_of(request: Request) -> Frame:
    """Return what stands around the page of this request; asked for once."""
    known: Frame | None = getattr(request.state, "frame", None)
    if known is None:
        known = request.state.frame = shelf_of(request).frame()
    return known
