"""The tables a run prints, and the JSON it leaves."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.session import Result
from benchmarks.targets import Figures, Verdict, judge
from benchmarks.workloads import Workload

WORDS = {True: "met", False: "NOT MET", None: "-"}
METRICS = {
    "wall_s": "time",
    "durable_s": "time to disk",
    "stored_bytes": "stored",
    "added_bytes": "added",
    "peak_bytes": "memory",
}


def print_versions(versions: Mapping[str, str]) -> None:
    """Print what runs."""
    print_table([["system", "version"], *([name, version] for name, version in versions.items())])


def print_workload(workload: Workload, figures: Figures) -> None:
    """Print a workload's operations for every system, then its targets."""
    print(f"\n## {workload.name}: {workload.title}\n")
    print_table(_operations(figures))
    if verdicts := judge(workload.name, workload.about["scale"], figures):
        print()
        print_table(_targets(verdicts))
    for system, operations in figures.items():
        for operation, figure in operations.items():
            if figure.error:
                print(f"\nfailed: {system} {operation}: {figure.error}")


def _operations(figures: Figures) -> list[list[str]]:
    systems = list(figures)
    names = list(dict.fromkeys(name for system in systems for name in figures[system]))
    rows = [["seconds until on disk", *systems]]
    for name in names:
        rows.append([name, *(_seconds(figures[system].get(name)) for system in systems)])
        if any((figure := figures[system].get(name)) and figure.stored_bytes for system in systems):
            rows.append([f"  stored {name}", *(_stored(figures[system].get(name)) for system in systems)])
    peaks = [max(figure.peak_bytes for figure in figures[system].values()) for system in systems]
    return [*rows, ["peak memory", *(f"{peak / 1e6:,.0f} MB" for peak in peaks)]]


def _seconds(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.error:
        return "failed"
    marks = ("¹" if figure.runs == 1 else "") + ("ᴺ" if figure.noisy else "")
    return f"{figure.durable_s:.3f}{marks}"


def _stored(figure: Figure | None) -> str:
    return "-" if figure is None or figure.stored_bytes is None else f"{figure.stored_bytes / 1e6:,.1f} MB"


def _targets(verdicts: list[Verdict]) -> list[list[str]]:
    header = ["target", "of", "reference", "reference's", "Tether's", "ratio", "allowed", ""]
    rows = []
    for verdict in verdicts:
        target = verdict.target
        metric = target.metric
        name = f"{target.operation} {target.system.removeprefix('tether').removeprefix('-')}".rstrip()
        reference = " ".join(target.reference) if target.reference else "constant"
        ratio = "-" if verdict.ratio is None else f"{verdict.ratio:.2f}"
        values = [_value(value, metric) for value in (verdict.theirs, verdict.ours)]
        allowed = _value(verdict.allowed, metric)
        rows.append([name, METRICS[metric], reference, *values, ratio, allowed, WORDS[verdict.met]])
    return [header, *rows]


def _value(value: float | None, metric: str) -> str:
    if value is None:
        return "-"
    return f"{value / 1e6:,.1f} MB" if metric.endswith("_bytes") else f"{value:.3f} s"


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows as a Markdown table in even columns; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def results_document(results: dict[tuple[str, str], list[Result]]) -> list[dict[str, Any]]:
    """Return every result with all its samples, as JSON has it."""
    return [
        {"workload": workload, "system": system, **asdict(result)}
        for (workload, system), group in results.items()
        for result in group
    ]


def save(path: Path, document: dict[str, Any]) -> None:
    """Write the run's record."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")
