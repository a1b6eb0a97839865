"""Notebooks of Jupyter as they are read: text, code, what it printed and drew. Nothing of them runs.

Pictures lie in the notebook as Base64. A page names them by cell and output, and they are sent alone: so a
page stays small, and what is no picture by its own bytes is never sent as one.
"""

import json
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from markupsafe import Markup

from tether.core.filetype import HEAD_SIZE, sniff
from tether.pages import markdown
from tether.pages.viewers.image import SHOWN
from tether.pages.viewers.opened import Opened, View
from tether.pages.viewers.text import coloured

LONGEST = 8 << 20
MOST_CELLS = 300
_LONGEST_OUTPUT = 20_000
_LONGEST_CODE = 100_000
_MOST_PICTURES = 100
_DRAWN = ("image/png", "image/jpeg", "image/gif", "image/webp")
_ODD = (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError)
"""What a document of another form than a notebook raises, and Base64 that is none."""


class Picture(NamedTuple):
    """A picture of a notebook, and its media type."""

    data: bytes
    media: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: HTML of its text, or lines of code with what they printed and drew.

    Attributes:
        drawn: Addresses of pictures.
        hidden: How many more it drew, which are of other kinds or too many.
    """

    html: Markup | None
    lines: list[Markup]
    output: str
    drawn: list[str]
    hidden: int


def show(opened: Opened) -> View | None:
    """Show the cells; what is no notebook is shown as text."""
    is_notebook = opened.place.name.lower().endswith(b".ipynb") and opened.size <= LONGEST
    if not is_notebook or opened.request.query_params.get("plain") == "1":
        return None
    try:
        document = json.loads(opened.read(LONGEST))
        places = list(islice(_drawn(document["cells"][:MOST_CELLS]), _MOST_PICTURES))
        cells = [
            _cell(each, opened, [output for cell, output in places if cell == number], number)
            for number, each in enumerate(document["cells"][:MOST_CELLS])
        ]
        hidden = len(document["cells"]) - len(cells)
    except _ODD:
        return None
    return View("notebook.html", (f"{len(cells) + hidden:,} cells",), {"cells": cells, "hidden": hidden})


def pictures(data: bytes) -> dict[str, Picture]:
    """Return the pictures of a notebook by `CELL.OUTPUT`, each counted from 0.

    What is no picture by its own bytes is left out, and of what is no notebook there are none.
    """
    found = dict[str, Picture]()
    try:
        cells = json.loads(data)["cells"]
        places = list(islice(_drawn(cells[:MOST_CELLS]), _MOST_PICTURES))
    except _ODD:
        return {}
    for cell, output in places:
        with suppress(*_ODD):
            held = cells[cell]["outputs"][output]["data"]
            drawn = b64decode(_joined(next(held[kind] for kind in _DRAWN if kind in held)))
            media = SHOWN.get(sniff(drawn[:HEAD_SIZE], b"").kind)
            if media in _DRAWN:
                found[f"{cell}.{output}"] = Picture(drawn, media)
    return found


def _drawn(cells: Any) -> Iterator[tuple[int, int]]:
    for number, cell in enumerate(cells):
        for at, output in enumerate(cell.get("outputs", [])):
            if any(kind in output.get("data", {}) for kind in _DRAWN):
                yield number, at


def _cell(cell: Any, opened: Opened, drawn: list[int], number: int) -> Cell:
    source = _joined(cell["source"])
    if cell["cell_type"] != "code":
        folder = opened.place.path.rpartition(b"/")[0]
        return Cell(markdown.render(source, opened.shown.base, opened.place.rev, folder), [], "", [], 0)
    outputs = cell.get("outputs", [])
    texts = [_text(each) for each in outputs]
    pictures = sum(any(kind.startswith("image/") for kind in each.get("data", {})) for each in outputs)
    return Cell(
        None,
        coloured(source[:_LONGEST_CODE], b"x.py"),
        "\n".join(filter(None, texts))[:_LONGEST_OUTPUT],
        [f"{opened.raw}?picture={number}.{at}" for at in drawn],
        pictures - len(drawn),
    )


def _text(output: Any) -> str:
    if output.get("output_type") == "error":
        return f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    return _joined(output.get("text") or output.get("data", {}).get("text/plain", ""))


def _joined(text: Any) -> str:
    return "".join(map(str, text)) if isinstance(text, list) else str(text)
