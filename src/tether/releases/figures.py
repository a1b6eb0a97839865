"""The figures of a release in short: what its evaluations and benches say, as they were pushed with it."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tether.bench.record import DOCUMENT, Bench
from tether.errors import TetherError
from tether.evals.evaldoc import FILE as EVAL_FILE
from tether.evals.evaldoc import Evaluation, Metric
from tether.evals.evaluating import headlines
from tether.releases.manifest import RunPart
from tether.releases.reading import KnownRelease, read_part
from tether.repo.repository import Repository
from tether.runs.pinning import ARTEFACTS


class EvaluationFigures(NamedTuple):
    """An evaluation in short.

    Attributes:
        run: Its id.
        data: What it was made on: the path in its commit, or the revision.
        examples: How many.
        metrics: Of all examples; those of one class alone are left out.
    """

    run: str
    data: str
    examples: int
    metrics: tuple[Metric, ...]
    kind: Literal["evaluation"] = "evaluation"


class BenchFigures(NamedTuple):
    """A bench in short.

    Attributes:
        run: Its id.
        p50_s: The median latency of each section by its name, in seconds.
        peak_bytes: The most memory of any round.
    """

    run: str
    p50_s: dict[str, float]
    peak_bytes: int
    kind: Literal["bench"] = "bench"


def figures_of(
    repository: Repository, release: KnownRelease
) -> Iterator[EvaluationFigures | BenchFigures | TetherError]:
    """Yield the figures of evaluations and benches of a release; an error for each that cannot be read."""
    for part in release.manifest.evaluations:
        try:
            yield from _of_evaluation(repository, release, part)
        except TetherError as error:
            yield error
    for part in release.manifest.benches:
        try:
            yield from _of_bench(repository, release, part)
        except TetherError as error:
            yield error


def _of_evaluation(
    repository: Repository, release: KnownRelease, part: RunPart
) -> Iterator[EvaluationFigures]:
    data = read_part(repository, release, f"{part.path}/{ARTEFACTS}/{EVAL_FILE}")
    if data is not None:
        found = Evaluation.decode(data, f"evaluation {part.id}")
        of = found.data
        yield EvaluationFigures(part.id, of.path or of.rev, of.count, tuple(headlines(found.metrics)))


def _of_bench(repository: Repository, release: KnownRelease, part: RunPart) -> Iterator[BenchFigures]:
    data = read_part(repository, release, f"{part.path}/{ARTEFACTS}/{DOCUMENT}")
    if data is not None:
        found = Bench.decode(data)
        p50 = {
            each.scenario if each.batch == 1 else f"{each.scenario}-{each.batch}": each.p50
            for each in found.sections
        }
        yield BenchFigures(part.id, p50, max(found.process.peak_bytes, default=0))
