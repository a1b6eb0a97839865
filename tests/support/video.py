"""Videos in WebM, made without an encoder of videos: each frame of VP8 is what a picture in lossy WebP holds.

Sources: RFC 6386 (VP8), RFC 9649 (WebP), RFC 9559 (Matroska, of which WebM is a part).
"""

import io
import random
import struct

_SECOND = 1000
"""Ticks of the video: milliseconds."""
_PICTURES = 8
"""Frames that differ; they come again and again."""


def webm(seconds: int, rate: int = 10, size: tuple[int, int] = (320, 240)) -> bytes:
    """Return a video whose every frame is a whole picture, with a table of where each second begins.

    The pictures are noise, so that a second of it takes some hundred kB.
    """
    frames = [_frame(number, size) for number in range(_PICTURES)]
    clusters = [_cluster(second, rate, frames) for second in range(seconds)]
    info = _element(
        0x1549A966,
        _number(0x2AD7B1, 1_000_000)  # nanoseconds of a tick
        + _element(0x4489, struct.pack(">d", seconds * _SECOND))
        + _element(0x4D80, b"tests")
        + _element(0x5741, b"tests"),
    )
    picture = _element(0xE0, _number(0xB0, size[0]) + _number(0xBA, size[1]))
    track = _number(0xD7, 1) + _number(0x73C5, 1) + _number(0x83, 1) + _element(0x86, b"V_VP8") + picture
    head = info + _element(0x1654AE6B, _element(0xAE, track))
    table = _table(
        0, len(head), clusters
    )  # once to know how long it is, since it stands before what it is about
    body = head + _table(len(table), len(head), clusters) + b"".join(clusters)
    kind = _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8)
    kind += _element(0x4282, b"webm") + _number(0x4287, 2) + _number(0x4285, 2)
    return _element(0x1A45DFA3, kind) + _element(0x18538067, body)


def _table(own: int, start: int, clusters: list[bytes]) -> bytes:
    """Return where each cluster begins, counted from the first byte of the segment's contents."""
    at, points = start + own, b""
    for second, cluster in enumerate(clusters):
        place = _number(0xF7, 1) + _element(0xF1, struct.pack(">Q", at))
        points += _element(0xBB, _element(0xB3, struct.pack(">Q", second * _SECOND)) + _element(0xB7, place))
        at += len(cluster)
    return _element(0x1C53BB6B, points)


def _cluster(second: int, rate: int, frames: list[bytes]) -> bytes:
    blocks = b""
    for number in range(rate):
        frame = frames[(second * rate + number) % len(frames)]
        blocks += _element(0xA3, b"\x81" + struct.pack(">h", number * _SECOND // rate) + b"\x80" + frame)
    return _element(0x1F43B675, _number(0xE7, second * _SECOND) + blocks)


def _frame(number: int, size: tuple[int, int]) -> bytes:
    from PIL import Image

    noise = random.Random(number).randbytes(size[0] * size[1])
    out = io.BytesIO()
    Image.frombytes("L", size, noise).convert("RGB").save(out, "WEBP", quality=60, method=0)
    data = out.getvalue()
    assert data[12:16] == b"VP8 "
    (length,) = struct.unpack_from("<I", data, 16)
    return data[20 : 20 + length]


def _element(name: int, data: bytes) -> bytes:
    """Return an element: its id, its length in eight bytes, and what it holds."""
    head = name.to_bytes((name.bit_length() + 7) // 8, "big")
    return head + (1 << 56 | len(data)).to_bytes(8, "big") + data


def _number(name: int, value: int) -> bytes:
    return _element(name, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))
