"""Outlines: the values of the groups of a large content, by which a part of it is checked against its digest.

A digest alone proves a content only when all of it is hashed. With the outline of a version that was checked
and that of the next one, only the groups that differ have to be. An outline proves itself: its values give
the digest, or it is none. Decision: docs/adr/0047-outlines.md.
"""

from dataclasses import dataclass

from tether.core.digest import DIGEST_SIZE, Buffer, Digest

try:
    from tether.core._hashtree import content_digests, group_values, merge_values, root_value

    FAST = True
except ImportError:  # no compiler at the installation
    from tether.core.hashtree_pure import content_digests, group_values, merge_values, root_value

    FAST = False
    """Whether outlines are worth their time: in pure Python all of a content is hashed more quickly."""

__all__ = [
    "FAST",
    "GROUP",
    "LEAF",
    "MOST",
    "Outline",
    "OutlineHasher",
    "content_digests",
    "group_values",
    "merge_values",
]

LEAF = 1024
LARGEST = 1 << 40
"""Bytes of the smallest and the largest groups that a reader takes."""
GROUP = 256 << 10
"""Bytes of the smallest groups that are written."""
MOST = 8192
"""Groups of a content have twice the length as long as there would be more of them."""


@dataclass(frozen=True, slots=True)
class Outline:
    """The values of all groups of one content."""

    group: int
    """Bytes of each group but the last: a power of two."""
    values: bytes
    """32 bytes for each group."""

    def __len__(self) -> int:
        return len(self.values) // DIGEST_SIZE

    def value(self, index: int) -> bytes:
        """Return the value of one group."""
        return self.part(index, index + 1)

    def part(self, first: int, last: int) -> bytes:
        """Return the values of neighbouring groups, up to one that is not among them."""
        return self.values[first * DIGEST_SIZE : last * DIGEST_SIZE]

    def fits(self, size: int) -> bool:
        """Say whether this may be the outline of a content of `size` bytes."""
        sound = LEAF <= self.group <= LARGEST and not self.group & (self.group - 1)
        return sound and len(self.values) == DIGEST_SIZE * -(-size // self.group) and len(self) > 1

    def digest(self) -> Digest:
        """Return the digest of the content that has these values."""
        return Digest(root_value(self.values))


class OutlineHasher:
    """Hashes a content of at least two groups that comes in pieces, and makes its outline."""

    def __init__(self) -> None:
        self._size, self._values = 0, bytearray()

    def update(self, data: Buffer) -> None:
        """Take the next piece: whole groups of the smallest size, but for the last one."""
        if len(data):
            self._values += group_values(data, self._size, GROUP)
            self._size += len(data)

    def digest(self) -> bytes:
        """Return the digest of all that came."""
        return self.outline().digest()

    def outline(self) -> Outline:
        """Return the outline of all that came."""
        group, values = GROUP, bytes(self._values)
        while len(values) > MOST * DIGEST_SIZE:
            group, values = 2 * group, merge_values(values)
        return Outline(group, values)
