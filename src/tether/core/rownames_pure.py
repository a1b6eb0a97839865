"""Work on the names of a tree node in plain Python; `_rownames` is the compiled twin."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from io import BytesIO
from itertools import islice
from operator import lt
from zlib import crc32

MULTIPLIER = 0x9E3779B97F4A7C15
MASK = 2**64 - 1
SHIFT = 55


def cut_names(lengths: "array[int]", joined: bytes) -> list[bytes]:
    """Return names that lie one after the other.

    Args:
        lengths: Of each, in bytes.
        joined: All of them.

    Raises:
        ValueError: They are not as long together.
    """
    if sum(lengths) != len(joined):
        raise ValueError("names of another length")
    return list(map(BytesIO(joined).read, lengths))


def problem_of(names: Sequence[bytes], longest: int) -> str | None:
    """Say what is wrong with the names of a node, or None.

    Args:
        names: In order.
        longest: Bytes that one may have.
    """
    joined = b"".join(names)
    if b"/" in joined or b"\0" in joined:
        return "a name with a slash or a NUL"
    is_sorted = all(map(lt, names, islice(names, 1, None)))
    if any(_has(names, name, is_sorted=is_sorted) for name in (b"", b".", b"..")):
        return "an empty name, `.` or `..`"
    if max(map(len, names), default=0) > longest:
        return f"a name longer than {longest} bytes"
    return None if is_sorted else "names that are not sorted or not unique"


def _has(names: Sequence[bytes], name: bytes, *, is_sorted: bool) -> bool:
    if not is_sorted:
        return name in names
    at = bisect_left(names, name)
    return at < len(names) and names[at] == name


def goes_on_after_cut(names: Sequence[bytes], level: int) -> bool:
    """Say whether a row before the last one must end a node of `level`."""
    # As `tree.is_cut`, without a call for each name: most of the time that it takes to check a node.
    product = min([crc32(name, level) * MULTIPLIER & MASK for name in names[:-1]], default=MASK)
    return not product >> SHIFT
