"""What ran over a repository: running commands, repeating runs, and looking at what they left."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from tether.api.changeable import Changeable

if TYPE_CHECKING:
    from tether.api.benching import KnownBench
    from tether.api.onerun import FoundRun
    from tether.api.repeating import Repeated, ReproChoices, RetrainChoices, RunChoices
    from tether.api.reproducing import ReproPlan
    from tether.api.running import Outcome
    from tether.bench.comparing import BenchDiff
    from tether.evals.evaldoc import Evaluation
    from tether.evals.slices import Slice
    from tether.runs.rundoc import RunRecord


class Recorded(Changeable):
    """The part of `Repo` that is about runs."""

    # -- running ----------------------------------------------------------------------------

    def run_command(self, command: Sequence[str], **choices: "Unpack[RunChoices]") -> "Outcome":
        """Run a command to its end as a run, as `tether run -- COMMAND` does; `tether.run` is for a block.

        What it prints is kept with the run. Ctrl-C and signals reach it, and do not end the caller.

        Args:
            command: Program and arguments; no shell is asked.
            choices: `folder` is where it runs, otherwise the current one. `data` are inputs, each
                `NAME=REV:PATH`, `artefacts` files and folders to keep; `parameters` and `seeds` are by name,
                `name` is what to call the run. `show` takes what it prints, as it comes. `checkout`,
                `observe` and `mlflow` are off where they are False.

        Example:
            >>> size = (repo.root / "train.py").write_text("print('trained')")
            >>> done = repo.run_command(["python3", "train.py"], folder=repo.root, data=["train=v1:images"])
            >>> str(done.record.status), done.code, [each.name for each in done.record.data]
            ('finished', 0, ['train'])

        Raises:
            NotFound: There is no such program, revision or path.
            InvalidInput: A choice makes no sense, or nobody has said who runs it.
        """
        from tether.api import repeating

        return repeating.run(self, command, choices)

    def plan_repro(self, ref: str, **choices: "Unpack[ReproChoices]") -> "ReproPlan":
        """Find all that `repro` needs and say what it would do; nothing is run, and no room is made.

        Example:
            >>> size = (repo.root / "train.py").write_text("print('trained')")
            >>> done = repo.run_command(["python3", "train.py"], folder=repo.root, name="base")
            >>> repo.plan_repro("base").request.original.record.command
            ('python3', 'train.py')

        Raises:
            NotFound: There is no such run or release, or data or code of it is not here.
            InvalidInput: It can be several, is not stored yet, or a choice makes no sense.
        """
        from tether.api import repeating

        return repeating.plan(self, ref, choices)

    def repro(self, ref: str, **choices: "Unpack[ReproChoices]") -> "Repeated":
        """Repeat a run, or the training of a release, in a clean room, and say how the two compare.

        This runs the recorded command: where somebody else made it, look at `plan_repro` first. One that
        Ctrl-C or a signal stopped has that as the status of its record, and its verdict says nothing.

        Args:
            ref: A run or a release.
            choices: `environment` is "recorded" for a new environment of Python by the lock or the recorded
                packages, or "current". `tolerance` says by how much the last value of a metric may differ,
                `ignore` which metrics and artefacts are left out. `code` is a Git repository with the commit,
                `room` a folder that is kept, `key` an Ed25519 key to sign the verdict about a release.
                `show` takes what the command prints.

        Example:
            >>> size = (repo.root / "train.py").write_text("print('trained')")
            >>> added = repo.add("train.py")
            >>> done = repo.run_command(["python3", "train.py"], folder=repo.root, name="base")
            >>> again = repo.repro("base", environment="current")
            >>> str(again.verdict.verdict), again.verdict.reproduces.run == done.record.id
            ('bitwise', True)

        Raises:
            NotFound: As for `plan_repro`, or the program is not here.
            InvalidInput: As for `plan_repro`.
            AlreadyExists: There is something in the folder of the room.
            Unavailable: The room could not be made.
            Conflict: The recorded patch does not apply.
        """
        from tether.api import repeating

        return repeating.repeat(self, ref, choices)

    def retrain(self, ref: str, **choices: "Unpack[RetrainChoices]") -> "Outcome":
        """Run the command of a run, or of the training of a release, again, with the code of now.

        Args:
            ref: A run or a release.
            choices: `data` are other inputs, each `NAME=REV:PATH`; `parameters` and `seeds` are other values
                by name, and what is not named stays as it was. `name` is what to call the new run, `show`
                takes what it prints.

        Example:
            >>> size = (repo.root / "train.py").write_text("print('trained')")
            >>> data = ["train=v1:images"]
            >>> done = repo.run_command(["python3", "train.py"], folder=repo.root, name="base", data=data)
            >>> more = repo.retrain("base", data=["train=main:images"], name="more")
            >>> done.record.data[0].files, more.record.data[0].files
            (1, 2)

        Raises:
            NotFound: There is no such run or release, data of it is not here, or it has no input of a name.
            InvalidInput: It can be several, or a choice makes no sense.
        """
        from tether.api import repeating

        return repeating.retrain(self, ref, choices)

    # -- looking at runs --------------------------------------------------------------------

    def find_run(self, run: str) -> "FoundRun":
        """Return one run with all that is known of it.

        Args:
            run: An id, the beginning or the end of one, a name (the newest with it), or `last`.

        Example:
            >>> with tether.run(repo, name="base", parameters={"lr": 0.1}) as run:
            ...     for loss in (0.5, 0.25):
            ...         run.metric("loss", loss)
            >>> found = repo.find_run("base")
            >>> found.record.parameters, found.metrics["loss"].values, found.environment["python"] != ""
            ({'lr': 0.1}, [0.5, 0.25], True)

        Raises:
            NotFound: There is no such run.
            InvalidInput: It can be several.
        """
        from tether.api import onerun

        return onerun.find(self, run)

    def export_runs(
        self, *runs: str, form: str = "json", points: bool = False, where: Sequence[str] = ()
    ) -> str:
        """Return runs as a text for other programs.

        Args:
            runs: Which; none at all are those for which `where` holds.
            form: "json" for a list of records, "csv" for a table with a row for each.
            points: With every point of the metrics; a table has nothing else then.
            where: Conditions as for `runs`.

        Example:
            >>> with tether.run(repo, name="base", parameters={"lr": 0.1}) as run:
            ...     run.metric("loss", 0.5)
            >>> repo.export_runs(form="csv", points=True).splitlines()[0]
            'run,metric,step,value,time'

        Raises:
            NotFound: There is no such run.
            InvalidInput: There is no such form, a condition cannot be read, or a name can be several.
        """
        from tether.api import runexport

        found = runexport.chosen_runs(self, runs, where)
        return runexport.export_runs(self, found, form, points=points)

    def plot_runs(
        self, *runs: str, metric: str | None = None, axes: Sequence[str] = (), where: Sequence[str] = ()
    ) -> str:
        """Return a drawing of runs as SVG: the curves of a metric, or parallel coordinates.

        Args:
            runs: Which; none at all are those for which `where` holds.
            metric: Whose curves are drawn.
            axes: Parameters and metrics of parallel coordinates. Without either it is what says most.
            where: Conditions as for `runs`.

        Example:
            >>> with tether.run(repo, name="base") as run:
            ...     for loss in (0.5, 0.25):
            ...         run.metric("loss", loss)
            >>> repo.plot_runs("base", metric="loss").startswith("<svg ")
            True

        Raises:
            NotFound: There is no such run, none for which that holds, or none that has what is to be drawn.
            InvalidInput: Nothing was measured, both are given, or a condition cannot be read.
        """
        from tether.api import drawing, runexport

        return drawing.draw_runs(self, runexport.chosen_runs(self, runs, where), metric, axes)

    def seal_runs(self) -> "list[RunRecord]":
        """Store runs that were lost, as far as they came, and return them: their process is gone.

        Example:
            >>> repo.seal_runs()
            []
        """
        from tether.api import runs

        return runs.seal_lost(self)

    def clean_runs(self) -> int:
        """Remove the folders with pinned data that no run under way reads; return the bytes freed.

        Example:
            >>> repo.clean_runs()
            0
        """
        from tether.api import runs

        return runs.clean_data(self)

    # -- what was measured ------------------------------------------------------------------

    def find_bench(self, run: str) -> "KnownBench":
        r"""Return the bench that a run keeps; see `bench`.

        Its `check` computes the percentiles anew, its `svg` draws the latencies.

        Args:
            run: As for `find_run`.

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
            >>> found = repo.find_bench(done.record.id)
            >>> found.check()
            >>> found.bench.sections[0].queries, repo.compare_benches("last", "last").sections[0].verdict
            (3, 'same')

        Raises:
            NotFound: There is no such run, or it is no bench.
            Corrupt: It is damaged.
        """
        from tether.api import benching

        return benching.find_bench(self, run)

    def compare_benches(self, old: str, new: str, *, vary: Sequence[str] = ()) -> "BenchDiff":
        """Compare two benches: ratios of medians with intervals, memory and size.

        Args:
            old: The one, as for `find_run`.
            new: The other.
            vary: What may differ, being what is compared: "runtime", "threads", "python", "blas", "inputs".

        Example:
            >>> try:
            ...     repo.compare_benches("before", "after")
            ... except tether.errors.NotFound as error:
            ...     print(error)
            no run before

        Raises:
            NotFound: There is no such run, or it is no bench.
            Conflict: They were taken under different conditions, so no rank is given.
            InvalidInput: Something may not differ.
        """
        from tether.api import benching

        return benching.compare_two(self, old, new, vary)

    def evaluation(self, run: str) -> "Evaluation":
        r"""Return what was measured of a model, of all examples and of each slice; see `evaluate`.

        Args:
            run: An evaluation, or a training whose model was evaluated, as for `find_run`.

        Example:
            >>> size = Path("said.csv").write_text("file,prediction\ncat.png,cat\ndog.png,cat\n")
            >>> data = "main:labels.csv"
            >>> done = repo.evaluate(data, predictions="said.csv", key="file", name="first")
            >>> repo.evaluation("first").metric("accuracy").value
            0.5

        Raises:
            NotFound: There is no such evaluation.
            Corrupt: It is damaged.
        """
        from pathlib import Path

        from tether.api import comparing

        return comparing.evaluation_of(self, comparing.find_evaluation(self, run, Path.cwd()))

    def slices(self, place: str | None = None) -> "tuple[Slice, ...]":
        r"""Return the slices of a file of slices, in its order: named parts of evaluation sets.

        Args:
            place: The file as `REV:PATH`; None is `slices.yml` of the next commit, and none where there is
                no such file.

        Example:
            >>> text = "version: 1\nslices:\n  cats: label == 'cat'\n"
            >>> size = (repo.root / "slices.yml").write_text(text)
            >>> added = repo.add("slices.yml")
            >>> [(each.name, each.where) for each in repo.slices()]
            [('cats', "label == 'cat'")]

        Raises:
            NotFound: There is no such revision or file.
            InvalidInput: The file is not sound.
        """
        from tether.api import comparing

        return comparing.list_slices(self, "", place)
