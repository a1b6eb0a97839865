"""What a pull request changes: by folder with counts, path by path, and its commits; each a page at a time.

All of it follows the difference of the two trees, and folders on one side only count by their totals.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from tether.core.digest import Digest, parse_digest
from tether.core.names import display, path_bytes
from tether.core.objects import Commit
from tether.core.tree import EMPTY_TREE, Entry, EntryKind
from tether.core.treediff import Tally, TreeChange, diff_level, diff_trees, tally
from tether.core.treeread import find
from tether.errors import NotFound
from tether.hub.database.pulls import Pull
from tether.hub.pulls.heads import PUSHED
from tether.repo.history import History
from tether.repo.repository import Repository


class Trees(NamedTuple):
    """The trees that a pull request is between: of the commit that both come from, and of the head."""

    repository: Repository
    old: Digest
    new: Digest

    @classmethod
    def of(cls, repository: Repository, pull: Pull) -> "Trees":
        """Return those of a pull request."""
        history = History.of(repository)
        old = EMPTY_TREE if pull.base is None else history.commit(parse_digest(pull.base)).tree
        return cls(repository, old, history.commit(parse_digest(pull.head)).tree)

    def at(self, path: bytes) -> tuple[Entry | None, Entry | None]:
        """Return what is at a path on both sides."""
        objects = self.repository.objects
        return find(objects, self.old, path), find(objects, self.new, path)


class Changed(NamedTuple):
    """An entry of a folder that differs, with the counts of all below it."""

    path: bytes
    old: Entry | None
    new: Entry | None
    tally: Tally

    @property
    def shown(self) -> str:
        """Its path, for people."""
        return display(self.path)


def list_level(trees: Trees, folder: bytes, after: bytes, limit: int) -> tuple[Tally, list[Changed]]:
    """Return the counts of a folder, and the entries in it that differ, behind a name.

    Raises:
        NotFound: It is no folder on either side.
    """
    objects = trees.repository.objects
    old, new = trees.at(folder)
    if not any(each is not None and each.kind == EntryKind.DIRECTORY for each in (old, new)):
        raise NotFound(f"no folder {display(folder)} in this pull request")
    start = folder + b"/" if folder else b""
    page = islice((each for each in diff_level(objects, old, new) if each.path > after), limit)
    found = []
    for name, before, behind in page:
        path = start + name
        found.append(Changed(path, before, behind, tally(objects, path, before, behind)))
    return tally(objects, folder, old, new), found


def list_files(trees: Trees, folder: bytes, after: str, limit: int) -> list[TreeChange]:
    """Return the paths that differ, at and below one, in the order of their components, behind one."""
    paths = (folder,) if folder else ()
    found = diff_trees(trees.repository.objects, trees.old, trees.new, paths=paths)
    if after:
        place = path_bytes(after).split(b"/")
        found = (change for change in found if change.path.split(b"/") > place)
    return list(islice(found, limit))


def list_commits(repository: Repository, pull: Pull, limit: int) -> Iterator[tuple[Digest, Commit]]:
    """Yield the commits that a pull request brings, the newest first, so many of them."""
    history = History.of(repository)
    # What was pushed into the target is part of it now; then only what both came from is left out.
    excludes = [] if pull.method == PUSHED else [parse_digest(pull.target)]
    if pull.base is not None:
        excludes.append(parse_digest(pull.base))
    there = [digest for digest in excludes if repository.objects.has(digest)]
    for digest in islice(history.walk([parse_digest(pull.head)], there), limit):
        yield digest, history.commit(digest)
