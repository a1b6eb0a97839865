"""Changing one repository: the stage, commits, branches and the working files."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from tether.api.opened import AnyPath, Paths
from tether.api.readable import Readable
from tether.errors import InvalidInput

if TYPE_CHECKING:
    from tether.api.benching import Benched
    from tether.api.benchrequest import BenchChoices
    from tether.api.evalrequest import EvalChoices
    from tether.api.evaluating import Evaluated
    from tether.api.history import Branch, TagInfo
    from tether.api.releaserequest import ReleaseChoices
    from tether.api.releases import Release
    from tether.api.staging import CommitRequest, CommitResult, Removed
    from tether.api.switching import Restored
    from tether.api.working import Moved
    from tether.worktree.staging import StageResult


class Changeable(Readable):
    """The third of `Repo` that works on one line of history."""

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

        Example:
            >>> repo.stage([b"images"], dry_run=True).changes
            [StageChange(path=b'images/new.png', change='added')]
        """
        from tether.api import staging

        return staging.add(
            self,
            paths,
            {"everything": not paths, "dry_run": dry_run, "force": force, "list_changes": listed},
        )

    def add(self, paths: Paths = ".") -> "StageResult":
        """Put new and changed files into the next commit, and take out those that are gone.

        Args:
            paths: Files and folders, relative to the folder of the working files.

        Example:
            >>> repo.add("images").added
            1

        Raises:
            NotFound: A path is neither in the working copy nor on the stage.
            InvalidInput: A path is ignored or cannot be kept, or the list is empty.
        """
        wanted = _some(self.paths(paths))
        return self.stage([] if b"" in wanted else wanted)

    def remove(
        self, paths: Paths, *, cached: bool = False, recursive: bool = False, force: bool = False
    ) -> "Removed":
        """Take files from the stage and, unless `cached`, from the working copy.

        Example:
            >>> repo.remove("images", recursive=True).paths
            [b'images/cat.png', b'images/dog.png']

        Raises:
            NotFound: A path is not tracked.
            InvalidInput: A folder is named without `recursive`, or the list is empty.
            Conflict: A file has changes that no commit has, and `force` is not set.
        """
        from tether.api import staging

        wanted = _some(self.paths(paths))
        return staging.remove(self, wanted, cached=cached, recursive=recursive, force=force)

    def move(self, sources: Paths, target: AnyPath) -> list[tuple[bytes, bytes]]:
        """Move tracked files and folders, on the disk and on the stage; return old and new paths.

        Example:
            >>> repo.move("labels.csv", "images")
            [(b'labels.csv', b'images/labels.csv')]

        Raises:
            NotFound: A path is not tracked.
            AlreadyExists: Something is there already.
        """
        from tether.api import staging

        return staging.move(self, self.paths(sources), self.path(target))

    def commit(self, message: str, *, all: bool = False, allow_empty: bool = False) -> "CommitResult":
        """Record the stage as a commit of the current branch.

        Args:
            message: Why; the first line is what `log` shows.
            all: Stage every tracked file first.
            allow_empty: Commit although nothing differs from the commit before.

        Example:
            >>> added = repo.add("images")
            >>> repo.commit("Another picture").changed
            1

        Raises:
            InvalidInput: There is no message, nothing to commit, or nobody to commit as.
            Conflict: A merge has conflicts that are not resolved.
        """
        from tether.api.staging import CommitRequest

        return self.commit_with(CommitRequest(message, all=all, allow_empty=allow_empty))

    def commit_with(self, request: "CommitRequest") -> "CommitResult":
        """Record a commit with every choice that there is; errors as for `commit`.

        Example:
            >>> repo.commit_with(CommitRequest("A dog, with its label", amend=True)).branch
            'main'
        """
        from tether.api import staging

        return staging.commit(self, request)

    # -- moving between commits -------------------------------------------------------------

    def switch(self, branch: str, *, create: str | None = None, force: bool = False) -> "Moved":
        """Check out a branch; with `create`, a new one that begins at that revision.

        Example:
            >>> repo.switch("night").branch
            'night'
            >>> repo.switch("labels", create="v1").branch
            'labels'

        Raises:
            NotFound: There is no such branch.
            AlreadyExists: The new branch is there already.
            Conflict: Local changes would be lost and `force` is not set.
        """
        from tether.api import switching

        return switching.switch(self, branch, create=create, force=force)

    def checkout(self, rev: str, *, force: bool = False) -> "Moved":
        """Check out a branch by name, or any other revision without a branch; errors as for `switch`.

        Example:
            >>> repo.checkout("v1").branch is None
            True
        """
        from tether.api import switching

        return switching.checkout(self, rev, force=force)

    def reset(self, rev: str = "HEAD", mode: str = "mixed") -> "Moved":
        """Move the current branch: `soft` that alone, `mixed` the stage too, `hard` the files too.

        Example:
            >>> moved = repo.reset("v1", "hard")
            >>> (repo.root / "images/dog.png").exists()
            False

        Raises:
            NotFound: There is no such revision.
        """
        from tether.api import switching

        return switching.reset(self, rev, mode)

    def restore(
        self, paths: Paths, *, source: str | None = None, staged: bool = False, files: bool = True
    ) -> "Restored":
        """Bring files back from a revision or the stage: on the stage, in the working copy or both.

        Example:
            >>> repo.restore("labels.csv", source="v1").files
            1

        Raises:
            NotFound: There is no such revision, or a path is neither in it nor on the stage.
            InvalidInput: The list of paths is empty.
        """
        from tether.api import switching

        wanted = _some(self.paths(paths))
        return switching.restore(self, switching.RestoreRequest(wanted, source, staged, files))

    def clean(self, paths: Paths = (), *, ignored: bool = False, dry_run: bool = False) -> list[bytes]:
        """Remove untracked files, everywhere or at `paths`, and return them; `undo` brings them back.

        Example:
            >>> repo.clean(dry_run=True)
            [b'images/new.png']
        """
        from tether.api import switching

        return switching.clean(self, self.paths(paths), ignored=ignored, dry_run=dry_run)

    def create_branch(self, name: str, rev: str = "HEAD") -> "Branch":
        """Make a branch that begins at a revision.

        Example:
            >>> repo.create_branch("labels", "v1").name
            'labels'

        Raises:
            AlreadyExists: The name is taken.
        """
        from tether.api import history

        return history.create_branch(self, name, rev)

    def create_tag(self, name: str, rev: str = "HEAD", *, message: str | None = None) -> "TagInfo":
        """Name a revision for good; with a message the tag says who made it, when and why.

        Example:
            >>> repo.create_tag("v2", message="With a dog").name
            'v2'

        Raises:
            AlreadyExists: The name is taken.
        """
        from tether.api import history

        return history.create_tag(self, name, rev, message=message)

    def create_release(self, label: str, **choices: "Unpack[ReleaseChoices]") -> "Release":
        """Release a model, as `NAME@VERSION`, with all that made it; nothing that is here is stored again.

        Args:
            label: `NAME@VERSION`.
            choices: What it is made of, as `tether.api.releaserequest.ReleaseRequest` has it, such as `run`,
                `weights`, `data` (each `ROLE=REV:PATH`) and `licences`; what is left out comes from the
                run, as far as it knows.

        Example:
            >>> with tether.run(repo, name="base", data=["train=v1:images"]) as run:
            ...     with open("weights.bin", "wb") as file:
            ...         size = file.write(bytes(8))
            ...     run.artefact("weights.bin")
            >>> made = repo.create_release("cats@1.0", run="base", weights=["weights.bin"])
            >>> [part.path for part in (*made.manifest.weights, *made.manifest.data)]
            ['weights/weights.bin', 'data/train/train']

        Raises:
            AlreadyExists: There is one of this name and version.
            NotFound: Something that was named is not there.
            InvalidInput: Something was named in a way that cannot be, an evaluation or a bench is none, or of
                another model, or private data would be shown.
        """
        from tether.api import releases
        from tether.api.releasefile import request_of
        from tether.releases.manifest import parse_label

        request = request_of(parse_label(label), {}, choices, Path.cwd(), os.environ)
        return releases.create(self, request)[0]

    # -- models -----------------------------------------------------------------------------

    def evaluate(
        self, data: str, model: str | Path | None = None, **choices: "Unpack[EvalChoices]"
    ) -> "Evaluated":
        r"""Measure a model, or predictions of it, on data of a revision, and keep that as a run.

        Args:
            data: The evaluation set, as `REV:PATH`: a table, arrays, or a folder of folders by class.
            model: A file, `REV:PATH`, a run that kept one model, or a release. ONNX and scikit-learn models
                are run in a process of their own.
            choices: `predictions` is a file with predictions, and nothing is run; `predictor` a program to
                run. `task`, `label`, `key`, `inputs` and `classes` say what the data is, otherwise that is
                guessed. `slices` is the file of slices as `REV:PATH`, empty for none; otherwise `slices.yml`
                beside the data or above it. `trust` loads what can run code, `in_order` takes predictions
                without ids, `replicates` and `seed` are of the bootstrap, `name` is what to call the run.

        Example:
            >>> size = Path("said.csv").write_text("file,prediction\ncat.png,cat\ndog.png,cat\n")
            >>> done = repo.evaluate("main:labels.csv", predictions="said.csv", key="file")
            >>> done.evaluation.metric("accuracy").value, repo.runs("accuracy<0.9")[0].id == done.record.id
            (0.5, True)

        Raises:
            NotFound: There is no such revision, path or file.
            InvalidInput: The data, the model or the predictions are not sound, or do not fit each other.
            Unsupported: They are of a form that is not read, or a package is missing.
        """
        from tether.api import evalrequest, evaluating

        request = evalrequest.chosen(data, model, choices)
        return evaluating.evaluate_model(self, request, evalrequest.SILENT)

    def bench(self, model: str | Path, data: str | None, **choices: "Unpack[BenchChoices]") -> "Benched":
        r"""Measure how fast a model answers and what it takes, in fresh processes, and keep that as a run.

        Args:
            model: A file, `REV:PATH`, a run that kept one model, or a release. ONNX and skops models are run
                as they are.
            data: The inputs, as `REV:PATH`; None for random numbers, of `sizes` where the model leaves them
                open.
            choices: `command` answers the queries instead of a runner. `label`, `id`, `slices` and `columns`
                are columns of the data. `scenarios`, `batches`, `queries`, `seconds`, `limit_s`, `warmup`,
                `rounds`, `rate`, `threads`, `sample`, `seed` and `timeout_s` (times in seconds) say how it is
                measured. `trust` loads what can run code, `providers` are of ONNX Runtime, `name` is what to
                call the run.

        Example:
            >>> size = Path("answer.py").write_text(
            ...     "import numpy\n"
            ...     "from tether.bench.wire import serve\n"
            ...     "serve(lambda ids, arrays: {'said': numpy.zeros(len(ids))}, 'mine', '1')"
            ... )
            >>> import sys
            >>> command = [sys.executable, "answer.py"]
            >>> quick = {"scenarios": ["single"], "queries": 3, "seconds": 0, "rounds": 1}
            >>> done = repo.bench("answer.py", "v1:images", command=command, **quick)
            >>> done.bench.runner["name"], repo.runs()[0].id == done.record.id
            ('mine', True)

        Raises:
            NotFound: There is no such model, data or column.
            InvalidInput: The model cannot be loaded, does not take these inputs, or a choice makes no sense.
            Unsupported: A package is missing, or nothing here runs such a model.
            Unavailable: The model took too long, or its process was killed.
        """
        from tether.api import benching, benchrequest

        return benching.bench_model(self, benchrequest.chosen(model, data, choices))


def _some(paths: list[bytes]) -> list[bytes]:
    """Refuse an empty list, which otherwise would stand for everything."""
    if not paths:
        raise InvalidInput("no paths are given", hint="'.' stands for everything")
    return paths
