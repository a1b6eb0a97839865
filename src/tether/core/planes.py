"""How chunks of numbers are laid out: byte planes, each stored in the way that suits it.

The lowest bytes of weights and samples are noise, the highest ones hardly vary; sorted by significance, each
kind can be stored by itself. The layout is in `docs/format/codecs.md`.
"""

import struct
from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import repeat
from typing import Final, NamedTuple

from tether.core.digest import Buffer
from tether.core.zstd import decompress_frame
from tether.errors import Corrupt

_pack_native: Callable[[list[Buffer], int], list[bytes | None]] | None = None
_unpack_native: Callable[[Buffer, int, int], bytes | None] | None = None
_chunks_native: Callable[[Buffer, list[tuple[int, int, int, int]], int], bytes | None] | None = None
try:
    from tether.core._floats import float_lead
    from tether.core._floats import pack_floats as _pack_native
    from tether.core._floats import unpack_chunks as _chunks_native
    from tether.core._floats import unpack_floats as _unpack_native
    from tether.core._planes import join, looks_flat, narrow, split, widen
except ImportError:  # no compiler at the installation
    from tether.core.planes_pure import float_lead, join, looks_flat, narrow, split, widen

__all__ = ["Mode", "Shape", "decode", "encode", "float_lead", "looks_flat", "pack_floats", "unpack_chunks"]

_LENGTH: Final = struct.Struct("<I")


class Shape(NamedTuple):
    """What the elements of a chunk are taken for."""

    width: int
    rotated: bool


class Mode(IntEnum):
    """How one plane is stored; the numbers are part of the format."""

    PLAIN = 0
    ZSTD = 1
    NARROW = 2


PlanePacker = Callable[[bytes, bool], tuple[Mode, bytes]]
"""Takes a plane and whether it is the highest; returns how it is stored, and its stored bytes."""


def encode(chunk: Buffer, shape: Shape, lead: int, pack: PlanePacker) -> bytes:
    """Lay a chunk out as planes.

    Args:
        chunk: The bytes.
        shape: What its elements are taken for.
        lead: How many bytes lie before the first element, less than its width.
        pack: Decides about each plane, and compresses it.
    """
    width = shape.width
    count = (len(chunk) - lead) // width
    end = lead + count * width
    view = memoryview(chunk)
    planes = split(view[lead:end], width, shape.rotated)
    packed = [pack(planes[k * count : (k + 1) * count], k == width - 1) for k in range(width)]
    lengths = [_LENGTH.pack(len(stored)) for mode, stored in packed if mode != Mode.PLAIN]
    return b"".join(
        (
            bytes((lead, *(mode for mode, _ in packed))),
            *lengths,
            *(stored for _, stored in packed),
            view[:lead],
            view[end:],
        )
    )


def pack_floats(chunks: Sequence[Buffer], width: int) -> list[bytes | None]:
    """Lay chunks of floating-point numbers out with narrow exponents and all else plain.

    Returns:
        The layout of each, or None where there seem to be no such numbers or it would be no smaller.
    """
    if _pack_native is not None:
        return _pack_native(list(chunks), width)
    return [_pack_floats(chunk, width) for chunk in chunks]


def _pack_floats(chunk: Buffer, width: int) -> bytes | None:
    lead = float_lead(chunk, width)
    if lead < 0:
        return None
    stored = encode(chunk, Shape(width, True), lead, _narrow_highest)
    return stored if len(stored) < len(chunk) else None


def _narrow_highest(plane: bytes, highest: bool) -> tuple[Mode, bytes]:
    return (Mode.NARROW, narrow(plane)) if highest else (Mode.PLAIN, plane)


def decode(stored: Buffer, shape: Shape, raw_length: int) -> bytes:
    """Undo `encode` and `pack_floats`.

    Raises:
        Corrupt: The stored bytes are not a layout of so many bytes.
    """
    if _unpack_native is not None and shape.rotated:
        data = _unpack_native(stored, shape.width, raw_length)
        if data is not None:
            return data
    view = memoryview(stored)
    width = shape.width
    lead, modes = _header(view, width)
    count, tail = divmod(raw_length - lead, width)
    if count < 0:
        raise Corrupt("a chunk of planes is shorter than what comes before its elements")
    lengths, at = _stored_lengths(view, modes, count)
    if at + sum(lengths) + lead + tail != len(view):
        raise Corrupt("a chunk of planes does not add up")
    planes: list[Buffer] = []
    for mode, length in zip(modes, lengths, strict=True):
        planes.append(_plane(view[at : at + length], mode, count))
        at += length
    elements = join(b"".join(planes), width, shape.rotated)
    if not lead and not tail:
        return elements
    return b"".join((view[at : at + lead], elements, view[at + lead :]))


def unpack_chunks(block: Buffer, frames: list[tuple[int, int, int, int]], raw_length: int) -> bytes | None:
    """Unpack chunks of one block at once, where they are plain or floating-point numbers.

    Args:
        block: Holds the stored bytes of all of them.
        frames: Of each chunk: codec, start in the block, stored length, raw length (bytes).
        raw_length: The sum of the raw lengths.

    Returns:
        The chunks one after the other; None where this way does not serve: take them one by one then.
    """
    return None if _chunks_native is None else _chunks_native(block, frames, raw_length)


def _header(view: memoryview, width: int) -> tuple[int, tuple[int, ...]]:
    if len(view) < 1 + width:
        raise Corrupt("a chunk of planes is cut short")
    lead, modes = view[0], tuple(view[1 : 1 + width])
    if lead >= width or max(modes) > max(Mode):
        raise Corrupt("a chunk of planes has an unknown form")
    return lead, modes


def _stored_lengths(view: memoryview, modes: tuple[int, ...], count: int) -> tuple[list[int], int]:
    """Return the stored length of each plane, and where the first one begins."""
    at = 1 + len(modes)
    packed = sum(mode != Mode.PLAIN for mode in modes)
    end = at + packed * _LENGTH.size
    if end > len(view):
        raise Corrupt("a chunk of planes is cut short")
    given = _LENGTH.iter_unpack(view[at:end])
    plain = repeat((count,))
    return [next(plain if mode == Mode.PLAIN else given)[0] for mode in modes], end


def _plane(stored: memoryview, mode: int, count: int) -> Buffer:
    if mode == Mode.PLAIN:
        return stored
    if mode == Mode.ZSTD:
        return decompress_frame(stored, count)
    try:
        return widen(stored, count)
    except ValueError as error:
        raise Corrupt(str(error)) from None
