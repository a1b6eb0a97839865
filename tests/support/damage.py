"""Bytes and values as nobody writes them, made from good ones by a seed."""

import random
from collections.abc import Iterator
from typing import Any

from tether.core import codec

ROUNDS = 400

STRANGE: tuple[Any, ...] = (
    *(None, 0, 1, 127, 2**31, 2**40, 2**63, 2**64 - 1, -1, -(2**63), b"", b"\0" * 31, b"\1" * 32, b"\2" * 64),
    *("", "x", "refs/heads/main", "\0", [], [None], [[]], [b"\3" * 32], ["x", b""], [1, 2, 3]),
)
"""Values of every type, to put in place of others."""


def damaged(data: bytes, seed: str, rounds: int = ROUNDS) -> Iterator[bytes]:
    """Yield variants of `data`: cut, with bits flipped, with bytes put in, taken out or overwritten."""
    source = random.Random(seed)
    yield from (data[:n] for n in range(min(len(data), rounds // 2)))
    for _ in range(rounds):
        changed = bytearray(data)
        for _ in range(source.choice((1, 1, 1, 2, 5))):
            at = source.randrange(len(changed) or 1)
            step = source.randrange(4)
            if step == 0 and changed:
                changed[at % len(changed)] ^= 1 << source.randrange(8)
            elif step == 1:
                changed[at:at] = source.randbytes(source.choice((1, 4, 32)))
            elif step == 2:
                del changed[at : at + source.choice((1, 4, 32))]
            else:
                changed[at : at + 8] = source.choice((b"\xff" * 8, bytes(8), b"\xff\xff\xff\x7f" + bytes(4)))
        yield bytes(changed)


def altered(data: bytes, seed: str, rounds: int = ROUNDS) -> Iterator[bytes]:
    """Yield canonical encodings of a value in which one part was replaced by a strange one."""
    source = random.Random(seed)
    for _ in range(rounds):
        fields = codec.decode(data, "sample")
        spot, index = fields, source.randrange(len(fields))
        while isinstance(spot[index], list) and spot[index] and source.random() < 0.8:
            spot = spot[index]
            index = source.randrange(len(spot))
        step = source.randrange(8)
        if step == 0:
            del spot[index]
        elif step == 1:
            spot.insert(index, source.choice(STRANGE))
        else:
            spot[index] = source.choice(STRANGE)
        yield codec.encode(fields)
