"""Which commit each line of a file comes from.

Lines are handed from a commit to those parents that have them too; what no parent has was written
there. A file that was only moved is followed to its old name.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice
from time import monotonic
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.renames import pair_renames
from tether.core.sequence import match
from tether.core.textdiff import looks_binary, split_lines
from tether.core.tree import Entry, EntryKind
from tether.core.treediff import diff_trees
from tether.core.treeread import find
from tether.errors import InvalidInput, NotFound
from tether.repo.contentdiff import TEXT_LIMIT
from tether.repo.contents import ContentReader
from tether.repo.history import History
from tether.repo.objectdb import ObjectDb


class BlameLine(NamedTuple):
    """One line and where it comes from."""

    commit: Digest
    path: bytes
    """Where the file was in that commit."""
    number: int
    """Counts from 1 in the file as it is now."""
    original: int
    """Its number in that commit."""
    data: bytes
    certain: bool = True
    """False where the search ended before it was known whether the line is older than this commit."""


class BlameBounds(NamedTuple):
    """How far the origin of lines is looked for."""

    commits: int | None = None
    """Versions of the file that are looked at, a commit each; None for all."""
    seconds: float | None = None
    """After so many no other commit is looked at; None for any time."""
    moves: int | None = None
    """A move is looked for in commits that changed at most so many files; None for all commits."""


class _State(NamedTuple):
    """A file in a commit."""

    commit: Digest
    path: bytes
    entry: Entry


class Blamer:
    """Finds the origin of lines.

    Args:
        history: Gives the commits.
        objects: Gives the trees.
        contents: Gives the files.
        bounds: Where the search ends; lines that were not settled by then are not `certain`.
    """

    def __init__(
        self,
        history: History,
        objects: ObjectDb,
        contents: ContentReader,
        bounds: BlameBounds | None = None,
    ) -> None:
        self._history, self._objects, self._contents = history, objects, contents
        self._bounds = bounds if bounds is not None else BlameBounds()
        self._lines: dict[Digest, list[bytes]] = {}
        self._waiting: list[tuple[int, int, _State]] = []
        self._wanted: dict[tuple[Digest, bytes], dict[int, int]] = {}

    def blame(self, commit: Digest, path: bytes) -> list[BlameLine]:
        """Return the lines of a file with the commits that they come from.

        Raises:
            NotFound: The commit has no such file.
            InvalidInput: It is no text, or larger than 8 MiB.
        """
        entry = self._entry(commit, path)
        if entry is None:
            raise NotFound(f"no such file in {commit.hex()[:12]}: {path.decode('utf-8', 'replace')}")
        self._prepare(commit, path)
        lines = self._read(entry, path)
        self._want(_State(commit, path, entry), {number: number for number in range(len(lines))})
        origins: dict[int, tuple[_State, int, bool]] = {}
        looked_at, begun = 0, monotonic()
        while self._waiting:
            state = heappop(self._waiting)[2]
            kept = self._wanted.pop((state.commit, state.path))
            certain = not self._is_over(looked_at, monotonic() - begun)
            for number, here in (self._hand_on(state, kept) if certain else kept).items():
                origins[number] = (state, here, certain)
            looked_at += 1
        return [
            BlameLine(state.commit, state.path, number + 1, here + 1, lines[number], certain)
            for number, (state, here, certain) in sorted(origins.items())
        ]

    def _is_over(self, looked_at: int, seconds: float) -> bool:
        bounds = self._bounds
        over = bounds.commits is not None and looked_at >= bounds.commits
        return over or (bounds.seconds is not None and seconds > bounds.seconds)

    def _prepare(self, commit: Digest, path: bytes) -> None:
        """Bring all versions of a file in one go where they would come one by one."""
        if self._contents.is_partial:
            before = islice(self._history.ancestors([commit]), self._bounds.commits)
            found = (self._entry(each, path) for each in before)
            small = (entry.digest for entry in found if entry is not None and entry.size <= TEXT_LIMIT)
            self._contents.prepare(list(dict.fromkeys(small)))

    def _want(self, state: _State, lines: dict[int, int]) -> None:
        """Note that lines (final number to number here) are to be looked for in a state."""
        if not lines:
            return
        key = (state.commit, state.path)
        if key in self._wanted:
            self._wanted[key].update(lines)
            return
        self._wanted[key] = lines
        heappush(self._waiting, (-self._history.time(state.commit), len(self._lines), state))

    def _hand_on(self, state: _State, lines: dict[int, int]) -> dict[int, int]:
        """Give each line to the first parent that has it; return those that none has."""
        parents = list(self._before(state))
        for parent in parents:
            if parent.entry.digest == state.entry.digest:
                self._want(parent, lines)
                return {}
        for parent in parents:
            found = self._shared(parent, state)
            self._want(parent, {final: found[here] for final, here in lines.items() if here in found})
            lines = {final: here for final, here in lines.items() if here not in found}
        return lines

    def _shared(self, old: _State, new: _State) -> dict[int, int]:
        """Return the lines that two states share, number in the new one to number in the old one."""
        try:
            runs = match(self._read(old.entry, old.path), self._read(new.entry, new.path))
        except InvalidInput:  # it was no text before
            return {}
        return {run.new + step: run.old + step for run in runs for step in range(run.length)}

    def _before(self, state: _State) -> Iterator[_State]:
        for parent in self._history.parents(state.commit):
            entry = self._entry(parent, state.path)
            if entry is not None:
                yield _State(parent, state.path, entry)
            else:
                yield from self._moved(parent, state)

    def _moved(self, parent: Digest, state: _State) -> Iterator[_State]:
        """Yield the file of a parent that has this content and another path, if it was moved."""
        old, new = self._history.commit(parent).tree, self._history.commit(state.commit).tree
        most = self._bounds.moves
        changes = list(islice(diff_trees(self._objects, old, new), None if most is None else most + 1))
        if most is not None and len(changes) > most:
            return
        for rename in pair_renames(changes)[1]:
            if rename.new_path == state.path:
                yield _State(parent, rename.old_path, state.entry)

    def _entry(self, commit: Digest, path: bytes) -> Entry | None:
        entry = find(self._objects, self._history.commit(commit).tree, path)
        plain = entry is not None and entry.kind in (EntryKind.FILE, EntryKind.EXECUTABLE)
        return entry if plain else None

    def _read(self, entry: Entry, path: bytes) -> list[bytes]:
        known = self._lines.get(entry.digest)
        if known is None:
            if entry.size > TEXT_LIMIT:
                raise InvalidInput(f"{path.decode('utf-8', 'replace')} is larger than {TEXT_LIMIT >> 20} MiB")
            data = self._contents.read(entry.digest)
            if looks_binary(data):
                raise InvalidInput(f"{path.decode('utf-8', 'replace')} is no text")
            if len(self._lines) > 64:
                self._lines.clear()
            known = self._lines[entry.digest] = split_lines(data)
        return known
