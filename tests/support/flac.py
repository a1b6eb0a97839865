"""Sounds in FLAC, made without an encoder: their samples stand in them as they are.

Source: RFC 9639, sections 8 (streaminfo) and 9 (frames, with verbatim subframes).
"""

import struct
from collections.abc import Sequence

RATE = 8000
_BLOCK = 4096


def flac(samples: Sequence[int], said: int | None = None) -> bytes:
    """Return a sound of one channel of 16 bits at `RATE`, without the last ones that fill no block.

    Args:
        samples: The sound.
        said: How many samples its head says that it has, where that is not true.
    """
    blocks = [samples[at : at + _BLOCK] for at in range(0, len(samples) - _BLOCK + 1, _BLOCK)]
    count = len(blocks) * _BLOCK if said is None else said
    rate_channels_bits_count = RATE << 44 | 0 << 41 | 15 << 36 | count
    info = struct.pack(">HH6xQ16x", _BLOCK, _BLOCK, rate_channels_bits_count)
    frames = b"".join(_frame(number, block) for number, block in enumerate(blocks))
    return b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info + frames


def _frame(number: int, block: Sequence[int]) -> bytes:
    assert number < 128  # numbers from there on take more than a byte
    head = bytes([0xFF, 0xF8, 0xC4, 0x08, number])  # 4096 samples, 8 kHz; mono, 16 bits
    head += bytes([_check(head, 8, 0x07)])
    data = head + b"\x02" + struct.pack(f">{len(block)}h", *block)
    return data + _check(data, 16, 0x8005).to_bytes(2, "big")


def _check(data: bytes, width: int, polynomial: int) -> int:
    """Return the CRC of some bits, the highest first, begun with 0."""
    value, top, most = 0, 1 << (width - 1), (1 << width) - 1
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & most
    return value
