"""What a page of a revision is about: the commit, and the entry at the path."""

from dataclasses import dataclass

from tether.core.digest import Digest
from tether.core.names import BRANCHES, TAGS, display, short_ref
from tether.core.objects import Commit
from tether.core.tree import Entry
from tether.core.treeread import find
from tether.errors import NotFound
from tether.pages.addresses import Where, link
from tether.pages.shelf import Shown
from tether.repo.history import History
from tether.repo.revision import resolve

MOST_REFS = 200
"""Branches and tags that a picker lists; those behind are reached by the address."""


@dataclass(frozen=True, slots=True)
class Place:
    """A path in a revision.

    Attributes:
        rev: The revision as the address has it.
        path: From the top.
        id: Of the commit.
        commit: The commit.
        entry: What is at the path.
    """

    rev: str
    path: bytes
    id: Digest
    commit: Commit
    entry: Entry

    @property
    def name(self) -> bytes:
        """The last part of the path."""
        return self.path.rpartition(b"/")[2]

    @property
    def above(self) -> bytes:
        """The path of the folder in which it lies."""
        return self.path.rpartition(b"/")[0]

    @property
    def parts(self) -> list[tuple[bytes, bytes]]:
        """Each part of the path with the path up to it."""
        names = self.path.split(b"/") if self.path else []
        return [(name, b"/".join(names[: at + 1])) for at, name in enumerate(names)]


def find_place(shown: Shown, where: Where) -> Place:
    """Return what is at a path of a revision.

    Raises:
        NotFound: There is no such revision, or nothing at the path.
        InvalidInput: It is no revision.
    """
    commit = resolve(shown.repository, where.rev)
    found = History.of(shown.repository).commit(commit)
    entry = find(shown.repository.objects, found.tree, where.path)
    if entry is None:
        raise NotFound(f"no such file in {where.rev}: {display(where.path)}")
    return Place(where.rev, where.path, commit, found, entry)


@dataclass(frozen=True, slots=True)
class Picker:
    """The branches and tags to choose from, each with the address of the same page there.

    `on_branch` says whether the page is of a branch, which can be changed.
    """

    current: str
    branches: list[tuple[str, str]]
    tags: list[tuple[str, str]]
    more: int
    on_branch: bool = False


def picker(shown: Shown, place: Place, word: str) -> Picker:
    """Return what the page of another branch or tag is reached by."""
    refs = sorted(shown.repository.root().refs)
    lists = {start: [ref for ref in refs if ref.startswith(start)] for start in (BRANCHES, TAGS)}
    named = {
        start: [
            (short_ref(ref), link(shown.base, word, short_ref(ref), place.path)) for ref in found[:MOST_REFS]
        ]
        for start, found in lists.items()
    }
    more = sum(max(len(found) - MOST_REFS, 0) for found in lists.values())
    known = {name for found in named.values() for name, _ in found}
    current = (
        place.rev if place.rev in known else place.id.hex()[:10] if place.rev == place.id.hex() else place.rev
    )
    on_branch = BRANCHES + place.rev in lists[BRANCHES]
    return Picker(current, named[BRANCHES], named[TAGS], more, on_branch)
