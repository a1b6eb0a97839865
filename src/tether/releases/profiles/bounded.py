"""What is kept of ever so many things: the first of them, and how many there are."""

import hashlib
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tether.releases.profiles.document import Damage

MOST_DIFFERENT = 1 << 17
"""Keys that are told apart, of which each takes about 100 bytes; beyond, nobody counts what comes twice."""

_T = TypeVar("_T")


class Different:
    """Counts different keys, up to a bound."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self.at_least = False
        """Whether there were more than could be told apart."""

    def add(self, key: tuple[Any, ...]) -> None:
        """Take a key of names, numbers and texts, which is the same as another one if its `repr` is."""
        digest = hashlib.blake2b(repr(key).encode(errors="backslashreplace"), digest_size=16).digest()
        if digest in self._seen:
            return
        if len(self._seen) >= MOST_DIFFERENT:
            self.at_least = True
        else:
            self._seen.add(digest)

    @property
    def count(self) -> int:
        """How many there are; if `at_least`, there are more."""
        return len(self._seen)


class Least(Generic[_T]):
    """Keeps those of things that come first in an order, whatever the order is in which they are given.

    Args:
        order: What to sort by.
        most: How many are kept.

    Attributes:
        count: How many there were.
    """

    def __init__(self, order: Callable[[_T], Any], most: int) -> None:
        self._order, self._most = order, most
        self._kept: list[_T] = []
        self.count = 0

    def add(self, one: _T) -> None:
        """Take one."""
        self.count += 1
        self._kept.append(one)
        if len(self._kept) >= 2 * self._most:  # so that sorting costs little for each
            self._cut()

    def first(self) -> tuple[_T, ...]:
        """Return those that are kept, in order."""
        self._cut()
        return tuple(self._kept)

    def _cut(self) -> None:
        self._kept = sorted(self._kept, key=self._order)[: self._most]


Damages = Least[Damage]
