"""The packs of a repository in the bucket of a hub, some of which it has in common with others.

The repository sees keys, as everywhere. Where what they stand for lies, and who else has it, is known here
alone: `tether.hub.database.packnames` has the rules.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from tether.core.digest import Buffer
from tether.errors import AlreadyExists, NotFound
from tether.hub.database.engine import Database
from tether.hub.database.packnames import PACKS, PackNames, batches, forget, given_up
from tether.storage.backend import Backend, Upload, check_key
from tether.storage.sharing import wrapped
from tether.storage.wrappers import CountedUpload, Wrapper

if TYPE_CHECKING:
    from tether.storage.objectstore import ObjectBackend

_NAMED = (PACKS, "quarantine/")
"""What keys begin with that can be names."""
SWEEP_AFTER = 24 * 3600 * 1_000_000
"""Microseconds after which what a stop left at a doomed place is removed; no request takes so long."""

T = TypeVar("T")


class Placed(Wrapper):
    """The part of a repository in the bucket, where packs may lie in the parts of others.

    Args:
        bucket: Of the hub.
        repository_id: Of the repository.
        database: Of the hub.
        now: Gives the time, in microseconds since 1970.
    """

    def __init__(
        self, bucket: "ObjectBackend", repository_id: str, database: Database, now: Callable[[], int]
    ) -> None:
        super().__init__(bucket.below(repository_id))
        self.bucket, self.names = bucket, PackNames(database, repository_id, now)
        self._database = database
        self._known: dict[str, str] = {}

    # -- reading ----------------------------------------------------------------------------

    def place(self, key: str) -> str | None:
        """Return where in the bucket of the hub to look for a value; None where there is none."""
        return self.names.place(check_key(key)) if key.startswith(_NAMED) else self.names.own(check_key(key))

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return `length` bytes from `offset`, or all that follows."""
        return self._asked(key, lambda part, name: part.read(name, offset, length))

    def read_into(self, key: str, offset: int, buffer: bytearray | memoryview) -> None:
        """Fill `buffer` with the bytes from `offset`."""
        self._asked(key, lambda part, name: part.read_into(name, offset, buffer))

    def size(self, key: str) -> int:
        """Return the value's length in bytes."""
        return self._asked(key, lambda part, name: part.size(name))

    def map(self, key: str) -> Buffer:
        """Return the whole value, in memory."""
        return self._asked(key, lambda part, name: part.map(name))

    def exists(self, key: str) -> bool:
        """Tell whether there is a value."""
        place = self.place(key)
        return place is not None and self.bucket.exists(place)

    def list(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield (key, size) of the keys that begin with `prefix`, in order of the keys."""
        found = self.inner.list(prefix)
        if prefix and not prefix.startswith(_NAMED) and not any(each.startswith(prefix) for each in _NAMED):
            return found
        taken, named = self.names.listed(prefix)
        lying = {key: size for key, size in found if self.names.own(key) not in taken}
        return iter(sorted({**lying, **named}.items()))

    def _asked(self, key: str, ask: Callable[["ObjectBackend", str], T]) -> T:
        """Ask for a value where it was before, or where its name says now."""
        known = self._known.get(key)
        if known is not None:
            with suppress(NotFound):
                return ask(*self._part(known))
        place = self.place(key)
        if place is None:
            raise NotFound(f"not found: {key}")
        found = ask(*self._part(place))
        self._known[key] = place
        return found

    def _part(self, place: str) -> "tuple[ObjectBackend, str]":
        """Return the part of the bucket that has a place, and its key there, which is what messages name."""
        home, _, key = place.partition("/")
        return self.bucket.below(home), key

    # -- writing ----------------------------------------------------------------------------

    def upload(self) -> Upload:
        """Begin a new value."""
        return _PlacedUpload(self, self.inner.upload())

    def finish(self, key: str, upload: Upload, size: int) -> None:
        """Store what was uploaded, in a place of its own where that of its key is another's now."""
        place = self.place(key)
        if place == self.names.own(key):
            upload.finish(key)
            return
        if place is not None:
            with suppress(NotFound):
                if self.bucket.size(place) == size:
                    upload.abort()
                    return
                raise AlreadyExists(f"another value is stored as {key}", hint="run 'tether hub fsck'")
            self._remove([key])  # what it named is lost
        place = self.names.begin(size)
        upload.finish(place.removeprefix(self.names.own("")))
        self.names.settle(place, key)

    def delete(self, key: str) -> None:
        """Remove a value; others who have it keep it."""
        self._known.pop(key, None)
        if key.startswith(_NAMED):
            self._remove([check_key(key)])
        else:
            self.inner.delete(key)

    def move(self, source: str, target: str) -> None:
        """Give the value of `source` the key `target`; what others have too only gets another name."""
        self._known.pop(source, None)
        if source == target:
            self.size(source)
            return
        if self.exists(target):
            self.size(source)
            raise AlreadyExists(f"another value is stored as {target}")
        if source.startswith(_NAMED) and self.names.rename(source, target):
            return
        self.size(source)
        if not source.startswith(PACKS):
            self._bring_back(source, target)
            return
        places = self.names.give_up([source])
        if self.names.own(source) not in places:  # others were given it just now, and it is theirs
            raise NotFound(f"not found: {source}", hint="try again")
        # Whatever fails now, the place stays doomed: who comes later cannot rely on what lies there.
        self.inner.move(source, target)
        forget(self._database, places)

    def link_from(self, source: Backend, keys: Sequence[str]) -> bool:
        """Give values of another repository names here too; say whether it has them in the same bucket.

        Raises:
            NotFound: It has not all of them.
        """
        there = wrapped(source, Placed)
        if there is None or there.bucket is not self.bucket:
            return False
        sizes = dict(there.list(PACKS))
        lost = [key for key in keys if key not in sizes]
        if lost:
            raise NotFound(f"not found: {lost[0]}")
        places = there.names.register({key: sizes[key] for key in keys})
        lying = {there.names.own(key) for key, _ in there.inner.list(PACKS)}
        lost = [key for key in keys if places[key] == there.names.own(key) and places[key] not in lying]
        if not lost:
            lost = [key for key in self.names.link(there.names, keys) if not self.exists(key)]
        if lost:
            raise NotFound(f"not found: {lost[0]}", hint="try again")
        return True

    def _bring_back(self, source: str, target: str) -> None:
        """Move what nobody else has, into a new place where its own is another's now."""
        if self.place(target) is not None:
            self.inner.move(source, target)
            return
        place = self.names.begin(self.size(source))
        self.bucket.move(self.names.own(source), place)
        self.names.settle(place, target)

    def remove_all(self) -> None:
        """Remove all that the repository has, for good; others keep what they have in common with it."""
        keys = [key for key, _ in self.list("")]
        for batch in batches(key for key in keys if key.startswith(_NAMED)):
            self._remove(batch)
        for key in keys:
            if not key.startswith(_NAMED):
                self.inner.delete(key)

    def _remove(self, keys: Sequence[str]) -> None:
        places = self.names.give_up(keys)
        for place in places:
            self.bucket.delete(place)
        if places:
            forget(self._database, places)


class _PlacedUpload(CountedUpload):
    """An upload whose place is chosen at its end."""

    def __init__(self, backend: Placed, upload: Upload) -> None:
        super().__init__(upload)
        self._backend = backend

    def finish(self, key: str) -> None:
        """Make the value durable, unless it is there."""
        self._backend.finish(key, self.inner, self.size)


def sweep(bucket: "ObjectBackend", database: Database, now: int) -> int:
    """Remove what lies at places that nothing names, where a stop left it; return how many there were."""
    places = given_up(database, now, now - SWEEP_AFTER)
    for place in places:
        bucket.delete(place)
    for batch in batches(places):
        forget(database, batch)
    return len(places)
