"""A repetition as people and scripts read it."""

import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from tether.cli.format import count_text

if TYPE_CHECKING:
    from tether.api.reproducing import Reproduced, ReproPlan
    from tether.cli.context import Context
    from tether.releases.verdict import ComparedFile, ComparedMetric

_SHOWN = 10
_SHORT = 12
_MEANINGS = {
    "bitwise": "the same bytes",
    "tensors": "the same tensors",
    "metrics": "other bytes, equal metrics",
    "tolerance": "metrics within their tolerance",
    "different": "something differs",
    "failed": "the command did not end well",
}


def plan_document(plan: "ReproPlan") -> dict[str, Any]:
    """Return what would be done, for `--json`."""
    record, room = plan.request.original.record, plan.room
    source = room.source
    return {
        "run": record.id,
        "command": list(record.command),
        "folder": room.folder,
        "data": list(plan.data),
        "code": None if source is None else {"commit": source.commit, "patch": bool(source.patch)},
        "work": room.work.hex() if room.work is not None else None,
        "python": plan.python or None,
        "environment": plan.request.environment,
        "notes": list(room.notes),
    }


def plan_lines(plan: "ReproPlan") -> Iterator[str]:
    """Yield what would be done, for people."""
    record, room = plan.request.original.record, plan.room
    yield f"run      {record.id}"
    yield f"command  {_printable(shlex.join(record.command))}"
    for text in plan.data:
        yield f"data     {_printable(text)}"
    source = room.source
    if source is not None:
        patch = " with changes" if source.patch else ""
        yield f"code     {source.commit[:_SHORT] if source.commit else 'of the release'}{patch}"
    if room.work is not None:
        yield f"work     {room.work.hex()[:_SHORT]}"
    if plan.python:
        yield f"python   {plan.python}, {plan.request.environment}"
    yield from (f"note     {_printable(note)}" for note in room.notes)


def verdict_document(done: "Reproduced") -> dict[str, Any]:
    """Return how a repetition compares, for `--json`."""
    found: dict[str, Any] = msgspec.to_builtins(done.verdict)
    return {"id": done.outcome.record.id, "exit_code": done.outcome.code, **found}


def verdict_lines(ctx: "Context", done: "Reproduced", attestation: str | None) -> Iterator[str]:
    """Yield how a repetition compares, for people."""
    verdict = done.verdict
    parent = verdict.reproduces
    yield f"run {done.outcome.record.id} reproduces {parent.release or parent.run}"
    style = "added" if verdict.verdict.is_good else "removed"
    yield f"verdict  {ctx.style(style, verdict.verdict)}: {_MEANINGS[verdict.verdict]}"
    for file in verdict.artefacts[:_SHOWN]:
        yield f"  {_printable(file.path)}  {_file(file)}"
    if len(verdict.artefacts) > _SHOWN:
        yield f"  ... and {count_text(len(verdict.artefacts) - _SHOWN, 'more artefact')}"
    for metric in verdict.metrics[:_SHOWN]:
        yield f"  {_printable(metric.name)}  {_metric(metric)}"
    if len(verdict.metrics) > _SHOWN:
        yield f"  ... and {count_text(len(verdict.metrics) - _SHOWN, 'more metric')}"
    for name, (old, new) in list(verdict.packages.items())[:_SHOWN]:
        yield f"  package {_printable(name)}  {_printable(old or 'none')} -> {_printable(new or 'none')}"
    if len(verdict.packages) > _SHOWN:
        yield f"  ... and {count_text(len(verdict.packages) - _SHOWN, 'more package')}"
    yield from (f"  note: {_printable(note)}" for note in verdict.notes)
    if attestation is not None:
        yield f"  attested: {attestation[:_SHORT]}"
    elif done.was_stopped and parent.release:
        yield "  not attested: it was stopped before its end"


def _file(file: "ComparedFile") -> str:
    if file.level in ("bitwise", "missing"):
        return str(file.level)
    return f"{file.level}, {file.old[:_SHORT]} -> {(file.new or 'nothing')[:_SHORT]}"


def _metric(metric: "ComparedMetric") -> str:
    if metric.level == "equal":
        return f"equal, {_number(metric.old)}"
    allowed = f", {metric.tolerance:g} allowed" if metric.tolerance is not None else ""
    return f"{metric.level}, {_number(metric.old)} -> {_number(metric.new)}{allowed}"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)
