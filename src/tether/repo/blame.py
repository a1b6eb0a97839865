"""Which commit each line of a file comes from.

Lines are handed from a commit to those parents that have them too; what no parent has was written
there. A file that was only moved is followed to its old name.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
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
    """

    def __init__(self, history: History, objects: ObjectDb, contents: ContentReader) -> None:
        self._history, self._objects, self._contents = history, objects, contents
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
        origins: dict[int, tuple[_State, int]] = {}
        while self._waiting:
            state = heappop(self._waiting)[2]
            kept = self._wanted.pop((state.commit, state.path))
            for number, here in self._hand_on(state, kept).items():
                origins[number] = (state, here)
        return [
            BlameLine(state.commit, state.path, number + 1, here + 1, lines[number])
            for number, (state, here) in sorted(origins.items())
        ]

    def _prepare(self, commit: Digest, path: bytes) -> None:
        """Bring all versions of a file in one go where they would come one by one."""
        if self._contents.is_partial:
            found = (self._entry(each, path) for each in self._history.ancestors([commit]))
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
        for rename in pair_renames(list(diff_trees(self._objects, old, new)))[1]:
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
