"""Transactions: everything that changes a repository, from the first look-up to one move of the root."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from tether.core.digest import Digest
from tether.core.identity import Time
from tether.core.kinds import ObjectKind
from tether.core.names import check_ref_name
from tether.errors import AlreadyExists, Conflict, TetherError
from tether.repo.objectdb import ObjectDb
from tether.repo.operations import Head, Operation, Pointers, RefChange, encode_segment, walk_operations
from tether.repo.repack import merge_small_packs
from tether.repo.root import Root
from tether.repo.rootstore import RootStore
from tether.repo.session import WriteSession
from tether.storage.backend import Backend

if TYPE_CHECKING:
    from tether.repo.ingest import ContentWriter

INLINE_OPERATIONS = 64
_FOLD = 48


class Anything(Enum):
    """The type of `ANY`."""

    ANY = "any"


ANY = Anything.ANY
"""Says that a ref may have any value before it is set."""


class Store(Protocol):
    """What a transaction needs of its repository."""

    backend: Backend
    roots: RootStore
    objects: ObjectDb

    def root(self) -> Root:
        """Return the root as it is now."""
        ...


class Transaction:
    """Collects new objects and moves of refs; see `Repository.transaction`.

    Attributes:
        root: The root as it was at the start.
        write_id: Names the operation in the root before there is one.
        objects: Takes and gives metadata objects.
        operation: The operation that was recorded; None before the end, or when nothing changed.
    """

    def __init__(self, store: Store, command: str, time: Time, write_id: bytes, *, level: str) -> None:
        self._store, self._command, self._time, self.write_id = store, command, time, write_id
        self.root = store.root()
        store.objects.catch_up()
        self.objects = WriteSession(store.backend, store.objects, level)
        self._contents: ContentWriter | None = None
        self.operation: Operation | None = None
        self.replaced_packs: tuple[Digest, ...] = ()
        self._refs: dict[str, tuple[Digest | None, Digest | None]] = {}
        self._pointers = self.root.pointers()
        self._rescued: Digest | None = None
        self._recorded = False
        self._extra = self.root.extra
        self._adopted: tuple[tuple[Digest, ...], tuple[Digest, ...]] = ((), ())

    @property
    def contents(self) -> "ContentWriter":
        """What takes file contents; who moves refs alone does not wait for its imports."""
        if self._contents is None:
            from tether.repo.ingest import ContentWriter

            self._contents = ContentWriter(self.objects)
        return self._contents

    def _close_contents(self) -> None:
        if self._contents is not None:
            self._contents.close()

    def ref(self, name: str) -> Digest | None:
        """Return what a ref names, as this transaction leaves it."""
        return self._refs[name][1] if name in self._refs else self.root.refs.get(name)

    def set_ref(self, name: str, new: Digest | None, *, expected: Digest | Anything | None = ANY) -> None:
        """Point ref `name` to `new`, or remove it with None.

        Raises:
            AlreadyExists: None was expected and the ref is there.
            InvalidInput: It is to be made and its name may not be that of a ref.
            Conflict: It has another value than expected.
        """
        now = self.ref(name)
        if now is None and new is not None:
            check_ref_name(name)
        if expected is not ANY and now != expected:
            if expected is None:
                raise AlreadyExists(f"{name} exists already")
            raise Conflict(f"{name} was moved by someone else", hint="look at it and try again")
        self._refs[name] = (self.root.refs.get(name), new)

    def set_head(self, head: Head) -> None:
        """Check out another ref or commit."""
        self._pointers = self._pointers._replace(head=head)

    def set_stage(self, tree: Digest) -> None:
        """Make `tree` what the next commit takes."""
        self._pointers = self._pointers._replace(stage=tree)

    def set_state(self, state: Digest | None) -> None:
        """Record a merge under way, or with None that there is none."""
        self._pointers = self._pointers._replace(state=state)

    def advance(self, commit: Digest) -> None:
        """Move what HEAD names to `commit`: its branch, or HEAD itself when detached."""
        head = self._pointers.head
        if head.ref is None:
            self.set_head(Head(None, commit))
        else:
            self.set_ref(head.ref, commit, expected=self.ref(head.ref))

    def rescue(self, tree: Digest) -> None:
        """Remember working files that this command replaces, so that `undo` and people find them again."""
        self._rescued = tree

    @property
    def extra(self) -> tuple[tuple[str, bytes], ...]:
        """What later features record in the root, as this transaction leaves it."""
        return self._extra

    def set_extra(self, extra: tuple[tuple[str, bytes], ...]) -> None:
        """Replace what later features record in the root."""
        self._extra = extra

    def record(self) -> None:
        """Record the operation even if no ref moves: working files will follow a tree that is new here."""
        self._recorded = True

    def adopt(self, data: Sequence[Digest], meta: Sequence[Digest]) -> None:
        """Take up packs that lie in storage already, as a clone does."""
        before_data, before_meta = self._adopted
        self._adopted = ((*before_data, *data), (*before_meta, *meta))

    @property
    def adopted(self) -> tuple[Digest, ...]:
        """The packs that were taken up so far."""
        return self._adopted[0] + self._adopted[1]

    @property
    def changes(self) -> bool:
        """Whether anything would be recorded."""
        moved = any(old != new for old, new in self._refs.values())
        pointed = self._pointers != self.root.pointers() or self._extra != self.root.extra
        return moved or pointed or self._recorded or self._rescued is not None

    def commit(self) -> None:
        """Seal the packs and move the root; without changes nothing is written."""
        self._close_contents()
        if not self.changes:
            self.abort()
            return
        folded = self._fold()
        packs = self.objects.seal()
        merged, removed = merge_small_packs(self._store.backend, self.root)
        data, meta = packs.data + merged.data, packs.meta + merged.meta
        moved = _Packs(
            (*(name for name, _ in data), *self._adopted[0]),
            (*(name for name, _ in meta), *self._adopted[1]),
            frozenset(removed),
        )
        try:
            self._store.objects.lookup.extend((*data, *meta), removed)
            self._move(moved, folded)
            if self._adopted[0] or self._adopted[1]:
                self._store.objects.reset()
        except BaseException:
            self._store.objects.reset()
            raise
        self._store.objects.remember(self.objects.fresh())
        self._store.objects.nodes.keep(self.objects.decoded)
        self.replaced_packs = removed

    def abort(self) -> None:
        """Give up; the repository is as it was."""
        self._close_contents()
        self.objects.abort()

    def _fold(self) -> Digest | None:
        if len(self.root.operations) < INLINE_OPERATIONS:
            return None
        run = encode_segment(self.root.operations[:_FOLD], self.root.older_operations)
        return self.objects.put(ObjectKind.OPERATIONS, run)

    def _move(self, packs: "_Packs", folded: Digest | None) -> None:
        while self.operation is None:
            root = self._store.root()
            self._check(root)
            new = self._next(root, packs, folded)
            try:
                self._store.roots.swap(root.encode(), new.encode())
                self.operation = new.operations[-1]
            except TetherError as error:
                self.operation = self._arrived()
                if self.operation is None and not isinstance(error, Conflict):
                    raise

    def _arrived(self) -> Operation | None:
        """Return our operation if the root has it all the same: then a reply was lost, not the race."""
        root = self._store.root()
        last = self.root.operations[-1].id if self.root.operations else None
        for operation in walk_operations(root.operations, root.older_operations, self._store.objects):
            if operation.id == last:
                return None
            if operation.write_id == self.write_id:
                with suppress(Conflict):  # whoever moved it on has made it durable
                    self._store.roots.swap(root.encode(), root.encode())
                return operation
        return None

    def _check(self, root: Root) -> None:
        for name, (old, _) in self._refs.items():
            if root.refs.get(name) != old:
                raise Conflict(f"{name} was moved by another process", hint="look at it and try again")
        if self._extra != self.root.extra != root.extra:
            raise Conflict("another process changed what is absent", hint="run the command again")
        touches_head = self._pointers != self.root.pointers() or self.root.head.ref in self._refs
        if touches_head and root.pointers() != self.root.pointers():
            raise Conflict("another process changed HEAD or the stage", hint="run the command again")
        shown = self._pointers.head.ref or ""
        moves_head = self._pointers != self.root.pointers()
        if moves_head and root.refs.get(shown) != self.root.refs.get(shown):
            raise Conflict(f"{shown} was moved by another process", hint="run the command again")

    def _next(self, root: Root, packs: "_Packs", folded: Digest | None) -> Root:
        keeps = self._pointers == self.root.pointers()
        after = root.pointers() if keeps else self._pointers
        changes = tuple(RefChange(n, old, new) for n, (old, new) in sorted(self._refs.items()) if old != new)
        operation = Operation(
            root.operations[-1].id if root.operations else None,
            self._time,
            self._command,
            self.write_id,
            root.pointers(),
            after,
            changes,
            packs.added,
            tuple(packs.removed),
            self._rescued,
        )
        recent, older = root.operations, root.older_operations
        if folded is not None and older == self.root.older_operations:
            # Operations are only appended, so the folded ones are still the oldest.
            recent, older = recent[_FOLD:], folded
        return replace(
            _pointed(root, after),
            write_id=self.write_id,
            generation=root.generation + 1,
            refs=_with(root.refs, changes),
            data_packs=_relisted(root.data_packs, packs.data, packs.removed),
            meta_packs=_relisted(root.meta_packs, packs.meta, packs.removed),
            operations=(*recent, operation),
            older_operations=older,
            extra=root.extra if self._extra == self.root.extra else self._extra,
        )


class _Packs:
    """The packs that a move adds and removes."""

    def __init__(self, data: Sequence[Digest], meta: Sequence[Digest], removed: frozenset[Digest]) -> None:
        self.data, self.meta, self.removed = tuple(data), tuple(meta), removed
        self.added = (*self.data, *self.meta)


def _relisted(
    live: Sequence[Digest], added: Sequence[Digest], removed: frozenset[Digest]
) -> tuple[Digest, ...]:
    """Return a list of live packs after a move, each once: two writers of the same objects make one pack."""
    return tuple(dict.fromkeys((*(name for name in live if name not in removed), *added)))


def _pointed(root: Root, pointers: Pointers) -> Root:
    return replace(root, head=pointers.head, stage=pointers.stage, state=pointers.state)


def _with(refs: Mapping[str, Digest], changes: Sequence[RefChange]) -> dict[str, Digest]:
    new = dict(refs)
    for change in changes:
        if change.new is None:
            new.pop(change.name, None)
        else:
            new[change.name] = change.new
    return new
