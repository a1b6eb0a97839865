"""Cutting file contents into chunks at places that the content itself decides.

The cuts are those of the published Xet specification, so an edit moves only the cuts near it and equal
stretches of different files give equal chunks. `docs/format/chunking.md` has the rules.
"""

from collections.abc import Sequence

from tether.core.digest import Buffer
from tether.core.gear import MAX_SIZE, MIN_SIZE, TARGET_SIZE

try:
    from tether.core._gear import cut_many as _cut_many
    from tether.core._gear import scan as _scan
except ImportError:  # no compiler at the installation
    from tether.core.chunker_pure import cut_many as _cut_many
    from tether.core.chunker_pure import scan as _scan

__all__ = ["MAX_SIZE", "MIN_SIZE", "TARGET_SIZE", "Chunker", "cut_many", "cut_points"]


def cut_points(data: Buffer) -> list[int]:
    """Return where the chunks of a whole content end; the last end is its length, nothing has none."""
    ends: list[int] = []
    end = 0
    lengths, rest, _ = _scan(data, 0, 0)
    for length in lengths:
        end += length
        ends.append(end)
    if rest:
        ends.append(end + rest)
    return ends


def cut_many(buffers: Sequence[bytes]) -> list[list[int]]:
    """Return the cut points of each of several whole contents in one call."""
    return _cut_many(list(buffers))


class Chunker:
    """Cuts one stream that comes in segments of any size, with the same results as for the whole."""

    __slots__ = ("_done", "_value")

    def __init__(self) -> None:
        self._done = 0
        self._value = 0

    def push(self, data: Buffer) -> list[int]:
        """Take the next segment and return the lengths of the chunks that it completes, in order."""
        lengths, self._done, self._value = _scan(data, self._done, self._value)
        return lengths

    def finish(self) -> int | None:
        """End the stream: return the length of its last chunk, or None. The next push begins another."""
        last = self._done
        self._done = 0
        self._value = 0
        return last or None
