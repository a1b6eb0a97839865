"""`Repo`: a repository and its working files, as Python sees them.

Each method delegates to a function of a module beside this one that takes the `Repo` first; the module
is imported on first use, so that a short command pays only for what it does.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tether.core.identity import Person, Time
from tether.core.progress import SILENT, Progress
from tether.errors import InvalidInput, NotFound
from tether.repo.repository import FOLDER, Repository, is_repository

if TYPE_CHECKING:
    from tether.api.staging import CommitRequest, CommitResult, Removed, Status
    from tether.worktree.staging import StageResult


def system_clock() -> Time:
    """Return the time of this machine with its zone."""
    now = time.time_ns() // 1000
    zone = time.localtime(now // 1_000_000).tm_gmtoff
    return Time(now, zone // 60)


class Repo:
    """A repository on this machine.

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
    ) -> "Repo":
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
    ) -> "Repo":
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

    # -- the stage and commits --------------------------------------------------------------

    def stage(
        self, paths: Sequence[bytes], *, dry_run: bool = False, force: bool = False, listed: bool = False
    ) -> "StageResult":
        """Stage what the working copy holds at `paths` (all of it when empty), removals included.

        Args:
            paths: Files and folders relative to the top folder.
            dry_run: Find out what would be staged, and store nothing.
            force: Take ignored files too.
            listed: Fill the list of changes of the result.
        """
        from tether.api import staging

        return staging.add(
            self,
            paths,
            {"everything": not paths, "dry_run": dry_run, "force": force, "list_changes": listed},
        )

    def add(self, paths: str | Path | Iterable[str | Path] = ".") -> "StageResult":
        """Put new and changed files into the next commit, and take out those that are gone.

        Args:
            paths: Files and folders, relative to the folder of the working files.

        Example:
            >>> repo.add("images")  # doctest: +SKIP

        Raises:
            NotFound: A path is neither in the working copy nor on the stage.
            InvalidInput: A path is ignored or cannot be kept.
        """
        given = [paths] if isinstance(paths, str | Path) else list(paths)
        wanted = [self.path(path) for path in given]
        return self.stage([] if b"" in wanted else wanted)

    def remove(
        self, paths: Sequence[bytes], *, cached: bool = False, recursive: bool = False, force: bool = False
    ) -> "Removed":
        """Take files from the stage and, unless `cached`, from the working copy."""
        from tether.api import staging

        return staging.remove(self, paths, cached=cached, recursive=recursive, force=force)

    def move(self, sources: Sequence[bytes], target: bytes) -> list[tuple[bytes, bytes]]:
        """Move tracked files and folders; return old and new paths."""
        from tether.api import staging

        return staging.move(self, sources, target)

    def status(
        self, paths: Sequence[bytes] = (), *, ignored: bool = False, all_files: bool = False
    ) -> "Status":
        """Return how commit, stage and working files differ.

        Example:
            >>> repo.status().work.is_clean  # doctest: +SKIP
            True
        """
        from tether.api import staging

        return staging.status(self, paths, ignored=ignored, all_files=all_files)

    def commit(self, message: str, *, all: bool = False, allow_empty: bool = False) -> "CommitResult":
        """Record the stage as a commit of the current branch.

        Example:
            >>> repo.commit("fix the labels of class 7").id.hex()  # doctest: +SKIP

        Raises:
            InvalidInput: There is nothing to commit.
            Conflict: A merge has conflicts that are not resolved.
        """
        from tether.api.staging import CommitRequest

        return self.commit_with(CommitRequest(message, all=all, allow_empty=allow_empty))

    def commit_with(self, request: "CommitRequest") -> "CommitResult":
        """Record a commit with every choice that there is; see `CommitRequest`."""
        from tether.api import staging

        return staging.commit(self, request)

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
