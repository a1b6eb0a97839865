"""Notebooks of Jupyter as they are read: text, code, what it printed and drew. Nothing of them runs.

Pictures lie in the notebook as Base64. A page names them by cell and output, and they are sent alone: so a
page stays small, and what is no picture by its own bytes is never sent as one.
"""

import json
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from markupsafe import Markup

from tether.core.filetype import HEAD_SIZE, sniff
from tether.errors import NotFound
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
        places = _places(document)
        cells = [
            _cell(each, opened, [output for cell, output in places if cell == number], number)
            for number, each in enumerate(document["cells"][:MOST_CELLS])
        ]
        hidden = len(document["cells"]) - len(cells)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None
    return View("notebook.html", (f"{len(cells) + hidden:,} cells",), {"cells": cells, "hidden": hidden})


def picture(data: bytes, number: str) -> tuple[bytes, str]:
    """Return a picture of a notebook and its media type.

    Args:
        data: The notebook.
        number: `CELL.OUTPUT`, each counted from 0.

    Raises:
        NotFound: There is none, or what is there is no picture by its own bytes.
    """
    try:
        document = json.loads(data)
        place = next(each for each in _places(document) if f"{each[0]}.{each[1]}" == number)
        held = document["cells"][place[0]]["outputs"][place[1]]["data"]
        found = b64decode(_joined(next(held[kind] for kind in _DRAWN if kind in held)))
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, StopIteration, Base64Error):
        raise NotFound("no such picture in the notebook") from None
    media = SHOWN.get(sniff(found[:HEAD_SIZE], b"").kind)
    if media not in _DRAWN:
        raise NotFound("no such picture in the notebook")
    return found, media


def _places(document: Any) -> list[tuple[int, int]]:
    """Return the cells and outputs of a notebook that are pictures which browsers draw."""
    return list(islice(_drawn(document["cells"][:MOST_CELLS]), _MOST_PICTURES))


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
