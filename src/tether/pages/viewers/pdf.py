"""PDF documents: the browser's own viewer opens them, which runs nothing of them on our pages."""

from tether.pages.viewers.opened import Opened, View

MEDIA_TYPE = "application/pdf"


def show(opened: Opened) -> View | None:
    """Show the way to the document."""
    return View("pdf.html", (opened.type.description,)) if opened.type.kind == "pdf" else None
