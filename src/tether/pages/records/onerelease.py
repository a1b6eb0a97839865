"""One release as its page tells of it: what it is made of, what was measured, and what came from it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from tether.bench.record import DOCUMENT as BENCH_FILE
from tether.bench.record import Bench
from tether.core.names import RELEASES, path_bytes
from tether.core.treeread import find
from tether.errors import NotFound
from tether.evals.evaldoc import FILE as EVAL_FILE
from tether.evals.evaldoc import Evaluation
from tether.evals.metrics.base import is_detail
from tether.pages.addresses import link
from tether.pages.records.charts import Bar, bench_bars
from tether.pages.records.known import MOST_BESIDE, or_none
from tether.pages.records.onerun import place_page
from tether.pages.records.profiled import MOST_BYTES, MOST_ROWS, Drawn, drawn
from tether.pages.shelf import Shown
from tether.releases.manifest import Base, EnvironmentPart, Manifest, Part, RunPart, is_included
from tether.releases.pushedreleases import told_release
from tether.releases.pushedruns import DAMAGED, LOOKED_AT, MOST_RECORD, size_at
from tether.releases.reading import KnownRelease, stored_release
from tether.repo.history import History
from tether.runs.differing import flat
from tether.runs.pinning import ARTEFACTS

MOST_PARTS, MOST_FACTS = 300, 200
"""Parts, and facts of one file, that a page lists."""
_MOST_PROFILE, _MOST_PROFILES = 256 << 10, 8
_COMPONENTS = {
    "weights": "Weights", "checkpoints": "Checkpoints", "code": "Code", "data": "Data", "run": "Training",
    "evaluations": "Evaluations", "benches": "Benches", "environment": "Environment",
    "documents": "Documents", "profiles": "Profiles of data",
}  # fmt: skip


class Row(NamedTuple):
    """A part of the release.

    Attributes:
        part: It.
        title: What it is called.
        role: What it is for, or empty.
        page: In the tree of the release; empty where it is not included.
        source: Its page at the commit that it comes from; empty where that is not here.
        licence: Its own or that for parts of its sort.
    """

    part: Part
    title: str
    role: str
    page: str
    source: str
    licence: str | None


class Judged(NamedTuple):
    """An evaluation; `metrics` are those that stand in the table of slices."""

    run: RunPart
    page: str
    evaluation: Evaluation | None
    metrics: list[str]


class Measured(NamedTuple):
    """A bench with its bars."""

    run: RunPart
    page: str
    bench: Bench | None
    bars: list[Bar]


class Profiled(NamedTuple):
    """The distribution of some data: drawn where its file is of our form, else as the facts in it."""

    data: str
    page: str
    drawn: Drawn | None
    facts: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ShownRelease:
    """A release for its page.

    Attributes:
        known: It.
        told: What a hub tells of it; see `told_release`.
        components: The rows by component, each with how many there are.
        evaluations: What was measured.
        benches: How fast it is.
        profiles: Of its data.
        environment: What the training ran on.
        bases: What it was made from, with the page where that is here.
        children: What was made from it, as far as this repository has it.
        partial: Not all releases were looked at for children.
    """

    known: KnownRelease
    told: Mapping[str, Any]
    components: list[tuple[str, list[Row], int]]
    evaluations: list[Judged]
    benches: list[Measured]
    profiles: list[Profiled]
    environment: list[tuple[str, str]]
    bases: list[tuple[Base, str]]
    children: list[str]
    partial: bool

    @property
    def manifest(self) -> Manifest:
        """What it is made of."""
        return self.known.manifest


def release_shown(shown: Shown, name: str, version: str) -> ShownRelease:
    """Return a release.

    Raises:
        NotFound: There is none.
        Corrupt, Unsupported: It is damaged, or larger than what is read here.
    """
    told = told_release(shown.repository, name, version)
    history = History.of(shown.repository)
    commit = shown.repository.root().refs.get(f"{RELEASES}{name}/{version}")
    if commit is None:
        raise NotFound(f"no release {name}@{version}")
    known = stored_release(shown.repository, history, f"{name}@{version}", commit)
    manifest = known.manifest
    children, partial_search = _children(shown, known)
    return ShownRelease(
        known,
        told,
        _components(shown, known),
        [_judged(shown, known, part) for part in manifest.evaluations[:MOST_PARTS]],
        [_measured(shown, known, part) for part in manifest.benches[:MOST_PARTS]],
        list(_profiles(shown, known)),
        _environment(shown, known),
        [(base, _base_page(shown, base)) for base in manifest.bases],
        children,
        partial_search,
    )


def release_page(shown: Shown, label: str) -> str:
    """Return the address of the page of `NAME@VERSION`."""
    return f"{shown.base}/releases/{label.replace('@', '/', 1)}"


def _components(shown: Shown, known: KnownRelease) -> list[tuple[str, list[Row], int]]:
    found: dict[str, list[Part]] = {}
    for component, part in known.manifest.parts():
        found.setdefault(component, []).append(part)
    return [
        (title, [_row(shown, known, part) for part in found[name][:MOST_PARTS]], len(found[name]))
        for name, title in _COMPONENTS.items()
        if name in found
    ]


def _row(shown: Shown, known: KnownRelease, part: Part) -> Row:
    source = part.source
    there = source is not None and source.repo is None and source.system == "tether"
    page = place_page(shown, source.commit, source.path) if there and source is not None else ""
    title = getattr(part, "name", "") or part.path.partition("/")[2]
    role = str(getattr(part, "role", ""))
    return Row(part, title, role, _part_page(shown, known, part), page, known.manifest.licence_of(part))


def _part_page(shown: Shown, known: KnownRelease, part: Part) -> str:
    if isinstance(part, RunPart) and f"refs/runs/{part.id}" in shown.repository.root().refs:
        return f"{shown.base}/runs/{part.id}"
    return _page(shown, known, part.path) if is_included(part) else ""


def _page(shown: Shown, known: KnownRelease, path: str) -> str:
    return link(shown.base, "file", known.commit.hex(), path_bytes(path))


def _read(shown: Shown, known: KnownRelease, path: str, most: int = MOST_BESIDE) -> bytes | None:
    """Return a file of the release, None where it has none; larger ones count as damaged."""
    size_at(shown.repository, known.tree, path, most)
    entry = find(shown.repository.objects, known.tree, path_bytes(path))
    return None if entry is None else shown.repository.contents.read(entry.digest)


def _judged(shown: Shown, known: KnownRelease, part: RunPart) -> Judged:
    def read() -> Evaluation | None:
        data = _read(shown, known, f"{part.path}/{ARTEFACTS}/{EVAL_FILE}")
        return None if data is None else Evaluation.decode(data)

    found = or_none(read)
    metrics = [] if found is None else [each.name for each in found.metrics if not is_detail(each.name)]
    return Judged(part, _part_page(shown, known, part), found, metrics[:4])


def _measured(shown: Shown, known: KnownRelease, part: RunPart) -> Measured:
    def read() -> Bench | None:
        data = _read(shown, known, f"{part.path}/{ARTEFACTS}/{BENCH_FILE}")
        return None if data is None else Bench.decode(data)

    found = or_none(read)
    bars = [] if found is None else bench_bars(found.sections[:MOST_FACTS])
    return Measured(part, _part_page(shown, known, part), found, bars)


def _profiles(shown: Shown, known: KnownRelease) -> list[Profiled]:
    found, left = list[Profiled](), MOST_ROWS
    for each in known.manifest.profiles[:_MOST_PROFILES]:
        seen = or_none(partial(_drawn, shown, known, each, left))
        left -= 0 if seen is None else len(seen.rows)
        facts = (or_none(partial(_facts, shown, known, each)) or []) if seen is None else []
        found.append(Profiled(each.data[:200], _page(shown, known, each.path), seen, facts))
    return found


def _drawn(shown: Shown, known: KnownRelease, part: Part, most_rows: int) -> Drawn | None:
    data = _read(shown, known, part.path, MOST_BYTES)
    return drawn(data, most_rows) if data is not None else None


def _environment(shown: Shown, known: KnownRelease) -> list[tuple[str, str]]:
    """Return what the training ran on, from the first record of it."""
    records = [part for part in known.manifest.environment if part.role == "record"]
    return (or_none(partial(_facts, shown, known, records[0])) or []) if records else []


def _facts(shown: Shown, known: KnownRelease, part: Part | EnvironmentPart) -> list[tuple[str, str]]:
    """Return what a file in JSON says as names and values; nothing where it is in another form."""
    try:
        found = msgspec.json.decode(_read(shown, known, part.path, _MOST_PROFILE) or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    return [(name[:200], _text(value)) for name, value in islice(flat(found), MOST_FACTS)]


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 400 else text[:399] + "…"


def _base_page(shown: Shown, base: Base) -> str:
    """Return the page of a base if this repository has a release of its name and version."""
    there = f"{RELEASES}{base.name}/{base.version}" in shown.repository.root().refs
    return release_page(shown, f"{base.name}@{base.version}") if there and base.repo is None else ""


def _children(shown: Shown, known: KnownRelease) -> tuple[list[str], bool]:
    """Return the labels of releases that were made from this one, and whether some were not looked at."""
    refs, history, found = shown.repository.root().refs, History.of(shown.repository), list[str]()
    names = sorted(ref for ref in refs if ref.startswith(RELEASES))
    for ref in names[:LOOKED_AT]:
        label = ref.removeprefix(RELEASES).replace("/", "@", 1)
        try:
            size_at(shown.repository, history.commit(refs[ref]).tree, "release.json", MOST_RECORD)
            other = stored_release(shown.repository, history, label, refs[ref])
        except DAMAGED:
            continue
        if any(base.id == known.id for base in other.manifest.bases):
            found.append(label)
    return found[:MOST_PARTS], len(names) > LOOKED_AT
