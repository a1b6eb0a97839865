"""Values of the tree that BLAKE3 makes of a content, in pure Python.

BLAKE3 hashes leaves of 1,024 bytes, and pairs of values up to a single one, the digest. A *group* is a power
of two of leaves that begins at a multiple of its own length; the last one of a content may be shorter. The
value of a group depends on its bytes and on where it begins, and on nothing else; the values of all groups
give the digest. So whoever knows them, and has made sure that they give it, can check each group by itself.
"""

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise

from tether.core.digest import DIGEST_SIZE, Buffer, hash_bytes

LEAF = 1024
_BLOCK = 64
_WORD = (1 << 32) - 1
_START = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
_ORDER = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
_LEAF_START, _LEAF_END, _PARENT, _ROOT = 1, 2, 4, 8
_MIXED = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)


def group_values(data: Buffer, offset: int, group: int) -> bytes:
    """Return the value of each group of a content, 32 bytes each, one after the other.

    Args:
        data: Whole groups; the last one may be shorter where it is the last of the content.
        offset: Where in the content they begin: a multiple of `group`.
        group: Bytes of a group: a power of two, at least 1,024.

    Raises:
        ValueError: There are no bytes, or the numbers do not fit.
    """
    view = memoryview(data).cast("B")
    if group < LEAF or group & (group - 1) or group > 1 << 40 or offset % group or not view:
        raise ValueError("groups are powers of two, and begin where one begins")
    starts = range(0, len(view), group)
    return b"".join(_group(view[at : at + group], (offset + at) // LEAF) for at in starts)


def content_digests(data: Buffer, lengths: list[int]) -> bytes:
    """Return the digests of whole contents that lie one after the other, 32 bytes each.

    Args:
        data: All of them.
        lengths: Of each, in bytes.

    Raises:
        ValueError: The lengths do not add up to that of the data.
    """
    view = memoryview(data).cast("B")
    ends = list(accumulate(lengths, initial=0))
    if ends[-1] != len(view) or any(length < 0 for length in lengths):
        raise ValueError("lengths that add up to those of the data")
    return b"".join([hash_bytes(view[start:end]) for start, end in pairwise(ends)])


def merge_values(values: Buffer) -> bytes:
    """Return the values of groups twice as large, from those of two groups or more.

    Raises:
        ValueError: They have another length.
    """
    return b"".join(_merged(_split(values)))


def root_value(values: Buffer) -> bytes:
    """Return the digest of a content, from the values of its groups, two or more.

    Raises:
        ValueError: They have another length.
    """
    found = _split(values)
    while len(found) > 2:
        found = _merged(found)
    return _parent(found[0], found[1], _ROOT)


def _split(values: Buffer) -> list[bytes]:
    data = bytes(values)
    if len(data) % DIGEST_SIZE or len(data) < 2 * DIGEST_SIZE:
        raise ValueError("values of 32 bytes each")
    return [data[at : at + DIGEST_SIZE] for at in range(0, len(data), DIGEST_SIZE)]


def _merged(values: list[bytes]) -> list[bytes]:
    even = len(values) - len(values) % 2
    return [_parent(values[at], values[at + 1]) for at in range(0, even, 2)] + values[even:]


def _group(data: memoryview, counter: int) -> bytes:
    values = [_leaf(bytes(data[at : at + LEAF]), counter + at // LEAF) for at in range(0, len(data), LEAF)]
    while len(values) > 1:
        values = _merged(values)
    return values[0]


def _leaf(data: bytes, counter: int) -> bytes:
    state: Sequence[int] = _START
    ends = [*range(0, len(data), _BLOCK), len(data)]
    for start, end in pairwise(ends):
        flags = (_LEAF_START if start == 0 else 0) | (_LEAF_END if end == len(data) else 0)
        state = _compress(state, data[start:end], counter, flags)
    return struct.pack("<8I", *state)


def _parent(left: bytes, right: bytes, flags: int = 0) -> bytes:
    return struct.pack("<8I", *_compress(_START, left + right, 0, _PARENT | flags))


def _compress(state: Sequence[int], block: bytes, counter: int, flags: int) -> list[int]:
    words = struct.unpack("<16I", block.ljust(_BLOCK, b"\0"))
    v = [*state, *_START[:4], counter & _WORD, counter >> 32, len(block), flags]
    for _ in range(7):
        for at, (a, b, c, d) in enumerate(_MIXED):
            for word, far, near in ((words[2 * at], 16, 12), (words[2 * at + 1], 8, 7)):
                v[a] = (v[a] + v[b] + word) & _WORD
                v[d] = _turned(v[d] ^ v[a], far)
                v[c] = (v[c] + v[d]) & _WORD
                v[b] = _turned(v[b] ^ v[c], near)
        words = tuple(words[at] for at in _ORDER)
    return [v[at] ^ v[at + 8] for at in range(8)]


def _turned(word: int, by: int) -> int:
    return (word >> by | word << (32 - by)) & _WORD
