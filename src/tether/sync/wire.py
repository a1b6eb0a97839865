"""What the two ends of a transfer say to each other, as bytes. Page: docs/format/transfer.md.

Digests go as columns of 32 bytes each, objects as frames in the form in which packs keep them. Nothing that
arrives is believed: lengths are bounded before anything is allocated, and every frame is verified.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Digest
from tether.core.tree import split_digests
from tether.errors import Corrupt, InvalidInput
from tether.repo.frames import FRAME_SIZE, Frame, parse_frame
from tether.repo.operations import optional_digest

VERSION = 1
MAX_DIGESTS = 16_384
"""In one request."""
MAX_PACK = 96 << 20
"""Bytes of one pack: it is sealed at 64 MiB, and the last block may overshoot."""
REPLY_BYTES = 64 << 20
"""Of frames in one reply, the first one apart; what was left out is asked for again."""
MOST_DEPTH = 1 << 31
"""A depth that reaches the beginning of any history."""
WRITE_ID = 16
ADDRESS_TYPE = "application/vnd.tether.address"
"""Media type of a reply that says where a pack is, instead of the pack."""
MAX_ADDRESS = 8192
_MOST_UPDATES = 100_000


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """What another repository names.

    Attributes:
        head: The ref that a clone checks out; None where HEAD is detached.
        refs: By name.
    """

    head: str | None
    refs: dict[str, Digest]

    def encode(self) -> bytes:
        """Return the message."""
        return encode([VERSION, self.head, [[name, self.refs[name]] for name in sorted(self.refs)]])

    @classmethod
    def decode(cls, data: bytes) -> "RemoteRefs":
        """Read the message; Corrupt where it is none."""
        match decode(data, "list of refs"):
            case [1, head, list(rows)] if head is None or isinstance(head, str):
                return cls(head, {str(name): Digest(_digest(value)) for name, value in map(_pair, rows)})
        raise Corrupt("the list of refs has an unknown form", hint="use a newer Tether")


@dataclass(frozen=True, slots=True)
class RefMove:
    """One ref that a push moves.

    Attributes:
        name: The whole name.
        old: What it must be now; None: it must not be there.
        new: What it becomes; None removes it.
        force: It need not follow on from what it was.
    """

    name: str
    old: Digest | None
    new: Digest | None
    force: bool = False


@dataclass(frozen=True, slots=True)
class PushRequest:
    """The end of a push: its packs are there, now the refs move.

    Attributes:
        write_id: Names this push; sent again it is recognised and done only once.
        packs: What was sent for it.
        moves: All of them, or none.
    """

    write_id: bytes
    packs: tuple[Digest, ...]
    moves: tuple[RefMove, ...]

    def encode(self) -> bytes:
        """Return the message."""
        rows = [[move.name, move.old, move.new, int(move.force)] for move in self.moves]
        return encode([VERSION, self.write_id, b"".join(self.packs), rows])

    @classmethod
    def decode(cls, data: bytes) -> "PushRequest":
        """Read the message.

        Raises:
            InvalidInput: It is none, or too long.
        """
        try:
            match decode(data, "push"):
                case [1, bytes(write_id), bytes(packs), list(rows)] if len(write_id) == WRITE_ID:
                    moves = tuple(_move(row) for row in rows[: _MOST_UPDATES + 1])
                    if len(moves) <= _MOST_UPDATES:
                        return cls(write_id, tuple(read_digests(packs)), moves)
        except (Corrupt, TypeError, ValueError):
            pass
        raise InvalidInput("the end of a push has an unknown form", hint="use a newer Tether")


class PackShare(NamedTuple):
    """How much of a pack somebody wants.

    Attributes:
        name: Of the pack.
        size: Bytes of the whole pack.
        objects: How many it holds.
        wanted: How many of them were asked about.
    """

    name: Digest
    size: int
    objects: int
    wanted: int


def encode_shares(shares: Sequence[PackShare]) -> bytes:
    """Return the message that tells where objects lie."""
    return encode([VERSION, [list(share) for share in shares]])


def decode_shares(data: bytes) -> list[PackShare]:
    """Read the message; Corrupt where it is none."""
    match decode(data, "list of packs"):
        case [1, list(rows)]:
            return [_share(row) for row in rows]
    raise Corrupt("the list of packs has an unknown form", hint="use a newer Tether")


def read_digests(column: bytes) -> list[Digest]:
    """Return the digests of a column that came from outside.

    Raises:
        InvalidInput: It is no column, or too long.
    """
    if len(column) % DIGEST_SIZE or len(column) > MAX_DIGESTS * DIGEST_SIZE:
        raise InvalidInput(f"not a list of at most {MAX_DIGESTS} digests")
    return split_digests(column)


def pack_bits(flags: Sequence[bool]) -> bytes:
    """Return flags as bits, the first one lowest in the first byte."""
    number = int("".join("01"[flag] for flag in reversed(flags)) or "0", 2)
    return number.to_bytes((len(flags) + 7) // 8, "little")


def unpack_bits(data: bytes, count: int) -> list[bool]:
    """Return `count` flags; Corrupt where there is another number of bytes."""
    if len(data) != (count + 7) // 8:
        raise Corrupt("a list of flags has the wrong length")
    number = int.from_bytes(data, "little")
    return [bool(number >> at & 1) for at in range(count)]


def encode_address(url: str) -> bytes:
    """Return the message that tells where a pack is."""
    return encode([VERSION, url])


def decode_address(blocks: Iterable[bytes]) -> str:
    """Read the message as it comes; Corrupt where it is none."""
    data = bytearray()
    for block in blocks:
        data += block
        if len(data) > MAX_ADDRESS:
            break
    match decode(bytes(data), "address of a pack") if len(data) <= MAX_ADDRESS else None:
        case [1, str(url)]:
            return url
    raise Corrupt("the address of a pack has an unknown form", hint="use a newer Tether")


def encode_verified(flags: Sequence[bool]) -> bytes:
    """Return the message that tells which contents were verified: how many, and a bit for each."""
    return len(flags).to_bytes(4, "little") + pack_bits(flags)


def decode_verified(data: bytes, asked: int) -> list[bool]:
    """Read the message about the first of `asked` contents; Corrupt where it is none."""
    count = int.from_bytes(data[:4], "little")
    if len(data) < 4 or not 0 < count <= asked:
        raise Corrupt("an answer about contents has an unknown form")
    return unpack_bits(data[4:], count)


def read_frames(blocks: Iterable[bytes]) -> Iterator[tuple[Frame, bytes]]:
    """Take a stream of frames apart; lengths are checked before they are waited for.

    Raises:
        Corrupt: A frame is damaged, or the stream ends within one.
    """
    held = bytearray()
    position = 0
    frame: Frame | None = None
    for block in blocks:
        held += block
        while True:
            if frame is None:
                if len(held) - position < FRAME_SIZE:
                    break
                frame = parse_frame(bytes(held[position : position + FRAME_SIZE]), 0)
                position += FRAME_SIZE
            if len(held) - position < frame.stored:
                break
            yield frame, bytes(held[position : position + frame.stored])
            position += frame.stored
            frame = None
        del held[:position]
        position = 0
    if held or frame is not None:
        raise Corrupt("a reply ends within an object", hint="run the command again")


def _share(row: Any) -> PackShare:
    match row:
        case [bytes(name), int(size), int(objects), int(wanted)] if 0 < size <= MAX_PACK:
            return PackShare(Digest(_digest(name)), size, objects, wanted)
    raise Corrupt("the list of packs has an unknown form")


def _pair(row: Any) -> tuple[Any, Any]:
    if not isinstance(row, list) or len(row) != 2:
        raise Corrupt("the list of refs has an unknown form")
    return row[0], row[1]


def _digest(value: Any) -> bytes:
    if not isinstance(value, bytes) or len(value) != DIGEST_SIZE:
        raise Corrupt("a digest has the wrong length")
    return value


def _move(row: Any) -> RefMove:
    name, old, new, force = row
    if not isinstance(name, str) or not isinstance(force, int):
        raise TypeError("a move of a ref has another form")
    return RefMove(name, optional_digest(old), optional_digest(new), bool(force))
