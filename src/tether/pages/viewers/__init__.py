"""How files are shown, by what they are: the first viewer that a file fits shows it."""

from tether.pages.viewers import (
    archive,
    binary,
    image,
    marked,
    notebook,
    pdf,
    played,
    table,
    text,
    tree,
    weights,
)
from tether.pages.viewers.opened import Opened, View, Viewer

_ORDER = (image, played, marked, table, notebook, tree, text, pdf, weights, archive, binary)
VIEWERS: tuple[Viewer, ...] = tuple(each.show for each in _ORDER)
"""In the order in which they are asked; the last one fits all."""


def view_of(opened: Opened) -> View:
    """Return how a file is shown."""
    for viewer in VIEWERS:
        view = viewer(opened)
        if view is not None:
            return view
    raise AssertionError("the last viewer shows every file")
