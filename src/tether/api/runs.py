"""Looking at runs: lists with filters, comparisons of two, and what other programs can read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from tether.api.diff import FileChange, Version, diff_states
from tether.api.opened import Opened
from tether.api.running import recover_all
from tether.core.digest import Digest
from tether.core.tree import EntryKind
from tether.errors import InvalidInput, NotFound, TetherError
from tether.runs.conditions import condition, has_name, name_in, names_of, unknown_name, value_of
from tether.runs.differing import Pair, code_of, facts_of, flat, metrics_of, pairs, patch_is_lost
from tether.runs.journal import PATCH, journals
from tether.runs.metrics import Series
from tether.runs.ordering import ordered
from tether.runs.pinning import DATA, WORK
from tether.runs.reading import (
    KnownRun,
    altered_of,
    asked_of,
    entries_of,
    environment_of,
    find_run,
    observed_of,
    patch_of,
    read_file,
    runs_of,
    series_of,
    verdict_of,
)
from tether.runs.rundoc import RunRecord


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs, and in which order.

    Attributes:
        where: Conditions that all must hold, such as `lr<0.1`, `loss>=0.5`, `status=finished`, `name~base`.
        sort: What to sort by, with `-` before it the other way round; None is newest first.
        limit: At most so many.
        skip: Leave out so many first.
        shown: Names that are looked at besides: some run must have each, as that of `sort`.
    """

    where: tuple[str, ...] = ()
    sort: str | None = None
    limit: int | None = None
    skip: int = 0
    shown: tuple[str, ...] = ()


def list_runs(
    repo: Opened,
    query: RunQuery | None = None,
    problems: list[TetherError] | None = None,
    doubtful: list[TetherError] | None = None,
) -> list[KnownRun]:
    """Return runs.

    Args:
        repo: Where.
        query: Which.
        problems: Takes what is wrong with runs that cannot be read, which are left out; None raises it.
        doubtful: Takes what is said of names in conditions that no run has: it may be that none has them yet.

    Raises:
        InvalidInput: A condition cannot be read.
        NotFound: There are runs, and none has what is sorted by or shown.
        Corrupt: A run is damaged.
    """
    query = query or RunQuery()
    tests = [condition(text) for text in query.where]
    runs = list(runs_of(repo.repository, problems))
    _check_names(query, [run.record for run in runs], doubtful)
    found: Sequence[KnownRun] = [run for run in runs if all(test(run.record) for test in tests)]
    if query.sort is not None:
        found = ordered(found, query.sort)
    end = None if query.limit is None else query.skip + query.limit
    return [run for number, run in enumerate(found) if number >= query.skip and (end is None or number < end)]


def _check_names(query: RunQuery, records: Sequence[RunRecord], doubtful: list[TetherError] | None) -> None:
    """Refuse an order and columns that no run has: they would change nothing, and nobody would see that."""
    if not records:
        return

    def unknown(names: Iterable[str]) -> list[TetherError]:
        lacking = [name for name in names if not any(has_name(record, name) for record in records)]
        return [unknown_name(name, names_of(records)) for name in lacking]

    needed = unknown((*([query.sort.removeprefix("-")] if query.sort is not None else []), *query.shown))
    if needed:
        raise needed[0]
    if doubtful is not None:
        doubtful += unknown(filter(None, map(name_in, query.where)))


# -- comparing ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataChange:
    """How an input differs between two runs.

    Attributes:
        name: Of the input; `work` for the working copy.
        old: What it was; None where it was not read.
        new: What it is.
        files: The files that differ.
        compared: Whether both are here, so that these are all.
    """

    name: str
    old: str | None
    new: str | None
    files: tuple[FileChange, ...]
    compared: bool = True


@dataclass(frozen=True, slots=True)
class RunDiff:
    """How two runs differ. What is equal is left out.

    Attributes:
        old: The one run.
        new: The other.
        facts: Status, command, seeds and the like.
        parameters: By name.
        metrics: Their last values, by name.
        data: The inputs.
        code: Commit, branch and the like.
        patch: Whether what was changed in the code beside the commit differs; None where it was too large to
            be kept in both.
        environment: Python, packages and machine.
    """

    old: KnownRun
    new: KnownRun
    facts: Mapping[str, Pair]
    parameters: Mapping[str, Pair]
    metrics: Mapping[str, Pair]
    data: tuple[DataChange, ...]
    code: Mapping[str, Pair]
    patch: bool | None
    environment: Mapping[str, Pair]

    def __repr__(self) -> str:
        return f"RunDiff({self.old.id!r}, {self.new.id!r})"


def diff_runs(repo: Opened, old: str, new: str) -> RunDiff:
    """Compare two runs; see `find_run` for how they are named.

    Raises:
        NotFound: There is no such run.
    """
    repository = repo.repository
    runs = (find_run(repository, old), find_run(repository, new))
    first, second = (run.record for run in runs)
    environment = [dict(flat(environment_of(repository, run))) for run in runs]
    return RunDiff(
        *runs,
        facts=pairs(facts_of(first), facts_of(second)),
        parameters=pairs(first.parameters, second.parameters),
        metrics=pairs(metrics_of(first), metrics_of(second)),
        data=tuple(_data_changes(repo, *runs)),
        code=pairs(code_of(first), code_of(second)),
        patch=_patches_differ(repo, *runs),
        environment=pairs(*environment),
    )


def _patches_differ(repo: Opened, old: KnownRun, new: KnownRun) -> bool | None:
    """Say whether what was changed beside the commits differs; None where both were too large to be kept.

    One that was too large is none that another run has, or that is kept: that is larger than any which is.
    """
    lost = [patch_is_lost(run.record) for run in (old, new)]
    if any(lost):
        return None if all(lost) else True
    return read_file(repo.repository, old, PATCH) != read_file(repo.repository, new, PATCH)


def diff_code(repo: Opened, old: str, new: str, places: Sequence[Path], environ: Mapping[str, str]) -> bytes:
    """Return how the code of two runs differs, with what was changed beside the commits, as Git prints it.

    Args:
        repo: Has the runs.
        old: The one; see `find_run`.
        new: The other.
        places: Folders in whose Git repositories the commits may be.
        environ: For Git.

    Raises:
        NotFound: There is no such run, no code was recorded of one, or no place has both commits.
        InvalidInput: The code of one was not in Git.
    """
    from tether.api.cleanroom import CodeSource, code_difference, has_commit, lacking

    runs = [find_run(repo.repository, text) for text in (old, new)]
    sides = []
    for run in runs:
        code = run.record.code
        if code is None:
            raise NotFound(f"no code was recorded of run {run.id}")
        if code.system != "git":
            hint = (
                f"it is that of the working copy: 'tether diff runs/{runs[0].id} runs/{runs[1].id} -- {WORK}'"
            )
            raise InvalidInput(f"the code of run {run.id} was not in Git", hint=hint)
        sides.append(CodeSource(commit=code.commit, patch=patch_of(repo.repository, run)))
    missing = runs[0]
    for place in places:
        tops = [has_commit(place, side.commit, environ) for side in sides]
        if tops[0] is not None and tops[1] is not None:
            with TemporaryDirectory(prefix="tether-code-", dir=environ.get("TMPDIR") or None) as folder:
                return code_difference(sides, tops[0], Path(folder), environ)
        missing = runs[0] if tops[0] is None else runs[1]
    raise lacking(missing.record)


def _data_changes(repo: Opened, old: KnownRun, new: KnownRun) -> Iterator[DataChange]:
    """Compare inputs of the same name, and the working copies."""
    sides = [{each.name: each.digest for each in run.record.data} for run in (old, new)]
    for name in sorted({*sides[0], *sides[1]}):
        yield from _data_change(repo, name, f"{DATA}/{name}", (old, new), [side.get(name) for side in sides])
    works = [run.record.work.digest if run.record.work is not None else None for run in (old, new)]
    if all(works):
        yield from _data_change(repo, WORK, WORK, (old, new), works)


def _data_change(
    repo: Opened, name: str, path: str, runs: tuple[KnownRun, KnownRun], digests: Sequence[str | None]
) -> Iterator[DataChange]:
    if digests[0] == digests[1]:
        return
    found = [entries_of(repo.repository, run, [path.encode()]).get(path.encode()) for run in runs]
    files: list[FileChange] = []
    if all(each is not None for each in found) and any(
        each is not None and each.kind != EntryKind.DIRECTORY for each in found
    ):
        sides = [Version(each.name, each.kind, each.size, each.digest) if each else None for each in found]
        files = [FileChange(sides[0], sides[1])]
    elif all(each is not None for each in found):
        trees: list[Digest | None] = [each.digest if each is not None else None for each in found]
        files = diff_states(repo, trees[0], trees[1])
    yield DataChange(name, digests[0], digests[1], tuple(files), all(each is not None for each in found))


# -- one run --------------------------------------------------------------------------------


def show_run(repo: Opened, text: str) -> KnownRun:
    """Return one run; see `find_run`."""
    return find_run(repo.repository, text)


def run_series(repo: Opened, run: KnownRun) -> Mapping[str, Series]:
    """Return the metrics of a run as series."""
    return series_of(repo.repository, run)


def run_environment(repo: Opened, run: KnownRun) -> dict[str, Any]:
    """Return what a run ran on."""
    return environment_of(repo.repository, run)


def run_beside(repo: Opened, run: KnownRun) -> dict[str, Any]:
    """Return what is known of a run beside its record: what it repeats, how that went, what it opened.

    And which of its data was written to while it read that.
    """
    parent, observed = asked_of(repo.repository, run).parent, observed_of(repo.repository, run)
    altered = altered_of(repo.repository, run)
    return {
        "parent": msgspec.to_builtins(parent) if parent is not None else None,
        "verdict": verdict_of(repo.repository, run),
        "observed": msgspec.to_builtins(observed) if observed is not None else None,
        "altered": msgspec.to_builtins(altered) if altered is not None else None,
    }


def run_output(repo: Opened, run: KnownRun, stream: str) -> bytes:
    """Return what a run printed on `stdout` or `stderr`, as far as it is kept.

    Raises:
        NotFound: It printed nothing.
    """
    data = read_file(repo.repository, run, stream)
    if not data:
        raise NotFound(f"run {run.id} has printed nothing on {stream}")
    return data


def seal_lost(repo: Opened) -> list[RunRecord]:
    """Store the runs whose process is gone, as far as they came."""
    return recover_all(repo)


def clean_data(repo: Opened) -> int:
    """Remove pinned folders that no run under way reads; return the bytes freed."""
    from tether.api.pinned import clean

    waiting = [journal for journal in journals(repo.repository.directory) if journal.is_told]
    used = {each.digest for journal in waiting for each in journal.record().data}
    return clean(repo, used.__contains__)


# -- for others -----------------------------------------------------------------------------


def document_of(record: RunRecord) -> dict[str, Any]:
    """Return a run as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


def columns_of(runs: Iterable[KnownRun]) -> tuple[list[str], list[list[Any]]]:
    """Return runs as a table: names of columns, and a row for each run."""
    records = [run.record for run in runs]
    names = ["id", "name", "status", "started", "ended", "exit", "command", "code", "wall_s", "peak_bytes"]
    names += sorted({f"param.{name}" for record in records for name in record.parameters})
    names += sorted({f"seed.{name}" for record in records for name in record.seeds})
    names += sorted({f"metric.{name}" for record in records for name in record.metrics})
    names += sorted({f"data.{each.name}" for record in records for each in record.data})
    return names, [[_cell(record, name) for name in names] for record in records]


def _cell(record: RunRecord, name: str) -> Any:
    if name.startswith("data."):
        wanted = name.removeprefix("data.")
        return next((each.digest for each in record.data if each.name == wanted), None)
    return value_of(record, name)
