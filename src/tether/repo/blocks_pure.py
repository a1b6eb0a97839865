"""Building and listing of many frames at once in plain Python; `_blocks` is the compiled twin."""

from array import array

from tether.core.digest import Buffer, Digest
from tether.core.tree import split_digests
from tether.errors import Corrupt, Unsupported
from tether.repo.frames import FRAME_SIZE, Batch, Columns, Frame, frame_header, parse_frame


def put_frames(target: memoryview, start: int, batch: Batch) -> int:
    """Write the frames of objects one after the other and return where they end.

    Args:
        target: Where they go.
        start: Where the first one goes, in bytes; there is room for all.
        batch: The objects.
    """
    for digest, data, codec, length in zip(*batch[1:], strict=True):
        frame = frame_header(batch.kind, codec, length, len(data), digest) + data
        target[start : start + len(frame)] = frame
        start += len(frame)
    return start


def list_frames(data: Buffer, start: int, limits: "array[int]", difference: int) -> tuple[int, Columns]:
    """List the frames that lie whole in a row, up to the first that does not or has a damaged header.

    Args:
        data: Holds them.
        start: Where in it the first header is, in bytes.
        limits: Bytes that an object of each of 256 kinds has at most, raw and stored; -1 for unknown ones.
        difference: The codec of frames that have a base.

    Returns:
        Where they end, and their columns; offsets are in `data`.
    """
    del limits, difference  # `parse_frame` knows them
    view, found, at = memoryview(data), list[Frame](), start
    while at + FRAME_SIZE <= len(view):
        try:
            frame = parse_frame(view[at : at + FRAME_SIZE], at)
        except (Corrupt, Unsupported):
            break
        if at + FRAME_SIZE + frame.stored > len(view):
            break
        found.append(frame)
        at += FRAME_SIZE + frame.stored
    return at, _columns([(f.digest, f.kind, f.codec, f.offset, f.stored, f.raw) for f in found])


def sort_frames(columns: Columns) -> Columns:
    """Return columns of frames sorted by digest, those of one digest by kind, codec and offset."""
    digests, offsets, stored, raw, kinds, codecs = columns
    names = split_digests(bytes(digests))
    return _columns(sorted(zip(names, kinds, codecs, offsets, stored, raw, strict=True)))


def _columns(rows: list[tuple[Digest, int, int, int, int, int]]) -> Columns:
    digests, kinds, codecs, offsets, stored, raw = zip(*rows, strict=True) if rows else ((),) * 6
    places, lengths, raws = array("Q", offsets), array("I", stored), array("I", raw)
    return b"".join(digests), places, lengths, raws, bytes(kinds), bytes(codecs)
