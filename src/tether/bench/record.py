"""`bench.json` and `latencies.parquet`: what is kept of a bench, in the artefacts of a run.

Source of the layout: docs/format/bench.md. Whoever may push can write any record: it is read as data.
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from tether.bench.launch import Measured
from tether.bench.settings import SERVER, Scenario, Section
from tether.bench.stats import spread, summary
from tether.core.jsondoc import canonical, read_document
from tether.errors import Corrupt, Unsupported
from tether.runs.purposes import BENCH_FILE, LATENCIES_FILE

VERSION = 1
DOCUMENT, LATENCIES = BENCH_FILE, LATENCIES_FILE
_S = 1e9
_COLUMNS = ("round", "query", "due_ns", "start_ns", "end_ns")
_READ = {"scenario": "string", "batch": "int64", "due_ns": "int64", "end_ns": "int64"}
"""Columns that are read, with the types as which they are: whoever pushed them may have written any."""

Interval = tuple[float, float]


class _Value(msgspec.Struct, frozen=True):
    """What all parts are; fields that are not known are borne."""


class ModelPart(_Value, frozen=True):
    """What was measured."""

    name: str
    rev: str | None
    """As it was written; None for a file of the disk."""
    commit: str | None
    digest: str | None
    """Of the file, or the tree of a folder."""
    bytes: int
    """On the disk, with files of weights beside it."""
    format: str | None = None
    weights: str | None = None
    """The digest of all tensors."""
    parameters: int | None = None
    types: dict[str, int] = {}
    macs: dict[str, Any] | None = None


class InputPart(_Value, frozen=True):
    """On which inputs."""

    source: Literal["data", "random"]
    rev: str | None
    commit: str | None
    path: str | None
    digest: str | None
    total: int
    """Rows there."""
    seed: int
    ids: list[str]
    arrays: list[dict[str, Any]]
    """Name, type and shape of what the model gets for one query."""
    preparation: list[str] = []


class SectionPart(_Value, frozen=True):
    """The queries of one scenario and one size."""

    scenario: Scenario
    batch: int
    queries: int
    seconds: float
    warmup: int
    cut: bool
    rate: float | None
    p50: float
    p90: float
    p95: float
    p99: float | None
    max: float
    mean: float
    ci: dict[str, Interval]
    medians: list[float]
    """Of each round."""
    spread: float | None
    throughput: float | None = None
    """Inputs a second; None where the rate was given."""
    throughput_ci: Interval | None = None


class ProcessPart(_Value, frozen=True):
    """Of the processes: each is a list with a value for each round."""

    import_s: list[float]
    load_s: list[float]
    first_s: list[float]
    loaded_bytes: list[int]
    peak_bytes: list[int]
    baseline_bytes: int | None
    """Of a process that does the same with no model."""


class Bench(_Value, frozen=True):
    """All of it."""

    model: ModelPart
    inputs: InputPart
    runner: dict[str, Any]
    settings: dict[str, Any]
    process: ProcessPart
    sections: list[SectionPart]
    accuracy: dict[str, Any] | None
    fingerprint: dict[str, Any]
    load: dict[str, float | None]
    noisy: list[str]
    version: int = VERSION

    def __repr__(self) -> str:
        return f"Bench({self.model.name!r}, {len(self.sections)} sections)"

    def encode(self) -> bytes:
        """Return the bytes of `bench.json`."""
        return canonical(msgspec.to_builtins(self))

    @classmethod
    def decode(cls, data: bytes) -> "Bench":
        """Read `bench.json`.

        Raises:
            Unsupported: It has a version that is not known.
            Corrupt: It is no such document.
        """
        return read_document(data, cls, "a bench", version=VERSION)


# -- from what was measured -----------------------------------------------------------------


def section_parts(measured: Measured, seed: int) -> list[SectionPart]:
    """Return the figures of each section, over all rounds."""
    return [_section(measured, at, section, seed) for at, section in enumerate(measured.sections)]


def _section(measured: Measured, at: int, section: Section, seed: int) -> SectionPart:
    times = [each.times[at] for each in measured.rounds]
    said = [each.facts["sections"][at] for each in measured.rounds]
    latencies = [(ends - due) / _S for _, ends, due in times]
    closed = section.scenario != SERVER
    intervals = np.concatenate([np.diff(ends, prepend=0) / _S for _, ends, _ in times]) if closed else None
    medians = [float(np.median(each)) for each in latencies]
    figures = summary(np.concatenate(latencies), intervals, section.batch, seed)
    return msgspec.convert(
        {
            **figures,
            "scenario": section.scenario,
            "batch": section.batch,
            "queries": sum(map(len, latencies)),
            "seconds": float(sum(ends[-1] for _, ends, _ in times)) / _S,
            "warmup": sum(row["warmup"] for row in said),
            "cut": any(row["cut"] for row in said),
            "rate": said[-1]["rate"],
            "medians": medians,
            "spread": spread(medians),
        },
        SectionPart,
    )


def process_part(measured: Measured) -> ProcessPart:
    """Return what the processes took beside their queries."""
    names = ("import_s", "load_s", "first_s", "loaded_bytes", "peak_bytes")
    columns = {name: [each.facts[name] for each in measured.rounds] for name in names}
    return msgspec.convert({**columns, "baseline_bytes": measured.baseline_bytes}, ProcessPart)


# -- the raw times --------------------------------------------------------------------------


def need_parquet() -> Any:
    """Return the module that reads and writes Parquet.

    Raises:
        Unsupported: It is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise Unsupported("pyarrow is not installed", hint="pip install 'tether[evals]'") from None
    return pyarrow


def encode_latencies(measured: Measured) -> bytes:
    """Return `latencies.parquet`: a row for each query, in order."""
    arrow = need_parquet()
    scenarios, batches, columns = list[str](), list[int](), {name: list[NDArray[Any]]() for name in _COLUMNS}
    for number, each in enumerate(measured.rounds):
        for section, (starts, ends, due) in zip(measured.sections, each.times, strict=True):
            count = len(ends)
            scenarios += [section.scenario] * count
            batches += [section.batch] * count
            parts = (np.full(count, number), np.arange(count), due, starts, ends)
            for name, part in zip(_COLUMNS, parts, strict=True):
                columns[name].append(part)
    table = arrow.table(
        {
            "scenario": arrow.array(scenarios).dictionary_encode(),
            "batch": arrow.array(batches, arrow.int32()),
            **{name: arrow.array(np.concatenate(parts), arrow.int64()) for name, parts in columns.items()},
        }
    )
    sink = io.BytesIO()
    arrow.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def decode_latencies(data: bytes) -> dict[tuple[str, int], NDArray[np.float64]]:
    """Return the latencies of each section in seconds, in the order in which they were measured.

    Raises:
        Corrupt: It is no such file.
    """
    arrow = need_parquet()
    try:
        table = arrow.parquet.read_table(io.BytesIO(data), use_threads=False, pre_buffer=False)
        columns = {name: table.column(name).cast(kind) for name, kind in _READ.items()}
        if any(column.null_count for column in columns.values()):
            raise ValueError("a value is missing")
        due, ends = (columns[name].to_numpy() for name in ("due_ns", "end_ns"))
        keys = list(zip(columns["scenario"].to_pylist(), columns["batch"].to_pylist(), strict=True))
    except (arrow.ArrowException, KeyError, TypeError, ValueError, OSError) as error:
        raise Corrupt(f"the latencies of a bench are damaged: {error}") from None
    rows: dict[tuple[str, int], list[int]] = {}
    for at, key in enumerate(keys):
        rows.setdefault(key, []).append(at)
    return {key: (ends[places] - due[places]) / _S for key, places in rows.items()}


def recomputed(bench: Bench, latencies: Mapping[tuple[str, int], NDArray[np.float64]]) -> list[str]:
    """Return which percentiles of a record are not those of its latencies; none where it is true to them."""
    wrong = []
    for section in bench.sections:
        found = latencies.get((section.scenario, section.batch), np.empty(0))
        title = f"{section.scenario} {section.batch}"
        if len(found) != section.queries:
            wrong.append(f"{title}: {len(found):,} latencies for {section.queries:,} queries")
            continue
        for name, percent in _percents(section):
            value = float(np.percentile(found, percent))
            if abs(value - getattr(section, name)) > 1e-9 + 1e-6 * value:
                wrong.append(f"{title}: {name} is {value:.9f} s")
    return wrong


def _percents(section: SectionPart) -> Sequence[tuple[str, int]]:
    names = (("p50", 50), ("p90", 90), ("p95", 95), ("p99", 99), ("max", 100))
    return [(name, percent) for name, percent in names if getattr(section, name) is not None]
