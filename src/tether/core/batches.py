"""Sequences in parts of a bounded length."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """Yield `items` in order, `size` at a time; the last part may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
