"""The numbers of a tensor, block by block: as little-endian bytes row by row, and as arrays.

Memory is bounded: a block is a few MiB. Only tensors that do not lie row by row are read whole, up to a
limit.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from tether.errors import InvalidInput, Unsupported
from tether.model.dtypes import LAYOUTS, NUMBERS, byte_length
from tether.model.facts import Place, Tensor
from tether.model.formats.protobuf import varint
from tether.model.source import Cursor, Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 4 << 20
"""Bytes of a block; a multiple of the size of every number."""

LARGEST_STRIDED = 1 << 30
"""A tensor that does not lie row by row and takes more bytes is not read."""

Siblings: TypeAlias = Callable[[str], Source | None]
"""Gives the file of a name beside the model, or None where there is none."""

_PLAIN = {
    "BOOL": "u1", "U8": "u1", "I8": "i1", "U16": "u2", "I16": "i2", "F16": "f2", "U32": "u4", "I32": "i4",
    "F32": "f4", "U64": "u8", "I64": "i8", "F64": "f8", "C64": "c8", "C128": "c16",
}  # fmt: skip
_BITS = {1: "u1", 2: "u2", 4: "u4", 8: "u8", 16: "c16"}
_SMALL_FLOATS = {
    "F8_E4M3": (3, 7, "last"), "F8_E5M2": (2, 15, "ieee"),
    "F8_E4M3FNUZ": (3, 8, "zero"), "F8_E5M2FNUZ": (2, 16, "zero"),
}  # fmt: skip
"""Bits of the fraction, bias, and where the values are that are no numbers."""


def none_beside(_name: str) -> Source | None:
    """Return None: there are no files beside."""
    return None


def reading_cost(tensors: Iterable[Tensor]) -> int:
    """Return how many bytes are read or unpacked to have the values of tensors, as their header has it.

    It can be far more than they have: tensors may share a packed storage, of which each unpacks what lies
    before it, and strides let few values span much. Headers come from whoever wrote the file, so what reads
    for others bounds this and not the sizes of tensors.
    """
    return sum(map(_cost, tensors))


def _cost(tensor: Tensor) -> int:
    place, length = tensor.place, byte_length(tensor.dtype, tensor.shape)
    if place is None or not length:
        return 0
    span = _span(tensor, tensor.strides) if tensor.strides is not None else 0
    packed = 0 if place.packing == "raw" else place.length
    return max(max(length, span) + place.skip, packed)


def _span(tensor: Tensor, strides: tuple[int, ...]) -> int:
    """Return the bytes from the first value to the end of the last, of a tensor that has some."""
    last = sum((size - 1) * step for size, step in zip(tensor.shape, strides, strict=True))
    return (last + 1) * LAYOUTS[tensor.dtype].bytes


def blocks(source: Source, tensor: Tensor, beside: Siblings = none_beside) -> Iterator[bytes]:
    """Yield the bytes of a tensor, row by row and with the low byte first, whole numbers in each block.

    Args:
        source: The model file.
        tensor: One of its tensors.
        beside: Gives the files beside it.

    Raises:
        Unsupported: The bytes are not there, or the type is not known.
        InvalidInput: The file is damaged.
    """
    length = byte_length(tensor.dtype, tensor.shape)
    if tensor.place is None or length is None:
        raise Unsupported(f"the values of {tensor.name[:100]!r} cannot be read")
    if tensor.place.file is not None:
        found = beside(tensor.place.file)
        if found is None or tensor.place.offset + length > found.size:
            raise Unsupported(f"the values of {tensor.name[:100]!r} are not in {tensor.place.file!r}")
        source = found
    if tensor.strides is not None:
        yield from _strided(source, tensor, tensor.strides)
        return
    width = LAYOUTS[tensor.dtype].bytes
    done = 0
    for block in _unpacked(source, tensor.place, length, width):
        done += len(block)
        yield _swapped(block, tensor)
    if done != length:
        raise InvalidInput(f"the values of {tensor.name[:100]!r} are not as many as its shape says")


def _unpacked(source: Source, place: Place, length: int, width: int) -> Iterator[bytes]:
    if place.packing == "raw":
        for at in range(0, length, BLOCK):
            yield source.read(place.offset + at, min(BLOCK, length - at))
    elif place.packing == "deflate":
        yield from _aligned(_inflated(source, place, length))
    else:
        yield from _aligned(_from_varints(source, place, width))


def _aligned(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in blocks of one size."""
    kept = bytearray()
    for part in parts:
        kept += part
        while len(kept) >= BLOCK:
            yield bytes(kept[:BLOCK])
            del kept[:BLOCK]
    if kept:
        yield bytes(kept)


def _inflated(source: Source, place: Place, length: int) -> Iterator[bytes]:
    unpacker, skip, left = zlib.decompressobj(-15), place.skip, length
    at, stop = place.offset, place.offset + place.length
    waiting = b""
    try:
        while left and not unpacker.eof:
            if not waiting and at < stop:
                waiting = source.read(at, min(BLOCK, stop - at))
                at += len(waiting)
            given, data = waiting, unpacker.decompress(waiting, min(BLOCK, skip + left))
            if not given and not data:  # all was given, and nothing is held back any more
                return
            waiting = unpacker.unconsumed_tail
            leave = min(skip, len(data))
            skip -= leave
            part = data[leave : leave + left]
            left -= len(part)
            yield part
    except zlib.error:
        raise InvalidInput("the values of a tensor cannot be unpacked") from None


def _from_varints(source: Source, place: Place, width: int) -> Iterator[bytes]:
    cursor = Cursor(source, "ONNX", place.offset, place.offset + place.length)
    mask = (1 << 8 * width) - 1
    while cursor.left:
        numbers: list[bytes] = []
        while cursor.left and len(numbers) < 4096:
            numbers.append((varint(cursor) & mask).to_bytes(width, "little"))
        yield b"".join(numbers)


def _swapped(block: bytes, tensor: Tensor) -> bytes:
    """Return a block with the low byte of each number first."""
    width = LAYOUTS[tensor.dtype].bytes
    if tensor.dtype in ("C64", "C128"):
        width //= 2
    if not tensor.big or width == 1 or tensor.dtype not in NUMBERS:
        return block
    import numpy as np

    return np.frombuffer(block, f"u{width}").byteswap().tobytes()


def _strided(source: Source, tensor: Tensor, strides: tuple[int, ...]) -> Iterator[bytes]:
    import numpy as np

    assert tensor.place is not None
    width = LAYOUTS[tensor.dtype].bytes
    span = _span(tensor, strides)
    length = byte_length(tensor.dtype, tensor.shape) or 0
    if tensor.dtype not in NUMBERS or max(span, length) > LARGEST_STRIDED:
        raise Unsupported(f"{tensor.name[:100]!r} does not lie row by row and is too large to be turned")
    if not length:
        return
    data = b"".join(_unpacked(source, tensor.place, span, width))
    if len(data) != span:
        raise InvalidInput(f"the values of {tensor.name[:100]!r} are not as many as its shape says")
    kind = _BITS[width] if width < 16 else "c16"
    steps = tuple(step * width for step in strides)
    view = np.lib.stride_tricks.as_strided(np.frombuffer(data, kind), tensor.shape, steps, writeable=False)
    turned = np.ascontiguousarray(view).tobytes()
    for at in range(0, len(turned), BLOCK):
        yield _swapped(turned[at : at + BLOCK], tensor)


# -- numbers ----------------------------------------------------------------------------------


def as_numbers(block: bytes, dtype: str) -> "NDArray[np.float64]":
    """Return the numbers in a block as float64, complex ones as pairs.

    Raises:
        Unsupported: The type has no numbers of whole bytes.
    """
    import numpy as np

    if dtype == "BF16":
        wide: NDArray[Any] = np.frombuffer(block, "<u2").astype("<u4") << np.uint32(16)
        return wide.view("<f4").astype(np.float64)
    if dtype in _SMALL_FLOATS or dtype == "F8_E8M0":
        return _table(dtype)[np.frombuffer(block, np.uint8)]
    if dtype not in _PLAIN:
        raise Unsupported(f"{dtype} has no numbers that can be compared")
    found = np.frombuffer(block, f"<{_PLAIN[dtype]}")
    if dtype in ("C64", "C128"):
        found = found.view("<f4" if dtype == "C64" else "<f8")
    return found.astype(np.float64)


def _table(dtype: str) -> "NDArray[np.float64]":
    """Return the value of each byte of a type of 8 bits."""
    import numpy as np

    codes = np.arange(256)
    if dtype == "F8_E8M0":
        return np.where(codes == 255, np.nan, np.exp2(codes.astype(np.float64) - 127))
    bits, bias, special = _SMALL_FLOATS[dtype]
    exponent, fraction = (codes & 0x7F) >> bits, (codes & ((1 << bits) - 1)) / (1 << bits)
    normal = (1 + fraction) * np.exp2(exponent.astype(np.float64) - bias)
    found = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), normal) * np.where(codes & 0x80, -1, 1)
    if special == "zero":
        found[0x80] = np.nan
    elif special == "last":
        found[[0x7F, 0xFF]] = np.nan
    else:
        top = exponent == (0x7F >> bits)
        found[top] = np.where(fraction[top] == 0, np.where(codes[top] & 0x80, -np.inf, np.inf), np.nan)
    return found
