"""Pictures that browsers show."""

from tether.pages.viewers.opened import Opened, View

SHOWN = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
}
"""Kinds that are sent as what they are. An SVG can hold scripts, so it is text here."""
_LARGEST = 64 * 1024 * 1024


def show(opened: Opened) -> View | None:
    """Show the picture itself."""
    if opened.type.kind not in SHOWN or opened.size > _LARGEST:
        return None
    return View("image.html", (opened.type.description,))
