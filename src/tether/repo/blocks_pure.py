"""Building of many frames at once in plain Python; `_blocks` is the compiled twin."""

from tether.core.digest import Digest
from tether.repo.frames import frame_header


def raw_block(kind: int, digests: list[Digest], contents: list[bytes]) -> bytes:
    """Return the frames of objects that are stored as they are, one after the other."""
    pieces: list[bytes] = []
    for digest, data in zip(digests, contents, strict=True):
        pieces += (frame_header(kind, 0, len(data), len(data), digest), data)
    return b"".join(pieces)
