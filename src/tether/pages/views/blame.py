"""Which commit each line of a text comes from, in groups of lines; bounded in lines, commits and time."""

from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tether.core.digest import Digest
from tether.core.names import display
from tether.core.objects import Commit
from tether.core.tree import EntryKind
from tether.errors import InvalidInput
from tether.pages.addresses import link, where_of
from tether.pages.lasting import passing
from tether.pages.rendering import page
from tether.pages.revisions import find_place, picker
from tether.pages.shelf import Shown
from tether.pages.viewers.text import LARGEST_BLAMED, coloured
from tether.repo.blame import BlameBounds, BlameLine, Blamer
from tether.repo.history import History

MOST_LINES = 5_000
BOUNDS = BlameBounds(commits=2_000, seconds=3.0, moves=1_000)


@dataclass(frozen=True, slots=True)
class Group:
    """Lines one below the other that come from one commit.

    Attributes:
        id: Of the commit.
        commit: The commit.
        page: The address of the file in it.
        certain: The lines came with it; if not, they may be older.
        lines: Their numbers and texts.
    """

    id: Digest
    commit: Commit
    page: str
    certain: bool
    lines: list[tuple[int, Markup]]


def show(request: Request, shown: Shown) -> Response:
    """Show the file with its commits; a folder has another page.

    Raises:
        InvalidInput: It is no text, or larger than what is looked at.
    """
    place = find_place(shown, where_of(request.scope))
    if place.entry.kind == EntryKind.DIRECTORY:
        return RedirectResponse(link(shown.base, "tree", place.rev, place.path), 303)
    if place.entry.kind == EntryKind.SYMLINK:
        return RedirectResponse(link(shown.base, "file", place.rev, place.path), 303)
    if place.entry.size > LARGEST_BLAMED:
        raise InvalidInput(
            f"{display(place.path)} is larger than {LARGEST_BLAMED >> 10} KiB",
            hint="run 'tether blame' in a clone",
        )
    repository = shown.repository
    history = History.of(repository)
    blamer = Blamer(history, repository.objects, repository.contents, BOUNDS)
    found = blamer.blame(place.id, place.path)
    uncertain = any(not line.certain for line in found)
    if uncertain:  # there may be more time for it another time
        passing()
    return page(
        request,
        "repository/blame.html",
        shown=shown,
        tab="files",
        place=place,
        picker=picker(shown, place, "blame"),
        groups=_groups(shown, history, place.name, found),
        hidden=max(len(found) - MOST_LINES, 0),
        uncertain=uncertain,
    )


def _groups(shown: Shown, history: History, name: bytes, found: list[BlameLine]) -> list[Group]:
    text = b"".join(line.data for line in found).decode("utf-8", "replace")
    lines = coloured(text, name)
    groups = []
    for (digest, path, certain), each in groupby(
        found[:MOST_LINES], lambda line: (line.commit, line.path, line.certain)
    ):
        numbers = [line.number for line in each]
        own = [(number, lines[number - 1] if number <= len(lines) else Markup()) for number in numbers]
        address = link(shown.base, "file", digest.hex(), path)
        groups.append(Group(digest, history.commit(digest), address, certain, own))
    return groups
