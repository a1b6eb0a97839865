"""`Repo`: a repository and its working files, as Python sees them.

Each method delegates to a function of a module beside this one that takes the `Repo` first; the module
is imported on first use, so that a short command pays only for what it does.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from tether.api.opened import Paths, find_repository, system_clock
from tether.api.recorded import Recorded
from tether.core.identity import Time
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.joined import MergeResult
    from tether.api.merging import MergeOptions
    from tether.api.operations import Undone
    from tether.api.remotes import CloneChoices, CloneRequest
    from tether.api.replaying import ReplayResult
    from tether.api.resolving import Decision, Resolution
    from tether.api.working import Moved
    from tether.repo.gcwrite import GcCounts
    from tether.sync.exchange import Exchange


class Repo(Recorded):
    """A repository on this machine: everything that can be done with it.

    Example:
        >>> with Repo.open("photos") as repo:
        ...     repo.at("v1").ls("images")[0].path
        'images/cat.png'
    """

    # -- making a copy ----------------------------------------------------------------------

    @classmethod
    def clone(
        cls,
        url: str | Path,
        path: str | Path,
        *,
        clock: Callable[[], Time] = system_clock,
        **choices: "Unpack[CloneChoices]",
    ) -> "Repo":
        """Copy the repository at `url` (a folder, `file:///DIR` or one on a hub) and check out its branch.

        Args:
            url: What to copy.
            path: The new folder.
            clock: As for `open`.
            choices: `branch` is what to check out, otherwise that of the source. A clone is partial with
                `paths`, which brings and shows only what is under these files, folders and globs; with
                `depth`, which brings so many commits of each branch; and with `lazy`, which brings contents
                when they are first read.

        Example:
            >>> copy = Repo.clone("shared", "copy", paths=["images"])
            >>> copy.remotes()["origin"].endswith("/shared")
            True

        Raises:
            AlreadyExists: `path` exists and is not an empty folder.
            NotFound: There is no repository at `url`, or it has no such branch.
        """
        from tether.api.remotes import CloneRequest
        from tether.core.pathfilter import EVERYTHING, PathFilter
        from tether.repo.partial import Partial

        paths = choices.get("paths")
        shown = EVERYTHING if paths is None else PathFilter(map(os.fsencode, paths))
        request = CloneRequest(
            str(url),
            Path(path).absolute(),
            choices.get("branch"),
            depth=choices.get("depth"),
            partial=Partial(choices.get("lazy", False), shown),
        )
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
        """Clone with every choice that there is; errors as for `clone`.

        Args:
            request: What to clone.
            clock: As for `open`.
            user_config: The settings of the user.
            adopt: Called with the new repository before its files are written, to give it progress.

        Example:
            >>> request = CloneRequest("shared", Path("backup").absolute(), bare=True)
            >>> backup, moved = Repo.clone_with(request)
            >>> backup.branches()[0].name
            'main'
        """
        from tether.api import remotes

        return remotes.clone(cls, request, clock=clock, user_config=user_config, adopt=adopt)

    # -- joining ----------------------------------------------------------------------------

    def merge(self, rev: str, options: "MergeOptions | None" = None) -> "MergeResult":
        """Join another line of work into the current branch; conflicts are in the result.

        Example:
            >>> repo.merge("night").conflicts
            ()

        Raises:
            NotFound: There is no such revision.
            Conflict: Local changes are in the way, or something else is under way.
        """
        from tether.api import merging

        return merging.merge(self, rev, options or merging.MERGE_DEFAULT)

    def rebase(self, rev: str, *, onto: str | None = None) -> "ReplayResult":
        """Replay the commits that only the current branch has on top of `rev`; errors as for `merge`.

        Example:
            >>> moved = repo.switch("night")
            >>> len(repo.rebase("main").made)
            1
        """
        from tether.api import replaying

        return replaying.rebase(self, rev, onto=onto)

    def resolve(self, paths: Paths, decision: "Decision" = "mark") -> "Resolution":
        """Settle conflicts by taking "ours" or "theirs", or with "mark" what the files are now.

        Example:
            >>> [row.path for row in repo.merge("relabelled").conflicts]
            [b'labels.csv']
            >>> repo.resolve("labels.csv", "theirs").left
            []

        Raises:
            NotFound: Nothing is under way, or a path is not in conflict.
        """
        from tether.api import resolving

        return resolving.resolve_conflicts(self, self.paths(paths), decision)

    def finish_merge(self, message: str | None = None) -> "MergeResult":
        """Make the commit of a merge whose conflicts are all settled.

        Example:
            >>> stopped = repo.merge("relabelled")
            >>> settled = repo.resolve("labels.csv", "ours")
            >>> repo.finish_merge("Keep our labels").branch
            'main'

        Raises:
            NotFound: No merge is under way.
            Conflict: Some paths are left to decide.
        """
        from tether.api import merging

        return merging.finish(self, message)

    def abort(self) -> "MergeResult":
        """Go back to where everything was before the merge, rebase or the like that is under way.

        Example:
            >>> stopped = repo.merge("relabelled")
            >>> repo.abort().id == repo.branches()[0].id
            True

        Raises:
            NotFound: Nothing is under way.
        """
        from tether.api import merging

        return merging.abort(self)

    # -- remotes ----------------------------------------------------------------------------

    def add_remote(self, name: str, url: str | Path) -> None:
        """Name another repository; relative folders start at the folder of the working files.

        Example:
            >>> repo.add_remote("disk", "../backup")

        Raises:
            AlreadyExists: The name is taken.
            InvalidInput: The name or the address cannot be one.
        """
        from tether.api import remotes

        remotes.add_remote(self, name, str(url))

    def prefetch(self, *paths: str | bytes, all_commits: bool = False) -> int:
        """Bring contents that a partial clone does not have yet, and return how many came.

        Args:
            paths: Only those under these files, folders and globs.
            all_commits: Those of every commit that is here, not of the checked out one alone.

        Example:
            >>> repo.prefetch("images")
            0

        Raises:
            Unavailable: The remote that has them cannot be reached.
        """
        from tether.api import partial

        return partial.prefetch(self, [*map(os.fsencode, paths)], all_commits=all_commits).contents

    def show_more(self, *paths: str | bytes) -> int:
        """Let the working copy of a partial clone show more files, and return how many were written.

        Example:
            >>> copy = Repo.clone("shared", "part", paths=["images"])
            >>> copy.show_more("labels.csv")
            1

        Raises:
            InvalidInput: It shows everything.
            Conflict: Other files are in the way.
            Unavailable: The remote that has the contents cannot be reached.
        """
        from tether.api import partial

        return partial.show_more(self, [*map(os.fsencode, paths)]).files

    def fetch(
        self, remote: str | None = None, *, prune: bool = False, depth: int | None = None
    ) -> "Exchange":
        """Bring the branches, tags and runs of a remote here; branches and working files stay as they are.

        Args:
            remote: Its name; None is the one that the current branch follows.
            prune: Forget branches that the remote no longer has.
            depth: Bring so many commits of each branch, in a clone that was made with a depth.

        Example:
            >>> repo.fetch("origin").objects
            0

        Raises:
            NotFound: There is no such remote, or no repository at its address.
        """
        from tether.api import remotes

        return remotes.fetch(self, remote, prune=prune, depth=depth)

    def pull(
        self, remote: str | None = None, branch: str | None = None, *, rebase: bool = False
    ) -> "MergeResult | ReplayResult":
        """Fetch, then join the branch of the remote with the current one; conflicts are in the result.

        Args:
            remote: Its name; None is the one that the current branch follows.
            branch: Its branch; None is the one that the current branch follows.
            rebase: Replay the commits that only this side has on top, instead of merging.

        Example:
            >>> repo.pull().up_to_date
            True

        Raises:
            NotFound: There is no such remote or branch.
            Conflict: Local changes are in the way, or something else is under way.
        """
        from tether.api import joined, remotes
        from tether.core.names import short_ref

        upstream = remotes.fetch_upstream(self, remote, branch).upstream
        return self.rebase(short_ref(upstream)) if rebase else joined.join(self, upstream)

    def push(
        self,
        remote: str | None = None,
        *branches: str,
        force_with_lease: bool = False,
        tags: bool = False,
        delete: bool = False,
        runs: bool = True,
    ) -> "Exchange":
        """Send branches to a remote; a remote folder that does not exist becomes a bare repository.

        Args:
            remote: Its name; None is the one that the current branch follows.
            branches: Names of branches; none at all is the current branch.
            force_with_lease: Overwrite branches that nobody moved since they were fetched.
            tags: Send tags too.
            delete: Remove the branches from the remote instead.
            runs: Send the runs that the remote lacks.

        Example:
            >>> [update.state.value for update in repo.push("origin", "main", "night").updates]
            ['same', 'new']

        Raises:
            NotFound: There is no such remote or branch.
            Conflict: The remote has commits that are not here, or has the branch checked out.
        """
        from tether.api import remotes
        from tether.sync.exchange import PushOptions

        if delete and not branches:
            raise InvalidInput("no branch to delete", hint="name the branches to remove from the remote")
        return remotes.push(self, remote, PushOptions(branches, force_with_lease, tags, delete, runs))

    # -- going back, and space --------------------------------------------------------------

    def undo(self, *, force: bool = False) -> "Undone":
        """Take back the last operation, with the working files that it wrote; again, the one before.

        Example:
            >>> gone = repo.remove("labels.csv")
            >>> repo.undo().operation.command
            'rm labels.csv'

        Raises:
            NotFound: There is nothing to undo.
            Conflict: Local changes would be lost and `force` is not set.
        """
        from tether.api import operations

        return operations.undo(self, force=force)

    def gc(self, *, dry_run: bool = False, prune_now: bool = False, differences: bool = False) -> "GcCounts":
        """Free what nothing needs; with `prune_now` also what only `undo` needs.

        With `differences`, checkpoints and fine-tunes are stored as the difference to a file like them, where
        that saves.

        Example:
            >>> repo.gc(dry_run=True).freed
            0

        Raises:
            Corrupt: It cannot be told what is needed.
            Unavailable: Another process is writing and does not end.
        """
        from tether.api import maintenance

        return maintenance.collect(self, dry_run=dry_run, prune_now=prune_now, differences=differences).counts


__all__ = ["Repo", "find_repository", "system_clock"]
