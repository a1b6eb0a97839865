"""Comparisons of two models as people, scripts and pull requests read them."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from tether.cli.format import count_text, size_text
from tether.cli.render_bench import time_text
from tether.cli.render_eval import interval_text, number_text, p_text, printable, table
from tether.cli.render_runs import diff_document, diff_lines
from tether.evals.comparisondoc import comparison_document
from tether.evals.metrics.base import direction, is_detail

if TYPE_CHECKING:
    from tether.api.comparing import Compared, Side
    from tether.cli.context import Context
    from tether.evals.failing import Failure
    from tether.evals.measuring import Change

_LONGEST = 60
_MARKED = re.compile(r"([\\`*_{}\[\]()#+!|<>~&@:])")


def compared_document(found: "Compared", failed: "Sequence[Failure]") -> dict[str, Any]:
    """Return a comparison for `--json`."""
    return {
        "old": _side_document(found.old),
        "new": _side_document(found.new),
        **comparison_document(found.comparison),
        "training": diff_document(found.training) if found.training is not None else None,
        "bench": {name: {"old": old, "new": new} for name, (old, new) in found.bench.items()},
        "bench_notes": list(found.bench_notes),
        "failed": [
            {"rule": each.rule, "slice": each.slice, "metric": each.metric, "found": each.found}
            for each in failed
        ],
    }


def _side_document(side: "Side") -> dict[str, Any]:
    model = side.evaluation.model if side.evaluation is not None else None
    return {
        "name": side.name,
        "run": side.run.id if side.run is not None else None,
        "model": model.digest if model is not None else None,
        "trained": side.trained.id if side.trained is not None else None,
    }


# -- what all forms share -------------------------------------------------------------------


def _metrics(found: "Compared") -> list[list[str]]:
    rows = [["metric", "old", "new", "change", "interval", "p", ""]]
    changes = [each for each in found.comparison.whole.changes if not is_detail(each.name)]
    rows += [[*_change(each), p_text(each.p), verdict(each)] for each in changes]
    return rows


def _change(each: "Change") -> list[str]:
    low, high = each.interval or (None, None)
    figures = [number_text(each.old), number_text(each.new), number_text(each.change, signed=True)]
    return [each.name, *figures, interval_text(low, high, signed=True)]


def verdict(change: "Change") -> str:
    """Return `better` or `worse` where the whole interval of a change says so."""
    if change.interval is None:
        return ""
    low, high = sorted(end * direction(change.name) for end in change.interval)
    return "better" if low > 0 else "worse" if high < 0 else ""


def _slices(found: "Compared") -> list[list[str]]:
    comparison = found.comparison
    rows = [["slice", "examples", "old", "new", "change", "interval", "wins", "regressions", ""]]
    for part in comparison.slices:
        change = part.change(comparison.primary)
        figures = _change(change)[1:] if change is not None else ["-", "-", "-", "too few examples"]
        counts = [f"{part.wins:,}", f"{part.regressions:,}"]
        mark = verdict(change) if change is not None else ""
        rows.append([part.name or "", f"{part.count:,}", *figures, *counts, mark])
    return rows


def _examples(found: "Compared", most: int) -> list[list[str]]:
    rows = [["example", "label", "old", "new", "slices"]]
    for each in found.comparison.worst[:most]:
        values = (_value(value) for value in (each.label, each.old, each.new))
        rows.append([each.id, *values, ", ".join(each.slices)])
    return rows


def _value(value: Any) -> str:
    text = number_text(value) if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _setting(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else _value(value)


def _bench(found: "Compared") -> list[list[str]]:
    rows = [["bench", "old", "new", "ratio"]]
    pairs = found.bench.items()
    rows += [
        [name, _bench_text(name, a), _bench_text(name, b), f"{b / a:.3f}" if a else "-"]
        for name, (a, b) in pairs
    ]
    return rows


def _bench_text(name: str, value: float) -> str:
    """Return a figure with its unit, which its name tells."""
    if name.endswith(".throughput"):
        return f"{value:,.0f}/s"
    if name.endswith("_bytes"):
        return size_text(int(value))
    return time_text(value) if "." in name else f"{value:.4f}"


def _bench_notes(found: "Compared") -> list[str]:
    return [f"bench: {each}" for each in found.bench_notes]


def _head(found: "Compared") -> str:
    comparison = found.comparison
    part = comparison.whole
    counts = f"{count_text(part.wins, 'win')}, {count_text(part.regressions, 'regression')}"
    return f"{comparison.task}, {count_text(part.count, 'example')}: {counts}"


def _left_out(found: "Compared") -> str | None:
    old, new, relabelled = found.comparison.left_out
    if not old + new + relabelled:
        return None
    sets = f"{old:,} only in the old set, {new:,} only in the new one"
    return f"left out: {sets}, {relabelled:,} with another label"


def _failure(each: "Failure") -> str:
    where = f" in slice {each.slice}" if each.slice is not None else ""
    return f"{each.rule}: {each.metric}{where} is {number_text(each.found, signed=True)}"


# -- for terminals --------------------------------------------------------------------------


def compared_lines(
    ctx: "Context", found: "Compared", failed: "Sequence[Failure]", most: int
) -> Iterator[str]:
    """Yield a comparison, for people."""
    names = f"{printable(found.old.name)} {printable(found.new.name)}"
    yield f"{ctx.style('heading', 'compare')} {names}: {_head(found)}"
    if left := _left_out(found):
        yield left
    parts = [_metrics(found), _slices(found), _examples(found, most), _bench(found)]
    for number, rows in enumerate(parts):
        if len(rows) > 1:
            if number:
                yield ""
            yield from table(ctx, rows)
    yield from map(printable, _bench_notes(found))
    if found.training is not None:
        yield ""
        yield from diff_lines(ctx, found.training)
    for each in failed:
        yield f"{ctx.style('warning', 'failed')} {printable(_failure(each))}"


# -- for pull requests ----------------------------------------------------------------------


def compared_markdown(
    _: "Context", found: "Compared", failed: "Sequence[Failure]", most: int
) -> Iterator[str]:
    """Yield a comparison as Markdown; names and values cannot be markup."""
    yield f"### {_marked(found.old.name)} to {_marked(found.new.name)}"
    yield ""
    yield f"{'**Failed**' if failed else 'Passed'}: {_marked(_head(found))}"
    for each in failed:
        yield f"- {_marked(_failure(each))}"
    if left := _left_out(found):
        yield ""
        yield _marked(left)
    for rows in (_metrics(found), _slices(found), _bench(found)):
        yield from _marked_table(rows)
    for note in _bench_notes(found):
        yield from ("", _marked(note))
    examples = _examples(found, most)
    if len(examples) > 1:
        yield from ("", "<details><summary>Worst regressions</summary>")
        yield from _marked_table(examples)
        yield from ("", "</details>")
    yield from _training(found)


def _training(found: "Compared") -> Iterator[str]:
    diff = found.training
    if diff is None:
        return
    rows = [["run", "old", "new"]]
    for pairs in (diff.parameters, diff.metrics, diff.code):
        rows += [[name, _setting(old), _setting(new)] for name, (old, new) in pairs.items()]
    rows += [[f"data {each.name}", "", count_text(len(each.files), "changed file")] for each in diff.data]
    yield from ("", "<details><summary>What differs in the runs that made them</summary>")
    yield from _marked_table(rows)
    yield from ("", "</details>")


def _marked_table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if len(rows) < 2:
        return
    yield ""
    for number, row in enumerate(rows):
        yield f"| {' | '.join(map(_marked, row))} |"
        if not number:
            yield f"|{'---|' * len(row)}"


def _marked(text: str) -> str:
    """Return a text as Markdown that shows it as it is."""
    return _MARKED.sub(r"\\\1", printable(" ".join(text.split())))
