"""What a note is about, as far as a page shows it: some lines, or a picture with the region in it."""

import io
from dataclasses import dataclass

from tether.core.digest import Digest, parse_digest
from tether.core.textdiff import looks_binary, split_lines
from tether.core.treeread import find
from tether.errors import TetherError
from tether.hub.branchrules import tree_path
from tether.hub.database.pulls import PullThread
from tether.pages.addresses import link
from tether.pages.shelf import Shown
from tether.pages.viewers.image import SHOWN
from tether.repo.history import History

_BYTES = 256 * 1024
_HEAD = 256 * 1024
_AROUND = 2
_LINES = 12
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Lines with their numbers, or a picture.

    Attributes:
        lines: Number, text, and whether the note is about it.
        picture: The address of the picture; empty where it is none.
        size: Width and height of it in pixels.
    """

    lines: tuple[tuple[int, str, bool], ...] = ()
    picture: str = ""
    size: tuple[int, int] = (0, 0)


def excerpt_of(shown: Shown, thread: PullThread) -> Excerpt | None:
    """Return what a thread is about as it was then; None where nothing of it can be shown."""
    kind = thread.anchor.get("kind")
    if kind not in ("line", "region"):
        return None
    try:
        path = tree_path(thread.path)
        tree = History.of(shown.repository).commit(parse_digest(thread.commit_id)).tree
        entry = find(shown.repository.objects, tree, path)
        if entry is None:
            return None
        if kind == "line":
            return _lines(shown, entry.digest, entry.size, thread)
        address = link(shown.base, "raw", thread.commit_id, path)
        size = picture_size(shown, entry.digest, entry.size)
        return None if size is None else Excerpt(picture=address, size=size)
    except TetherError:
        return None  # the conversation is read also where a file of it cannot be


def _lines(shown: Shown, digest: Digest, size: int, thread: PullThread) -> Excerpt | None:
    data = shown.repository.contents.read(digest, 0, _BYTES) if size <= _BYTES else b""
    if not data or looks_binary(data):
        return None
    start, end = int(thread.anchor["start"]), int(thread.anchor["end"])
    lines = split_lines(data)
    first = max(start - _AROUND, 1)
    last = min(end, first + _LINES)
    found = [
        (first + at, line.decode("utf-8", "replace").rstrip("\r\n")[:_LONGEST], start <= first + at <= end)
        for at, line in enumerate(lines[first - 1 : last])
    ]
    return Excerpt(lines=tuple(found))


def picture_size(shown: Shown, digest: Digest, size: int) -> tuple[int, int] | None:
    """Return width and height of a picture as browsers show it; None where its header does not say."""
    from PIL import Image

    from tether.core.filetype import HEAD_SIZE, sniff

    head = shown.repository.contents.read(digest, 0, min(size, _HEAD))
    if sniff(head[:HEAD_SIZE], b"").kind not in SHOWN:
        return None
    try:
        with Image.open(io.BytesIO(head), formats=("PNG", "JPEG", "GIF", "WEBP", "BMP")) as picture:
            turned = picture.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            width, height = picture.size
    except Exception:  # decoders of hostile files raise everything
        return None
    return (height, width) if turned else (width, height)
