"""The kinds of stored objects, how each is named, and the contract of a place that holds them."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

from tether.core.digest import Buffer, Digest, derive


class ObjectKind(IntEnum):
    """What a stored frame holds; the numbers are part of the pack format."""

    CHUNK = 0
    RECIPE = 1
    RECIPE_PAGE = 2
    TREE = 3
    COMMIT = 4
    TAG = 5
    STATE = 6
    OPERATIONS = 7


CONTEXTS = {
    ObjectKind.RECIPE_PAGE: "tether 2026 recipe page v1",
    ObjectKind.TREE: "tether 2026 tree v1",
    ObjectKind.COMMIT: "tether 2026 commit v1",
    ObjectKind.TAG: "tether 2026 tag v1",
    ObjectKind.STATE: "tether 2026 state v1",
    ObjectKind.OPERATIONS: "tether 2026 operations v1",
}


def object_digest(kind: ObjectKind, payload: Buffer) -> Digest:
    """Return the digest that names `payload`; chunks and recipes are named by their content instead."""
    return derive(CONTEXTS[kind], payload)


class ObjectReader(Protocol):
    """Gives back objects, verified against their digests."""

    def get(self, kind: ObjectKind, digest: Digest) -> bytes:
        """Return one object.

        Raises:
            NotFound: It is not here.
            Corrupt: The stored bytes are not what the digest says.
        """
        ...

    def get_many(self, kind: ObjectKind, digests: Sequence[Digest]) -> list[bytes]:
        """Return several objects in the order asked for; errors as for `get`."""
        ...


class ObjectWriter(ObjectReader, Protocol):
    """Takes objects as well; what was put can be read back at once."""

    def put(self, kind: ObjectKind, payload: bytes) -> Digest:
        """Store a metadata object (no chunk or recipe) and return its digest; known ones cost a look-up."""
        ...
