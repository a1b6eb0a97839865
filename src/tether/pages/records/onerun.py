"""One run as its page tells of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from markupsafe import Markup

from tether.core.digest import parse_digest
from tether.core.names import path_bytes
from tether.core.phrases import duration_text, size_text
from tether.core.treeread import find
from tether.errors import TetherError
from tether.pages.addresses import link
from tether.pages.records.charts import MOST_CURVES, curve
from tether.pages.records.known import beside, ending_of, or_none, series_shown, told
from tether.pages.shelf import Shown
from tether.repo.history import History
from tether.runs.altered import ALTERED, Altered
from tether.runs.asked import REQUEST, Parent
from tether.runs.differing import flat
from tether.runs.journal import ENVIRONMENT, OUTPUTS, PATCH, VERDICT
from tether.runs.observed import OBSERVED
from tether.runs.pinning import ARTEFACTS
from tether.runs.reading import KnownRun, altered_of, asked_of, environment_of, observed_of, verdict_of
from tether.runs.rundoc import Artefact, Resources, Status

TAIL = 32 << 10
"""Bytes of what a run printed that its page shows: the end."""
MOST_PATCH = 128 << 10
"""Bytes of a patch that are shown."""
MOST_FILES = 10
"""Files of an input that somebody wrote to which are named."""
MOST_ROWS = 200
"""Artefacts, facts of the environment, parameters and metrics that one page lists."""


class Tail(NamedTuple):
    """The end of what a run printed; `hidden` bytes came before."""

    stream: str
    text: str
    hidden: int


class DataRow(NamedTuple):
    """Data that a run read; `page` is empty where the commit is not here."""

    name: str
    place: str
    page: str
    digest: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Live:
    """What changes while a run goes on.

    Attributes:
        run: The run.
        charts: Its curves.
        undrawn: Metrics that are not drawn.
        too_many: Its metrics are more than a page reads.
        tails: What it printed.
    """

    run: KnownRun
    charts: list[tuple[str, Markup]]
    undrawn: int
    too_many: bool
    tails: list[Tail]

    @property
    def goes_on(self) -> bool:
        """Whether more will come."""
        return self.run.record.status == Status.RUNNING and self.run.commit is None


@dataclass(frozen=True, slots=True)
class Details:
    """What lies beside the record of a run; None where it is damaged or was not kept."""

    data: list[DataRow]
    artefacts: list[tuple[Artefact, str]]
    environment: list[tuple[str, str]]
    patch: list[tuple[str, str]]
    patch_bytes: int
    parent: Parent | None
    verdict: str | None
    undeclared: list[str]
    altered: list[tuple[str, tuple[str, ...], int]]
    """Inputs that somebody wrote to: the name, files of it, and how many more."""
    unchecked: tuple[str, ...]
    """Inputs that could not be looked at."""
    used: list[tuple[str, str]]


def live_of(shown: Shown, run: KnownRun) -> Live:
    """Return the curves and the end of what was printed."""
    with told(f"run {run.id}"):
        series = or_none(lambda: series_shown(shown, run))
    names = sorted(series or {})
    charts = [(name, curve(name, (series or {})[name])) for name in names[:MOST_CURVES]]
    tails = [tail for stream in OUTPUTS if (tail := or_none(partial(_tail, shown, run, stream))) is not None]
    missing = series is None and bool(run.record.metrics)
    return Live(run, charts, max(len(names) - MOST_CURVES, 0), missing, tails)


def _tail(shown: Shown, run: KnownRun, stream: str) -> Tail | None:
    data, size = ending_of(shown, run, stream, TAIL)
    if not data:
        return None
    if size > len(data):  # begin with a whole line
        data = data.partition(b"\n")[2] or data
    return Tail(stream, _readable(data), size - len(data))


def _readable(data: bytes) -> str:
    """Return what was printed without what drives terminals; a line that was drawn anew, as it ended."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    lines = (line.rpartition("\r")[2] for line in text.split("\n"))
    return "\n".join("".join(each for each in line if each.isprintable() or each == "\t") for line in lines)


def details_of(shown: Shown, run: KnownRun) -> Details:
    """Return what lies beside the record."""
    record = run.record
    altered = or_none(partial(_altered, shown, run)) or Altered()
    return Details(
        data=_data(shown, run),
        artefacts=[(each, _artefact_page(shown, run, each)) for each in record.artefacts[:MOST_ROWS]],
        environment=or_none(partial(_environment, shown, run)) or [],
        patch=or_none(partial(_patch, shown, run)) or [],
        patch_bytes=or_none(lambda: ending_of(shown, run, PATCH, 0)[1]) or 0,
        parent=or_none(partial(_parent, shown, run)),
        verdict=or_none(partial(_verdict, shown, run)),
        undeclared=or_none(partial(_undeclared, shown, run)) or [],
        altered=[*islice(_written_to(altered), MOST_ROWS)],
        unchecked=altered.unchecked[:MOST_ROWS],
        used=used_words(record.resources),
    )


def _parent(shown: Shown, run: KnownRun) -> Parent | None:
    beside(shown, run, REQUEST)
    return asked_of(shown.repository, run).parent


def _verdict(shown: Shown, run: KnownRun) -> str | None:
    beside(shown, run, VERDICT)
    return verdict_of(shown.repository, run)


def _undeclared(shown: Shown, run: KnownRun) -> list[str]:
    beside(shown, run, OBSERVED)
    observed = observed_of(shown.repository, run)
    return [] if observed is None else [each.path for each in observed.undeclared[:MOST_ROWS]]


def _altered(shown: Shown, run: KnownRun) -> Altered | None:
    beside(shown, run, ALTERED)
    return altered_of(shown.repository, run)


def _written_to(altered: Altered) -> Iterator[tuple[str, tuple[str, ...], int]]:
    for name, found in altered.inputs.items():
        named = found.files[:MOST_FILES]
        yield name, named, max(len(found.files) - len(named) + found.unnamed, 0)


def _data(shown: Shown, run: KnownRun) -> list[DataRow]:
    record = run.record
    rows = [
        DataRow(
            each.name,
            each.rev,
            place_page(shown, each.commit, each.path),
            each.digest,
            each.files,
            each.bytes,
        )
        for each in record.data[:MOST_ROWS]
    ]
    work = record.work
    if work is not None:
        words = "working copy, changed since" if work.modified else "working copy"
        page = place_page(shown, work.commit, "")
        rows.append(DataRow(words, (work.commit or "")[:10], page, work.digest, work.files, work.bytes))
    return rows


def place_page(shown: Shown, commit: str | None, path: str) -> str:
    """Return the page of a path at a commit, empty where the commit or the path is not here."""
    try:
        digest = parse_digest(commit or "")
        if not shown.repository.objects.has(digest):
            return ""
        entry = find(
            shown.repository.objects, History.of(shown.repository).commit(digest).tree, path_bytes(path)
        )
    except (TetherError, ValueError):
        return ""
    return "" if entry is None else link(shown.base, "tree", digest.hex(), path_bytes(path))


def _artefact_page(shown: Shown, run: KnownRun, artefact: Artefact) -> str:
    if run.commit is None:
        return ""
    return link(shown.base, "file", run.commit.hex(), path_bytes(f"{ARTEFACTS}/{artefact.path}"))


def _environment(shown: Shown, run: KnownRun) -> list[tuple[str, str]]:
    beside(shown, run, ENVIRONMENT)
    facts = flat(environment_of(shown.repository, run))
    return [(name[:200], _short(value)) for _, (name, value) in zip(range(MOST_ROWS), facts, strict=False)]


def _short(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 400 else text[:399] + "…"


def _patch(shown: Shown, run: KnownRun) -> list[tuple[str, str]]:
    """Return the lines of the patch, each with what it does: `in`, `out`, `hunk` or nothing."""
    data = beside(shown, run, PATCH, MOST_PATCH) or b""
    return list(_lines(data.decode("utf-8", "replace").splitlines()))


def _lines(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    kinds = {"+": "in", "-": "out", "@": "hunk"}
    for line in lines:
        heads = line.startswith(("+++", "---"))
        yield ("" if heads else kinds.get(line[:1], "")), line


def used_words(resources: Resources) -> list[tuple[str, str]]:
    """Return what a run used, as people say it."""
    seconds = (("Time", "wall_s"), ("Processor, own", "user_s"), ("Processor, system", "system_s"))
    sizes = (("Most memory", "peak_bytes"), ("Read", "read_bytes"), ("Written", "written_bytes"))
    times = [(words, getattr(resources, name)) for words, name in seconds]
    amounts = [(words, getattr(resources, name)) for words, name in sizes]
    found = [(words, duration_text(max(value, 0.0))) for words, value in times if value is not None]
    return found + [(words, size_text(value)) for words, value in amounts if value is not None]
