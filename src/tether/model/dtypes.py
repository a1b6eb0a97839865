"""Types of numbers in tensors: one name for each, whatever the format calls it, and what they take.

The names are those of safetensors; types of blocks have those of GGUF. docs/format/tensor-digest.md
lists them all, since they are part of the tensor digest.
"""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

LARGEST = 1 << 63
"""No tensor has as many elements, and no file as many bytes."""

MOST_DIMENSIONS = 64


class Block(NamedTuple):
    """How a type is laid out: so many elements take so many bytes."""

    elements: int
    bytes: int


_BITS = {
    8: "BOOL U8 I8 F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ F8_E8M0",
    16: "U16 I16 F16 BF16",
    32: "U32 I32 F32",
    64: "U64 I64 F64 C64",
    128: "C128",
}
_HALVES = "U4 I4 F4"
"""Two elements in a byte, the first in the low half."""

_QUANTISED = {
    "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34),
    "Q8_1": (32, 36), "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176),
    "Q6_K": (256, 210), "Q8_K": (256, 292), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74),
    "IQ3_XXS": (256, 98), "IQ1_S": (256, 50), "IQ4_NL": (32, 18), "IQ3_S": (256, 110),
    "IQ2_S": (256, 82), "IQ4_XS": (256, 136), "IQ1_M": (256, 56), "TQ1_0": (256, 54),
    "TQ2_0": (256, 66), "MXFP4": (32, 17),
}  # fmt: skip

LAYOUTS: dict[str, Block] = {
    **{name: Block(1, bits // 8) for bits, names in _BITS.items() for name in names.split()},
    **{name: Block(2, 1) for name in _HALVES.split()},
    **{name: Block(*sizes) for name, sizes in _QUANTISED.items()},
}
"""Every type that is read."""

NUMBERS = frozenset(name for names in _BITS.values() for name in names.split())
"""The types whose elements are numbers of whole bytes, which can be compared by value."""


def elements(shape: Sequence[int]) -> int | None:
    """Return how many elements a shape has; None where no tensor has such a shape."""
    if len(shape) > MOST_DIMENSIONS or not all(0 <= size < LARGEST for size in shape):
        return None
    total = prod(shape)
    return total if total < LARGEST else None


def byte_length(dtype: str, shape: Sequence[int]) -> int | None:
    """Return how many bytes a contiguous tensor takes.

    None where the type is not known, no tensor has such a shape, or rows are not whole blocks.
    """
    layout, count = LAYOUTS.get(dtype), elements(shape)
    if layout is None or count is None:
        return None
    if layout.elements > 2 and (not shape or shape[-1] % layout.elements):
        return None
    length = -(-count // layout.elements) * layout.bytes
    return length if length < LARGEST else None
