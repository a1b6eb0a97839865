"""One repository in one folder: opens its parts and joins them.

A repository beside working files lives in their `.tether` folder; a bare one is a folder of its own.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock as ThreadLock
from typing import TYPE_CHECKING

from tether.core.identity import Time
from tether.errors import AlreadyExists, Corrupt, NotFound, Unavailable, Unsupported
from tether.repo.absent import Absent, read_absent
from tether.repo.config import Config
from tether.repo.contents import ContentReader
from tether.repo.objectdb import ObjectDb
from tether.repo.operations import Head
from tether.repo.packs import pack_key
from tether.repo.root import DEFAULT_BRANCH, KEY, Root, decode_root
from tether.repo.rootstore import BackendRoot, RootStore, SeenRoot
from tether.storage.backend import RESERVED, Backend
from tether.storage.local import LocalBackend
from tether.storage.locks import TIMEOUT_S, FolderLocks, Lock, Locks, Wait
from tether.storage.oserrors import translated

if TYPE_CHECKING:
    from tether.core.digest import Digest
    from tether.repo.attributes import TreeAttributes
    from tether.repo.history import History
    from tether.repo.moments import Zone
    from tether.repo.transaction import Transaction

FOLDER = ".tether"
FORMAT_KEY = "format"
FORMAT = 'version = 1\nhash = "blake3"\nfeatures = []\n'
ROOT_ELSEWHERE = "root-elsewhere"
"""The feature of a repository whose root is not beside its packs; only who keeps the root can open it."""
DIFFERENCES = "differences"
"""The feature of a repository in whose packs chunks may be stored as differences from others."""
_ROOT_HINT = (
    "clone it again from a remote, or run 'tether fsck --repair': it finds every commit and tag, "
    "but not which branch was which"
)


def format_with(features: Iterable[str]) -> bytes:
    """Return the format file of a repository that readers must know some features for."""
    named = ", ".join(f'"{name}"' for name in features)
    return FORMAT.replace("[]", f"[{named}]").encode()


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a repository is kept.

    Attributes:
        backend: Keeps packs and indexes.
        roots: Keeps the root.
        locks: Keeps gc and writers apart, among all that reach the backend.
        features: What its format file says that a reader must know.
    """

    backend: Backend
    roots: RootStore
    locks: Locks
    features: tuple[str, ...] = ()

    @classmethod
    def in_folder(cls, directory: Path, backend: Backend | None = None) -> "Storage":
        """Return the storage of a repository that lies whole in one folder; `backend` reads another way."""
        backend = backend or LocalBackend(directory)
        return cls(backend, BackendRoot(backend), FolderLocks(directory / "locks"))

    @property
    def format(self) -> bytes:
        """The format file."""
        return format_with(self.features)

    def create(self, branch: str = DEFAULT_BRANCH) -> None:
        """Make an empty repository there.

        Raises:
            AlreadyExists: There is one.
        """
        with suppress(AlreadyExists):
            self.backend.write_new(FORMAT_KEY, self.format)
        root = Root(os.urandom(16), head=Head(f"refs/heads/{branch}"))
        self.roots.create(root.encode())


class AbsentHere:
    """The contents that a repository left at its remotes, as its root says now.

    Attributes:
        supplier: Brings some of those that come when they are first read; None where nobody can.
    """

    def __init__(self, repository: "Repository") -> None:
        self.supplier: Callable[[list[Digest]], None] | None = None
        self._repository = repository
        self._read: tuple[object, Absent] | None = None
        self._lock = ThreadLock()

    def record(self) -> Absent:
        """Return the record.

        Raises:
            Corrupt: It is damaged.
            NotFound: A part of it is missing.
        """
        root = self._repository.root()
        if self._read is None or self._read[0] != root.extra:
            self._read = (root.extra, read_absent(root, ContentReader(self._repository.objects)))
        return self._read[1]

    @property
    def waiting(self) -> bool:
        """Whether there are contents that come when they are first read."""
        return self.supplier is not None and self.record().has_promised

    def remote_of(self, digest: "Digest") -> str | None:
        """Return the remote that has a content; None for one that is not recorded."""
        return self.record().remote_of(digest)

    def bring(self, digests: "Sequence[Digest]") -> bool:
        """Bring those that come when they are first read; see `contents.Elsewhere`."""
        if self.supplier is None:
            return False
        with self._lock:
            record, has = self.record(), self._repository.objects.has
            # Where contents come when they are read, dropped ones do too.
            wanted = [digest for digest in digests if record.has_promised and digest in record]
            lacking = [digest for digest in wanted if not has(digest)]
            if lacking:
                self.supplier(lacking)
            return bool(wanted)


class Repository:
    """Objects, contents, refs and operations of one repository.

    Attributes:
        directory: The folder of the repository itself.
        worktree: The folder of the working files; None for a bare repository.
        backend: Where packs and indexes are kept.
        roots: Where the root is kept.
        features: What the format file says that a reader must know.
        objects: Reads objects.
        contents: Reads file contents.
        config: The settings in effect.
        clock: Gives the time for operations.
        zone: The viewer's, for days and times that users write; None takes that of the clock.
        wait: Called while another process holds a lock; None waits a minute in silence.
        absent: The contents that are not here because a remote has them.
        histories: What was read of commits, by where the history is cut.
    """

    def __init__(
        self, directory: Path, storage: Storage, *, clock: Callable[[], Time], config: Config
    ) -> None:
        self.directory, self.clock, self.config = directory, clock, config
        self.backend, self.roots, self._locks = storage.backend, storage.roots, storage.locks
        self.features = storage.features
        self.worktree = directory.parent if directory.name == FOLDER else None
        self.zone: Zone | None = None
        self.wait: Wait | None = None
        self.histories: dict[frozenset[Digest], History] = {}
        self._root: tuple[bytes, Root] | None = None
        self._attributes: tuple[Digest, TreeAttributes] | None = None
        self.objects = ObjectDb(storage.backend, lambda: self.root().packs())
        self.absent = AbsentHere(self)
        self.contents = ContentReader(self.objects, self.absent)

    @classmethod
    def init(
        cls,
        path: Path,
        *,
        clock: Callable[[], Time],
        bare: bool = False,
        branch: str = DEFAULT_BRANCH,
        user_config: Path | None = None,
    ) -> "Repository":
        """Make a new repository for the files in `path`, or with `bare` in `path` itself.

        Raises:
            AlreadyExists: There is one, or a file that is no folder.
            Corrupt: There are packs, whose root is lost: a new one would leave them to gc.
            Forbidden: The folder cannot be written.
        """
        directory = path if bare else path / FOLDER
        if path.exists() and not path.is_dir():
            raise AlreadyExists(f"{path} is a file", hint="name a folder")
        if (directory / KEY).exists():
            raise AlreadyExists(f"{path} is a repository already")
        if any(directory.glob("packs/*.pack")):
            raise Corrupt(f"{path} has packs of a repository whose root is missing", hint=_ROOT_HINT)
        with translated(str(path)):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "locks").mkdir(exist_ok=True)
        storage = Storage.in_folder(directory)
        storage.create(branch)
        storage.backend.close()
        return cls.open(directory, clock=clock, user_config=user_config)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        clock: Callable[[], Time],
        user_config: Path | None = None,
        storage: Storage | None = None,
        config: Config | None = None,
    ) -> "Repository":
        """Open the repository in `directory` (a `.tether` folder or a bare repository).

        Args:
            directory: Its folder; where it lies elsewhere, what messages name.
            clock: Gives the time for operations.
            user_config: The user's file of settings.
            storage: Where it is kept; None means in that folder.
            config: Its settings; None reads them from that folder and from `user_config`.

        Raises:
            NotFound: There is none.
            Unsupported: It needs a newer Tether.
        """
        storage = storage or Storage.in_folder(directory)
        storage = replace(storage, features=_check_format(storage, directory))
        config = config or Config.load(directory / "config.toml", user_config)
        return cls(directory, storage, clock=clock, config=config)

    @property
    def format(self) -> bytes:
        """What the format file should be."""
        return format_with(self.features)

    @property
    def has_differences(self) -> bool:
        """Whether chunks may be stored as differences from others."""
        return DIFFERENCES in self.features

    def allow_differences(self) -> None:
        """Say in the format file that chunks may be stored as differences; before the first one is.

        Raises:
            Conflict: The format file is another one than it was.
        """
        if not self.has_differences:
            features = (*self.features, DIFFERENCES)
            self.backend.swap(FORMAT_KEY, self.format, format_with(features))
            self.features = features

    def root(self) -> Root:
        """Return the root as it is now.

        Raises:
            Corrupt: It is damaged or missing.
        """
        return self._read_root()[1]

    def _read_root(self) -> tuple[bytes, Root]:
        try:
            data = self.roots.read()
        except NotFound:
            begun = next(iter(self.backend.list("packs/")), None) is None
            hint = "run 'tether init' again" if begun else _ROOT_HINT
            raise Corrupt(f"the root of the repository in {self.directory} is missing", hint=hint) from None
        known = self._root
        if known is None or known[0] != data:
            known = self._root = data, decode_root(data)
        return known

    def as_now(self) -> "Repository":
        """Return the repository as it is now: its refs stay, whatever others push; errors as for `root`.

        It shares open files and all that is remembered of objects with this one, which closes them.
        """
        seen, root = copy(self), self._read_root()
        seen.roots, seen._root, seen._attributes = SeenRoot(self.roots, root[0]), root, None
        return seen

    def attributes(self) -> "TreeAttributes":
        """Return the attributes of files by the rules that are on the stage."""
        from tether.repo.attributes import TreeAttributes

        stage = self.root().stage
        if self._attributes is None or self._attributes[0] != stage:
            self._attributes = (stage, TreeAttributes(self.objects, self.contents.read, stage))
        return self._attributes[1]

    @contextmanager
    def transaction(self, command: str, *, write_id: bytes | None = None) -> "Iterator[Transaction]":
        """Write objects and move refs as one operation.

        On leaving the block the new packs are made durable and the root moves once; when the block
        raises, or the root was moved elsewhere by another process, nothing has changed.

        Args:
            command: What the operation log and waiting processes are told.
            write_id: 16 bytes that name the operation; None draws them.

        Raises:
            Conflict: Another process moved the same refs or the stage.
            Unavailable: The lock was not free in time, or the disk is full.
        """
        from tether.repo.transaction import Transaction  # readers start without it

        with self.lock("writer", command).shared(self.wait):
            level = self.config.get("storage.compression") or "default"
            transaction = Transaction(
                self, command, self.clock(), write_id or os.urandom(16), level=str(level)
            )
            try:
                yield transaction
                transaction.commit()
            except BaseException:
                transaction.abort()
                raise
        if transaction.replaced_packs:
            self.delete_replaced(transaction.replaced_packs)

    def lock(self, name: str, command: str = "", *, timeout_s: float = TIMEOUT_S) -> Lock:
        """Return one of the repository's locks; `writer` is shared by writers and exclusive for gc."""
        now = self.clock().micros
        return self._locks.lock(name, command=command, started=now, timeout_s=timeout_s)

    def confirm_lock(self) -> None:
        """Make sure that the lock taken last is held still, before files go; see `Locks.confirm`."""
        self._locks.confirm()

    def close(self) -> None:
        """Give back open files."""
        self.backend.close()

    def delete_replaced(self, names: "Sequence[Digest]") -> None:
        """Delete merged packs when no writer can still refer to them; otherwise gc does it later."""
        with suppress(Unavailable), self.lock("writer", "merge packs", timeout_s=0.0).exclusive(None):
            live = frozenset(self.root().packs())
            for name in names:
                if name not in live:
                    self.confirm_lock()
                    self.backend.delete(pack_key(name))


def _check_format(storage: Storage, directory: Path) -> tuple[str, ...]:
    """Return the features that the format file has, all of them known."""
    try:
        data = storage.backend.read(FORMAT_KEY)
    except NotFound:
        if storage.backend.exists(KEY):
            hint = f"copy the file '{FORMAT_KEY}' from another repository"
            raise Corrupt(f"the format file of {directory} is missing", hint=hint) from None
        raise NotFound(f"no repository in {directory}", hint="run 'tether init' to make one") from None
    if data == storage.format:
        return storage.features
    import tomllib

    try:
        found = tomllib.loads(data.decode())
        features = {str(feature) for feature in found.get("features", [])}
        unknown = features - {*storage.features, DIFFERENCES}
        unknown |= set(found) - {"version", "hash", "features"}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, TypeError):
        raise Corrupt(f"the format file of {directory} cannot be read") from None
    if unknown == {ROOT_ELSEWHERE}:
        hint = "use it through the hub, as https://HUB/OWNER/NAME"
        raise Unsupported(f"the repository in {directory} belongs to a hub, which keeps its refs", hint=hint)
    if found.get("version") != 1 or found.get("hash") != "blake3" or unknown:
        needs = ", ".join(sorted(unknown)) or f"format {found.get('version')}"
        raise Unsupported(f"the repository in {directory} needs {needs}", hint="use a newer Tether")
    return (*storage.features, *((DIFFERENCES,) if DIFFERENCES in features else ()))


def is_unmade(directory: Path) -> bool:
    """Say whether a folder is empty, or holds no more than an `init` that was stopped before its root."""
    return all(path.name in ("locks", RESERVED, FORMAT_KEY) for path in directory.iterdir())


def is_repository(directory: Path) -> bool:
    """Say whether `directory` holds a repository (a `.tether` folder or a bare one).

    It may be a damaged one: who opens it is told what is missing, and no folder above is taken instead.
    """
    found = (directory / FORMAT_KEY).is_file(), (directory / KEY).is_file()
    if all(found):
        return True
    ours = directory.name == FOLDER or all((directory / name).is_dir() for name in ("locks", "packs"))
    return any(found) and ours
