"""Unpacking and verifying chunks many at a time: a call for each costs more than the work on a small one."""

from collections.abc import Iterable, Iterator, Sequence

from tether.core.compression import decompress_joined
from tether.core.digest import Buffer, Digest
from tether.core.kinds import ObjectKind
from tether.core.outline import content_digests
from tether.core.tree import split_digests
from tether.errors import Corrupt
from tether.repo.frames import FRAME_SIZE, Frame, check_lengths

_TOGETHER = 256 << 10
"""Bytes unpacked at once, few enough to be hashed while they are in the processor's cache."""


def check_kind(frame: Frame, kind: ObjectKind) -> None:
    """Refuse a frame that is of another kind, or claims an impossible length.

    Raises:
        Corrupt: It is or does.
    """
    if frame.kind != kind:
        raise Corrupt(f"object {frame.digest.hex()[:12]} is of another kind than {kind.name.lower()}")
    check_lengths(frame.kind, frame.raw, frame.stored)


def together(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    """Yield a few frames at a time, about as many as the processor's cache has room for unpacked."""
    some, size = list[Frame](), 0
    for frame in frames:
        some.append(frame)
        size += frame.raw
        if size >= _TOGETHER:
            yield some
            some, size = [], 0
    if some:
        yield some


def joined_chunks(block: Buffer, start: int, frames: Sequence[Frame]) -> bytes:
    """Return chunks one after the other, verified.

    Args:
        block: Holds the frames.
        start: Where it begins, as the frames' own offsets count, in bytes.
        frames: Of chunks that are no differences and whose lengths were checked.

    Raises:
        Corrupt: One is not what its frame says.
    """
    begin = start - FRAME_SIZE
    joined = decompress_joined(block, [(f.codec, f.offset - begin, f.stored, f.raw) for f in frames])
    digests = content_digests(joined, [frame.raw for frame in frames])
    if digests != b"".join([frame.digest for frame in frames]):
        for frame, digest in zip(frames, split_digests(digests), strict=True):
            if frame.digest != digest:
                raise Corrupt(f"chunk {frame.digest.hex()[:12]} is damaged", hint="run 'tether fsck'")
    return joined


def cut_chunks(block: Buffer, start: int, frames: Sequence[Frame]) -> list[tuple[Digest, bytes]]:
    """Return chunks by digest, verified; as `joined_chunks`, but the frames are checked here."""
    found: list[tuple[Digest, bytes]] = []
    for frame in frames:
        check_kind(frame, ObjectKind.CHUNK)
    for some in together(frames):
        joined, at = joined_chunks(block, start, some), 0
        for frame in some:
            found.append((frame.digest, joined[at : at + frame.raw]))
            at += frame.raw
    return found
