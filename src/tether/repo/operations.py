"""Operations: one record for each change of the root, from which undo, the reflog and gc's roots follow."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Digest, derive
from tether.core.identity import Time
from tether.core.kinds import ObjectKind, ObjectReader
from tether.errors import Corrupt

OperationId = Digest
_CONTEXT = "tether 2026 operation v1"


class Head(NamedTuple):
    """What is checked out: a ref's name, or a commit without a branch."""

    ref: str | None
    commit: Digest | None = None
    """Only when `ref` is None."""


class RefChange(NamedTuple):
    """One ref before and after; None is absent."""

    name: str
    old: Digest | None
    new: Digest | None


class Pointers(NamedTuple):
    """What of the root an operation may move besides refs."""

    head: Head
    stage: Digest
    state: Digest | None
    """The merge under way, if any."""


class Operation(NamedTuple):
    """One change of the root."""

    parent: OperationId | None
    time: Time
    command: str
    write_id: bytes
    """16 random bytes, the same as in the root that the operation made."""
    before: Pointers
    after: Pointers
    refs: tuple[RefChange, ...] = ()
    packs_added: tuple[Digest, ...] = ()
    packs_removed: tuple[Digest, ...] = ()
    rescued: Digest | None = None
    """A tree of working files that the command replaced before they were committed."""

    @property
    def id(self) -> OperationId:
        """The digest that names the operation."""
        return derive(_CONTEXT, encode(self.fields()))

    def fields(self) -> list[Any]:
        """Return the operation as a list to encode."""
        return [
            self.parent,
            self.time.micros,
            self.time.offset,
            self.command,
            self.write_id,
            _pointer_fields(self.before),
            _pointer_fields(self.after),
            [[change.name, change.old, change.new] for change in self.refs],
            b"".join(self.packs_added),
            b"".join(self.packs_removed),
            self.rescued,
        ]


def operation_from(fields: Any) -> Operation:
    """Read an operation from its decoded list.

    Raises:
        Corrupt: It has another form.
    """
    try:
        parent, micros, offset, command, write_id, before, after, refs, added, removed, rescued = fields
        return Operation(
            optional_digest(parent),
            Time(_integer(micros), _integer(offset)),
            _text(command),
            binary(write_id),
            _pointers(before),
            _pointers(after),
            tuple(RefChange(_text(n), optional_digest(a), optional_digest(b)) for n, a, b in refs),
            split_digests(added),
            split_digests(removed),
            optional_digest(rescued),
        )
    except (TypeError, ValueError):
        raise Corrupt("an operation has an unknown form", hint="run 'tether fsck'") from None


def encode_segment(operations: tuple[Operation, ...], older: Digest | None) -> bytes:
    """Return the bytes of a run of old operations (oldest first) and the link to the run before."""
    return encode([1, [operation.fields() for operation in operations], older])


def decode_segment(data: bytes) -> tuple[tuple[Operation, ...], Digest | None]:
    """Read a run of old operations.

    Raises:
        Corrupt: It has another form.
    """
    match decode(data, "operations"):
        case [1, list(rows), older]:
            return tuple(operation_from(row) for row in rows), optional_digest(older)
    raise Corrupt("a run of operations has an unknown form", hint="run 'tether fsck'")


def walk_operations(
    recent: tuple[Operation, ...], older: Digest | None, objects: ObjectReader
) -> Iterator[Operation]:
    """Yield operations from the newest to the oldest; old runs are read only when reached."""
    yield from reversed(recent)
    while older is not None:
        run, older = decode_segment(objects.get(ObjectKind.OPERATIONS, older))
        yield from reversed(run)


def optional_digest(value: Any) -> Digest | None:
    """Return `value` as a digest or None.

    Raises:
        Corrupt: It is neither.
    """
    if value is None:
        return None
    if not isinstance(value, bytes) or len(value) != DIGEST_SIZE:
        raise Corrupt("a digest has the wrong length")
    return Digest(value)


def split_digests(column: Any) -> tuple[Digest, ...]:
    """Return a column of digests as a tuple.

    Raises:
        Corrupt: Its length is not a multiple of 32 bytes.
    """
    if not isinstance(column, bytes) or len(column) % DIGEST_SIZE:
        raise Corrupt("a column of digests has the wrong length")
    return tuple(Digest(column[i : i + DIGEST_SIZE]) for i in range(0, len(column), DIGEST_SIZE))


def required_digest(value: Any) -> Digest:
    """Return `value` as a digest.

    Raises:
        Corrupt: It is none.
    """
    digest = optional_digest(value)
    if digest is None:
        raise Corrupt("a digest is missing")
    return digest


def binary(value: Any) -> bytes:
    """Return `value` as bytes.

    Raises:
        Corrupt: It is something else; `bytes(value)` would take a number for a length.
    """
    if not isinstance(value, bytes):
        raise Corrupt("a value of the repository's state is not binary")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Corrupt("a name in an operation is not text")
    return value


def _integer(value: Any) -> int:
    if not isinstance(value, int):
        raise Corrupt("the time of an operation is not a number")
    return value


def _pointer_fields(pointers: Pointers) -> list[Any]:
    return [pointers.head.ref, pointers.head.commit, pointers.stage, pointers.state]


def _pointers(fields: Any) -> Pointers:
    ref, commit, stage, state = fields
    if ref is not None and not isinstance(ref, str):
        raise Corrupt("HEAD names no ref")
    return Pointers(Head(ref, optional_digest(commit)), required_digest(stage), optional_digest(state))
