"""Measuring a model on pinned data, and keeping what was measured as a run."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tether.api.benched import LoadedModel, load_model, place_of_file
from tether.api.modelnames import model_place
from tether.api.opened import Opened
from tether.api.runinputs import RunRequest, pathless
from tether.api.running import Begun, note_altered
from tether.api.stopping import recorded
from tether.bench.comparing import BenchDiff, compare_benches
from tether.bench.fingerprint import Quiet, fingerprint, noise
from tether.bench.inputs import Examples, Roles, arranged, random_examples, read_examples
from tether.bench.launch import Measured, Subject, measure
from tether.bench.record import (
    DOCUMENT,
    LATENCIES,
    Bench,
    InputPart,
    SectionPart,
    decode_latencies,
    encode_latencies,
    need_parquet,
    process_part,
    recomputed,
    section_parts,
)
from tether.bench.runners import allowed_cores
from tether.bench.scoring import Scorer, score
from tether.bench.settings import Settings
from tether.core.jsondoc import canonical
from tether.core.progress import SILENT, Progress
from tether.errors import Corrupt, InvalidInput, NotFound
from tether.runs.altered import Altered
from tether.runs.environment import describe
from tether.runs.journal import ENVIRONMENT
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun, find_run, read_file
from tether.runs.rundoc import Exit, Resources, RunRecord, Status
from tether.runs.sealing import Ending, seal

MODEL, DATA = "model", "data"
_MODEL_FILE = "TETHER_MODEL"


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """What is measured, on what.

    Attributes:
        model: `REV:PATH`, or a path of the disk; one that HEAD has as it is counts as `HEAD:PATH`.
        folder: Where paths are taken from, and where a command runs.
        environ: The environment.
        words: The command of the user, for the record.
        data: `REV:PATH` of the inputs; None draws random numbers.
        roles: Of its columns.
        settings: How.
        sizes: What the model leaves open, for random numbers; see `random_examples`.
        command: Answers queries instead of a runner of ours.
        trust: Load what may run code of its author.
        providers: Of ONNX Runtime.
        name: Of the run.
    """

    model: str
    folder: Path
    environ: Mapping[str, str]
    words: tuple[str, ...] = ()
    data: str | None = None
    roles: Roles = field(default_factory=Roles)
    settings: Settings = field(default_factory=Settings)
    sizes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    trust: bool = False
    providers: tuple[str, ...] = ("CPUExecutionProvider",)
    name: str | None = None


class Benched(NamedTuple):
    """What was measured, and the run that keeps it."""

    bench: Bench
    record: RunRecord
    altered: Altered | None = None
    """What of model and data somebody wrote to meanwhile, or could not be looked at; None for nothing."""


def default_threads() -> int:
    """Return how many threads a runtime may use where nobody says so: the cores that this process may use."""
    return allowed_cores()


def bench_model(
    repo: Opened, request: BenchRequest, scorer: Scorer = score, progress: Progress = SILENT
) -> Benched:
    """Measure a model and keep all that was found as a run; nothing is left of a bench that fails.

    Args:
        repo: Where the run is kept.
        request: What is measured.
        scorer: Says how right the answers are, where the data has labels.
        progress: Where to report.

    Raises:
        NotFound: There is no such model, data or column.
        InvalidInput: The model cannot be loaded, or does not take these inputs.
        Unsupported: A package is missing, or nothing here runs such a model.
        Unavailable: The model took too long, or its process was killed.
        Stopped: Ctrl-C or a signal ended it, as which it is stored.
    """
    request.settings.check()
    need_parquet()
    request = replace(request, model=model_place(repo, request.model, request.folder))
    place = place_of_file(repo, request.model, request.folder)
    pinned = [f"{MODEL}={place.rev}"] if place.rev is not None else []
    pinned += [f"{DATA}={request.data}"] if request.data is not None else []
    wanted = RunRequest(request.words, request.folder, request.environ, request.name, tuple(pinned))
    wanted = msgspec.structs.replace(wanted, seeds={"seed": request.settings.seed})
    with recorded(repo, wanted) as run:
        path = request.folder / request.model if place.rev is None else run.folders[MODEL] / place.below
        model = load_model(place, path, request, run.journal.record())
        environment = describe((sys.executable,), request.folder, request.environ)
        run.journal.write(ENVIRONMENT, canonical(environment))
        examples = _examples(model, run, request)
        with _measured(model, examples, run, request, progress) as (measured, load):
            bench = _bench(_Found(model, examples, measured, load, environment), run, request, scorer)
            _keep(run, bench, encode_latencies(measured))
        changed = note_altered(repo, run)
        record = seal(repo.repository, run.journal, _ending(bench), repo.author)
    return Benched(bench, record, changed)


def _examples(model: LoadedModel, run: Begun, request: BenchRequest) -> Examples:
    settings = request.settings
    if request.data is not None:
        with pathless(request.data):
            found = read_examples(run.folders[DATA], request.roles, settings.sample, settings.seed)
    elif model.wanted is None:
        raise InvalidInput("this model does not say what it takes", hint="give data with --data REV:PATH")
    else:
        found = random_examples(model.wanted, request.sizes, settings.sample, settings.seed)
    if not model.is_command:
        found.columns = arranged(found, model.wanted)
    return found


@contextmanager
def _measured(
    model: LoadedModel, examples: Examples, run: Begun, request: BenchRequest, progress: Progress
) -> Iterator[tuple[Measured, dict[str, float | None]]]:
    settings = request.settings
    sections = settings.sections(model.fixed_batch)
    environ = {**request.environ, **run.variables, _MODEL_FILE: str(model.path)}
    with tempfile.TemporaryDirectory(prefix="tether-bench-", dir=request.environ.get("TMPDIR")) as folder:
        subject = Subject(
            model.runner(settings.threads, examples.names),
            examples.ids,
            examples.columns,
            examples.labels is not None,
            Path(folder),
            environ,
        )
        progress.start("measuring", settings.rounds + (not model.is_command), "processes")
        before = Quiet.now()
        measured = measure(subject, settings, sections, lambda: progress.advance(1))
        load = before.until(Quiet.now())
        progress.finish()
        yield measured, load


@dataclass(frozen=True, slots=True)
class _Found:
    model: LoadedModel
    examples: Examples
    measured: Measured
    load: dict[str, float | None]
    environment: Mapping[str, Any]


def _bench(found: _Found, run: Begun, request: BenchRequest, scorer: Scorer) -> Bench:
    settings, measured = request.settings, found.measured
    sections = section_parts(measured, settings.seed)
    runtime = measured.rounds[0].facts["runner"]
    chosen: dict[str, Any] = {**asdict(settings), "trust": request.trust, "roles": asdict(request.roles)}
    return Bench(
        model=found.model.part(_one_query(found.examples, found.model.fixed_batch or 1)),
        inputs=_input_part(found.examples, run, request),
        runner={**runtime, "command": list(request.command)} if request.command else runtime,
        settings=msgspec.to_builtins(chosen),
        process=process_part(measured),
        sections=sections,
        accuracy=_accuracy(found.examples, measured, scorer),
        fingerprint=fingerprint(found.environment, settings.threads, runtime),
        load=found.load,
        noisy=noise(found.load, allowed_cores(), [each.spread for each in sections]),
    )


def _one_query(examples: Examples, batch: int) -> dict[str, tuple[int, ...]]:
    return {name: (batch, *column.shape[1:]) for name, column in examples.columns.items()}


def _accuracy(examples: Examples, measured: Measured, scorer: Scorer) -> dict[str, Any] | None:
    if examples.labels is None:
        return None
    count = len(examples.ids)
    outputs = {name: rows[:count] for name, rows in measured.rounds[0].outputs.items()}
    first = measured.sections[0]
    taken = {"from": {"scenario": first.scenario, "batch": first.batch, "round": 0}}
    return {**scorer(examples.labels, outputs, examples.groups), **taken}


def _input_part(examples: Examples, run: Begun, request: BenchRequest) -> InputPart:
    about = next((each for each in run.journal.record().data if each.name == DATA), None)
    return InputPart(
        source="random" if about is None else "data",
        rev=request.data,
        commit=about.commit if about is not None else None,
        path=about.path if about is not None else None,
        digest=about.digest if about is not None else None,
        total=examples.total,
        seed=request.settings.seed,
        ids=examples.ids,
        arrays=[
            {"name": name, "dtype": _type(column), "shape": [*column.shape[1:]]}
            for name, column in examples.columns.items()
        ],
        preparation=examples.notes,
    )


def _type(column: Any) -> str:
    return "str" if column.dtype.kind == "U" else str(column.dtype)


def _keep(run: Begun, bench: Bench, latencies: bytes) -> None:
    """Write record, raw times and the figures by which runs are listed."""
    journal = run.journal
    for name, data in ((DOCUMENT, bench.encode()), (LATENCIES, latencies)):
        journal.write(name, data)
        journal.artefact(journal.folder / name, name)
    for name, value in headline(bench).items():
        journal.metric(name, value, 0, 0.0)


def headline(bench: Bench) -> dict[str, float]:
    """Return the figures that a list of runs has as metrics: seconds, inputs a second, bytes, accuracy."""
    found = dict[str, float]()
    for each in bench.sections:
        name = section_name(each)
        found[f"{name}.p50"] = each.p50
        if each.throughput is not None:
            found[f"{name}.throughput"] = each.throughput
    found["peak_bytes"] = max(bench.process.peak_bytes)
    if bench.accuracy is not None and bench.accuracy.get("metric"):
        found[str(bench.accuracy["metric"])] = float(bench.accuracy["score"])
    return found


def section_name(section: SectionPart) -> str:
    """Return what a section is called: its scenario, with the size of its batches."""
    return section.scenario if section.batch == 1 else f"{section.scenario}-{section.batch}"


def _ending(bench: Bench) -> Ending:
    used = Resources(
        wall_s=sum(each.seconds for each in bench.sections), peak_bytes=max(bench.process.peak_bytes)
    )
    return Ending(Status.FINISHED, Exit(code=0), used)


# -- looking at them ------------------------------------------------------------------------


class KnownBench(NamedTuple):
    """A bench that is kept."""

    run: KnownRun
    bench: Bench
    latencies: Callable[[], Any]
    """Reads the raw times: seconds by scenario and size."""

    def __repr__(self) -> str:
        return f"KnownBench({self.run.id!r}, model={self.bench.model.name!r})"

    def check(self) -> None:
        """Compute the percentiles anew from the latencies that are kept.

        Raises:
            Corrupt: They are not those of the record.
            NotFound: The run has no latencies.
            Unsupported: The package that reads them is not installed.
        """
        wrong = recomputed(self.bench, self.latencies())
        if wrong:
            raise Corrupt(f"the figures of run {self.run.id} are not those of its latencies: {wrong[0]}")

    def svg(self) -> str:
        """Return a drawing of the latencies; errors as for `check`, but the first."""
        from tether.runs.plotting import histogram

        found = self.latencies()
        rows = {f"{name} {batch}": (each * 1000).tolist() for (name, batch), each in found.items()}
        return histogram(f"latency of {self.bench.model.name}", "ms", rows)


def find_bench(repo: Opened, text: str) -> KnownBench:
    """Return the bench of a run; see `find_run` for how runs are named.

    Raises:
        NotFound: There is no such run, or it is no bench.
        Corrupt: It is damaged.
    """
    repository = repo.repository
    run = find_run(repository, text)
    data = read_file(repository, run, f"{ARTEFACTS}/{DOCUMENT}")
    if data is None:
        raise NotFound(f"run {run.id} is no bench", hint="'tether bench MODEL' makes one")

    def latencies() -> Any:
        raw = read_file(repository, run, f"{ARTEFACTS}/{LATENCIES}")
        if raw is None:
            raise NotFound(f"run {run.id} has no {LATENCIES}")
        return decode_latencies(raw)

    return KnownBench(run, Bench.decode(data), latencies)


def compare_two(repo: Opened, old: str, new: str, vary: Sequence[str] = ()) -> BenchDiff:
    """Compare the benches of two runs; see `find_run` for how runs are named.

    Args:
        repo: Has them.
        old: The one.
        new: The other.
        vary: What may differ: `runtime`, `threads`, `python`, `blas` or `inputs`.

    Raises:
        NotFound: There is no such run, or it is no bench.
        InvalidInput: Something may not differ.
        Conflict: They were taken under different conditions, so no rank is given.
        Corrupt: One is damaged.
    """
    first, second = find_bench(repo, old), find_bench(repo, new)
    latencies = (first.latencies(), second.latencies())
    found = compare_benches(first.bench, second.bench, latencies, vary)
    return replace(found, runs=(first.run.id, second.run.id))


def document_of(bench: Bench) -> dict[str, Any]:
    """Return a bench as JSON has it."""
    found: dict[str, Any] = msgspec.to_builtins(bench)
    return found
