"""Finding the ends of chunks without the compiled module, with identical results.

The hash of a position depends on its last 64 bytes alone, so all positions of a block are hashed at once
with array arithmetic: the hash over 2n bytes is the one over n bytes plus that of the n bytes before,
shifted by n. Short inputs and the first positions of a block take one byte after the other.
"""

from tether.core.digest import Buffer
from tether.core.gear import LIMIT, MAX_SIZE, MIN_SIZE, TABLE, WINDOW

_BLOCK = 1 << 18
"""Positions hashed at once: the arrays of 64-bit values stay in the processor's cache."""

_WORTH_AN_ARRAY = 4096
_WORD = (1 << 64) - 1


def _roll(value: int, data: memoryview) -> int:
    for byte in data:
        value = ((value << 1) + TABLE[byte]) & _WORD
    return value


def _by_byte(data: memoryview, start: int, end: int, value: int) -> list[int]:
    """Return the positions from `start` to `end` where a chunk may end; `value` is the hash before."""
    found: list[int] = []
    for i in range(start, end):
        value = ((value << 1) + TABLE[data[i]]) & _WORD
        if value < LIMIT:
            found.append(i)
    return found


def _by_array(data: memoryview, start: int, end: int) -> list[int]:
    """Return the positions from `start` to `end` where a chunk may end; a whole window lies before each."""
    import numpy as np

    table = np.array(TABLE, dtype=np.uint64)
    found: list[int] = []
    for first in range(start, end, _BLOCK):
        last = min(first + _BLOCK, end)
        hashes = table[np.frombuffer(data[first - WINDOW + 1 : last], dtype=np.uint8)]
        width = 1
        while width < WINDOW:
            hashes = hashes[width:] + (hashes[:-width] << np.uint64(width))
            width *= 2
        found.extend((np.flatnonzero(hashes < np.uint64(LIMIT)) + first).tolist())
    return found


def candidates(data: memoryview, start: int, value: int = 0) -> list[int]:
    """Return every position from `start` on where a chunk may end, by the hash alone.

    Args:
        data: The bytes.
        start: The first position that counts.
        value: The hash of what lies before `data`; it matters to the first 63 positions.
    """
    near = min(len(data), max(start, WINDOW - 1))
    found = _by_byte(data, start, near, _roll(value, data[:start])) if start < near else []
    if len(data) - near >= _WORTH_AN_ARRAY:
        return found + _by_array(data, near, len(data))
    return found + _by_byte(data, near, len(data), _roll(value, data[max(0, near - WINDOW) : near]))


def scan(data: Buffer, done: int, value: int) -> tuple[list[int], int, int]:
    """Cut the next bytes of a stream.

    Args:
        data: The bytes that follow.
        done: How many bytes the open chunk has already.
        value: Their hash.

    Returns:
        The lengths of the chunks completed in `data`, and `done` and `value` for the call after it.
    """
    if done >= MAX_SIZE:
        raise ValueError("an open chunk is shorter than the maximum")
    view = memoryview(data).cast("B")
    lengths: list[int] = []
    start = -done  # where the open chunk begins, counted from the first byte of data
    ends = [position + 1 for position in candidates(view, max(0, start + MIN_SIZE - 1), value)]
    at = 0
    while True:
        while at < len(ends) and ends[at] < start + MIN_SIZE:
            at += 1
        end = min(ends[at], start + MAX_SIZE) if at < len(ends) else start + MAX_SIZE
        if end > len(view):
            break
        lengths.append(end - start)
        start = end
    if start >= 0:
        return lengths, len(view) - start, _roll(0, view[max(start, len(view) - WINDOW) :])
    return lengths, len(view) - start, _roll(value, view[max(0, len(view) - WINDOW) :])


def cut_many(buffers: list[bytes]) -> list[list[int]]:
    """Return the ends of the chunks of each whole buffer."""
    result: list[list[int]] = []
    for buffer in buffers:
        ends: list[int] = []
        end = 0
        for length in scan(buffer, 0, 0)[0]:
            end += length
            ends.append(end)
        if end < len(buffer):
            ends.append(len(buffer))
        result.append(ends)
    return result
