"""Notebooks of Jupyter as they are read: text, code, and what it printed. Nothing of them runs."""

import json
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tether.pages import markdown
from tether.pages.viewers.opened import Opened, View
from tether.pages.viewers.text import coloured

LONGEST = 8 << 20
MOST_CELLS = 300
_LONGEST_OUTPUT = 20_000
_LONGEST_CODE = 100_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: HTML of its text, or lines of code with what they printed and how many pictures they drew."""

    html: Markup | None
    lines: list[Markup]
    output: str
    pictures: int


def show(opened: Opened) -> View | None:
    """Show the cells; what is no notebook is shown as text."""
    is_notebook = opened.place.name.lower().endswith(b".ipynb") and opened.size <= LONGEST
    if not is_notebook or opened.request.query_params.get("plain") == "1":
        return None
    try:
        document = json.loads(opened.read(LONGEST))
        cells = [_cell(each, opened) for each in document["cells"][:MOST_CELLS]]
        hidden = len(document["cells"]) - len(cells)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    return View("notebook.html", (f"{len(cells) + hidden:,} cells",), {"cells": cells, "hidden": hidden})


def _cell(cell: Any, opened: Opened) -> Cell:
    source = _joined(cell["source"])
    if cell["cell_type"] != "code":
        folder = opened.place.path.rpartition(b"/")[0]
        return Cell(markdown.render(source, opened.shown.base, opened.place.rev, folder), [], "", 0)
    outputs = cell.get("outputs", [])
    texts = [_text(each) for each in outputs]
    pictures = sum(any(kind.startswith("image/") for kind in each.get("data", {})) for each in outputs)
    return Cell(
        None,
        coloured(source[:_LONGEST_CODE], b"x.py"),
        "\n".join(filter(None, texts))[:_LONGEST_OUTPUT],
        pictures,
    )


def _text(output: Any) -> str:
    if output.get("output_type") == "error":
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    return _joined(output.get("text") or output.get("data", {}).get("text/plain", ""))


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)
