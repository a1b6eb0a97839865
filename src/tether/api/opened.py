"""Opening a repository: where it is, whose it is, and the time that it records."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from tether.core.identity import Person, Time
from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput, NotFound
from tether.repo.repository import FOLDER, Repository, is_repository


def system_clock() -> Time:
    """Return the time of this machine with its zone."""
    now = time.time_ns() // 1000
    zone = time.localtime(now // 1_000_000).tm_gmtoff
    return Time(now, zone // 60)


class Opened:
    """A repository on this machine, with its surroundings.

    Attributes:
        repository: Objects, refs and operations.
        author: Who commits; None takes `user.name` and `user.email` from the configuration.
        clock: Gives the time of commits and operations.
        progress: Told how long work goes on.
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
        self._author = author

    @classmethod
    def init(
        cls, path: str | Path = ".", *, bare: bool = False, clock: Callable[[], Time] = system_clock
    ) -> Self:
        """Make a new repository for the files in `path`.

        Example:
            >>> repo = Repo.init("photos")  # doctest: +SKIP

        Raises:
            AlreadyExists: There is one.
        """
        return cls(Repository.init(Path(path).absolute(), clock=clock, bare=bare))

    @classmethod
    def open(
        cls,
        path: str | Path = ".",
        *,
        clock: Callable[[], Time] = system_clock,
        user_config: Path | None = None,
    ) -> Self:
        """Open the repository of `path`: in it, or in the nearest folder above that has one.

        Raises:
            NotFound: There is none.
        """
        directory = find_repository(Path(path).absolute())
        return cls(Repository.open(directory, clock=clock, user_config=user_config))

    @property
    def root(self) -> Path:
        """The folder of the working files.

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
        """Who commits.

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
                hint="set user.name and user.email with 'tether config --global KEY VALUE'",
            )
        return Person(name, email)

    @author.setter
    def author(self, person: Person | None) -> None:
        self._author = person

    def path(self, path: str | Path) -> bytes:
        """Return a path as the repository writes it: relative to the working files, with `/`.

        Raises:
            InvalidInput: It leads outside.
        """
        root = self.root
        absolute = Path(os.path.normpath(root / path))
        if not absolute.is_relative_to(root):
            raise InvalidInput(f"{path} is outside the repository {root}")
        relative = absolute.relative_to(root).as_posix()
        return b"" if relative == "." else os.fsencode(relative)

    def close(self) -> None:
        """Give back open files."""
        self.repository.close()


def find_repository(path: Path) -> Path:
    """Return the repository folder for `path`: `.tether` in it or above it, or `path` itself when bare.

    Raises:
        NotFound: There is none.
    """
    for folder in (path, *path.parents):
        if is_repository(folder / FOLDER):
            return folder / FOLDER
        if is_repository(folder):
            return folder
    raise NotFound(f"no repository in {path} or above", hint="run 'tether init' to make one")
