"""Pictures: sizes from their heads, brightness of a sample that only their contents decide."""

import bisect
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from tether.core.filetype import HEAD_SIZE, sniff
from tether.errors import InvalidInput
from tether.evals.needs import needed
from tether.releases.profiles.bounded import Damages
from tether.releases.profiles.document import Damage, Images
from tether.releases.profiles.spread import Spread, counts_of

SAMPLE = 2000
"""Pictures that are decoded: those with the smallest digests."""
_MOST_PIXELS = 64 << 20
_MOST_BYTES = 64 << 20
_SIDE = 256
"""Where a format can be decoded smaller, pixels of the shorter side that are enough."""
_MODES = 40
_PLAIN = frozenset(("bmp", "gif", "jpeg", "jpg", "png", "tif", "tiff", "webp"))
"""Endings of formats that are always read; of others those whose head tells a size."""
_NO_SIZE = "not a picture whose size can be read"
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, KeyError, IndexError, TypeError, struct.error)
"""What the package raises for damaged pictures, by their formats."""


class _Sampled(NamedTuple):
    digest: bytes
    path: str
    read: Callable[[], bytes]


class _Seen(NamedTuple):
    mode: str
    brightness: float


class Pictures:
    """Takes pictures."""

    def __init__(self) -> None:
        self.count = 0
        self._formats: dict[str, int] = {}
        self._width, self._height = Spread(), Spread()
        self._sample: list[_Sampled] = []
        self._often: dict[bytes, int] = {}

    def add(self, path: str, digest: Callable[[], bytes], size: int, read: Callable[[int], bytes]) -> bool:
        """Take one; False where it is of a form that is not looked into.

        Args:
            path: What it is called.
            digest: Gives the digest of its content.
            size: Bytes.
            read: Returns so many bytes from its beginning.

        Raises:
            InvalidInput: It is no picture.
        """
        found = sniff(read(HEAD_SIZE), path.encode("utf-8", "replace"))
        width, height = found.width, found.height
        if width is None or height is None:
            if path.lower().rpartition(".")[2] not in _PLAIN:
                return False
            if size > _MOST_BYTES:
                raise InvalidInput(_NO_SIZE)
            width, height = _measure(read(size))
        self.count += 1
        self._formats[found.kind] = self._formats.get(found.kind, 0) + 1
        self._width.one(width)
        self._height.one(height)
        if size <= _MOST_BYTES and width * height <= _MOST_PIXELS:
            self._choose(_Sampled(digest(), path, lambda: read(size)))
        return True

    def _choose(self, one: _Sampled) -> None:
        if one.digest in self._often:
            self._often[one.digest] += 1
            return
        if len(self._sample) == SAMPLE:
            if one.digest > self._sample[-1].digest:
                return
            del self._often[self._sample.pop().digest]
        self._often[one.digest] = 1
        bisect.insort(self._sample, one, key=lambda each: each.digest)

    def told(self, damaged: Damages) -> Images | None:
        """Decode the sample and return what a profile says; None of nothing.

        Args:
            damaged: Takes those that cannot be decoded.

        Raises:
            Unsupported: The package that decodes is not installed.
        """
        if not self.count:
            return None
        module = needed("PIL.Image")
        modes: dict[str, int] = {}
        brightness, decoded = Spread(), 0
        for one in self._sample:
            try:
                seen = _look(module, one.read())
            except InvalidInput as error:
                damaged.add(Damage(one.path, str(error)))
                continue
            often = self._often[one.digest]
            decoded += often
            modes[seen.mode] = modes.get(seen.mode, 0) + often
            for _ in range(often):
                brightness.one(seen.brightness)
        return Images(
            self.count,
            counts_of(self._formats, _MODES),
            self._width.told(),
            self._height.told(),
            decoded,
            counts_of(modes, _MODES),
            brightness.told(),
        )


@contextmanager
def _silent() -> Iterator[None]:
    """Let the package say nothing of odd pictures: it writes to the standard error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _measure(data: bytes) -> tuple[int, int]:
    """Return width and height of a picture whose head does not tell them at once, such as after much EXIF.

    Raises:
        InvalidInput: It is damaged.
    """
    module = needed("PIL.Image")
    try:
        with _silent(), module.open(BytesIO(data)) as opened:
            width, height = opened.size
    except (*_DAMAGE, module.DecompressionBombError):
        raise InvalidInput(_NO_SIZE) from None
    return int(width), int(height)


def _look(module: Any, data: bytes) -> _Seen:
    """Return mode and mean brightness of a picture.

    Raises:
        InvalidInput: It is damaged.
    """
    try:
        with _silent(), module.open(BytesIO(data)) as opened:
            mode, (width, height) = opened.mode, opened.size
            if width * height > _MOST_PIXELS:
                raise InvalidInput("a picture with too many pixels")
            if min(width, height) > 2 * _SIDE:
                share = _SIDE / min(width, height)
                opened.draft("L", (int(width * share), int(height * share)))
            grey = np.asarray(opened.convert("L"), np.uint8)
    except (*_DAMAGE, module.DecompressionBombError):
        raise InvalidInput("not a picture that can be decoded") from None
    if not grey.size:
        raise InvalidInput("a picture without pixels")
    return _Seen(mode, int(grey.sum(dtype=np.int64)) / grey.size)
