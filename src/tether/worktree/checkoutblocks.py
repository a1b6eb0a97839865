"""What the stat cache keeps of the folders that a checkout changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import sleep

from tether.core.digest import Digest
from tether.core.tree import EMPTY_TREE, EntryKind
from tether.core.treeread import find_many, find_names
from tether.worktree.block import Block
from tether.worktree.folders import Folders, is_folder, lstat_record, split
from tether.worktree.ignore import IGNORE_FILE, IgnoreRules
from tether.worktree.plan import CheckoutPlan
from tether.worktree.reading import SMALL_FILE
from tether.worktree.rows import from_records, newest_of, parse, splice
from tether.worktree.scan import read_ignore_file
from tether.worktree.statcache import StatCache
from tether.worktree.survey import Place, is_racy, survey
from tether.worktree.worktree import WorkTree

_TICK_S = 0.002
_TICKS = 10
"""How long the next moment of a file system is waited for; where they take seconds, it is not."""


@dataclass(slots=True)
class Changed:
    """What a checkout did on the disk."""

    records: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)
    """The stat record of each file and link that was written, by folder and name."""
    deleted: set[bytes] = field(default_factory=set)
    removed_folders: set[bytes] = field(default_factory=set)
    fresh: set[bytes] = field(default_factory=set)
    """Folders that were not there before."""
    bare: bool = False
    """Whether the top folder held nothing, so that every folder is new."""
    synced: bool = False
    """Whether all of it is durable."""

    def note(self, folder: bytes, names: Sequence[bytes], records: Sequence[bytes]) -> None:
        """Take down files and links of a folder that were written, with the stat record of each."""
        self.records.setdefault(folder, {}).update(zip(names, records, strict=True))

    def is_fresh(self, folder: bytes) -> bool:
        """Return whether everything in a folder is ours."""
        return self.bare or folder in self.fresh


@dataclass(slots=True)
class _Folder:
    """What changed directly in one folder."""

    path: bytes
    written: dict[bytes, bytes] = field(default_factory=dict)
    gone: set[bytes] = field(default_factory=set)
    folders: dict[bytes, Digest | None] = field(default_factory=dict)
    """Folders in it that changed, with their new trees; None for those that the new tree does not have."""


def update_cache(
    worktree: WorkTree, cache: StatCache, folders: Folders, plan: CheckoutPlan, changed: Changed
) -> None:
    """Put blocks for the new tree into the cache; the caller saves them."""
    update = _Update(worktree, cache, folders, plan, changed)
    update.run()


class _Update:
    def __init__(
        self, worktree: WorkTree, cache: StatCache, folders: Folders, plan: CheckoutPlan, changed: Changed
    ) -> None:
        self._cache, self._folders, self._plan, self._changed = cache, folders, plan, changed
        self._worktree, self._checked = worktree, 0
        self._boot = worktree.boot_id
        self._no_rules = IgnoreRules.empty()
        self._rules: dict[bytes, IgnoreRules] = {}
        self._done = {split(path)[0] for path in plan.done}

    def run(self) -> None:
        plan, changed = self._plan, self._changed
        by_folder = self._group()
        old = self._trees(plan.from_tree, by_folder)
        new = self._trees(plan.to_tree, by_folder)
        for path in by_folder:
            if path:
                parent, name = split(path)
                by_folder[parent].folders[name] = new.get(path)
        made: list[tuple[_Folder, Block]] = []
        for path, folder in by_folder.items():
            tree = new.get(path)
            block: Block | None = None
            if tree is not None and path not in changed.removed_folders:
                block = self._block(folder, old.get(path), tree)
            if block is None:
                self._cache.drop(path)
            else:
                made.append((folder, block))
        self._checked = self._worktree.clock()  # as late as can be: the moment of the last files may be over
        for folder, block in made:
            self._cache.put(folder.path, self._marked(block, folder))

    def _group(self) -> dict[bytes, _Folder]:
        found: dict[bytes, _Folder] = {b"": _Folder(b"")}

        def folder(path: bytes) -> _Folder:
            place = path
            while place not in found:
                found[place] = _Folder(place)
                place = split(place)[0]
            return found[path]

        for parent, records in self._changed.records.items():
            folder(parent).written = records
        for path in self._changed.deleted:
            parent, name = split(path)
            folder(parent).gone.add(name)
        for path in (*self._plan.made, *self._plan.dropped, *self._changed.removed_folders):
            folder(path)
        for parent in self._done:
            folder(parent)
        return found

    def _trees(self, root: Digest, paths: Iterable[bytes]) -> dict[bytes, Digest]:
        if root == EMPTY_TREE:
            return {b"": root}
        found = find_many(self._plan.objects, root, paths).items()
        return {path: entry.digest for path, entry in found if entry.kind == EntryKind.DIRECTORY}

    def _block(self, folder: _Folder, old: Digest | None, new: Digest) -> Block | None:
        whole = not self._plan.paths
        if self._changed.is_fresh(folder.path):
            return self._fresh(folder, new) if whole and old in (None, EMPTY_TREE) else None
        before = self._cache.block(folder.path)
        if before is None:
            return None
        if whole and before.stage == old and folder.path not in self._done and not self._plan.force:
            return self._moved(folder, before, new)
        return self._surveyed(folder, before, new)

    def _fresh(self, folder: _Folder, new: Digest) -> Block:
        """Return the block of a folder in which everything is ours."""
        below = self._folder_records(folder)
        rows = from_records(folder.written | below if below else folder.written)
        children = {name: tree for name, tree in sorted(folder.folders.items()) if tree is not None}
        return Block(new, rows, self._rules_of(folder.path).fingerprint, children)

    def _moved(self, folder: _Folder, before: Block, new: Digest) -> Block:
        """Return the block of a folder that was as the cache had it but for what the checkout did."""
        there = self._folder_records(folder)
        settled = {*folder.written, *folder.gone, *folder.folders}
        dropped = [name + b"/" for name, tree in folder.folders.items() if tree is None and name in there]
        children = {name: tree for name, tree in before.children.items() if name not in settled}
        children.update((name, tree) for name, tree in folder.folders.items() if tree is not None)
        missing = tuple(name for name in before.missing if name not in settled)
        if missing:
            missing = tuple(sorted(find_names(self._plan.objects, [(new, sorted(missing))])[0]))
        return replace(
            before,
            stage=new,
            rows=splice(before.rows, self._row_changes(folder, there)),
            children=dict(sorted(children.items())),
            known={name: digest for name, digest in before.known.items() if name not in settled},
            untracked=(*_without(before.untracked, settled), *dropped),
            ignored=_without(before.ignored, settled),
            missing=missing,
            untrusted=_without(before.untrusted, settled),
            unsynced=_without(before.unsynced, settled),
        )

    def _surveyed(self, folder: _Folder, before: Block, new: Digest) -> Block:
        """Return the block of a folder whose rows have to be compared with the new tree."""
        there = self._folder_records(folder)
        entries = find_names(self._plan.objects, [(new, sorted(folder.written))])[0]
        known: dict[bytes, Digest | None] = {
            name: digest for name, digest in before.known.items() if name not in folder.gone
        }
        known.update((name, entries[name].digest if name in entries else None) for name in folder.written)
        settled = {*folder.written, *folder.gone}
        rows = splice(before.rows, self._row_changes(folder, there))
        told = replace(
            before,
            fingerprint=b"",  # so that it is not taken as it is
            rows=rows,
            known=known,
            children={name: tree for name, tree in before.children.items() if name not in folder.folders},
            untracked=_without(before.untracked, {*settled, *folder.folders}),
            ignored=_without(before.ignored, settled),
            missing=(*before.missing, *(name for name in folder.folders if name not in before.missing)),
            untrusted=_without(before.untrusted, settled),
            unsynced=_without(before.unsynced, settled),
        )
        place = Place(folder.path, new, self._rules_of(folder.path))
        # Nothing is read here, so whatever is in doubt is not trusted.
        return survey(self._plan.objects, place, rows, told).block(checked=0)

    def _folder_records(self, folder: _Folder) -> dict[bytes, bytes]:
        """Return the stat records of the changed folders in a folder that are there as folders."""
        if not folder.folders:
            return {}
        dirfd = self._folders.open(folder.path)
        found = ((name, lstat_record(name, dirfd)) for name in folder.folders)
        return {name: record for name, record in found if record is not None and is_folder(record)}

    def _row_changes(self, folder: _Folder, there: Mapping[bytes, bytes]) -> dict[bytes, bytes | None]:
        changes: dict[bytes, bytes | None] = dict.fromkeys((*folder.gone, *folder.folders))
        changes.update(there)
        changes.update(folder.written)
        return changes

    def _marked(self, block: Block, folder: _Folder) -> Block:
        """Return a block that names the rows too new to be trusted, and those a power cut may lose."""
        written = folder.written
        # In a folder that is all ours they are joined already, with the folders in it, which are not older.
        fresh = self._changed.is_fresh(folder.path)
        racy = self._racy(block.rows.stats if fresh else b"".join(written.values()), written)
        if any(parse(written[name]).size > SMALL_FILE for name in racy):
            self._wait(newest_of(b"".join(written[name] for name in racy)))
            racy = self._racy(b"".join(written.values()), written)
        untrusted = tuple(sorted({*block.untrusted, *racy}))
        if self._changed.synced:
            return replace(block, untrusted=untrusted, unsynced=(), boot=b"")
        unsynced = tuple(sorted({*block.unsynced, *written}))
        return replace(block, untrusted=untrusted, unsynced=unsynced, boot=self._boot if unsynced else b"")

    def _racy(self, stats: bytes, written: Mapping[bytes, bytes]) -> set[bytes]:
        """Return which files are too new to be trusted; `stats` has their records, and may have others."""
        if newest_of(stats) < self._checked:
            return set()
        return {name for name, record in written.items() if is_racy(record, self._checked)}

    def _wait(self, newest: int) -> None:
        """Let the clock of the file system go on: a large file that is not trusted is soon read again."""
        for _ in range(_TICKS):
            sleep(_TICK_S)
            self._checked = self._worktree.clock()
            if self._checked > newest:
                return

    def _rules_of(self, path: bytes) -> IgnoreRules:
        missing = [path]
        while missing[-1] not in self._rules and missing[-1]:
            missing.append(split(missing[-1])[0])
        rules = self._rules.get(missing[-1], self._no_rules)
        for place in reversed(missing):
            if place not in self._rules:
                self._rules[place] = rules.child(place, self._ignore_text(place))
            rules = self._rules[place]
        return rules

    def _ignore_text(self, place: bytes) -> bytes | None:
        changed = self._changed
        if changed.is_fresh(place) and IGNORE_FILE not in changed.records.get(place, ()):
            return None
        return read_ignore_file(self._folders.open(place))


def _without(names: tuple[bytes, ...], settled: set[bytes]) -> tuple[bytes, ...]:
    return tuple(name for name in names if name.removesuffix(b"/") not in settled)
