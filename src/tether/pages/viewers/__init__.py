"""How files are shown, by what they are: the first viewer that a file fits shows it."""

from tether.pages.viewers import binary, image, marked, played, table, text, weights
from tether.pages.viewers.opened import Opened, View, Viewer

VIEWERS: tuple[Viewer, ...] = (
    image.show,
    played.show,
    marked.show,
    table.show,
    text.show,
    weights.show,
    binary.show,
)
"""In the order in which they are asked; the last one fits all."""


def view_of(opened: Opened) -> View:
    """Return how a file is shown."""
    for viewer in VIEWERS:
        view = viewer(opened)
        if view is not None:
            return view
    raise AssertionError("the last viewer shows every file")
