"""Width and height of images, read from the first bytes of their files.

Each reader takes the head of a file and gives the two numbers, or None when the head does not
hold them. They may raise `ValueError`, `IndexError` or `struct.error` on damaged heads;
`tether.core.filetype` takes care of that.

Source: the PNG, GIF89a, JPEG (T.81), WebP, BMP and TIFF 6.0 specifications.
"""

from struct import unpack_from
from typing import NamedTuple

# Start-of-frame markers: 0xC0 to 0xCF without the tables DHT, JPG and DAC.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset([0x01, *range(0xD0, 0xD9)])
_TIFF_SIZES = {1: "B", 3: "H", 4: "L"}
_TIFF_ENTRIES_LIMIT = 512


class Size(NamedTuple):
    """Pixels."""

    width: int
    height: int


def png(head: bytes) -> Size | None:
    """Return the size in the IHDR chunk, which comes first."""
    return Size(*unpack_from(">LL", head, 16)) if head[12:16] == b"IHDR" else None


def gif(head: bytes) -> Size | None:
    """Return the size of the logical screen."""
    return Size(*unpack_from("<HH", head, 6))


def bmp(head: bytes) -> Size | None:
    """Return the size in the header; a height below zero only says that rows run downwards."""
    (header,) = unpack_from("<L", head, 14)
    if header == 12:
        return Size(*unpack_from("<HH", head, 18))
    width, height = unpack_from("<ll", head, 18)
    return Size(width, abs(height))


def webp(head: bytes) -> Size | None:
    """Return the size in the first chunk: lossy, lossless or extended."""
    form = head[12:16]
    if form == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = unpack_from("<HH", head, 26)
        return Size(width & 0x3FFF, height & 0x3FFF)
    if form == b"VP8L" and head[20] == 0x2F:
        (bits,) = unpack_from("<L", head, 21)
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if form == b"VP8X" and len(head) >= 30:
        width = int.from_bytes(head[24:27], "little") + 1
        return Size(width, int.from_bytes(head[27:30], "little") + 1)
    return None


def jpeg(head: bytes) -> Size | None:
    """Return the size in the first start-of-frame segment, if the head reaches that far."""
    at = 2
    while at + 9 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = unpack_from(">HH", head, at + 5)
            return Size(width, height)
        else:
            (length,) = unpack_from(">H", head, at + 2)
            if length < 2:
                return None
            at += 2 + length
    return None


def tiff(head: bytes) -> Size | None:
    """Return the size of the first image, if its directory lies in the head."""
    order = "<" if head.startswith(b"II") else ">"
    (at,) = unpack_from(order + "L", head, 4)
    (count,) = unpack_from(order + "H", head, at)
    found: dict[int, int] = {}
    for index in range(min(count, _TIFF_ENTRIES_LIMIT)):
        place = at + 2 + 12 * index
        tag, kind = unpack_from(order + "HH", head, place)
        if tag in (256, 257) and kind in _TIFF_SIZES:
            (found[tag],) = unpack_from(order + _TIFF_SIZES[kind], head, place + 8)
    return Size(found[256], found[257]) if len(found) == 2 else None
