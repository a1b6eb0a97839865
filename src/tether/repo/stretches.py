"""Stretches: the chunks of one pack, taken for neighbours in a file, and the values of the groups they fill.

A pack that arrives is unpacked once, to verify its chunks. If it is known by then where in a file they
belong, the values of the file's groups are made in the same pass, and the file need not be read again to
show what it is. Where they belong is only a guess until a recipe that lists them just so is there.
Decision: docs/adr/0049-one-pass.md.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from blake3 import blake3

from tether.core.codec import decode, encode, pack_u32
from tether.core.digest import DIGEST_SIZE, Buffer, Digest, hash_bytes
from tether.core.outline import GROUP, LEAF, group_values, merge_values
from tether.errors import Corrupt

LARGEST_START = 1 << 50
"""The largest offset in a file that is taken for where a stretch begins, in bytes."""
_STEP = 16 << 10
"""Bytes that are hashed at a time: leaves for the widest vectors. What a piece has beyond that is copied."""
_PARTS = 16
"""Leaves of a step, and steps of a group."""
_FORM = 1

Begin = Callable[[Digest], "StretchHasher | None"]
"""Asked with the first chunk of a pack: returns what gets this one and all others."""
Pieces = Iterator[tuple[Digest, int]]
"""The chunks of a pack in the order in which they lie, each with its length when unpacked."""


class Values(NamedTuple):
    """What was made of bytes that lie in a row in a file.

    Of a group that is only begun or ended by them there is enough to go on with where its other part is known
    too: a group has sixteen steps, a step sixteen leaves, and less than a leaf is kept as it is.
    """

    start: int
    """Where in the file they begin, in bytes."""
    stop: int
    head: bytes = b""
    """The bytes before the first leaf."""
    first_leaves: bytes = b""
    """Values of the leaves before the first step."""
    first_steps: bytes = b""
    """Values of the steps before the first group."""
    groups: bytes = b""
    """Values of groups of `GROUP` bytes."""
    last_steps: bytes = b""
    """Values of the steps behind the last group."""
    last_leaves: bytes = b""
    """Values of the leaves behind the last step."""
    tail: bytes = b""
    """The bytes behind the last leaf."""

    @property
    def first(self) -> int:
        """Number of the first group in the file."""
        return up(self.start, GROUP)

    def up_to(self, stop: int) -> "Values":
        """Return what is known of those before an offset alone, without what could go on there."""
        count = stop // GROUP - self.first
        if count < 0:
            return Values(self.start, stop)
        groups = self.groups[: count * DIGEST_SIZE]
        return self._replace(stop=stop, groups=groups, last_steps=b"", last_leaves=b"", tail=b"")

    def seam(self, behind: "Values") -> bytes | None:
        """Return the value of the group that is begun here and ended by others, nothing where there is none.

        It is None where these are no neighbours, or do not have all of the group.
        """
        at, group = behind.start, behind.start // GROUP * GROUP
        if self.stop != at:
            return None
        if at == group:
            return b""
        if self.start > group or behind.stop < group + GROUP:
            return None
        leaf = self.tail + behind.head
        if len(leaf) not in (0, LEAF):
            return None
        made = group_values(leaf, at // LEAF * LEAF, LEAF) if leaf else b""
        leaves = self.last_leaves + made + behind.first_leaves
        if len(leaves) not in (0, _PARTS * DIGEST_SIZE):
            return None
        steps = self.last_steps + merged(leaves, _PARTS) + behind.first_steps
        return merged(steps, _PARTS) if len(steps) == _PARTS * DIGEST_SIZE else None


class StretchHasher:
    """Makes the values of the groups that chunks fill which pass in pieces.

    Args:
        start: Where in the file the first one would begin, in bytes.
    """

    def __init__(self, start: int) -> None:
        self.start, self._at = start, start
        self._first = up(start, _STEP) * _STEP
        self._head, self._left, self._values = bytearray(), bytearray(), bytearray()

    def update(self, data: memoryview) -> None:
        """Take the next piece, which may change afterwards."""
        begin = max(self._first - self._at, 0)
        self._at += len(data)
        if begin:
            self._head += data[:begin]
            data = data[begin:]
        if self._left:
            lacking = _STEP - len(self._left)
            self._left += data[:lacking]
            data = data[lacking:]
            if len(self._left) < _STEP:
                return
            self._hash(memoryview(self._left))
            self._left = bytearray()
        whole = len(data) - len(data) % _STEP
        if whole:
            self._hash(data[:whole])
        self._left += data[whole:]

    def _hash(self, data: memoryview) -> None:
        done = len(self._values) // DIGEST_SIZE * _STEP
        self._values += group_values(data, self._first + done, _STEP)

    def values(self) -> Values:
        """Return what was made of all that came."""
        if self._at < self._first:
            return Values(self.start, self._at)
        begun = self._first // _STEP
        ended = begun + len(self._values) // DIGEST_SIZE
        first = min(up(begun, _PARTS) * _PARTS, ended)
        last = max(ended // _PARTS * _PARTS, first)
        first_steps, groups, last_steps = (
            bytes(self._values[(a - begun) * DIGEST_SIZE : (b - begun) * DIGEST_SIZE])
            for a, b in ((begun, first), (first, last), (last, ended))
        )
        head = up(self.start, LEAF) * LEAF - self.start
        tail = len(self._left) // LEAF * LEAF
        return Values(
            self.start,
            self._at,
            bytes(self._head[:head]),
            _leaves(self._head[head:], self.start + head),
            first_steps,
            merged(groups, _PARTS),
            last_steps,
            _leaves(self._left[:tail], ended * _STEP),
            bytes(self._left[tail:]),
        )


def _leaves(data: bytearray, offset: int) -> bytes:
    return group_values(data, offset, LEAF) if data else b""


class OrderHasher:
    """Hashes chunks in the order in which they lie, by their digests and lengths alone."""

    def __init__(self) -> None:
        self.count = 0
        self._digests, self._lengths = blake3(), blake3()

    def update(self, digests: Buffer, lengths: Sequence[int]) -> None:
        """Take the next ones; lengths are in bytes."""
        self.count += len(lengths)
        self._digests.update(digests)
        self._lengths.update(pack_u32(lengths))

    def order(self) -> "Order":
        """Return what they are in this order."""
        return Order(self.count, hash_bytes(self._digests.digest() + self._lengths.digest()))


class Order(NamedTuple):
    """Chunks in the order in which they lie."""

    chunks: int
    """How many."""
    digest: bytes
    """No others have it, nor these in another order."""


class Made(NamedTuple):
    """What was made while one pack passed, as it can be kept."""

    first: Digest
    """The first chunk."""
    order: Order
    values: Values

    def encode(self) -> bytes:
        """Return it as bytes."""
        return encode([_FORM, self.first, *self.order, *self.values])

    @classmethod
    def decode(cls, data: Buffer) -> "Made | None":
        """Return what was kept; None where it is of another version."""
        try:
            match decode(data, "what was made of a pack"):
                case [1, bytes(first), int(count), bytes(order), int(start), int(stop), *parts]:
                    return cls(Digest(first), Order(count, order), Values(start, stop, *parts))
        except (Corrupt, TypeError):
            pass
        return None


@dataclass(frozen=True, slots=True)
class Stretch:
    """One pack that passed."""

    made: Made
    load: Callable[[], Pieces]
    """Returns all chunks; asked where they are not all in a row in the file."""

    @property
    def place(self) -> tuple[int, Digest]:
        """Where in the file its first chunk would begin, in bytes, and that chunk."""
        return self.made.values.start, self.made.first

    def up_to(self, stop: int) -> "Stretch":
        """Return what was made of a part of its chunks."""
        return replace(self, made=self.made._replace(values=self.made.values.up_to(stop)))


def up(offset: int, size: int) -> int:
    """Return how many pieces of `size` bytes it takes to reach an offset."""
    return -(-offset // size)


def merged(values: bytes, count: int) -> bytes:
    """Return the values of so many groups together, a power of two."""
    while count > 1 and values:
        values, count = merge_values(values), count // 2
    return values
