"""Markdown as people read it; `?plain=1` shows its text."""

from tether.pages import markdown
from tether.pages.viewers.opened import Opened, View

_ENDINGS = (b".md", b".markdown")


def show(opened: Opened) -> View | None:
    """Show the text with its headings, links and pictures."""
    is_marked = opened.place.name.lower().endswith(_ENDINGS) and opened.type.kind in ("text", "empty")
    if not is_marked or opened.size > markdown.LONGEST or opened.request.query_params.get("plain") == "1":
        return None
    text = opened.read(markdown.LONGEST).decode("utf-8", "replace")
    folder = opened.place.path.rpartition(b"/")[0]
    html = markdown.render(text, opened.shown.base, opened.place.rev, folder)
    return View("marked.html", (), {"html": html})
