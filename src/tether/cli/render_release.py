"""Releases as people read them. Much of the text was written by others, so all of it is made printable."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, size_text
from tether.cli.render_bench import time_text
from tether.cli.render_profile import profile_words
from tether.errors import TetherError

if TYPE_CHECKING:
    from tether.api.releases import Release
    from tether.cli.context import Context
    from tether.evals.evaldoc import Metric
    from tether.releases.attesting import Attestation
    from tether.releases.completeness import Completeness
    from tether.releases.figures import BenchFigures, EvaluationFigures
    from tether.releases.findings import Reproduction, Verification
    from tether.releases.manifest import Part, Weights

_SHOWN_METRICS = 4
_DONE = {
    "R0": "sealed: every file is what the manifest says",
    "R1": "complete: all that it takes to make it again is named and here",
    "R2": "its metrics follow from its predictions",
    "R3": "its predictions follow from its weights",
}


def created_lines(ctx: "Context", release: "Release") -> Iterator[str]:
    """Yield that a release was made: how complete it is comes first."""
    yield from _openness(ctx, release.completeness)
    yield ""
    parts = list(release.manifest.parts())
    yield f"released {ctx.style('ref', release.label)} {ctx.style('id', release.id)}"
    yield f"  {count_text(len(parts), 'part')}, {size_text(sum(part.bytes for _, part in parts))}"


def _openness(ctx: "Context", found: "Completeness") -> Iterator[str]:
    """Yield the class, and what is missing for the next one with the options that add it."""
    reached = f"class {found.openness}" if found.openness is not None else "no class"
    title = f"Model Openness Framework: {reached}"
    if found.next is None:
        yield ctx.style("heading", f"{title}, which is all of it")
    else:
        yield ctx.style("heading", f"{title}; for class {found.next} it lacks")
        yield from _table(
            [[each.component.name, each.lacks, each.component.add] for each in found.missing], "  "
        )
    remarks: dict[str, list[str]] = {}
    for each in found.found:
        if each.remark:
            remarks.setdefault(each.remark, []).append(each.component.name)
    yield from (f"  {_plain(remark)}: {', '.join(names)}" for remark, names in remarks.items())


def release_table(ctx: "Context", documents: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a table with a line for each release."""
    if not documents:
        return
    rows = [["release", "class", "created", "id", "signed by", "reproduced"]]
    for each in documents:
        label = f"{each['name']}@{each['version']}"
        unknown = [count_text(len(each["unknown_keys"]), "unknown key")] if each["unknown_keys"] else []
        signers = ", ".join([*each["signers"], *unknown]) or "-"
        said = dict.fromkeys(
            f"{one['verdict']} by {one['signer'] or 'an unknown key'}" for one in each["reproductions"]
        )
        reproduced = ", ".join(said) or "-"
        created = str(each["created"])[:10]
        rows.append([label, each["class"] or "-", created, each["id"][:12], signers, reproduced])
    for number, line in enumerate(_table(rows)):
        yield ctx.style("faint", line) if not number else line


def release_lines(ctx: "Context", release: "Release") -> Iterator[str]:
    """Yield all that a release is made of; how complete it is comes first."""
    manifest = release.manifest
    yield from _openness(ctx, release.completeness)
    yield ""
    yield f"{ctx.style('heading', 'release')} {ctx.style('ref', release.label)}"
    rows = {"id": release.id, "created": f"{manifest.created} by {manifest.creator.name}"}
    if manifest.description:
        rows["description"] = manifest.description
    if manifest.command:
        rows["command"] = " ".join(manifest.command)
    yield from _table([[name, text] for name, text in rows.items()], "  ")
    yield from _section(ctx, "weights", map(_weights, manifest.weights))
    yield from _section(ctx, "checkpoints", map(_weights, manifest.checkpoints))
    yield from _section(ctx, "parameters", _values(manifest.parameters))
    yield from _section(ctx, "seeds", _values(manifest.seeds))
    data = ([*_part(each), *(["private"] if not each.included else [])] for each in manifest.data)
    yield from _section(ctx, "data", data)
    for title in ("code", "environment", "documents"):
        yield from _section(ctx, title, map(_part, getattr(manifest, title)))
    profiles = (
        [each.path, profile_words(release, each.path), f"of {each.data}"] for each in manifest.profiles
    )
    yield from _section(ctx, "profiles", profiles)
    runs = [manifest.run] if manifest.run is not None else []
    for title, found in (("run", runs), ("evaluations", manifest.evaluations), ("benches", manifest.benches)):
        yield from _section(ctx, title, map(_part, found))
    yield from _section(ctx, "figures", map(_figures, release.figures))
    yield from _section(
        ctx, "licences", _values({str(scope): each for scope, each in manifest.licences.items()})
    )
    bases = [[f"{each.name}@{each.version}", each.id[:12], each.repo or ""] for each in manifest.bases]
    yield from _section(ctx, "made from", bases)
    yield from _section(ctx, "tolerance", _values(manifest.tolerance))
    yield from _section(ctx, "attestations", map(_attestation, release.attestations))


def _values(given: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, value in given.items():
        shown = str(value).lower() if isinstance(value, bool) else "-" if value is None else str(value)
        yield [str(name), shown]


def _part(part: "Part") -> list[str]:
    source = part.source
    rows = getattr(part, "rows", None)
    amount = count_text(part.files, "file") if rows is None else count_text(rows, "row")
    place = ""
    if source is not None and source.commit:
        place = f"from {source.commit[:12]}{f':{source.path}' if source.path else ''}"
    return [part.path, amount, size_text(part.bytes), part.licence or "", place]


def _weights(part: "Weights") -> list[str]:
    numbers = f"{part.parameters:,} parameters" if part.parameters is not None else ""
    return [part.path, part.format or "", numbers, size_text(part.bytes), part.licence or ""]


def _figures(found: "EvaluationFigures | BenchFigures | TetherError") -> list[str]:
    """Return the figures of an evaluation or a bench on one line."""
    if isinstance(found, TetherError):
        return [str(found)]
    if found.kind == "evaluation":
        said = ", ".join(map(_metric, found.metrics[:_SHOWN_METRICS]))
        rest = len(found.metrics) - _SHOWN_METRICS
        more = f" and {rest} more" if rest > 0 else ""
        return [f"{said}{more}", f"of {count_text(found.examples, 'example')} of {found.data}"]
    p50 = ", ".join(f"{name} {time_text(value)}" for name, value in found.p50_s.items())
    return [f"p50 {p50}", f"peak {size_text(found.peak_bytes)}"]


def _metric(each: "Metric") -> str:
    if each.value is None:
        return f"{each.name} -"
    has_interval = each.low is not None and each.high is not None
    return f"{each.name} {each.value:.4f}" + (f" ({each.low:.4f} to {each.high:.4f})" if has_interval else "")


def _attestation(each: "Attestation") -> list[str]:
    said = each.statement.predicate_type if each.statement is not None else each.problem
    reproduced = f"reproduced: {each.reproduced}" if each.reproduced is not None else ""
    return [str(each.verdict), each.signer or each.key or "", said, reproduced]


def verification_lines(ctx: "Context", done: "Verification", highest: str = "R3") -> Iterator[str]:
    """Yield how far a release could be verified, and whether others reproduced it.

    Args:
        ctx: Styles.
        done: What was found.
        highest: The level above which none was tried.
    """
    amount = f"{count_text(done.files, 'file')}, {size_text(done.bytes)}"
    reached = ctx.style("added", done.level) if done.level is not None else ctx.style("error", "no level")
    yield f"{ctx.style('ref', done.label)}: {reached} ({amount} read)"
    for level, text in _DONE.items():
        if done.level is not None and level <= done.level:
            yield f"  {level}  {text}"
    for problem in done.problems:
        yield f"  {ctx.style('error', problem.level)}  {_plain(str(problem))}"
    for level in dict.fromkeys(each.level for each in done.untried):
        reasons = [each.reason for each in done.untried if each.level == level]
        yield f"  {level}  not tried: {_plain('; '.join(reasons))}"
    yield from (f"  R4  {_reproduction(each)}" for each in done.reproductions)
    if not done.reproductions and done.level not in (None, "R0") and highest == "R3":
        yield f"  R4  nobody says that it was reproduced: 'tether repro {done.label}' tries"
    for data in done.private:
        where = "here all the same" if data.here else "not here"
        amount = f"{count_text(data.files, 'file')}, {size_text(data.bytes)}"
        yield f"  private, {where}: {_plain(data.path)}, {amount}"
    yield from (f"  {ctx.style('error', 'unsafe')}: {_plain(each)}" for each in done.dangers)
    yield f"  {_signed(done)}"


def _reproduction(each: "Reproduction") -> str:
    said = f"reproduced: {each.verdict}" if each.succeeded else f"not reproduced: {each.verdict}"
    who = each.signer or f"a key that no allowed signer has, {each.key}"
    return _plain(f"{said}, says {who}")


def _signed(done: "Verification") -> str:
    if done.signers:
        return f"signed by {_plain(', '.join(sorted(set(done.signers))))}"
    signing = [each for each in done.attestations if each.reproduced is None]
    unknown = sorted({each.key for each in signing if each.verdict == "unknown" and each.key})
    if unknown:
        return f"signed by keys that no allowed signer has: {_plain(', '.join(unknown))}"
    return "not signed"


def signed_lines(ctx: "Context", release: "Release", made: "Attestation") -> Iterator[str]:
    """Yield that a release was signed."""
    yield f"signed {ctx.style('ref', release.label)} with {made.key}"


def _section(ctx: "Context", title: str, rows: Iterable[Sequence[str]]) -> Iterator[str]:
    found = list(rows)
    if found:
        yield ctx.style("heading", title)
        yield from _table(found, "  ")


def _table(rows: Sequence[Sequence[str]], indent: str = "") -> Iterator[str]:
    """Yield rows with their columns below each other."""
    plain = [[_plain(text) for text in row] for row in rows]
    most = max(map(len, plain), default=0)
    widths = [max((len(row[at]) for row in plain if at < len(row)), default=0) for at in range(most)]
    for row in plain:
        cells = (text.ljust(width) for text, width in zip(row, widths, strict=False) if width)
        yield f"{indent}{'  '.join(cells)}".rstrip()


def _plain(text: str) -> str:
    """Return a text that somebody else may have written as it can go to a terminal."""
    return text if text.isprintable() else ascii(text)
