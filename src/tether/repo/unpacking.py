"""Unpacking and verifying chunks many at a time: a call for each costs more than the work on a small one."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from tether.core.compression import decompress_joined
from tether.core.digest import Buffer, Digest
from tether.core.kinds import ObjectKind
from tether.core.outline import content_digests
from tether.core.tree import split_digests
from tether.errors import Corrupt
from tether.repo.frames import FRAME_SIZE, Frame, Table, check_lengths

_TOGETHER = 1 << 20
"""Bytes unpacked at once, few enough to be hashed while they are in the processor's cache."""


def check_kind(frame: Frame, kind: ObjectKind) -> None:
    """Refuse a frame that is of another kind, or claims an impossible length.

    Raises:
        Corrupt: It is or does.
    """
    if frame.kind != kind:
        raise Corrupt(f"object {frame.digest.hex()[:12]} is of another kind than {kind.name.lower()}")
    check_lengths(frame.kind, frame.raw, frame.stored)


def together(lengths: Sequence[int]) -> Iterator[slice]:
    """Yield a few rows at a time, about as many as the processor's cache has room for unpacked.

    Args:
        lengths: Of each when unpacked, in bytes.
    """
    first = size = 0
    for row, length in enumerate(lengths, 1):
        size += length
        if size >= _TOGETHER:
            yield slice(first, row)
            first, size = row, 0
    if first < len(lengths):
        yield slice(first, len(lengths))


def joined_chunks(block: Buffer, start: int, frames: Table) -> bytes:
    """Return chunks one after the other, verified.

    Args:
        block: Holds the frames.
        start: Where it begins, as the frames' own offsets count, in bytes.
        frames: Of chunks that are no differences and whose lengths were checked, in any order.

    Raises:
        Corrupt: One is not what its frame says.
    """
    begin = FRAME_SIZE - start
    lengths = list(frames.raw)
    places = [offset + begin for offset in frames.offsets]
    joined = decompress_joined(block, list(zip(frames.codecs, places, frames.stored, lengths, strict=True)))
    digests = content_digests(joined, lengths)
    if digests != frames.digests:
        for named, digest in zip(split_digests(frames.digests), split_digests(digests), strict=True):
            if named != digest:
                raise Corrupt(f"chunk {named.hex()[:12]} is damaged", hint="run 'tether fsck'")
    return joined


def cut_chunks(block: Buffer, start: int, frames: Sequence[Frame]) -> list[tuple[Digest, bytes]]:
    """Return chunks by digest, verified; as `joined_chunks`, but the frames are checked here."""
    for frame in frames:
        check_kind(frame, ObjectKind.CHUNK)
    digests, kinds, codecs, offsets, stored, raw = zip(*frames, strict=True) if frames else ((),) * 6
    table = Table(b"".join(digests), offsets, stored, raw, bytes(kinds), bytes(codecs))
    found: list[tuple[Digest, bytes]] = []
    for some in together(raw):
        joined = joined_chunks(block, start, table.part(some))
        ends = list(accumulate(raw[some], initial=0))
        found.extend(zip(digests[some], [joined[at:end] for at, end in pairwise(ends)], strict=True))
    return found
