"""Where the space goes: by path, by commit and by branch, as stored, with shared objects counted honestly.

`logical` is the sum of file sizes as a checkout would have them. `stored` is what the objects take in
the packs, each counted once within a row; rows may share objects, so only the total is exact for all.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tether.core.digest import Digest
from tether.core.kinds import ObjectKind
from tether.core.names import BRANCHES, display
from tether.core.objects import Commit
from tether.core.tree import Entry, EntryKind, split_digests
from tether.core.treeread import find, iter_directory
from tether.repo.history import History
from tether.repo.inventory import Inventory, frame_cost
from tether.repo.reachable import Marker, marker_for, pointer_values
from tether.repo.repository import Repository


class Usage(NamedTuple):
    """One row."""

    name: str
    """Path, commit id or branch."""
    logical: int
    stored: int
    """Bytes of the objects of this row; of a commit, those that its parents do not have."""
    files: int
    unique: int | None = None
    """Bytes that nothing else needs: what deleting the branch would free once `undo` lets go of it."""


class Space:
    """Measures one repository at one moment; reads the tables of all packs once."""

    def __init__(self, repository: Repository) -> None:
        self._repository, self._objects = repository, repository.objects
        self._root = repository.root()
        self._inventory = Inventory()
        self._inventory.extend(repository.backend, self._root.packs())
        self._costs: dict[Digest, int] = {}
        for table in self._inventory.tables.values():
            costs = map(frame_cost, table.stored)
            self._costs.update(zip(split_digests(table.digests), costs, strict=True))

    def by_path(self, entry: Entry, path: bytes) -> tuple[list[Usage], Usage]:
        """Return a row for each entry of a folder (or for the file itself), and the total."""
        stored = self._stored(self._marker().mark_new([entry.digest]))
        total = Usage(display(path) or ".", entry.size, stored, entry.files)
        if entry.kind != EntryKind.DIRECTORY:
            return [total], total
        rows = []
        for child in iter_directory(self._objects, entry.digest):
            name = display(path + b"/" + child.name if path else child.name)
            stored = self._stored(self._marker().mark_new([child.digest]))
            rows.append(Usage(name, child.size, stored, child.files))
        return rows, total

    def by_commit(self, commit: Digest) -> tuple[list[Usage], Usage]:
        """Return a row for each commit of a history, newest first, with what each added, and the total."""
        history, marker, rows = History.of(self._repository), self._marker(), list[Usage]()
        for digest in reversed(list(history.walk([commit], order="topo"))):
            stored = self._stored(marker.mark_new([digest]))
            top = self._top(history.commit(digest).tree)
            rows.append(Usage(digest.hex(), top.size, stored, top.files))
        rows.reverse()
        total = self._stored(marker.marked)
        return rows, Usage("total", rows[0].logical, total, rows[0].files)

    def by_branch(self) -> tuple[list[Usage], Usage]:
        """Return a row for each branch with what it alone needs, and the total of everything live.

        Two passes, one in each order: what is new both times is what no other branch has.
        """
        root = self._root
        branches = sorted(name for name in root.refs if name.startswith(BRANCHES))
        others = {root.refs[name] for name in root.refs if name not in branches}
        others |= pointer_values(root.pointers())
        forward, backward = self._marker(), self._marker()
        forward.mark(others)
        ahead = {name: forward.mark_new([root.refs[name]]) for name in branches}
        alone = {name: ahead[name] & backward.mark_new([root.refs[name]]) for name in reversed(branches)}
        rows = []
        for name in branches:
            top = self._top(self._tree(root.refs[name]))
            stored = self._stored(self._marker().mark_new([root.refs[name]]))
            unique = self._stored(alone[name])
            rows.append(Usage(name.removeprefix(BRANCHES), top.size, stored, top.files, unique))
        total = Usage(
            "total",
            sum(row.logical for row in rows),
            self._stored(forward.marked),
            sum(row.files for row in rows),
        )
        return rows, total

    def _tree(self, commit: Digest) -> Digest:
        return Commit.decode(self._objects.get(ObjectKind.COMMIT, commit)).tree

    def _top(self, tree: Digest) -> Entry:
        entry = find(self._objects, tree, b"")
        assert entry is not None
        return entry

    def _marker(self) -> Marker:
        return marker_for(self._objects, self._inventory, self._root, _ignore)

    def _stored(self, digests: Iterable[Digest]) -> int:
        return sum(self._costs.get(digest, 0) for digest in digests)


def _ignore(_kind: ObjectKind, _digest: Digest, _message: str) -> None:
    """Pass over what is absent: it takes no space here; fsck tells of it."""
