"""The root: the one mutable value of a repository, moved only by compare-and-swap.

It holds refs, HEAD, the stage, the state of a merge, the live packs and the newest operations, and
ends with a BLAKE3 of itself. A write id inside it tells a lost reply from a lost race. Byte layout:
docs/format/root.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Digest, hash_bytes
from tether.core.tree import EMPTY_TREE
from tether.errors import Corrupt, Unsupported
from tether.repo.operations import (
    Head,
    Operation,
    Pointers,
    binary,
    operation_from,
    optional_digest,
    required_digest,
    split_digests,
)

KEY = "root"
VERSION = 1
DEFAULT_BRANCH = "main"


@dataclass(frozen=True, slots=True)
class Root:
    """One state of a repository."""

    write_id: bytes
    """16 random bytes of the write that made it."""
    generation: int = 0
    """Counts the moves of the root."""
    head: Head = field(default_factory=lambda: Head(f"refs/heads/{DEFAULT_BRANCH}"))
    refs: Mapping[str, Digest] = field(default_factory=dict)
    stage: Digest = EMPTY_TREE
    """The tree that the next commit takes."""
    state: Digest | None = None
    data_packs: tuple[Digest, ...] = ()
    meta_packs: tuple[Digest, ...] = ()
    operations: tuple[Operation, ...] = ()
    """The newest, oldest first."""
    older_operations: Digest | None = None
    """The run of operations before those."""
    extra: tuple[tuple[str, bytes], ...] = ()
    """Sorted; for what later features record (a shallow boundary, absent contents)."""

    def head_commit(self) -> Digest | None:
        """Return the commit that is checked out; None before the first."""
        return self.refs.get(self.head.ref) if self.head.ref is not None else self.head.commit

    def pointers(self) -> Pointers:
        """Return what an operation records besides refs."""
        return Pointers(self.head, self.stage, self.state)

    def packs(self) -> tuple[Digest, ...]:
        """Return every live pack."""
        return self.data_packs + self.meta_packs

    def encode(self) -> bytes:
        """Return the bytes of the root, sealed."""
        body = encode(
            [
                VERSION,
                self.write_id,
                self.generation,
                [self.head.ref, self.head.commit],
                [[name, self.refs[name]] for name in sorted(self.refs)],
                self.stage,
                self.state,
                b"".join(self.data_packs),
                b"".join(self.meta_packs),
                [operation.fields() for operation in self.operations],
                self.older_operations,
                [[key, value] for key, value in sorted(self.extra)],
            ]
        )
        return body + hash_bytes(body)


def decode_root(data: bytes) -> Root:
    """Read a root.

    Raises:
        Corrupt: Its seal does not fit or it has another form.
        Unsupported: It was written by a newer Tether.
    """
    body, seal = data[:-DIGEST_SIZE], data[-DIGEST_SIZE:]
    if hash_bytes(body) != seal:
        raise Corrupt("the root of the repository is damaged", hint="run 'tether fsck --repair'")
    fields = decode(body, "root")
    if not isinstance(fields, list) or not fields or fields[0] != VERSION:
        raise Unsupported("the root of the repository has an unknown version", hint="use a newer Tether")
    try:
        root = _root_from(fields)
        same = root.encode() == data
    except (TypeError, ValueError):
        same = False
    if not same:
        # A writer swaps against the bytes that it would write itself.
        raise Corrupt("the root of the repository has an unknown form", hint="run 'tether fsck --repair'")
    return root


def _root_from(fields: list[Any]) -> Root:
    _, write_id, generation, head, refs, stage, state, data, meta, operations, older, extra = fields
    ref, commit = head
    if not isinstance(write_id, bytes) or not isinstance(generation, int) or not isinstance(ref, str | None):
        raise Corrupt("the root of the repository has an unknown form")
    return Root(
        write_id,
        generation,
        Head(ref, optional_digest(commit)),
        {str(name): required_digest(target) for name, target in refs},
        required_digest(stage),
        optional_digest(state),
        split_digests(data),
        split_digests(meta),
        tuple(operation_from(row) for row in operations),
        optional_digest(older),
        tuple((str(key), binary(value)) for key, value in extra),
    )
