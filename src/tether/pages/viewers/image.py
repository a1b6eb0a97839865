"""Pictures: those that browsers show as they are, others by a picture that is made of them."""

import io
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tether.core.digest import Digest
from tether.core.kinds import ObjectReader
from tether.core.tree import Entry, EntryKind
from tether.core.treeread import entry_before, find, iter_after
from tether.pages.addresses import link
from tether.pages.lasting import passing
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
    """Show the picture, what the camera wrote of it, and the way to those beside it in the folder."""
    is_shown = opened.type.kind in SHOWN
    is_made = opened.type.kind in _MADE or opened.place.name.lower().endswith(_MADE_ENDINGS)
    if not (is_shown or is_made) or opened.size > _LARGEST:
        return None
    place = opened.place
    thumb = link(opened.shown.base, "thumb", place.id.hex(), place.path) + "?size=1280"
    context = {"source": opened.raw if is_shown else thumb, "made": not is_shown, "facts": _facts(opened)}
    before, behind = _beside(opened)
    return View("image.html", (opened.type.description,), {**context, "before": before, "following": behind})


def _beside(opened: Opened) -> tuple[str | None, str | None]:
    """Return the pages of the pictures before and behind this one among the names that are close."""
    place, objects = opened.place, opened.shown.repository.objects
    folder = find(objects, place.commit.tree, place.above)
    assert folder is not None
    behind = islice(iter_after(objects, folder.digest, place.name), _LOOKED_AT)
    before = islice(_going_back(objects, folder.digest, place.name), _LOOKED_AT)
    return _first_picture(opened, before), _first_picture(opened, behind)


def _going_back(objects: ObjectReader, folder: Digest, name: bytes) -> Iterator[Entry]:
    while (entry := entry_before(objects, folder, name)) is not None:
        yield entry
        name = entry.name


def _first_picture(opened: Opened, entries: Iterable[Entry]) -> str | None:
    place = opened.place
    for entry in entries:
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
        passing()
        return []
    plain = [(name, str(value)) for name, value in found.items() if not isinstance(value, bytes | dict)]
    return [(name, value[:_LONGEST_FACT]) for name, value in plain if value.strip("\0 ")][:_MOST_FACTS]
