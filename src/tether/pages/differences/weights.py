"""Differences of model files, tensor by tensor: which changed and how far, the most first."""

from tether.errors import TetherError
from tether.model.compare import Opened, TensorChange, compare
from tether.model.reading import read_facts, reader_of
from tether.model.source import CachedSource, FileSource
from tether.model.values import reading_cost
from tether.pages.differences.pair import Difference, Pair, Side
from tether.pages.lasting import passing

LIMIT = 512 * 1024 * 1024
"""Bytes of two versions together, as they lie there and unpacked, that are read on a page of its own."""
_LIMIT_AMONG_MANY = 16 * 1024 * 1024
_MOST = 300
_PLAIN = frozenset({"text", "json", "empty"})


def show(pair: Pair) -> Difference | None:
    """Compare the tensors; where that would take too long, only their names and shapes."""
    if pair.old is None or pair.new is None or any(side.type.kind in _PLAIN for side in pair.sides):
        return None
    try:
        old, new = _opened(pair.old), _opened(pair.new)
        if old is None or new is None:
            return None
        limit = LIMIT if pair.alone else _LIMIT_AMONG_MANY
        stored = pair.old.entry.size + pair.new.entry.size
        if max(stored, reading_cost(old.facts.tensors) + reading_cost(new.facts.tensors)) > limit:
            return Difference("large.html")
        found = compare(old, new)
    except TetherError as error:
        if error.of_storage:  # no matter of the file, nor of who looks at it
            raise
        passing()
        return Difference("other.html", (), {"failure": error})
    changed = sorted(
        found.changed, key=lambda each: -(each.distance.relative_l2 or 0) if each.distance else 0
    )
    words = [("quiet", f"{len(found.changed):,} of {len(new.facts.tensors):,} tensors changed")]
    if found.added or found.removed:
        words = [("good", f"+{len(found.added)}"), ("bad", f"-{len(found.removed)}"), *words]
    largest = max(map(_how_far, changed), default=0) or 1
    context = {"found": found, "changed": changed[:_MOST], "more": len(changed) - _MOST, "largest": largest}
    return Difference("weights.html", tuple(words), {**context, "most": _MOST})


def _how_far(change: TensorChange) -> float:
    return (change.distance.relative_l2 or 0.0) if change.distance is not None else 0.0


def _opened(side: Side) -> Opened | None:
    source = CachedSource(FileSource(side.open()))
    name = side.entry.name.decode("utf-8", "replace")
    if reader_of(source, name.lower()) is None:
        return None
    return Opened(source, read_facts(source, name), title=name)
