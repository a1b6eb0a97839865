"""Small pictures of pictures, made when they are asked for and kept in bounded memory.

Decoding what strangers made is limited before it begins: by the formats that are tried, by bytes, and by the
pixels that the header promises. What cannot be decoded has no thumbnail, which is no failure of the page.
"""

import io
from collections import OrderedDict
from threading import Lock, Semaphore
from typing import TYPE_CHECKING

from tether.core.digest import Digest

if TYPE_CHECKING:
    from PIL.Image import Image

    from tether.repo.contents import ContentReader

SIZES = (160, 320, 1280)
"""Pixels of the longer side that there are; others are made from the next larger one."""
MOST_BYTES = 64 * 1024 * 1024
MOST_PIXELS = 64 * 1024 * 1024
MEDIA_TYPE = "image/webp"
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "TGA", "ICO")
_QUALITY = 80
_KEPT_BYTES = 64 * 1024 * 1024
_AT_ONCE = 2


class Thumbnails:
    """Makes thumbnails, a few at a time, and keeps those that were asked for last.

    Args:
        kept: Bytes of thumbnails to keep.
        at_once: Pictures that are decoded at the same time: each may take `MOST_PIXELS` times four bytes.
    """

    def __init__(self, kept: int = _KEPT_BYTES, at_once: int = _AT_ONCE) -> None:
        self._known: OrderedDict[tuple[Digest, int], bytes | None] = OrderedDict()
        self._bytes, self._kept = 0, kept
        self._lock, self._turns = Lock(), Semaphore(at_once)

    def of(self, contents: "ContentReader", digest: Digest, length: int, size: int) -> bytes | None:
        """Return a picture as WebP whose longer side has `size` pixels at most; None where there is none.

        Args:
            contents: Has the picture.
            digest: Of the picture.
            length: Its bytes.
            size: One of `SIZES`.
        """
        key = (digest, size)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        with self._turns:
            made = None if length > MOST_BYTES else make(contents.read(digest), size)
        self._keep(key, made)
        return made

    def _keep(self, key: tuple[Digest, int], made: bytes | None) -> None:
        with self._lock:
            if key not in self._known:
                self._known[key] = made
                self._bytes += _weight(made)
            while self._bytes > self._kept:
                self._bytes -= _weight(self._known.popitem(last=False)[1])


def _weight(made: bytes | None) -> int:
    """Return the bytes that an entry counts for, with what the dictionary needs for it."""
    return len(made or b"") + 256


def make(data: bytes, size: int) -> bytes | None:
    """Return a picture as WebP whose longer side has `size` pixels at most; None where it cannot be decoded.

    What the file says of the camera and the place is left out; the side that was up when it was taken is up.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            picture.draft("RGB", (size, size))
            turned = ImageOps.exif_transpose(picture)
            turned.thumbnail((size, size))
            return _encoded(turned)
    except Exception:  # decoders of hostile files raise everything: whatever it is, there is no thumbnail
        return None


def _encoded(picture: "Image") -> bytes:
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    out = io.BytesIO()
    picture.convert("RGBA" if has_alpha else "RGB").save(out, "WEBP", quality=_QUALITY, method=2)
    return out.getvalue()


THUMBNAILS = Thumbnails()
"""Those of this process: contents are named by digest, so all repositories can share them."""
