"""Who did something and when."""

from typing import NamedTuple


class Time(NamedTuple):
    """A moment with the zone in which it was written."""

    micros: int
    """Microseconds since 1970-01-01T00:00:00Z."""
    offset: int
    """Minutes east of UTC, -1439 to 1439."""


class Person(NamedTuple):
    """An author, committer or tagger."""

    name: str
    email: str
