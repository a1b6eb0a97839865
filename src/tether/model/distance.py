"""How far the numbers of two tensors are from each other, added up block by block."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from tether.model.dtypes import LAYOUTS, NUMBERS
from tether.model.facts import Tensor
from tether.model.source import Source
from tether.model.values import Siblings, as_numbers, blocks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PIECE = 1 << 18
"""Elements that are compared at once."""

_COMPLEX = frozenset(["C64", "C128"])


class Distance(NamedTuple):
    """How far new numbers are from old ones; None where it is not a number, as relative to zero."""

    relative_l2: float | None
    """Length of the difference over the length of the old numbers."""
    max_abs: float | None
    """The largest difference of two numbers."""
    changed_share: float
    """Which part of the numbers differs."""
    cosine: float | None
    """Cosine of the angle between old and new; 1 is the same direction."""
    not_finite: int
    """Pairs with an infinity or something that is no number, which count in `changed_share` alone."""


@dataclass(slots=True)
class Sums:
    """What is added up; sums of parts can be added to those of a whole."""

    elements: int = 0
    changed: int = 0
    not_finite: int = 0
    old: float = 0.0
    new: float = 0.0
    both: float = 0.0
    difference: float = 0.0
    largest: float = 0.0

    def add(self, other: "Sums") -> None:
        """Add the sums of a part."""
        self.elements += other.elements
        self.changed += other.changed
        self.not_finite += other.not_finite
        self.old += other.old
        self.new += other.new
        self.both += other.both
        self.difference += other.difference
        self.largest = max(self.largest, other.largest)

    def distance(self) -> Distance:
        """Return what the sums say."""
        lengths = sqrt(self.old) * sqrt(self.new)
        return Distance(
            _finite(sqrt(self.difference) / sqrt(self.old)) if self.old else None,
            _finite(self.largest),
            self.changed / self.elements if self.elements else 0.0,
            _finite(max(-1.0, min(1.0, self.both / lengths))) if lengths and isfinite(self.both) else None,
            self.not_finite,
        )


class Side(NamedTuple):
    """A tensor with the file that it is in."""

    source: Source
    tensor: Tensor
    beside: Siblings


def comparable(old: Tensor, new: Tensor) -> bool:
    """Return whether two tensors have numbers that can be compared one by one."""
    both = {old.dtype, new.dtype}
    return old.shape == new.shape and both <= NUMBERS and (both <= _COMPLEX or not both & _COMPLEX)


def measure(old: Side, new: Side) -> Sums:
    """Return the sums over two comparable tensors, in bounded memory.

    Raises:
        Unsupported: The bytes of one are not to be had.
        InvalidInput: A file is damaged.
    """
    sums = Sums()
    kinds = old.tensor.dtype, new.tensor.dtype
    for before, after in zip(_pieces(old), _pieces(new), strict=True):
        sums.add(_compared(before, after, *kinds))
    return sums


def _pieces(side: Side) -> Iterator[bytes]:
    length = _PIECE * LAYOUTS[side.tensor.dtype].bytes
    for block in blocks(*side):
        for at in range(0, len(block), length):
            yield block[at : at + length]


def _compared(old: bytes, new: bytes, old_type: str, new_type: str) -> Sums:
    import numpy as np

    count = len(old) // LAYOUTS[old_type].bytes
    before = as_numbers(old, old_type)
    after = before if (old, old_type) == (new, new_type) else as_numbers(new, new_type)
    with np.errstate(over="ignore", invalid="ignore"):
        sums = _sums(before, after)
    sums.elements = count
    if after is not before:
        same_type = old_type == new_type
        differ = _bits(old, old_type) != _bits(new, new_type) if same_type else _unequal(before, after)
        rows = differ.reshape(count, -1).any(axis=1) if count else differ
        sums.changed = int(np.count_nonzero(rows))
    return sums


def _sums(before: "NDArray[np.float64]", after: "NDArray[np.float64]") -> Sums:
    import numpy as np

    finite = np.isfinite(before) & np.isfinite(after)
    without = int(finite.size - np.count_nonzero(finite))
    if without:
        before, after = before[finite], after[finite]
    difference = after - before
    return Sums(
        not_finite=without,
        old=float(before @ before),
        new=float(after @ after),
        both=float(before @ after),
        difference=float(difference @ difference),
        largest=float(np.max(np.abs(difference), initial=0.0)),
    )


def _bits(block: bytes, dtype: str) -> "NDArray[Any]":
    """Return the bits of each number, which tell a zero from a negative zero."""
    import numpy as np

    return np.frombuffer(block, f"<u{min(LAYOUTS[dtype].bytes, 8)}")


def _unequal(before: "NDArray[np.float64]", after: "NDArray[np.float64]") -> "NDArray[Any]":
    import numpy as np

    neither = np.isnan(before) & np.isnan(after)
    return np.not_equal(before, after) & ~neither


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
