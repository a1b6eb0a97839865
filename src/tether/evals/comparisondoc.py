"""A comparison of two models as a document: what `tether compare --json` and the hub tell."""

from typing import Any

from tether.evals.comparing import Comparison, Example, Part


def comparison_document(comparison: Comparison) -> dict[str, Any]:
    """Return all of a comparison; numbers may be NaN."""
    left = comparison.left_out
    return {
        "task": comparison.task,
        "primary": comparison.primary,
        **_part_document(comparison.whole),
        "left_out": {"old": left[0], "new": left[1], "relabelled": left[2]},
        "slices": [_part_document(part) for part in comparison.slices],
        "worst": [_example_document(each) for each in comparison.worst],
        "best": [_example_document(each) for each in comparison.best],
    }


def _part_document(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "count": part.count,
        "supported": part.supported,
        "wins": part.wins,
        "regressions": part.regressions,
        "q": part.q,
        "metrics": [
            {
                "name": each.name,
                "old": each.old,
                "new": each.new,
                "change": each.change,
                "low": each.interval[0] if each.interval is not None else None,
                "high": each.interval[1] if each.interval is not None else None,
                "p": each.p,
            }
            for each in part.changes
        ],
    }


def _example_document(each: Example) -> dict[str, Any]:
    return {
        "id": each.id,
        "label": each.label,
        "old": each.old,
        "new": each.new,
        "worse": each.worse,
        "slices": [*each.slices],
    }
