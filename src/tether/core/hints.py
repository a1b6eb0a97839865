"""Which codec suits a stream: from its first bytes where they tell, by trial where they do not.

A hint is shared by the threads that work on one stream, and by the small files of one name ending.
Threads may lose each other's counts; that moves a trial, never a result's correctness.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Final

from tether.core.digest import Buffer


class Method(Enum):
    """A way to store a chunk, quickest first."""

    RAW = auto()
    NARROW2 = auto()
    NARROW4 = auto()
    ZSTD = auto()
    SHUFFLE2 = auto()
    SHUFFLE4 = auto()
    SHUFFLE8 = auto()
    FLOAT2 = auto()
    FLOAT4 = auto()


TEXT: Final = (Method.ZSTD,)

_FIRST_INTERVAL = 16
_LAST_INTERVAL = 256
_SLACK = 0.04
_DRIFT = 0.08
_PROBE_INTERVAL = 8

# Formats that are compressed themselves, by their first bytes.
_PACKED: Final = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"\x1f\x8b",  # gzip
    b"\x28\xb5\x2f\xfd",  # zstd
    b"\x04\x22\x4d\x18",  # LZ4
    b"\xfd7zXZ\0",
    b"BZh",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"OggS",
    b"fLaC",
    b"ID3",
    b"\xff\xfb",  # MP3 without tags
    b"\x1aE\xdf\xa3",  # Matroska, WebM
    b"\xff\x0a",  # JPEG XL
)
_ZIP = b"PK\x03\x04"
_TEXT_SAMPLE = 4096
_NO_TEXT: Final = bytes({*range(9), *range(14, 27), *range(28, 32), 127})


def is_packed(head: Buffer) -> bool:
    """Say whether a content begins like a format that is compressed already.

    A zip is one where its first member is: checkpoints of PyTorch and `npz` files hold their members plainly.
    """
    start = bytes(head[:16])
    if start.startswith(_PACKED):
        return True
    if start.startswith(_ZIP):
        return start[8:10] not in (b"", b"\0", b"\0\0")
    return start[4:8] == b"ftyp" or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def all_packed(contents: Sequence[bytes]) -> list[bool]:
    """Say of each of several contents what `is_packed` says of it."""
    return [data.startswith(_PACKED) or is_packed(data[:16]) for data in contents]


def is_text(head: Buffer) -> bool:
    """Say whether a content begins with bytes that text has, and no others."""
    sample = bytes(head[:_TEXT_SAMPLE])
    return bool(sample) and len(sample.translate(None, _NO_TEXT)) == len(sample)


class Hint:
    """What is known of a stream: the methods worth a trial, and the one that won the last."""

    __slots__ = ("_interval", "_left", "_probe", "_ratio", "every_plane", "method", "methods")

    def __init__(self, methods: tuple[Method, ...]) -> None:
        self.methods = methods
        self.method = methods[0]
        self.every_plane = False
        self._ratio = 1.0
        self._probe = 1.0
        self._interval = _FIRST_INTERVAL
        self._left = 0

    def wants_trial(self) -> bool:
        """Count one chunk; say whether all methods should be tried on it."""
        if len(self.methods) == 1:
            return False
        self._left -= 1
        return self._left < 0

    def wants_probe(self) -> bool:
        """Say whether a glance should tell if the content is still like that of the last trial."""
        return len(self.methods) > 1 and self._left % _PROBE_INTERVAL == 0

    def lasts(self, count: int) -> bool:
        """Say whether so many more chunks come before the next trial."""
        return self._left >= count

    def skip(self, count: int) -> None:
        """Count chunks that were stored by the method of the last trial without another look."""
        self._left = max(0, self._left - count)

    def drifted(self, probe: float) -> bool:
        """Say whether a probe is another than at the last trial, so that another method may be better now."""
        return abs(probe - self._probe) > _DRIFT

    def settle(self, method: Method, ratio: float, probe: float) -> None:
        """Take the winner of a trial; trials get rarer while the same method wins."""
        same = method is self.method
        self.method = method
        self._ratio = ratio
        self._probe = probe
        self._interval = min(2 * self._interval, _LAST_INTERVAL) if same else _FIRST_INTERVAL
        self._left = self._interval if method is not Method.RAW else _FIRST_INTERVAL

    def report(self, ratio: float) -> None:
        """Take what the method did for one more chunk; try anew where it did much worse than before."""
        if ratio > self._ratio + _SLACK:
            self._left = 0
