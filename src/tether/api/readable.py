"""Looking at a repository: its state, history, differences and files; nothing but caches is written."""

from pathlib import Path
from typing import TYPE_CHECKING

from tether.api.opened import AnyPath, Opened, Paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tether.api.comparing import Compared
    from tether.api.diff import FileChange
    from tether.api.history import Branch, TagInfo
    from tether.api.lineage import Lineage, Ways
    from tether.api.releases import Release
    from tether.api.runs import RunDiff
    from tether.api.snapshot import Snapshot
    from tether.api.staging import Status
    from tether.releases.profiles.document import Profile
    from tether.releases.uses import Uses
    from tether.repo.check import CheckReport
    from tether.repo.logwalk import LogEntry
    from tether.runs.reading import KnownRun


class Readable(Opened):
    """The third of `Repo` that looks."""

    def status(self, paths: Paths = (), *, ignored: bool = False, all_files: bool = False) -> "Status":
        """Return how commit, stage and working files differ.

        Args:
            paths: Look at these files and folders alone; everything if empty.
            ignored: List ignored files too.
            all_files: List each untracked file, not only the folder when nothing in it is tracked.

        Example:
            >>> status = repo.status()
            >>> status.branch, status.work.is_clean, status.work.untracked
            ('main', True, [(b'images/new.png', False)])
        """
        from tether.api import staging

        wanted = [path for path in self.paths(paths) if path]
        return staging.status(self, wanted, ignored=ignored, all_files=all_files)

    def at(self, rev: str = "HEAD") -> "Snapshot":
        """Return a revision as a read-only folder; what is staged where `rev` is empty.

        Example:
            >>> repo.at("v1").read_text("labels.csv").splitlines()
            ['file,label', 'cat.png,cat']

        Raises:
            NotFound: There is no such revision.
        """
        from tether.api import snapshot

        return snapshot.at(self, rev)

    def log(self, *revs: str, paths: Paths = (), limit: int | None = None) -> "Iterator[LogEntry]":
        """Yield commits from the newest to the oldest, from HEAD or from `revs`, which may be ranges.

        Args:
            revs: Revisions, `A..B` for what B has and A has not, `^A` to leave out what A has.
            paths: Only commits that change these files or folders.
            limit: At most so many.

        Example:
            >>> for entry in repo.log("v1..main"):
            ...     print(entry.commit.author.name, entry.commit.message.strip(), len(entry.id.hex()))
            Ada A dog 64

        Raises:
            NotFound: A revision does not exist.
        """
        from tether.api import history
        from tether.repo.logwalk import LogFilter

        wanted = LogFilter(tuple(self.paths(paths)))
        return history.log(self, history.LogQuery(revs, limit=limit, wanted=wanted))

    def diff(
        self, old: str | None = None, new: str | None = None, *, staged: bool = False, paths: Paths = ()
    ) -> "list[FileChange]":
        """Return the files that differ, in order of their paths; a file that only moved is one change.

        Args:
            old: A revision, which is compared with `new`, or with the working copy. Without it the stage
                is compared with the working copy.
            new: Another revision.
            staged: Compare `old`, or HEAD, with the stage.
            paths: Only these files and folders.

        Example:
            >>> changes = repo.diff("v1", "main", paths=["images", "labels.csv"])
            >>> [(change.change, change.path) for change in changes]
            [('added', b'images/dog.png'), ('modified', b'labels.csv')]

        Raises:
            NotFound: A revision does not exist.
        """
        from tether.api import diff

        return diff.diff(self, diff.DiffQuery(old, new, staged=staged, paths=tuple(self.paths(paths))))

    def branches(self) -> "list[Branch]":
        """Return the branches in order of their names.

        Example:
            >>> [(branch.name, branch.current) for branch in repo.branches()]
            [('main', True), ('night', False), ('relabelled', False)]
        """
        from tether.api import history

        return history.branches(self)

    def tags(self) -> "list[TagInfo]":
        """Return the tags in order of their names.

        Example:
            >>> [tag.name for tag in repo.tags()]
            ['v1']
        """
        from tether.api import history

        return history.tags(self)

    def runs(
        self, *where: str, sort: str | None = None, limit: int | None = None, skip: int = 0
    ) -> "list[KnownRun]":
        """Return the runs that are here, the newest first.

        Args:
            where: Conditions that all must hold, such as `lr<0.1`, `loss.min<=0.2` or `status=finished`.
            sort: A parameter, metric or field to sort by; with `-` before it the other way round.
            limit: At most so many.
            skip: Leave out so many first.

        Example:
            >>> with tether.run(repo, name="base", parameters={"lr": 0.1}) as run:
            ...     run.metric("loss", 0.4)
            >>> [(found.record.name, str(found.record.status)) for found in repo.runs("loss<0.5")]
            [('base', 'finished')]

        Raises:
            InvalidInput: A condition cannot be read.
            NotFound: There are runs, and none has what is sorted by.
        """
        from tether.api import runs

        return runs.list_runs(self, runs.RunQuery(where, sort, limit, skip))

    def diff_runs(self, old: str, new: str) -> "RunDiff":
        """Return how two runs differ: parameters, metrics, data, code and environment, as pairs of values.

        Args:
            old: The one: an id or the end of one, a name, or `last`.
            new: The other.

        Example:
            >>> for name, rate in (("slow", 0.1), ("fast", 0.5)):
            ...     with tether.run(repo, name=name, parameters={"lr": rate}) as run:
            ...         run.metric("loss", rate / 2)
            >>> found = repo.diff_runs("slow", "fast")
            >>> found.parameters, found.metrics, found.data
            ({'lr': (0.1, 0.5)}, {'loss': (0.05, 0.25)}, ())

        Raises:
            NotFound: There is no such run.
            InvalidInput: It can be several.
        """
        from tether.api import runs

        return runs.diff_runs(self, old, new)

    def lineage(self, ref: str, direction: "Ways" = "both") -> "Lineage":
        """Return what something came from and what came from it, as a graph; its `svg` draws it.

        Args:
            ref: A run, a release, a revision, `REV:PATH`, a file of the disk, or the beginning of a digest.
            direction: "up" for what it came from, "down" for what came from it, or "both".

        Example:
            >>> with tether.run(repo, name="base", data=["train=v1:images"]) as run:
            ...     pass
            >>> found = repo.lineage("v1:images", "down")
            >>> [node.label for node in found.graph.nodes.values() if node.kind == "run"]
            ['base']
            >>> found.svg().startswith("<svg ")
            True

        Raises:
            NotFound: There is no such thing.
            InvalidInput: It can be several, or there is no such direction.
        """
        from tether.api.lineage import directions_of, find_lineage

        return find_lineage(self, ref, Path.cwd(), directions_of(direction))

    def users_of(self, path: str, row: "Mapping[str, object] | None" = None) -> "Uses":
        """Return which runs and releases were trained on a file, or on files of a folder, or on a row.

        Who only judged a model with it is `judged` of what is returned, who had it lying there is `there`.

        Args:
            path: A file of the disk, a path of HEAD, `REV:PATH`, or a digest; what decides is the content.
            row: Values by column: who read a version of this table that has a row with all of them. Versions
                are the files of that name.

        Example:
            >>> with tether.run(repo, name="base", data=["train=v1:images"]) as run:
            ...     pass
            >>> [found.run.record.name for found in repo.users_of("v1:images/cat.png").runs]
            ['base']

        Raises:
            NotFound: There is no such file.
        """
        from tether.api.lineage import find_users, find_users_of_row

        if row is not None:
            words = [f"{column}={value}" for column, value in row.items()]
            return find_users_of_row(self, path, Path.cwd(), words)[1]
        return find_users(self, path, Path.cwd())[1]

    def profile(self, place: str, *, labels: "Iterable[str]" = ()) -> "Profile":
        """Return what data is like: counts, types, ranges, quantiles, labels; nothing of it is run.

        Args:
            place: A file or folder of the disk, `REV:PATH`, or `REV` for all of it.
            labels: Columns that are labels, whatever they are called.

        Example:
            >>> found = repo.profile("v1:labels.csv")
            >>> found.rows, [column.name for column in found.tables[0].columns]
            (1, ['file', 'label'])

        Raises:
            NotFound: There is nothing, or a content is not here.
            InvalidInput: It is a link, or no table has a column of a label.
            Unsupported: A file of this form is not looked into, or a package is missing.
        """
        from tether.api import profiling

        return profiling.profile(self, place, labels)

    def releases(self) -> "list[Release]":
        """Return the releases that are here, by name, those of one name from the oldest on.

        Example:
            >>> import numpy
            >>> numpy.save("weights.npy", numpy.zeros(3, "float32"))
            >>> made = repo.create_release("cats@1.0", weights=["weights.npy"])
            >>> [release.label for release in repo.releases()]
            ['cats@1.0']

        Raises:
            Corrupt: One is damaged.
        """
        from tether.api import releases

        return releases.list_releases(self)

    def release(self, name: str) -> "Release":
        """Return a release: `NAME@VERSION`, `NAME` for its newest, or the beginning of an id.

        Example:
            >>> import numpy
            >>> numpy.save("weights.npy", numpy.zeros(3, "float32"))
            >>> made = repo.create_release("cats@1.0", weights=["weights.npy"], licences={"release": "MIT"})
            >>> release = repo.release("cats")
            >>> release.manifest.weights[0].parameters, release.verify().level
            (3, 'R0')
            >>> [found.component.name for found in release.completeness.missing][:2]
            ['model architecture', 'evaluation results']

        Raises:
            NotFound: There is none.
        """
        from tether.api import releases

        return releases.show_release(self, name)

    def compare(
        self, old: str, new: str, *, common: bool = False, replicates: int = 1000, seed: int = 0
    ) -> "Compared":
        r"""Compare two evaluations, example by example; see `evaluate`.

        Args:
            old: An evaluation, a file with predictions, or a model that was evaluated: a file, `REV:PATH`,
                the run that made it, or a release.
            new: As `old`.
            common: Compare the examples that both have, where the sets differ.
            replicates: How often the bootstrap draws.
            seed: Of what it draws.

        Example:
            >>> for name, guess in (("before", "cat"), ("after", "dog")):
            ...     path = Path("said.csv")
            ...     text = f"file,prediction\ncat.png,cat\ndog.png,{guess}\n"
            ...     size = path.write_text(text)
            ...     done = repo.evaluate("main:labels.csv", predictions=path, key="file", name=name)
            >>> found = repo.compare("before", "after").comparison
            >>> found.whole.change("accuracy").change, found.whole.wins, found.best[0].id
            (0.5, 1, 'dog.png')

        Raises:
            NotFound: There is no such evaluation.
            InvalidInput: The sets differ, or the tasks.
        """
        from tether.api import comparing
        from tether.evals.intervals import Plan

        plan = Plan(replicates=replicates, seed=seed)
        request = comparing.CompareRequest(old, new, Path.cwd(), common=common, plan=plan)
        return comparing.compare_evaluations(self, request)

    def remotes(self) -> "Mapping[str, str]":
        """Return the address of every remote by name.

        Example:
            >>> repo.remotes()
            {'origin': '../shared'}
        """
        from tether.api import remotes

        return remotes.remotes(self)

    def explain_ignored(self, path: AnyPath) -> tuple[str, int, str] | None:
        """Return file, line and pattern of the rule that ignores `path`, or None.

        Example:
            >>> repo.explain_ignored("cache/thumbnail.png")
            ('.tetherignore', 1, 'cache/')
        """
        from tether.api import switching

        return switching.explain_ignored(self, self.path(path))

    def fsck(self, *, full: bool = False, sample: float = 0.0) -> "CheckReport":
        """Verify what is stored: all metadata, and the bytes of `sample` percent of the contents, or all.

        Damage is reported in `problems`, not raised.

        Example:
            >>> repo.fsck(full=True).problems
            []

        Raises:
            InvalidInput: There is no such percentage.
        """
        from tether.api import maintenance

        return maintenance.check(self, full=full, sample=sample)
