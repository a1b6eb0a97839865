"""Requests to an object store that are made once in effect, however often they are sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from tether.errors import AlreadyExists, NotFound, Unavailable
from tether.storage.objecterrors import is_undecided, translate, unable, was_cut

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion
    from obstore.store import ObjectStore

T = TypeVar("T")
_PAGE = 1000
_TRIES = 6
_DELAY_S = 0.1
_COPY_WAITS_S = tuple(min(0.1 * 2**turn, 5.0) for turn in range(30))


@dataclass(frozen=True, slots=True)
class Stores:
    """The ways to one bucket.

    Attributes:
        name: The address, for messages.
        many: Repeats what failed and may be repeated.
        once: Repeats nothing, for conditional writes: whether one was made is found out here.
        far: It is a far end: its failures are not of the storage of this process.
    """

    name: str
    many: "ObjectStore"
    once: "ObjectStore"
    far: bool = False


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
                if attempt == _TRIES - 1 or not was_cut(error):
                    # A name for it here would be a cycle, in which what callers hold stays for long.
                    raise translate(error, self.name, key, far=self.stores.far) from None
                self.sleep(_DELAY_S * 2**attempt)
        raise AssertionError

    def size(self, key: str, place: str) -> int:
        """Return the length of a value in bytes."""
        return self.ask(key, lambda store: int(obstore.head(store, place)["size"]))

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
        return self._once(
            key,
            lambda store: obstore.put(store, place, data, mode=mode, use_multipart=False),
            lambda: self.versioned(key, place)[0] == data,
            create=mode == "create",
        )

    def copy_new(self, key: str, source: str, target: str) -> None:
        """Let the store copy a value to a free place, and wait until it is there whole.

        Azure may answer before it has copied a large value; the copy is empty until then.

        Raises:
            AlreadyExists: Something is at the place.
            Unavailable: The store cannot be reached, or it takes too long; what is at the source stays.
        """

        def is_there() -> bool:
            return self.size(key, source) == self.size(key, target)

        if not self._once(
            key, lambda store: obstore.copy(store, source, target, overwrite=False), is_there, create=True
        ):
            raise AlreadyExists(f"already exists: {target}")
        if not self.stores.name.startswith("az:"):
            return
        for wait_s in _COPY_WAITS_S:
            if is_there():
                return
            self.sleep(wait_s)
        raise unable(f"{self.name} takes long to copy {key}", far=self.stores.far)

    def _once(
        self,
        key: str,
        write: Callable[["ObjectStore"], object],
        is_made: Callable[[], bool],
        *,
        create: bool,
    ) -> bool:
        """Write under a condition; False where it does not hold.

        Args:
            key: What it is about, for messages.
            write: Does it, under the condition.
            is_made: Says, where a try may have been made, whether what is there now is of this write.
            create: The condition is that nothing is there.
        """
        doubtful = False
        for attempt in range(_TRIES):
            try:
                write(self.stores.once)
                return True
            except (BaseError, FileNotFoundError) as error:
                failure = translate(error, self.name, key, far=self.stores.far)
                refused = _is_refusal(error, create=create)
                if refused and doubtful and is_made():
                    return True
                if refused and not is_undecided(error):
                    return False
                if refused:  # another write is under way, and may fail
                    failure = unable(f"others write {key} all the time", far=self.stores.far)
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
