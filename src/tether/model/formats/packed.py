"""Files that are compressed as a whole, such as pickles of joblib: unpacked up to a limit."""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from tether.model.source import Source, damaged

_PIECE = 64 << 10
_MOST_MEMORY = 256 << 20
_MARKS: dict[bytes, tuple[str, Callable[[], Any] | None]] = {
    b"\x78": ("zlib", zlib.decompressobj),
    b"\x1f\x8b": ("gzip", lambda: zlib.decompressobj(31)),
    b"BZh": ("bzip2", bz2.BZ2Decompressor),
    b"\xfd7z": ("xz", lambda: lzma.LZMADecompressor(memlimit=_MOST_MEMORY)),
    b"\x04\x22M\x18": ("LZ4", None),
}


def compression_of(head: bytes) -> str | None:
    """Return what a file is compressed by, or None where it begins with the mark of no codec."""
    return next((title for mark, (title, _) in _MARKS.items() if head.startswith(mark)), None)


def unpacked(source: Source, what: str, limit: int) -> bytes | None:
    """Return what a compressed file holds; None where it is more than `limit` bytes or of a codec not read.

    Raises:
        InvalidInput: It cannot be unpacked.
    """
    head = source.read(0, 4)
    make = next((make for mark, (_, make) in _MARKS.items() if head.startswith(mark)), None)
    if make is None:
        return None
    unpacker, parts, have, at = make(), list[bytes](), 0, 0
    try:
        while not unpacker.eof:
            piece = source.read(at, _PIECE)
            at += len(piece)
            if not piece:
                raise damaged(what, "it ends before what is compressed in it does")
            parts.append(unpacker.decompress(piece, limit + 1 - have))
            have += len(parts[-1])
            if have > limit:
                return None
    except (zlib.error, lzma.LZMAError, OSError, EOFError, MemoryError):
        raise damaged(what, "it cannot be unpacked") from None
    return b"".join(parts)
