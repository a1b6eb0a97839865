"""JSON as a tree that folds; `?plain=1` shows its text."""

import json
from dataclasses import dataclass
from typing import Any

from tether.pages.viewers.opened import Opened, View

LONGEST = 1 << 20
"""Bytes of a document that is shown as a tree."""
MOST = 4000
"""Values in the tree; those behind are counted."""
_DEEPEST = 40
_OPEN = 2
_MOST_OPEN = 50
_LONGEST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Node:
    """One value.

    Attributes:
        name: Its key or its place in a list; None for the whole.
        kind: `object`, `list`, `text`, `number`, `truth` or `null`.
        text: Of a plain value; for others how much is in it.
        below: What is in it, as far as it is shown.
        hidden: How many values of it are left out.
        is_open: It is unfolded at first.
    """

    name: str | None
    kind: str
    text: str
    below: list["Node"]
    hidden: int
    is_open: bool


def show(opened: Opened) -> View | None:
    """Show the tree; what is no JSON, or too long, is shown as text."""
    is_json = opened.type.kind == "json" or opened.place.name.lower().endswith((b".json", b".geojson"))
    if not is_json or opened.size > LONGEST or opened.request.query_params.get("plain") == "1":
        return None
    try:
        value = json.loads(opened.read(LONGEST))
    except (ValueError, RecursionError):  # no JSON, or nested so deep that nobody unfolds it
        return None
    return View("tree.html", (), {"root": _Builder().node(None, value, 0)})


class _Builder:
    """Makes nodes until there are enough."""

    def __init__(self) -> None:
        self._left = MOST

    def node(self, name: str | None, value: Any, depth: int) -> Node:
        self._left -= 1
        if isinstance(value, dict):
            return self._branch(name, "object", list(value.items()), depth)
        if isinstance(value, list):
            return self._branch(name, "list", [(str(at), each) for at, each in enumerate(value)], depth)
        kind, text = _plain(value)
        return Node(
            name, kind, text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "...", [], 0, False
        )

    def _branch(self, name: str | None, kind: str, items: list[tuple[str, Any]], depth: int) -> Node:
        below: list[Node] = []
        for key, each in items:
            if self._left <= 0 or depth >= _DEEPEST:
                break
            below.append(self.node(key, each, depth + 1))
        word = "entry" if kind == "object" else "value"
        several = "entries" if kind == "object" else "values"
        text = f"{len(items):,} {word if len(items) == 1 else several}"
        is_open = depth < _OPEN and len(items) <= _MOST_OPEN
        return Node(name, kind, text, below, len(items) - len(below), is_open)


def _plain(value: object) -> tuple[str, str]:
    if value is None:
        return "null", "null"
    if isinstance(value, bool):
        return "truth", "true" if value else "false"
    if isinstance(value, str):
        return "text", json.dumps(value, ensure_ascii=False)
    return "number", str(value)
