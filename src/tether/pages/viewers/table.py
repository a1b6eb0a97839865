"""Tables by pages of rows; `?plain=1` shows the text of those that have one."""

from typing import Any

from tether.core.phrases import count_text, size_text
from tether.errors import InvalidInput
from tether.pages.lasting import passing
from tether.pages.tables.asked import OPERATORS, read_asked
from tether.pages.tables.engine import LONGEST, Column, read_page
from tether.pages.viewers.opened import Opened, View

_FORMS = {b".csv": "csv", b".tsv": "tsv", b".tab": "tsv", b".jsonl": "jsonl", b".ndjson": "jsonl"}
_SHORT = 120


def show(opened: Opened) -> View | None:
    """Show a page of the table; one that cannot be read says why."""
    form = form_of(opened.type.kind, opened.place.name)
    if form is None or opened.request.query_params.get("plain") == "1":
        return None
    asked = read_asked(opened.request.query_params)
    context: dict[str, Any] = {"asked": asked, "operators": OPERATORS, "text": form != "parquet"}
    entry = opened.place.entry
    try:
        page = read_page(opened.shown.repository.contents, (entry.digest, entry.size), form, asked)
    except InvalidInput as error:
        passing()
        return View("table.html", (opened.type.description,), {**context, "failure": error, "page": None})
    rows = [list(map(cell, page.columns, row)) for row in page.rows]
    words = [count_text(len(page.columns) + page.hidden, "column")]
    if page.total is not None:
        words.insert(0, count_text(page.total, "row"))
    return View(
        "table.html", tuple(words), {**context, "failure": None, "page": page, "rows": rows}, wide=True
    )


def form_of(kind: str, name: bytes) -> str | None:
    """Return the form of a table that the engine knows; None for what is no table.

    Args:
        kind: What its first bytes say that it is.
        name: Of the file.
    """
    if kind == "parquet":
        return "parquet"
    low = name.lower()
    return _FORMS.get(low[low.rfind(b".") :]) if kind in ("text", "json") and b"." in low else None


def cell(column: Column, value: Any) -> tuple[str, str, str]:
    """Return what stands in a cell, the whole value where that is longer, and the class of the cell."""
    if value is None:
        return "null", "", "null"
    if column.holds_bytes:
        return f"{size_text(value)} of bytes", "", "quiet"
    if isinstance(value, float):
        return f"{value:.6g}", repr(value), "num"
    if column.is_number:
        return str(value), "", "num"
    text = str(value)
    whole = text if len(text) <= LONGEST else text[:LONGEST] + "..."
    return (text, "", "") if len(text) <= _SHORT else (text[:_SHORT] + "...", whole, "")
