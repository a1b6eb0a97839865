"""One folder's block of the stat cache: what its rows were, and how they compared with the stage.

Every row that no list of the block names was a file or link equal to the entry of the same name in the
folder's tree `stage`; so its content is known without a digest of its own.
"""

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from tether.core.digest import DIGEST_SIZE, Digest
from tether.worktree.rows import EMPTY_ROWS, RECORD_SIZE, Rows, diff_rows, splice

FULL, PATCH, GONE = 0, 1, 2
_PATCH_FROM = 512
_UNKNOWN = bytes(DIGEST_SIZE)
_HEAD = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Block:
    """A folder as it was when someone last compared it.

    Attributes:
        stage: Digest of the folder's tree that it was compared with.
        rows: All rows of the folder.
        fingerprint: Of the ignore rules in effect.
        children: Trees of the tracked folders in it, as `stage` has them.
        known: Rows that are tracked and differ from `stage`: the digest of the content where it is known.
        untracked: Rows that `stage` does not have; folders with a slash at the end.
        ignored: The same, of what the rules ignore.
        special: Rows that cannot be kept: pipes, sockets, devices.
        missing: Names that `stage` has and the folder has not, or has as another kind of thing.
        untrusted: Rows whose content may have changed without a trace in their record.
        unsynced: Rows whose content would be lost if the power failed during the boot `boot`.
        boot: Names the boot; empty without such rows.
    """

    stage: Digest
    rows: Rows
    fingerprint: bytes
    children: Mapping[bytes, Digest] = field(default_factory=dict)
    known: Mapping[bytes, Digest | None] = field(default_factory=dict)
    untracked: tuple[bytes, ...] = ()
    ignored: tuple[bytes, ...] = ()
    special: tuple[bytes, ...] = ()
    missing: tuple[bytes, ...] = ()
    untrusted: tuple[bytes, ...] = ()
    unsynced: tuple[bytes, ...] = ()
    boot: bytes = b""

    def in_boot(self, boot: bytes) -> "Block":
        """Return the block as it is to be read now: rows left unsynced by an earlier boot are not trusted."""
        if not self.unsynced or (boot and boot == self.boot):
            return self
        distrusted = tuple({*self.untrusted, *self.unsynced})
        return replace(self, untrusted=distrusted, unsynced=(), boot=b"")

    def plain(self) -> bool:
        """Whether all rows but tracked folders are equal to the stage for certain."""
        return not (
            self.known or self.untracked or self.ignored or self.special or self.missing or self.untrusted
        )


class _Head(msgspec.Struct, array_like=True, frozen=True):
    """What is stored of a block before its columns; lists of names are joined with NUL."""

    kind: int
    path: bytes
    stage: bytes = b""
    fingerprint: bytes = b""
    count: int = 0
    names_size: int = 0
    children: tuple[bytes, bytes] = (b"", b"")
    known: tuple[bytes, bytes] = (b"", b"")
    untracked: bytes = b""
    ignored: bytes = b""
    special: bytes = b""
    missing: bytes = b""
    untrusted: bytes = b""
    unsynced: bytes = b""
    boot: bytes = b""
    removed: bytes = b""


_DECODER = msgspec.msgpack.Decoder(_Head)
_ENCODER = msgspec.msgpack.Encoder()


def encode_block(path: bytes, block: Block) -> bytes:
    """Return the whole of a block."""
    return _encode(FULL, path, block, block.rows, ())


def encode_change(path: bytes, old: Block | None, new: Block | None) -> bytes:
    """Return the record that leads from one state of a block to another, small where the change is."""
    if new is None:
        head = _ENCODER.encode(_Head(GONE, path))
        return _HEAD.pack(len(head)) + head
    if old is None or new.rows.total < _PATCH_FROM:
        return encode_block(path, new)
    diff = diff_rows(old.rows, new.rows)
    if 8 * (len(diff.changed) + len(diff.added) + len(diff.removed)) > new.rows.total:
        return encode_block(path, new)
    changes = {name: record for name, _, record in diff.changed} | dict(diff.added)
    return _encode(PATCH, path, new, splice(EMPTY_ROWS, changes), diff.removed)


def _encode(kind: int, path: bytes, block: Block, rows: Rows, removed: Iterable[bytes]) -> bytes:
    known = b"".join(digest or _UNKNOWN for digest in block.known.values())
    head = _ENCODER.encode(
        _Head(
            kind,
            path,
            block.stage,
            block.fingerprint,
            rows.total,
            len(rows.names),
            (b"\0".join(block.children), b"".join(block.children.values())),
            (b"\0".join(block.known), known),
            b"\0".join(block.untracked),
            b"\0".join(block.ignored),
            b"\0".join(block.special),
            b"\0".join(block.missing),
            b"\0".join(block.untrusted),
            b"\0".join(block.unsynced),
            block.boot,
            b"\0".join(removed),
        )
    )
    return b"".join((_HEAD.pack(len(head)), head, rows.names, rows.stats))


def path_and_kind(payload: bytes) -> tuple[bytes, int]:
    """Return which folder a record is of, and whether it is whole, a patch or a removal."""
    head, _ = _read_head(payload)
    return head.path, head.kind


def decode_block(records: Iterable[bytes]) -> Block | None:
    """Read the records of a folder, the oldest first; a patch changes what those before it give.

    What patches change is joined first, so that the rows of a large folder are copied once and not for each.

    Returns:
        The block, or None after a removal and for a patch without a block before it.

    Raises:
        ValueError: A record is of another layout.
    """
    newest: _Head | None = None
    rows, changes = EMPTY_ROWS, dict[bytes, bytes | None]()
    for payload in records:
        head, at = _read_head(payload)
        if head.kind == GONE or (head.kind == PATCH and newest is None):
            newest = None
            continue
        newest, columns = head, _columns(payload, head, at)
        if head.kind == PATCH:
            changes |= columns.items()
            changes |= dict.fromkeys(_split(head.removed))
        else:
            rows, changes = columns, {}
    return None if newest is None else _block(newest, splice(rows, changes) if changes else rows)


def _columns(payload: bytes, head: _Head, at: int) -> Rows:
    names = payload[at : at + head.names_size]
    rows = Rows(names, payload[at + head.names_size :], head.count)
    if len(names) != head.names_size or len(rows.stats) != RECORD_SIZE * head.count:
        raise ValueError("columns of the wrong length")
    return rows


def _block(head: _Head, rows: Rows) -> Block:
    known = {name: None if digest == _UNKNOWN else digest for name, digest in _pairs(head.known)}
    return Block(
        Digest(head.stage),
        rows,
        head.fingerprint,
        dict(_pairs(head.children)),
        known,
        _split(head.untracked),
        _split(head.ignored),
        _split(head.special),
        _split(head.missing),
        _split(head.untrusted),
        _split(head.unsynced),
        head.boot,
    )


def _read_head(payload: bytes) -> tuple[_Head, int]:
    try:
        (length,) = _HEAD.unpack_from(payload)
        return _DECODER.decode(payload[_HEAD.size : _HEAD.size + length]), _HEAD.size + length
    except (struct.error, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from None


def _split(joined: bytes) -> tuple[bytes, ...]:
    return tuple(joined.split(b"\0")) if joined else ()


def _pairs(columns: tuple[bytes, bytes]) -> list[tuple[bytes, Digest]]:
    names, digests = columns
    return [
        (name, Digest(digests[i * DIGEST_SIZE : (i + 1) * DIGEST_SIZE]))
        for i, name in enumerate(_split(names))
    ]
