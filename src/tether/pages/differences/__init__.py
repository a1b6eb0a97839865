"""What differs in a file, shown as fits its kind: the first that a pair of versions fits shows it."""

from tether.pages.differences import other, pictures, tables, text, weights
from tether.pages.differences.pair import Differ, Difference, Pair

_ORDER = (pictures, tables, text, weights, other)
DIFFERS: tuple[Differ, ...] = tuple(each.show for each in _ORDER)
"""In the order in which they are asked; the last one fits all."""


def difference_of(pair: Pair) -> Difference:
    """Return how the difference of a file is shown."""
    for differ in DIFFERS:
        found = differ(pair)
        if found is not None:
            return found
    raise AssertionError("the last one shows every difference")
