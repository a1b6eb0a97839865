"""A bundle: the root and packs of a small repository in one file, opened as a read-only repository.

Byte tables: docs/format/bundle.md. In short:

    8 bytes    magic "TETHBND1"
    members    one after the other: packs as they are in a repository, then "root" and "format"
    table      canonical MessagePack: [1, [[key, offset, length], ...], prerequisites joined]
    24 bytes   u64 offset of the table, u64 its length, u64 zero (little-endian)
    32 bytes   BLAKE3 of the table
    8 bytes    "TETHBNDE"

Packs are verified by their names and the root by its seal, so the table alone needs a digest.
`prerequisites` are commits that the receiver must have, since the bundle leaves out what they reach.
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from tether.core.codec import decode, encode
from tether.core.digest import DIGEST_SIZE, Buffer, Digest, hash_bytes
from tether.core.identity import Time
from tether.core.tree import split_digests
from tether.errors import Corrupt, Forbidden, NotFound
from tether.repo.objectdb import ObjectDb
from tether.repo.repository import Repository, Storage
from tether.storage.backend import Upload, check_key, span
from tether.storage.oserrors import translated

MAGIC = b"TETHBND1"
_END = b"TETHBNDE"
_TRAILER = struct.Struct("<QQQ32s8s")


def is_bundle(path: Path) -> bool:
    """Say whether a file begins like a bundle."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC
    return False


def open_bundle(path: Path, clock: Callable[[], Time]) -> Repository:
    """Open a bundle as a repository that can only be read.

    Raises:
        Corrupt: It is no bundle, or it is damaged.
    """
    # The folder exists nowhere: settings and locks of a bundle there are none.
    return Repository.open(
        path.parent / f"{path.name}.d",
        clock=clock,
        storage=Storage.in_folder(path.parent / f"{path.name}.d", BundleBackend(path)),
    )


def prerequisites(repository: Repository) -> list[Digest]:
    """Return the commits that a bundle builds on; none for any other repository."""
    backend = repository.backend
    return backend.prerequisites if isinstance(backend, BundleBackend) else []


def require_prerequisites(bundle: Repository, here: ObjectDb) -> None:
    """Refuse to take a bundle without the commits that it builds on.

    Raises:
        NotFound: One is not here.
    """
    for digest in prerequisites(bundle):
        if not here.has(digest):
            raise NotFound(
                f"the bundle needs commit {digest.hex()[:12]}, which is not here",
                hint="fetch an earlier bundle first, or make one of the whole history",
            )


def encode_table(members: dict[str, tuple[int, int]], prerequisites: list[Digest], offset: int) -> bytes:
    """Return what follows the members, which end at `offset`."""
    rows = [[key, start, length] for key, (start, length) in sorted(members.items())]
    table = encode([1, rows, b"".join(prerequisites)])
    return table + _TRAILER.pack(offset, len(table), 0, hash_bytes(table), _END)


class BundleBackend:
    """The members of a bundle as a backend that cannot be written; see `storage.backend.Backend`.

    Raises:
        NotFound: There is no such file.
        Corrupt: It is no bundle, or its table is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        with translated(str(path)):
            self._file = path.open("rb", buffering=0)
        try:
            self._members, self.prerequisites = self._read_table()
        except BaseException:
            self._file.close()
            raise

    def _read_table(self) -> tuple[dict[str, tuple[int, int]], list[Digest]]:
        size = self._file.seek(0, 2)
        damaged = Corrupt(f"{self._name} is no bundle, or it is cut off")
        if size < len(MAGIC) + _TRAILER.size or self._pread(0, len(MAGIC)) != MAGIC:
            raise damaged
        offset, length, zero, digest, end = _TRAILER.unpack(self._pread(size - _TRAILER.size, _TRAILER.size))
        if end != _END or zero or offset + length + _TRAILER.size != size:
            raise damaged
        table = self._pread(offset, length)
        if hash_bytes(table) != digest:
            raise Corrupt(f"the table of bundle {self._name} is damaged")
        match decode(table, "bundle"):
            case [1, list(rows), bytes(prerequisites)] if len(prerequisites) % DIGEST_SIZE == 0:
                members = dict(_member(row, offset) for row in rows)
                return members, split_digests(prerequisites)
        raise Corrupt(f"the table of bundle {self._name} has an unknown form")

    def _pread(self, offset: int, length: int) -> bytes:
        with translated(self._name):
            data = b""
            while len(data) < length:
                more = os.pread(self._file.fileno(), length - len(data), offset + len(data))
                if not more:
                    raise Corrupt(f"bundle {self._name} is cut off")
                data += more
        return data

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        start, size = self._member(key)
        return self._pread(start + offset, span(key, size, offset, length))

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        view = memoryview(buffer).cast("B")
        view[:] = self.read(key, offset, len(view))

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        return self._member(key)[1]

    def map(self, key: str) -> Buffer:
        """Return the whole value."""
        return self.read(key)

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        return check_key(key) in self._members

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (key, size) of the keys that begin with `prefix`, in order."""
        for key, (_, size) in sorted(self._members.items()):
            if key.startswith(prefix):
                yield key, size

    def upload(self) -> Upload:
        """Refuse."""
        self._refuse()

    def write_new(self, key: str, data: Buffer) -> None:
        """Refuse."""
        self._refuse()

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Refuse."""
        self._refuse()

    def delete(self, key: str) -> None:
        """Refuse."""
        self._refuse()

    def move(self, source: str, target: str) -> None:
        """Refuse."""
        self._refuse()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _member(self, key: str) -> tuple[int, int]:
        found = self._members.get(check_key(key))
        if found is None:
            raise NotFound(f"not found: {key}")
        return found

    def _refuse(self) -> NoReturn:
        raise Forbidden(f"bundle {self._name} cannot be changed", hint="clone it first")


def _member(row: object, end: int) -> tuple[str, tuple[int, int]]:
    match row:
        case [str(key), int(start), int(length)] if min(start, length) >= 0 and start + length <= end:
            return key, (start, length)
    raise Corrupt("the table of a bundle names a place outside of it")
