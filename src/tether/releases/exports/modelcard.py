"""The model card: Markdown with the head that model hubs read, drafted from what the release says.

What only people can say, such as what the model is meant for, is listed as missing and left to them. The head
is that of Hugging Face's hub. Source: Mitchell et al., Model Cards for Model Reporting, 2019.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tether.evals.metrics.base import is_detail
from tether.releases.completeness import completeness
from tether.releases.exports.markup import code, markdown, plain, table, yaml
from tether.releases.exports.released import Measured, Released
from tether.releases.manifest import Manifest
from tether.releases.weights import dangers_in

_HUB = (
    "afl-3.0 agpl-3.0 apache-2.0 artistic-2.0 bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0 cc-by-3.0 "
    "cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 "
    "ecl-2.0 epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 gpl-2.0 gpl-3.0 isc lgpl-2.1 lgpl-3.0 mit mpl-2.0 ms-pl ncsa "
    "odbl osl-3.0 pddl postgresql unlicense zlib"
)
_HUB_LICENCES = frozenset(_HUB.split())
"""Names of licences that the hub knows."""
_ASKED = ("intended use", "limitations", "ethical considerations")
"""What the model card of the literature asks for and no machine knows."""
_SHOWN_PACKAGES, _SHOWN_CLASSES = 40, 20


def model_card(released: Released, measured: Sequence[Measured] = ()) -> tuple[str, tuple[str, ...]]:
    """Return the card, and what it should say but nobody knows.

    Raises:
        Corrupt: A part of the release is damaged.
    """
    manifest = released.manifest
    lines = [
        f"# {markdown(manifest.name)} {markdown(manifest.version)}",
        "",
        *([markdown(manifest.description), ""] if manifest.description else []),
        f"Release {code(manifest.id.hex())}, made {markdown(manifest.created)} by "
        f"{markdown(manifest.creator.name)}. Each fact below is from its manifest, `release.json`.",
        "",
        *_section("Openness", _openness(manifest)),
        *_section("Weights", [*_weights(manifest), *_dangers(released)]),
        *_section("Measurements", _measurements(measured)),
        *_section("Data", _data(manifest)),
        *_section("Training", _training(released)),
        *_section("Made from", _bases(manifest)),
    ]
    missing = _missing(manifest, measured)
    lines += _section("Not said", [f"- {markdown(each)}" for each in missing])
    return f"---\n{yaml(_head(manifest, measured))}---\n\n" + "\n".join(lines), missing


def _missing(manifest: Manifest, measured: Sequence[Measured]) -> tuple[str, ...]:
    lacking = {
        "description": not manifest.description,
        "licence": not manifest.licences,
        "measurements": not measured,
        "training data": not any(part.role == "train" for part in manifest.data),
        "training run": manifest.run is None,
    }
    return (*(name for name, is_missing in lacking.items() if is_missing), *_ASKED)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *lines, ""] if lines else []


# -- the head -------------------------------------------------------------------------------


def _head(manifest: Manifest, measured: Sequence[Measured]) -> dict[str, Any]:
    licence = manifest.licences.get("weights") or manifest.licences.get("release")
    found: dict[str, Any] = dict(_licence(licence))
    formats = sorted({part.format for part in manifest.weights if part.format})
    if formats:
        found["tags"] = formats
    measured = _headlines(measured)
    names = list(dict.fromkeys(plain(each.name) for each in measured))
    if names:
        found["metrics"] = names
        found["model-index"] = [{"name": manifest.name, "results": list(_results(measured))}]
    return found


def _licence(licence: str | None) -> Iterator[tuple[str, str]]:
    if licence is None:
        return
    if licence.lower() in _HUB_LICENCES:
        yield "license", licence.lower()
        return
    yield "license", "other"
    yield "license_name", plain(licence)


def _results(measured: Sequence[Measured]) -> Iterator[dict[str, Any]]:
    """Yield the results as the hub wants them: by task, data, its version and slice."""
    groups: dict[tuple[str, str, str | None, str | None], list[Measured]] = {}
    for each in measured:
        if each.data is not None and each.task is not None:  # the hub takes none without these
            groups.setdefault((each.task, each.data, each.commit, each.slice), []).append(each)
    for (task, data, commit, part), some in groups.items():
        dataset = {"type": plain(data), "name": plain(data) + (f" ({plain(part)})" if part else "")}
        if part is not None:
            dataset["config"] = plain(part)
        if commit is not None:
            dataset["revision"] = commit
        metrics = [{"type": plain(each.name), "name": plain(each.name), "value": each.value} for each in some]
        yield {"task": {"type": plain(task)}, "dataset": dataset, "metrics": metrics}


# -- the sections ---------------------------------------------------------------------------


def _openness(manifest: Manifest) -> list[str]:
    known = completeness(manifest)
    reached = f"class {known.openness}" if known.openness else "no class yet"
    lines = [f"{reached[0].upper() + reached[1:]} of the Model Openness Framework 1.0."]
    if known.next is not None:
        lines += ["", f"For class {known.next} it lacks:", ""]
        lines += [f"- {each.component.name}: {markdown(each.lacks)}" for each in known.missing]
    return lines


def _weights(manifest: Manifest) -> list[str]:
    rows = [
        [
            code(part.path),
            markdown(part.format or "unknown"),
            _number(part.tensors),
            _number(part.parameters),
            _number(part.bytes),
            code(part.sha256 or f"tree {part.digest}"),
            markdown(manifest.licence_of(part) or "not said"),
        ]
        for part in manifest.weights
    ]
    names = ["file", "format", "tensors", "parameters", "bytes", "SHA-256", "licence"]
    return table(names, rows) if rows else []


def _dangers(released: Released) -> list[str]:
    found = [f"- {markdown(each)}" for each in dangers_in(released.repository, released.manifest)]
    return ["", "**Do not load these where they can do harm:**", "", *found] if found else []


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _measurements(measured: Sequence[Measured]) -> list[str]:
    overall = [each for each in _headlines(measured) if each.slice is None]
    slices = [each for each in _headlines(measured) if each.slice is not None]
    lines = table(["metric", "value", "interval", "examples", "data"], [_cells(each) for each in overall])
    lines = lines if overall else []
    if slices:
        names = ["slice", "metric", "value", "interval", "examples", "data"]
        rows = [[code(each.slice or ""), *_cells(each)] for each in slices]
        lines += [*([""] if lines else []), *table(names, rows)]
    classes = _classes([each for each in measured if each.slice is None and is_detail(each.name)])
    return [*lines, *([""] if lines and classes else []), *classes]


def _headlines(measured: Sequence[Measured]) -> list[Measured]:
    return [each for each in measured if not is_detail(each.name)]


def _classes(details: Sequence[Measured]) -> list[str]:
    """Return a table with a row for each class, and a column for each metric that classes have."""
    metrics = list(dict.fromkeys(each.name.partition("[")[0] for each in details))
    rows: dict[tuple[str | None, str], dict[str, float]] = {}
    for each in details:
        metric, _, name = each.name[:-1].partition("[")
        rows.setdefault((each.run, name), {})[metric] = each.value
    shown = list(rows.items())[:_SHOWN_CLASSES]
    cells = [
        [code(name), *(f"{found[each]:.6g}" if each in found else "" for each in metrics)]
        for (_, name), found in shown
    ]
    lines = table(["class", *map(code, metrics)], cells) if cells else []
    rest = len(rows) - len(shown)
    return [*lines, "", f"{rest:,} more classes are in the evaluation."] if rest else lines


def _cells(measured: Measured) -> list[str]:
    interval = ""
    if measured.low is not None and measured.high is not None:
        interval = f"{measured.low:.6g} to {measured.high:.6g}"
    where = code(measured.data) if measured.data else ""
    where += f" at {code(measured.commit)}" if measured.data and measured.commit else ""
    return [code(measured.name), f"{measured.value:.6g}", interval, _number(measured.examples), where]


def _data(manifest: Manifest) -> list[str]:
    rows = []
    for part in manifest.data:
        source = part.source
        place = "" if source is None else ":".join(each for each in (source.repo, source.path) if each)
        rows.append(
            [
                part.role,
                code(part.name),
                code(place),
                code((source.commit if source is not None else None) or "not said"),
                code(part.digest),
                _number(part.files),
                _number(part.rows),
                _number(part.bytes),
                markdown(manifest.licence_of(part) or "not said"),
                "in the release" if part.included else "named by its digest alone",
            ]
        )
    names = ["role", "name", "from", "commit", "digest", "files", "rows", "bytes", "licence", "where"]
    return table(names, rows) if rows else []


def _training(released: Released) -> list[str]:
    manifest, run = released.manifest, released.run
    lines = []
    if manifest.command:
        lines.append(f"- Command: {code(' '.join(manifest.command))}")
    lines += [f"- Parameter {code(name)}: {code(str(each))}" for name, each in manifest.parameters.items()]
    lines += [f"- Seed {code(name)}: {each}" for name, each in manifest.seeds.items()]
    if run is not None:
        lines.append(f"- Run {code(run.id)}, {run.status}, started {markdown(run.started)}")
        lines += [f"- Took {run.resources.wall_s:.6g} s"] if run.resources.wall_s is not None else []
    for part in manifest.code:
        commit = f" at {code(part.source.commit)}" if part.source and part.source.commit else ""
        patched = ", with a patch" if part.patch else ""
        lines.append(f"- Code for {part.role}: {code(part.path)}{commit}{patched}")
    return lines + _environment(released)


def _environment(released: Released) -> list[str]:
    lines = []
    machine, python = released.environment.get("machine"), released.environment.get("python")
    if isinstance(machine, dict):
        words = [machine.get(key) for key in ("system", "architecture", "processor")]
        lines.append(f"- Machine: {markdown(', '.join(each for each in words if isinstance(each, str)))}")
    if isinstance(python, dict) and isinstance(python.get("version"), str):
        lines.append(f"- Python {markdown(python['version'])}")
    shown = list(released.packages.items())[:_SHOWN_PACKAGES]
    if shown:
        rest = len(released.packages) - len(shown)
        listed = ", ".join(f"{markdown(name)} {markdown(version)}" for name, version in shown)
        lines.append(f"- Packages: {listed}" + (f", and {rest} more in the environment" if rest else ""))
    return lines


def _bases(manifest: Manifest) -> list[str]:
    return [
        f"- {markdown(base.name)} {markdown(base.version)}, release {code(base.id)}"
        + (f", in {code(base.repo)}" if base.repo else "")
        for base in manifest.bases
    ]
