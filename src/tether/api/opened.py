"""Opening a repository: where it is, whose it is, and the time that it records."""

import os
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeAlias

from tether.core.identity import Person, Time
from tether.core.names import path_bytes
from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput, NotFound
from tether.repo.repository import FOLDER, Repository, is_repository
from tether.repo.unfinished import refuse_unfinished

if TYPE_CHECKING:
    from tether.core.digest import Digest
    from tether.storage.buckets import BucketAddress, OpenBucket
    from tether.storage.objectstore import ObjectBackend
    from tether.sync.address import HubAddress
    from tether.sync.http import HttpClient
    from tether.sync.places import Connect

AnyPath: TypeAlias = str | bytes | Path
"""A path relative to the folder of the working files, or an absolute one below it; bytes stay as they are."""
Paths: TypeAlias = AnyPath | Iterable[AnyPath]
"""One path or several; none at all stands for everything where that makes sense."""


def system_clock() -> Time:
    """Return the time of this machine with its zone."""
    now = time.time_ns() // 1000
    zone = time.localtime(now // 1_000_000).tm_gmtoff
    return Time(now, zone // 60)


def _as_nobody(address: "HubAddress") -> "HttpClient":
    from tether.sync.places import as_nobody

    return as_nobody(address)


def system_zone(wall: datetime) -> int:
    """Return the minutes east of UTC that hold on this machine at a time on the wall."""
    offset = wall.astimezone().utcoffset()
    return int((offset or timedelta()).total_seconds()) // 60


def _as_surroundings_say(address: "BucketAddress") -> "ObjectBackend":
    from tether.storage.buckets import as_surroundings_say

    return as_surroundings_say(address)


class Opened:
    """A repository on this machine, with its surroundings.

    Attributes:
        repository: Objects, refs and operations.
        author: Who commits; None takes `user.name` and `user.email` from the configuration.
        clock: Gives the time of commits and operations.
        progress: Told how long work goes on.
        connect: Opens connections to hubs; by default nobody is signed in.
        open_bucket: Opens places in buckets; by default with the keys that the store's client finds.
    """

    def __init__(
        self,
        repository: Repository,
        *,
        author: Person | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.repository = repository
        self.clock = repository.clock
        self.progress = progress
        self.connect: Connect = _as_nobody
        self.open_bucket: OpenBucket = _as_surroundings_say
        self._author = author
        repository.absent.supplier = self._supply

    @classmethod
    def init(
        cls, path: str | Path = ".", *, bare: bool = False, clock: Callable[[], Time] = system_clock
    ) -> Self:
        """Make a new repository for the files in `path`; in a Git work tree, Git is told to leave it alone.

        Example:
            >>> repo = Repo.init("drawings")
            >>> repo.author = Person("Ada", "ada@example.org")

        Raises:
            AlreadyExists: There is one.
            Forbidden: The folder cannot be written.
        """
        repository = Repository.init(Path(path).absolute(), clock=clock, bare=bare)
        if repository.worktree is not None:
            from tether.api.besidegit import exclude_from_git

            exclude_from_git(repository.worktree)
        return cls(repository)

    @classmethod
    def open(
        cls,
        path: str | Path = ".",
        *,
        clock: Callable[[], Time] = system_clock,
        user_config: Path | None = None,
    ) -> Self:
        """Open the repository of `path`: in it, or in the nearest folder above that has one.

        Args:
            path: A folder.
            clock: Gives the time of commits and operations.
            user_config: A file with settings of the user, such as `~/.config/tether/config.toml`; the
                library does not look for one by itself.

        Example:
            >>> with Repo.open("photos/images") as repo:
            ...     repo.root.name
            'photos'

        Raises:
            NotFound: There is none.
            Unsupported: It has a format or feature that this version does not know.
        """
        directory = find_repository(Path(path).absolute())
        repository = Repository.open(directory, clock=clock, user_config=user_config)
        repository.zone = system_zone if clock is system_clock else None
        return cls(repository)

    def _supply(self, contents: "list[Digest]") -> None:
        """Bring contents that a partial clone left at its remote, when they are first read."""
        from tether.api.supplying import supplier

        supplier(self)(contents)

    @property
    def root(self) -> Path:
        """The folder of the working files.

        Example:
            >>> (repo.root / "labels.csv").is_file()
            True

        Raises:
            InvalidInput: The repository is bare.
        """
        if self.repository.worktree is None:
            raise InvalidInput(
                f"{self.repository.directory} is a bare repository without working files",
                hint="clone it to work on its files",
            )
        return self.repository.worktree

    @property
    def author(self) -> Person:
        """Who commits: what was set here, else `user.name` and `user.email` of the settings.

        Example:
            >>> repo.author = Person("Ada", "ada@example.org")
            >>> repo.author.name
            'Ada'

        Raises:
            InvalidInput: Nobody has said so.
        """
        if self._author is not None:
            return self._author
        name = self.repository.config.get("user.name")
        email = self.repository.config.get("user.email")
        if not name or not email:
            raise InvalidInput(
                "nobody to commit as",
                hint="tell who you are: 'tether config --global user.name NAME' and 'tether config --global "
                "user.email ADDRESS'; in Python set `Repo.author`",
            )
        return Person(name, email)

    @author.setter
    def author(self, person: Person | None) -> None:
        self._author = person

    def path(self, path: AnyPath) -> bytes:
        """Return a path as the repository writes it: relative to the working files, with `/`.

        Example:
            >>> repo.path(repo.root / "images" / "cat.png")
            b'images/cat.png'

        Raises:
            InvalidInput: It leads outside.
        """
        if isinstance(path, bytes):
            return path
        root, given = os.fsencode(self.root).rstrip(b"/"), path_bytes(path)
        absolute = os.path.normpath(given if given.startswith(b"/") else root + b"/" + given)
        if absolute == root:
            return b""
        if not absolute.startswith(root + b"/"):
            raise InvalidInput(f"{path} is outside the repository {self.root}")
        return absolute[len(root) + 1 :]

    def paths(self, given: Paths) -> list[bytes]:
        """Return one or several paths as the repository writes them; errors as for `path`.

        Example:
            >>> repo.paths(["labels.csv", "images/"])
            [b'labels.csv', b'images']
        """
        several = [given] if isinstance(given, str | bytes | Path) else given
        return [self.path(path) for path in several]

    def close(self) -> None:
        """Give back open files; a `with` statement does so too.

        Example:
            >>> repo.close()
        """
        self.repository.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.repository.worktree or self.repository.directory)!r})"


def find_repository(path: Path) -> Path:
    """Return the repository folder for `path`: `.tether` in it or above it, or `path` itself when bare.

    Raises:
        NotFound: There is none.
        Unavailable: It is still being cloned.
    """
    for folder in (path, *path.parents):
        refuse_unfinished(folder / FOLDER)
        refuse_unfinished(folder)
        if is_repository(folder / FOLDER):
            return folder / FOLDER
        if is_repository(folder):
            return folder
    raise NotFound(f"no repository in {path} or above", hint="run 'tether init' to make one")
