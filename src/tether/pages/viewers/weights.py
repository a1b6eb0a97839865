"""Model files as tables of their tensors; only headers are read, and nothing is run."""

from dataclasses import dataclass
from io import BufferedReader

from tether.errors import TetherError, Unsupported
from tether.model.facts import ModelFacts, Tensor
from tether.model.reading import read_facts, reader_of
from tether.model.source import CachedSource, FileSource
from tether.pages.lasting import passing
from tether.pages.viewers.opened import Opened, View

PAGE = 500
"""Tensors on one page."""
_MOST_METADATA = 40
_LONGEST_VALUE = 300
_GLOBALS = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A tensor, with its share of the parameters of the largest: the bar is `width` of 100 wide."""

    tensor: Tensor
    bytes: int | None
    width: float


def show(opened: Opened) -> View | None:
    """Show what the file holds; a damaged one says why there is no table."""
    file = opened.shown.repository.contents.open(opened.place.entry.digest)
    source = CachedSource(FileSource(BufferedReader(file)))
    name = opened.place.name.decode("utf-8", "replace")
    try:
        if opened.type.kind in ("text", "json", "empty") or reader_of(source, name.lower()) is None:
            return None
        facts = read_facts(source, name)
    except Unsupported:  # its name could be that of weights, its bytes are not
        return None
    except TetherError as error:
        if error.of_storage:  # no matter of the file, nor of who looks at it
            raise
        passing()
        return View("weights.html", (opened.type.description,), {"failure": error})
    return _view(opened, facts)


def _view(opened: Opened, facts: ModelFacts) -> View:
    words = opened.request.query_params.get("find", "").strip().lower()
    chosen = [tensor for tensor in facts.tensors if words in tensor.name.lower()]
    first = _number(opened.request.query_params.get("first", ""))
    shown = chosen[first : first + PAGE]
    largest = max((tensor.parameters for tensor in facts.tensors), default=0) or 1
    rows = [
        Row(tensor, tensor.place and tensor.place.length, 100 * tensor.parameters / largest)
        for tensor in shown
    ]
    context = {
        "failure": None,
        "facts": facts,
        "rows": rows,
        "find": words,
        "found": len(chosen),
        "newer": max(first - PAGE, 0) if first else None,
        "older": first + PAGE if first + PAGE < len(chosen) else None,
        "metadata": [(key, _short(value)) for key, value in list(facts.metadata.items())[:_MOST_METADATA]],
        "dangerous": [each for each in facts.globals if each.risk == "dangerous"][:_GLOBALS],
        "unknown": [each for each in facts.globals if each.risk == "unknown"][:_GLOBALS],
    }
    told = (
        f"{facts.format} {facts.version}" if facts.version else facts.format,
        f"{len(facts.tensors):,} tensors",
    )
    return View("weights.html", (*told, f"{facts.parameters:,} parameters"), context)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "..."


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
