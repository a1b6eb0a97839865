"""What a reader asks of a table: a page of it, sorted and filtered."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

PAGE = 100
"""Rows on one page."""
OPERATORS = {
    "eq": "=",
    "ne": "is not",
    "lt": "<",
    "le": "at most",
    "gt": ">",
    "ge": "at least",
    "has": "contains",
}
_DEEPEST = 10**15
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """A page of a table.

    Attributes:
        first: The number of its first row among those that fit, from 0.
        sort: The column by which rows are sorted; None: as they lie in the file.
        falling: The largest first.
        column: Whose value must fit; None: all rows.
        operator: How, a key of `OPERATORS`.
        value: What it must fit.
    """

    first: int = 0
    sort: str | None = None
    falling: bool = False
    column: str | None = None
    operator: str = "has"
    value: str = ""

    @property
    def is_plain(self) -> bool:
        """Rows come as they lie in the file, so that their numbers name them."""
        return self.sort is None and self.column is None

    def address(self, **changed: object) -> str:
        """Return the query of this page with something changed."""
        told = {
            "first": self.first or None,
            "sort": self.sort,
            "falling": "1" if self.falling else None,
            "column": self.column,
            "operator": self.operator if self.column is not None else None,
            "value": self.value if self.column is not None else None,
            **changed,
        }
        return "?" + urlencode({name: value for name, value in told.items() if value is not None})


def read_asked(query: Mapping[str, str]) -> Asked:
    """Return what the query of an address asks; whatever is none of it is left out.

    `row` is the number of a row that shall be on the page.
    """
    first = _number(query.get("first", ""))
    if "row" in query:
        first = _number(query["row"]) // PAGE * PAGE
    operator, value = query.get("operator", "has"), query.get("value", "")[:_LONGEST]
    column = query.get("column") if operator in OPERATORS and value else None
    sort = query.get("sort") or None
    return Asked(first, sort, query.get("falling") == "1", column, operator if column else "has", value)


def _number(text: str) -> int:
    return min(int(text), _DEEPEST) if text.isascii() and text.isdigit() and len(text) < 17 else 0
