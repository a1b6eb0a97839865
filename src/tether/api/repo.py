"""`Repo`: a repository and its working files, as Python sees them.

Each method delegates to a function of a module beside this one that takes the `Repo` first; the module
is imported on first use, so that a short command pays only for what it does.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tether.api.opened import Opened, find_repository, system_clock
from tether.core.identity import Time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tether.api.diff import FileChange
    from tether.api.history import Branch, TagInfo
    from tether.api.merging import MergeOptions, MergeResult
    from tether.api.operations import Undone
    from tether.api.remotes import CloneRequest
    from tether.api.replaying import ReplayResult
    from tether.api.snapshot import Snapshot
    from tether.api.staging import CommitRequest, CommitResult, Removed, Status
    from tether.api.switching import Restored
    from tether.api.working import Moved
    from tether.repo.check import CheckReport
    from tether.repo.gcwrite import GcCounts
    from tether.repo.logwalk import LogEntry
    from tether.worktree.staging import StageResult


class Repo(Opened):
    """A repository on this machine: everything that can be done with it."""

    # -- making a copy ----------------------------------------------------------------------

    @classmethod
    def clone(
        cls,
        url: str | Path,
        path: str | Path,
        *,
        branch: str | None = None,
        clock: Callable[[], Time] = system_clock,
    ) -> "Repo":
        """Copy the repository at `url` (a folder or `file:///DIR`) into `path` and check out its branch.

        Example:
            >>> repo = Repo.clone("/shared/photos", "photos")  # doctest: +SKIP

        Raises:
            AlreadyExists: `path` exists and is not an empty folder.
            NotFound: There is no repository at `url`.
        """
        from tether.api.remotes import CloneRequest

        request = CloneRequest(str(url), Path(path).absolute(), branch)
        return cls.clone_with(request, clock=clock)[0]

    @classmethod
    def clone_with(
        cls,
        request: "CloneRequest",
        *,
        clock: Callable[[], Time] = system_clock,
        user_config: Path | None = None,
        adopt: Callable[["Repo"], object] | None = None,
    ) -> "tuple[Repo, Moved]":
        """Clone with every choice that there is.

        Args:
            request: What to clone.
            clock: As for `open`.
            user_config: The settings of the user.
            adopt: Called with the new repository before its files are written, to give it progress.
        """
        from tether.api import remotes

        return remotes.clone(cls, request, clock=clock, user_config=user_config, adopt=adopt)

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

    # -- moving between commits -------------------------------------------------------------

    def switch(self, branch: str, *, create: str | None = None, force: bool = False) -> "Moved":
        """Check out a branch; with `create`, a new one that begins at that revision.

        Example:
            >>> repo.switch("night-images", create="HEAD")  # doctest: +SKIP

        Raises:
            NotFound: There is no such branch.
            Conflict: Local changes would be lost and `force` is not set.
        """
        from tether.api import switching

        return switching.switch(self, branch, create=create, force=force)

    def checkout(self, rev: str, *, force: bool = False) -> "Moved":
        """Check out a branch by name, or any other revision without a branch; errors as for `switch`."""
        from tether.api import switching

        return switching.checkout(self, rev, force=force)

    def merge(self, rev: str, options: "MergeOptions | None" = None) -> "MergeResult":
        """Join another line of work into the current branch; conflicts are in the result.

        Example:
            >>> repo.merge("night-images").conflicts  # doctest: +SKIP
            ()

        Raises:
            Conflict: Local changes are in the way, or something else is under way.
        """
        from tether.api import merging

        return merging.merge(self, rev, options or merging.MERGE_DEFAULT)

    def rebase(self, rev: str, *, onto: str | None = None) -> "ReplayResult":
        """Replay the commits that only the current branch has on top of `rev`; errors as for `merge`."""
        from tether.api import replaying

        return replaying.rebase(self, rev, onto=onto)

    def restore(
        self, paths: Sequence[bytes], *, source: str | None = None, staged: bool = False, files: bool = True
    ) -> "Restored":
        """Bring files back from a revision or the stage: on the stage, in the working copy or both."""
        from tether.api import switching

        return switching.restore(self, switching.RestoreRequest(paths, source, staged, files))

    def reset(self, rev: str = "HEAD", mode: str = "mixed") -> "Moved":
        """Move the current branch: `soft` that alone, `mixed` the stage too, `hard` the files too."""
        from tether.api import switching

        return switching.reset(self, rev, mode)

    def clean(
        self, paths: Sequence[bytes] = (), *, ignored: bool = False, dry_run: bool = False
    ) -> list[bytes]:
        """Remove untracked files and return them."""
        from tether.api import switching

        return switching.clean(self, paths, ignored=ignored, dry_run=dry_run)

    def explain_ignored(self, path: bytes) -> tuple[str, int, str] | None:
        """Return file, line and pattern of the rule that ignores `path`, or None."""
        from tether.api import switching

        return switching.explain_ignored(self, path)

    def at(self, rev: str = "HEAD") -> "Snapshot":
        """Return a revision as a read-only folder.

        Example:
            >>> repo.at("v1").read_bytes("labels.csv")  # doctest: +SKIP

        Raises:
            NotFound: There is no such revision.
        """
        from tether.api import snapshot

        return snapshot.at(self, rev)

    def log(
        self, *revs: str, paths: Iterable[str | Path] = (), limit: int | None = None
    ) -> "Iterator[LogEntry]":
        """Yield commits from the newest to the oldest, from HEAD or from `revs`, which may be ranges.

        Example:
            >>> [entry.commit.message for entry in repo.log("v1..main")]  # doctest: +SKIP

        Raises:
            NotFound: A revision does not exist.
        """
        from tether.api import history
        from tether.repo.logwalk import LogFilter

        wanted = LogFilter(tuple(self.path(path) for path in paths))
        return history.log(self, history.LogQuery(revs, limit=limit, wanted=wanted))

    def diff(
        self,
        old: str | None = None,
        new: str | None = None,
        *,
        staged: bool = False,
        paths: Iterable[str | Path] = (),
    ) -> "list[FileChange]":
        """Return the files that differ: two revisions, one and the working copy, or the stage and the latter.

        Example:
            >>> [change.path for change in repo.diff("v1", "main")]  # doctest: +SKIP

        Raises:
            NotFound: A revision does not exist.
        """
        from tether.api import diff

        wanted = tuple(self.path(path) for path in paths)
        return diff.diff(self, diff.DiffQuery(old, new, staged=staged, paths=wanted))

    def branches(self) -> "list[Branch]":
        """Return the branches in order of their names."""
        from tether.api import history

        return history.branches(self)

    def create_branch(self, name: str, rev: str = "HEAD") -> "Branch":
        """Make a branch that begins at a revision.

        Raises:
            AlreadyExists: The name is taken.
        """
        from tether.api import history

        return history.create_branch(self, name, rev)

    def tags(self) -> "list[TagInfo]":
        """Return the tags in order of their names."""
        from tether.api import history

        return history.tags(self)

    def create_tag(self, name: str, rev: str = "HEAD", *, message: str | None = None) -> "TagInfo":
        """Name a revision for good; with a message the tag says who made it, when and why.

        Raises:
            AlreadyExists: The name is taken.
        """
        from tether.api import history

        return history.create_tag(self, name, rev, message=message)

    # -- going back, space and health -------------------------------------------------------

    def undo(self, *, force: bool = False) -> "Undone":
        """Take back the last operation, with the working files that it wrote; again, the one before.

        Example:
            >>> repo.undo().operation.command  # doctest: +SKIP
            'reset --hard HEAD~3'

        Raises:
            NotFound: There is nothing to undo.
            Conflict: Local changes would be lost and `force` is not set.
        """
        from tether.api import operations

        return operations.undo(self, force=force)

    def gc(self, *, dry_run: bool = False, prune_now: bool = False) -> "GcCounts":
        """Free what nothing needs; with `prune_now` also what only `undo` needs.

        Example:
            >>> repo.gc(dry_run=True).freed  # doctest: +SKIP
            1048576
        """
        from tether.api import maintenance

        return maintenance.collect(self, dry_run=dry_run, prune_now=prune_now).counts

    def fsck(self, *, full: bool = False, sample: float = 0.0) -> "CheckReport":
        """Verify what is stored: all metadata, and the bytes of `sample` percent of the contents, or all.

        Example:
            >>> repo.fsck(full=True).ok  # doctest: +SKIP
            True
        """
        from tether.api import maintenance

        return maintenance.check(self, full=full, sample=sample)


__all__ = ["Repo", "find_repository", "system_clock"]
