"""Differences of pictures: side by side, one over the other with a slider, and what differs by itself."""

from tether.pages.differences.pair import Difference, Pair
from tether.pages.viewers.image import SHOWN


def show(pair: Pair) -> Difference | None:
    """Show both."""
    if not pair.both(frozenset(SHOWN)):
        return None
    both = pair.old is not None and pair.new is not None
    return Difference("pictures.html", (), {"both": both, "large": pair.alone})
