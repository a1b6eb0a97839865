"""Requests to an object store that are made once in effect, however often they are sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from tether.errors import NotFound, Unavailable
from tether.storage.objecterrors import status_of, translate, was_cut

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion
    from obstore.store import ObjectStore

T = TypeVar("T")
_CONFLICTING = 409
_PAGE = 1000
_TRIES = 6
_DELAY_S = 0.1


@dataclass(frozen=True, slots=True)
class Stores:
    """The ways to one bucket.

    Attributes:
        name: The address, for messages.
        many: Repeats what failed and may be repeated.
        once: Repeats nothing, for conditional writes: whether one was made is found out here.
    """

    name: str
    many: "ObjectStore"
    once: "ObjectStore"


@dataclass(frozen=True, slots=True)
class ObjectClient:
    """Asks a bucket, and writes to it under conditions.

    Attributes:
        stores: The ways to it.
        name: What messages call it.
        sleep: Waits that many seconds before something is tried again.
    """

    stores: Stores
    name: str
    sleep: Callable[[float], None] = time.sleep

    def ask(self, key: str, question: Callable[["ObjectStore"], T]) -> T:
        """Return an answer; the store's client repeats what was refused, here what was cut is asked again.

        Args:
            key: What it is about, for messages.
            question: Asks it.

        Raises:
            TetherError: As the error means.
        """
        for attempt in range(_TRIES):
            try:
                return question(self.stores.many)
            except (BaseError, FileNotFoundError) as error:
                failure = translate(error, self.name, key)
                if attempt == _TRIES - 1 or not was_cut(error):
                    raise failure from None
                self.sleep(_DELAY_S * 2**attempt)
        raise AssertionError

    def listed(self, folder: str, most: int | None = None) -> list[tuple[str, int]]:
        """Return (place, size) of what is below a folder, in no order; up to `most`, or all."""

        def ask(store: "ObjectStore") -> list[tuple[str, int]]:
            pages = obstore.list(store, folder or None, chunk_size=most or _PAGE)
            chosen = pages if most is None else [next(iter(pages), [])]
            return [(each["path"], each["size"]) for page in chosen for each in page]

        return self.ask(folder or "the bucket", ask)

    def versioned(self, key: str, place: str) -> "tuple[bytes | None, UpdateVersion | None]":
        """Return a value and what its store calls this version of it; None and None where there is none."""

        def ask(store: "ObjectStore") -> "tuple[bytes, UpdateVersion]":
            found = obstore.get(store, place)
            version: UpdateVersion = {}
            if found.meta["e_tag"]:
                version["e_tag"] = found.meta["e_tag"]
            if found.meta["version"]:
                version["version"] = found.meta["version"]
            return bytes(found.bytes()), version

        try:
            return self.ask(key, ask)
        except NotFound as error:
            if key not in str(error):  # there is no bucket
                raise
            return None, None

    def put_if(self, key: str, place: str, data: bytes, mode: "PutMode") -> bool:
        """Write under a condition; False where it does not hold.

        A write whose reply was lost may have been made: if the condition does not hold any more then, its
        very bytes are looked for.

        Raises:
            TetherError: As the error means; after Unavailable the write may have been made.
        """
        doubtful = False
        for attempt in range(_TRIES):
            try:
                obstore.put(self.stores.once, place, data, mode=mode, use_multipart=False)
                return True
            except (BaseError, FileNotFoundError) as error:
                failure = translate(error, self.name, key)
                refused = _is_refusal(error, create=mode == "create")
                if refused and doubtful and self.versioned(key, place)[0] == data:
                    return True
                if refused and status_of(error) != _CONFLICTING:
                    return False
                if refused:  # another write is under way, and may fail
                    failure = Unavailable(f"others write {key} all the time", hint="run it again")
                doubtful = doubtful or not refused
                if not isinstance(failure, Unavailable) or attempt == _TRIES - 1:
                    raise failure from None
                self.sleep(_DELAY_S * 2**attempt)
        raise AssertionError


def _is_refusal(error: Exception, *, create: bool) -> bool:
    """Say whether a condition did not hold; a value that is gone cannot be the one that was expected."""
    if isinstance(error, FileNotFoundError):
        return not create
    return isinstance(error, AlreadyExistsError | PreconditionError)
