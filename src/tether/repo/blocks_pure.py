"""Building of many frames at once in plain Python; `_blocks` is the compiled twin."""

from tether.repo.frames import Batch, frame_header


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
