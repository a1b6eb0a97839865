"""Thumbnails: of what pictures, and not of what only says that it is one."""

import io
import struct
import zlib

import pytest
from PIL import Image

from tether.core.digest import Digest, hash_bytes
from tether.pages.thumbnails import MOST_BYTES, MOST_PIXELS, Thumbnails, make


class Contents:
    """Contents by digest that count how often they are read."""

    def __init__(self, *known: bytes) -> None:
        self.known, self.reads = {hash_bytes(data): data for data in known}, 0

    def read(self, digest: Digest) -> bytes:
        """Return one."""
        self.reads += 1
        return self.known[digest]


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    """Return a picture as a file."""
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def decoded(data: bytes | None) -> Image.Image:
    """Return the picture of a thumbnail."""
    assert data is not None
    return Image.open(io.BytesIO(data))


def png_of(width: int, height: int, rows: bytes) -> bytes:
    """Return a PNG of grey whose header promises a size, whatever its rows are."""

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = part(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_the_longer_side_fits(form: str) -> None:
    """Every format becomes a WebP of the right shape."""
    thumbnail = decoded(make(encoded(Image.new("RGB", (640, 320), (200, 30, 30)), form), 160))

    assert (thumbnail.format, thumbnail.size) == ("WEBP", (160, 80))
    red, green, _ = thumbnail.convert("RGB").resize((1, 1)).getpixel((0, 0))  # type: ignore[misc]
    assert red > 150 > green


def test_the_side_that_was_up_is_up_and_the_place_is_gone() -> None:
    """A turned picture is turned back; what the camera wrote is not in the thumbnail."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"

    thumbnail = decoded(make(encoded(Image.new("RGB", (200, 100)), "JPEG", exif=exif), 160))

    assert thumbnail.size == (80, 160)
    assert not thumbnail.getexif()


def test_what_can_be_seen_through_stays_so() -> None:
    """Alpha is kept."""
    thumbnail = decoded(make(encoded(Image.new("RGBA", (20, 20), (0, 0, 0, 0)), "PNG"), 160))

    assert thumbnail.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


BOMB = b"bomb"
"""Stands for a picture that takes half a second to make, in the one process that needs it."""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"%PDF-1.4",
        encoded(Image.new("L", (64, 64)), "PNG")[:60],
        png_of(100_000, 100_000, b"\0" * 100_000),
        BOMB,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    ],
    ids=["empty", "text", "pdf", "cut", "promises too much", "bomb", "a program"],
)
def test_what_is_no_picture_has_none(data: bytes) -> None:
    """Nothing is raised, and nothing large is decoded: 9000 x 9000 is more than the limit."""
    assert MOST_PIXELS < 9000 * 9000
    if data == BOMB:
        data = png_of(9000, 9000, b"\0" * (9001 * 9000))
    assert make(data, 160) is None


def test_each_is_made_once_and_few_are_kept() -> None:
    """The second look costs no read; old ones give way; what is too long is not even read."""
    small, other = (encoded(Image.new("RGB", (40, 40), (shade, 0, 0)), "PNG") for shade in (10, 200))
    contents, thumbnails = Contents(small, other), Thumbnails(kept=600)
    first, second = hash_bytes(small), hash_bytes(other)

    made = thumbnails.of(contents, first, len(small), 160)  # type: ignore[arg-type]
    assert thumbnails.of(contents, first, len(small), 160) == made  # type: ignore[arg-type]
    assert contents.reads == 1

    thumbnails.of(contents, second, len(other), 160)  # type: ignore[arg-type]
    thumbnails.of(contents, first, len(small), 160)  # type: ignore[arg-type]
    assert contents.reads == 3

    assert thumbnails.of(contents, hash_bytes(b"long"), MOST_BYTES + 1, 160) is None  # type: ignore[arg-type]
    assert contents.reads == 3
