"""Walks the folders of a working copy and surveys each, with scans some folders ahead."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.errors import TetherError
from tether.worktree.folders import failure, join
from tether.worktree.ignore import IgnoreRules
from tether.worktree.rows import EMPTY_ROWS
from tether.worktree.scan import FolderRequest, FolderScan, Scanner
from tether.worktree.selection import Selection
from tether.worktree.statcache import StatCache
from tether.worktree.survey import FolderState, Place, survey
from tether.worktree.worktree import WorkTree

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_EVERYTHING = b"*\n"
"""What an ignore file would hold that leaves nothing to this repository."""


@dataclass(slots=True)
class Walk:
    """One walk over the selected part of a working copy.

    Attributes:
        worktree: Whose files.
        objects: Reads trees.
        cache: What is known of the folders.
        selection: Which part.
        into_untracked: Enter folders in which nothing is tracked.
        into_ignored: Enter ignored folders too.
        nested: Folders that are repositories of their own, filled as the walk goes on.
        unreadable: Untracked folders that could not be read.
    """

    worktree: WorkTree
    objects: ObjectReader
    cache: StatCache
    selection: Selection
    into_untracked: bool = False
    into_ignored: bool = False
    nested: list[bytes] = field(default_factory=list)
    unreadable: list[tuple[bytes, TetherError]] = field(default_factory=list)

    def states(self, stage: Digest) -> Iterator[FolderState]:
        """Yield the state of each folder, one before those in it.

        Raises:
            Forbidden: A folder with tracked files cannot be read.
        """
        with Scanner[Place](self.worktree.root) as scanner:
            self._request(scanner, Place(b"", stage, IgnoreRules.empty(), names=self.selection.names_in(b"")))
            for place, scan in scanner.results():
                state = self._survey(place, scan)
                if state is not None:
                    for child in self._children(state):
                        self._request(scanner, child)
                    yield state

    def _request(self, scanner: Scanner[Place], place: Place) -> None:
        scanner.request(place, FolderRequest(place.path, place.names))

    def _survey(self, place: Place, scan: FolderScan) -> FolderState | None:
        if scan.nested:
            self.nested.append(place.path)
            if place.stage is None:
                return None
            # What is tracked here was so before the other repository; all else belongs to that one.
            place = replace(place, rules=place.rules.child(place.path, _EVERYTHING))
        rows = scan.rows
        if scan.error is not None:
            if place.path and scan.error.errno in _GONE:
                rows = EMPTY_ROWS
            elif place.stage is None:
                self.unreadable.append((place.path, failure(scan.error, place.path)))
                return None
            else:
                raise failure(scan.error, place.path) from scan.error
        rules = place.rules if scan.nested else place.rules.child(place.path, scan.ignore_text)
        place = Place(place.path, place.stage, rules, place.ignored, place.names)
        block = self.cache.block(place.path) if place.stage is not None else None
        return survey(self.objects, place, rows, block)

    def _children(self, state: FolderState) -> Iterator[Place]:
        place = state.place
        for name, tree in state.children.items():
            path = join(place.path, name)
            # What is tracked stays tracked in an ignored folder; what is new there is ignored.
            ignored = place.ignored or (
                not place.rules.is_empty and place.rules.ignored(name, path, is_directory=True)
            )
            yield Place(path, tree, place.rules, ignored, self.selection.names_in(path))
        yield from self._new_folders(state, state.untracked, ignored=False, enter=self.into_untracked)
        yield from self._new_folders(state, state.ignored, ignored=True, enter=self.into_ignored)

    def _new_folders(
        self, state: FolderState, names: list[bytes], *, ignored: bool, enter: bool
    ) -> Iterator[Place]:
        for name in names:
            if name.endswith(b"/"):
                path = join(state.path, name[:-1])
                if enter or self.selection.leads(path):
                    yield Place(path, None, state.place.rules, ignored, self.selection.names_in(path))
