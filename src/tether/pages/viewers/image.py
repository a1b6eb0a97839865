"""Pictures: those that browsers show as they are, others by a picture that is made of them."""

import io
from typing import Any

from tether.core.tree import EntryKind
from tether.core.treeread import find, iter_after
from tether.pages.addresses import link
from tether.pages.viewers.opened import Opened, View

SHOWN = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
}
"""Kinds that are sent as what they are. An SVG can hold scripts, so it is text here."""
_MADE = frozenset({"tiff"})
_MADE_ENDINGS = (b".ppm", b".pgm", b".pbm", b".pnm", b".tga", b".ico")
_LARGEST = 64 * 1024 * 1024
_LOOKED_AT = 20
_MOST_FACTS = 40
_LONGEST_FACT = 200
_DETAILS, _PLACE = 0x8769, 0x8825


def show(opened: Opened) -> View | None:
    """Show the picture, what the camera wrote of it, and the way to the next one in the folder."""
    is_shown = opened.type.kind in SHOWN
    is_made = opened.type.kind in _MADE or opened.place.name.lower().endswith(_MADE_ENDINGS)
    if not (is_shown or is_made) or opened.size > _LARGEST:
        return None
    place = opened.place
    thumb = link(opened.shown.base, "thumb", place.id.hex(), place.path) + "?size=1280"
    context = {"source": opened.raw if is_shown else thumb, "made": not is_shown, "facts": _facts(opened)}
    return View("image.html", (opened.type.description,), {**context, "following": _following(opened)})


def _following(opened: Opened) -> str | None:
    """Return the page of the next picture among the names that follow closely; None where there is none."""
    place, objects = opened.place, opened.shown.repository.objects
    folder = find(objects, place.commit.tree, place.above)
    assert folder is not None
    for _, entry in zip(range(_LOOKED_AT), iter_after(objects, folder.digest, place.name), strict=False):
        ending = entry.name.lower().rpartition(b".")[2].decode("ascii", "replace")
        if entry.kind <= EntryKind.EXECUTABLE and ending.replace("jpg", "jpeg") in SHOWN:
            path = place.above + b"/" + entry.name if place.above else entry.name
            return link(opened.shown.base, "file", place.rev, path)
    return None


def _facts(opened: Opened) -> list[tuple[str, str]]:
    """Return what the camera wrote, from the first bytes of the file alone."""
    from PIL import ExifTags, Image

    try:
        with Image.open(io.BytesIO(opened.head)) as picture:
            exif = picture.getexif()
            found: dict[str, Any] = {ExifTags.TAGS.get(tag, hex(tag)): value for tag, value in exif.items()}
            found |= {ExifTags.TAGS.get(tag, hex(tag)): each for tag, each in exif.get_ifd(_DETAILS).items()}
            found |= {ExifTags.GPSTAGS.get(tag, hex(tag)): each for tag, each in exif.get_ifd(_PLACE).items()}
    except Exception:  # decoders of hostile files raise everything: such a picture has no facts
        return []
    plain = [(name, str(value)) for name, value in found.items() if not isinstance(value, bytes | dict)]
    return [(name, value[:_LONGEST_FACT]) for name, value in plain if value.strip("\0 ")][:_MOST_FACTS]
