"""Runs as people and scripts read them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, duration_text, size_text
from tether.core.names import display

if TYPE_CHECKING:
    from tether.api.diff import FileChange
    from tether.api.runs import RunDiff
    from tether.cli.context import Context
    from tether.mlflow.document import Document
    from tether.runs.differing import Pair
    from tether.runs.reading import KnownRun
    from tether.runs.rundoc import RunRecord

_OWN_TAGS = "mlflow."
"""What tags begin with that a client sets for itself."""
_SHOWN_FILES = 20
_WORK = "work"
"""How a difference names the working copy."""
_LONGEST = 40


def run_table(ctx: "Context", runs: "Sequence[KnownRun]", columns: Sequence[str] | None) -> Iterator[str]:
    """Yield a table with a line for each run."""
    from tether.runs.conditions import value_of

    records = [run.record for run in runs]
    if not records:
        return
    names = list(columns) if columns is not None else _columns(records)
    titles = ["run", "name", "status", *names]
    rows = [
        [
            record.id,
            _cell(record.name),
            str(record.status),
            *(_cell(value_of(record, name)) for name in names),
        ]
        for record in records
    ]
    widths = [max(len(row[at]) for row in [titles, *rows]) for at in range(len(titles))]
    for number, row in enumerate([titles, *rows]):
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        yield ctx.style("faint", line) if not number else line


def _columns(records: "Sequence[RunRecord]") -> list[str]:
    parameters = sorted({name for record in records for name in record.parameters})
    metrics = sorted({name for record in records for name in record.metrics} - {*parameters})
    return [*parameters, *metrics]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        from tether.runs.rundoc import number

        value = number(value)  # what is not finite is written as `show` and JSON do
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = _printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def run_lines(
    ctx: "Context", run: "KnownRun", environment: Mapping[str, Any], beside: Mapping[str, Any]
) -> Iterator[str]:
    """Yield all that is known of a run, for people."""
    record = run.record
    named = f" ({_cell(record.name)})" if record.name else ""
    yield f"{ctx.style('heading', 'run')} {ctx.style('id', record.id)}{named}"
    yield from _rows(_about(record) | dict(_parent(beside)))
    yield from _section(ctx, "parameters", {name: _cell(value) for name, value in record.parameters.items()})
    yield from _section(ctx, "seeds", {name: str(value) for name, value in record.seeds.items()})
    yield from _section(ctx, "data", dict(_data(record)))
    altered = _mapping(beside.get("altered"))
    yield from _section(ctx, "written to while it ran", dict(_altered(_mapping(altered.get("inputs")))))
    unchecked = {str(name): "it could not be looked at" for name in altered.get("unchecked") or ()}
    yield from _section(ctx, "perhaps written to while it ran", unchecked)
    yield from _section(ctx, "read besides", dict(_undeclared(_mapping(beside.get("observed")))))
    yield from _section(ctx, "code", dict(_code(record)))
    yield from _section(ctx, "metrics", {name: _metric(each) for name, each in record.metrics.items()})
    yield from _section(ctx, "artefacts", {each.path: size_text(each.bytes) for each in record.artefacts})
    yield from _section(ctx, "used", dict(_used(record)))
    yield from _section(ctx, "environment", dict(_environment(environment)))


def told_lines(ctx: "Context", told: "Document | None") -> Iterator[str]:
    """Yield what an MLflow client said of a run beside the rest, for people: not what it said for itself."""
    if told is not None:
        tags = {
            _cell(name): _cell(text) for name, text in told.tags.items() if not name.startswith(_OWN_TAGS)
        }
        yield from _section(ctx, "mlflow", {"experiment": _cell(told.experiment), **tags})


def _about(record: "RunRecord") -> dict[str, str]:
    end = record.exit
    how = (
        f"code {end.code}"
        if end.code is not None
        else f"signal {end.signal}"
        if end.signal is not None
        else end.error
    )
    status = f"{record.status}{f', {how}' if how else ''}"
    found = {"status": status, "command": " ".join(record.command), "started": record.started}
    return found | ({"ended": record.ended} if record.ended else {})


def _parent(beside: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    parent = _mapping(beside.get("parent"))
    if parent:
        release = f" of {parent['release']}" if parent.get("release") else ""
        yield str(parent["relation"]), f"{parent.get('run')}{release}"
    if beside.get("verdict"):
        yield "verdict", str(beside["verdict"])


def _altered(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the inputs that somebody wrote to, with the files."""
    for name, found in inputs.items():
        files = list(map(str, found["files"]))
        rest = len(files) + int(found["unnamed"]) - _SHOWN_FILES
        more = f" and {count_text(rest, 'more', 'more')}" if rest > 0 else ""
        yield name, f"{', '.join(files[:_SHOWN_FILES])}{more}"


def _undeclared(observed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the files that were read and not declared."""
    files = _rows_in(list(observed.get("undeclared", ())))
    for each in files[:_SHOWN_FILES]:
        yield str(each["path"]), size_text(each["bytes"])
    rest = max(len(files) - _SHOWN_FILES, 0) + int(observed.get("unnamed", 0))
    if rest:
        yield "others", count_text(rest, "file")


def _data(record: "RunRecord") -> Iterator[tuple[str, str]]:
    for each in record.data:
        place = f"{each.commit[:12] if each.commit else 'the stage'}:{each.path}"
        yield each.name, f"{place}, {count_text(each.files, 'file')}, {size_text(each.bytes)}"
    work = record.work
    if work is not None:
        at = f"{work.commit[:12] if work.commit else 'no commit'}{' with changes' if work.modified else ''}"
        yield "working copy", f"{at}, {count_text(work.files, 'file')}, {size_text(work.bytes)}"


def _code(record: "RunRecord") -> Iterator[tuple[str, str]]:
    code = record.code
    if code is None:
        return
    branch = f" ({code.branch})" if code.branch else ""
    yield code.system, f"{(code.commit or 'no commit')[:12]}{branch}{' with changes' if code.dirty else ''}"
    if code.patch == "too large":
        yield "patch", "too large to be kept"
    if code.untracked:
        yield "untracked", count_text(len(code.untracked), "file")


def _metric(each: Any) -> str:
    least, greatest = _cell(each.least), _cell(each.greatest)
    return f"{_cell(each.last)} at {each.last_step}, {least} to {greatest}, {count_text(each.count, 'point')}"


def _used(record: "RunRecord") -> Iterator[tuple[str, str]]:
    used = record.resources
    for title, seconds in (("time", used.wall_s), ("user", used.user_s), ("system", used.system_s)):
        if seconds is not None:
            yield title, duration_text(seconds)
    moved = (("memory", used.peak_bytes), ("read", used.read_bytes), ("written", used.written_bytes))
    for title, size in moved:
        if size is not None:
            yield title, size_text(size)


def _environment(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    machine, python = _mapping(found.get("machine")), _mapping(found.get("python"))
    for title in ("distribution", "architecture", "processor"):
        if machine.get(title):
            yield title, str(machine[title])
    if machine.get("cores_allowed"):
        yield "cores", str(machine["cores_allowed"])
    memory = machine.get("memory_bytes")
    if isinstance(memory, int):
        yield "memory", size_text(memory)
    for each in _rows_in(found.get("accelerators")):
        yield "accelerator", str(each.get("name"))
    if python.get("version"):
        yield "python", f"{python['version']}, {count_text(len(_mapping(python.get('packages'))), 'package')}"
    for each in _rows_in(python.get("blas")):
        yield "blas", str(each.get("config") or each.get("library") or "?")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _rows_in(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _section(ctx: "Context", title: str, rows: Mapping[str, str]) -> Iterator[str]:
    if rows:
        yield ctx.style("heading", title)
        yield from _rows(rows, "  ")


def _rows(rows: Mapping[str, str], indent: str = "") -> Iterator[str]:
    shown = {_printable(name): _printable(text) for name, text in rows.items()}
    width = max(map(len, shown), default=0)
    for name, text in shown.items():
        yield f"{indent}{name.ljust(width)}  {text}"


def _printable(text: str) -> str:
    """Return a text that somebody else may have written as it can go to a terminal."""
    return text if text.isprintable() else ascii(text)


# -- two runs -------------------------------------------------------------------------------


def diff_lines(ctx: "Context", found: "RunDiff") -> Iterator[str]:
    """Yield how two runs differ, for people."""
    from tether.runs.differing import patch_is_lost

    yield f"{ctx.style('heading', 'runs')} {found.old.id} {found.new.id}"
    parts = {
        "facts": found.facts,
        "parameters": found.parameters,
        "metrics": found.metrics,
        "code": found.code,
    }
    for title, pairs in parts.items():
        yield from _pairs(ctx, title, pairs)
    if found.patch and any(patch_is_lost(run.record) for run in (found.old, found.new)):
        yield "  patch  differs: one was too large to be kept"
    elif found.patch:
        yield "  patch  differs: see --show-code"
    elif found.patch is None:
        yield "  patch  both too large to be kept: nobody can tell"
    for change in found.data:
        what = "working copy" if change.name == _WORK else f"data {_printable(change.name)}"
        yield ctx.style("heading", f"{what}: {_file_count(change.files, change.old, change.new)}")
        for file in change.files[:_SHOWN_FILES]:
            yield f"  {file.change.ljust(8)}  {display(file.path)}"
        if len(change.files) > _SHOWN_FILES:
            yield f"  ... and {count_text(len(change.files) - _SHOWN_FILES, 'more', 'more')}"
    yield from _pairs(ctx, "environment", found.environment)


def _file_count(files: "Sequence[FileChange]", old: str | None, new: str | None) -> str:
    if old is None or new is None:
        return "only in the one" if new is None else "only in the other"
    return f"{count_text(len(files), 'file')} differ{'s' if len(files) == 1 else ''}"


def _pairs(ctx: "Context", title: str, pairs: "Mapping[str, Pair]") -> Iterator[str]:
    if pairs:
        yield ctx.style("heading", title)
        yield from _rows({name: f"{_cell(old)} -> {_cell(new)}" for name, (old, new) in pairs.items()}, "  ")


def diff_document(found: "RunDiff") -> dict[str, Any]:
    """Return how two runs differ, for `--json`."""
    from tether.runs.differencedoc import PARTS, InputDifference, difference_document

    parts = {part: getattr(found, part) for part in PARTS}
    data = [
        InputDifference(
            change.name,
            change.old,
            change.new,
            [(file.path, file.change) for file in change.files] if change.compared else None,
        )
        for change in found.data
    ]
    return difference_document((found.old.id, found.new.id), parts, found.patch, data)
