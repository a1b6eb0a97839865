"""Digests: 32 bytes of BLAKE3 that name contents and objects.

Files and chunks are hashed plainly, so `b3sum` prints the same value. Objects are hashed
with a `derive_key` context of their kind, so that a file can never be taken for a tree.
"""

from collections.abc import Iterable
from typing import NewType, TypeAlias

from blake3 import blake3

from tether.errors import InvalidInput

Digest = NewType("Digest", bytes)

Buffer: TypeAlias = bytes | bytearray | memoryview

DIGEST_SIZE = 32


def hash_bytes(data: Buffer) -> Digest:
    """Return the plain BLAKE3-256 of `data`."""
    return Digest(blake3(data).digest())


def hash_many(contents: Iterable[Buffer]) -> list[Digest]:
    """Return the plain BLAKE3-256 of each content."""
    hasher = blake3
    return [Digest(hasher(data).digest()) for data in contents]


def derive(context: str, data: Buffer) -> Digest:
    """Return the BLAKE3-256 of `data` under a `derive_key` context."""
    return Digest(blake3(data, derive_key_context=context).digest())


def parse_digest(text: str) -> Digest:
    """Read 64 hexadecimal digits.

    Raises:
        InvalidInput: `text` is not 64 hexadecimal digits in lower case.
    """
    if len(text) != 2 * DIGEST_SIZE or text != text.lower():
        raise InvalidInput(f"not a digest: {text!r}", hint="a digest is 64 hexadecimal digits")
    try:
        return Digest(bytes.fromhex(text))
    except ValueError:
        raise InvalidInput(f"not a digest: {text!r}", hint="a digest is 64 hexadecimal digits") from None


EMPTY_FILE = hash_bytes(b"")
