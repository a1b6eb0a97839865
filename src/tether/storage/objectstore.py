"""An object store as a backend: S3 and what speaks like it, Google Cloud Storage, Azure, a dict in tests.

A change that depends on what is there is a conditional write of the store itself (`If-None-Match: *`,
`If-Match`), so one of several writers wins, on any number of machines. An upload lies in a local file until
its key is known, and is sent under that key in parts, several at once; nothing is seen of it before its end.

Values above one part must not change under their key: they are read in several requests.
"""

import mmap
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import obstore

from tether.core.digest import Buffer
from tether.errors import AlreadyExists, Conflict, InvalidInput, NotFound, TetherError, Unavailable
from tether.storage.backend import GivenUp, check_key, check_prefix, span
from tether.storage.objectclient import ObjectClient, Stores
from tether.storage.objecterrors import unable
from tether.storage.oserrors import translated
from tether.storage.presigning import signed, signed_for_new

PART = 5 << 20
"""Bytes of one request, either way; S3 takes no smaller parts. Each request has a deadline."""
PARTS_AT_ONCE = 4
_MOST = 1 << 62


def _at_once(_: int) -> None:
    """Let bytes go without a limit."""


class ObjectUpload(GivenUp):
    """A value on its way to a bucket, in a local file; see `storage.backend.Upload`."""

    def __init__(self, backend: "ObjectBackend", spool: Path | None) -> None:
        self._backend = backend
        # Without a name, so that nothing is left of it when the process is killed.
        self._file = tempfile.TemporaryFile(dir=spool, buffering=0)  # noqa: SIM115 - closed by `abort`

    def write(self, data: Buffer) -> None:
        """Append all of `data`."""
        rest = memoryview(data).cast("B")
        with translated("the folder for uploads"):
            while rest:
                rest = rest[self._file.write(rest) :]

    def write_many(self, buffers: Sequence[Buffer]) -> None:
        """Append the buffers in order."""
        self.write(b"".join(buffers))

    def finish(self, key: str) -> None:
        """Send the value, in parts and all or nothing, unless it is there."""
        check_key(key)
        size = self._file.tell()
        # The map is not closed here: who sends it may hold on to it a little longer.
        data = memoryview(mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_READ)) if size else b""
        self._backend.put(key, data)
        self.abort()

    def abort(self) -> None:
        """Give the value up; without effect after `finish`."""
        self._file.close()


class ObjectBackend:
    """Values as objects of a bucket; see `storage.backend.Backend`.

    Args:
        stores: The ways to the bucket.
        prefix: What comes before each key, "" or ending in "/".
        spool: The folder in which uploads lie until they are sent; None takes that for temporary files.
        sleep: Waits that many seconds before a conditional write is tried again.
        pace: Told of bytes that go to the bucket or came from there; returns when more may follow.
    """

    def __init__(
        self,
        stores: Stores,
        prefix: str = "",
        *,
        spool: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
        pace: Callable[[int], None] | None = None,
    ) -> None:
        self._pace = pace or _at_once
        self.name = f"{stores.name}/{prefix}".rstrip("/")
        self._client = ObjectClient(stores, self.name, sleep)
        self._prefix, self._spool = prefix, spool

    def below(self, prefix: str) -> "ObjectBackend":
        """Return the part of this bucket whose keys begin with `prefix` and a slash."""
        place = f"{self._prefix}{check_key(prefix)}/"
        return self._like(place, self._spool)

    def spooling(self, spool: Path) -> "ObjectBackend":
        """Return the same place with another folder for uploads."""
        return self._like(self._prefix, spool)

    def as_far(self) -> "ObjectBackend":
        """Return the same place as a far end, whose failures are not of the storage of this process."""
        stores, sleep = replace(self._client.stores, far=True), self._client.sleep
        return ObjectBackend(stores, self._prefix, spool=self._spool, sleep=sleep, pace=self._pace)

    def _like(self, prefix: str, spool: Path | None) -> "ObjectBackend":
        client = self._client
        return ObjectBackend(client.stores, prefix, spool=spool, sleep=client.sleep, pace=self._pace)

    def some(self, count: int) -> list[str]:
        """Return up to so many keys, in no order; fewer than asked for means that these are all."""
        return [place.removeprefix(self._prefix) for place, _ in self._client.listed(self._prefix, count)]

    # -- reading ----------------------------------------------------------------------------

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        place = self._place(key)
        if offset == 0 and length is None:
            whole = self._client.ask(key, lambda store: bytes(obstore.get(store, place).bytes()))
            self._pace(len(whole))
            return whole
        if length is None or offset < 0 or length <= 0 or offset + length > _MOST:
            length = span(key, self.size(key), offset, length)
            if not length:
                return b""
        starts = range(offset, offset + length, PART)
        ends = [min(start + PART, offset + length) for start in starts]
        try:
            parts = self._client.ask(
                key, lambda store: obstore.get_ranges(store, place, starts=starts, ends=ends, coalesce=0)
            )
        except TetherError:  # a range that begins behind the end is refused
            self._require(key, offset, length)
            raise
        if sum(map(len, parts)) != length:
            self._require(key, offset, length)
            raise unable(f"{self.name} sent less than was asked for of {key}", far=self._client.stores.far)
        self._pace(length)
        return bytes(parts[0]) if len(parts) == 1 else b"".join(parts)

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        view = memoryview(buffer).cast("B")
        view[:] = self.read(key, offset, len(view))

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        return self._client.size(key, self._place(key))

    def map(self, key: str) -> Buffer:
        """Return the whole value, in memory."""
        size = self.size(key)
        return self.read(key, 0, size) if size > PART else self.read(key)

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        try:
            self.size(key)
        except NotFound:
            return False
        return True

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (key, size) of the keys that begin with `prefix`, in order of the keys."""
        folder = check_prefix(prefix).rpartition("/")[0]
        listed = self._client.listed(f"{self._prefix}{folder}")
        found = [(place.removeprefix(self._prefix), size) for place, size in listed]
        return iter(sorted((key, size) for key, size in found if key.startswith(prefix) and _is_key(key)))

    # -- writing ----------------------------------------------------------------------------

    def upload(self) -> ObjectUpload:
        """Begin a new value."""
        with translated(f"{self._spool or 'the folder of temporary files'}"):
            return ObjectUpload(self, self._spool)

    def put(self, key: str, data: Buffer) -> None:
        """Store a value that is named after its content, unless it is there; see `Upload.finish`.

        Raises:
            AlreadyExists: A value of another size is there.
        """
        place, size = self._place(key), memoryview(data).nbytes
        with suppress(NotFound):
            if self.size(key) == size:
                return
            raise AlreadyExists(f"another value is stored as {key}", hint="run `tether fsck`")
        self._pace(size)
        try:
            self._client.ask(
                key,
                lambda store: obstore.put(store, place, data, chunk_size=PART, max_concurrency=PARTS_AT_ONCE),
            )
        except InvalidInput:  # of two who send the same value at once, Azure refuses the one who ends later
            with suppress(NotFound):
                if self.size(key) == size:
                    return
            raise

    def write_new(self, key: str, data: Buffer) -> None:
        """Store a value durably under a key that has none."""
        if not self._client.put_if(key, self._place(key), bytes(data), "create"):
            raise AlreadyExists(f"already exists: {key}")

    def swap(self, key: str, expected: bytes | None, new: bytes) -> None:
        """Replace the value `expected` by `new`, atomically and durably."""
        place = self._place(key)
        found, version = self._client.versioned(key, place)
        fits = found == expected
        if not fits or not self._client.put_if(key, place, bytes(new), version or "create"):
            raise Conflict(f"another writer changed {key}", hint="look at the new state, then run it again")

    def delete(self, key: str) -> None:
        """Remove a value; one that is missing is fine."""
        place = self._place(key)
        with suppress(NotFound):
            self._client.ask(key, lambda store: obstore.delete(store, place))

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`, copied by the store itself."""
        place, goal = self._place(source), self._place(target)
        self.size(source)
        if source == target:
            return
        try:
            self._client.copy_new(source, place, goal)
        except AlreadyExists:
            raise AlreadyExists(f"another value is stored as {target}") from None
        self.delete(source)

    def copy(self, source: "ObjectBackend", key: str) -> None:
        """Take the value of a key from another part of this bucket, copied by the store itself.

        A value of this key that is here stays: keys are named after contents.
        """
        place, goal = source._place(key), self._place(key)
        source.size(key)
        with suppress(AlreadyExists):
            self._client.copy_new(key, place, goal)

    def address(self, key: str, seconds: int, endpoint: str = "") -> str:
        """Return an address at which anybody may read a value for so long, without keys; nothing is asked.

        Args:
            key: Of the value.
            seconds: For how long, from now on.
            endpoint: Where an S3 server is reached, if not where this process reaches it.

        Raises:
            Unsupported: The keys of this process cannot sign, or the store has no addresses.
        """
        return signed(self._client.stores, self._place(key), seconds, endpoint)

    def address_for_new(
        self, key: str, seconds: int, endpoint: str = "", *, headers: Mapping[str, str]
    ) -> str:
        """Return an address at which anybody may put one value for so long, without keys; nothing is asked.

        Args:
            key: Of the value.
            seconds: For how long, from now on.
            endpoint: As for `address`.
            headers: Signed, so that they have to be sent there: what the value has to be like.

        Raises:
            Unsupported: The keys of this process cannot sign, or the store has no such addresses.
        """
        return signed_for_new(self._client.stores, self._place(key), seconds, endpoint, headers)

    def close(self) -> None:
        """Do nothing: connections are kept for others of this process."""

    def _require(self, key: str, offset: int, length: int) -> None:
        """Raise what a range that is not there means: no such value, or one that ends before it."""
        with suppress(Unavailable):
            span(key, self.size(key), offset, length)

    def _place(self, key: str) -> str:
        return self._prefix + check_key(key)


def _is_key(key: str) -> bool:
    """Say whether a name in the bucket is a key; others may have put things beside."""
    try:
        check_key(key)
    except InvalidInput:
        return False
    return True
