"""The backends under the contract, each with a way around it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tests.support.faults import Faults, LossyBackend
from tests.support.stores import SERVERS

from tether.core.tracing import UNTRACED
from tether.hub.secret import new_id
from tether.hub.traces.backends import Traced
from tether.storage.backend import Backend
from tether.storage.buckets import BucketAddress, open_bucket
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
from tether.storage.readcache import Cached, Kept
from tether.storage.wrappers import Retry, Wrapper


@dataclass(frozen=True)
class Place:
    """A backend, and the raw store behind it."""

    backend: Backend
    get: Callable[[str], bytes | None]
    put: Callable[[str, bytes], None]
    keys: Callable[[], set[str]]


def _never(_seconds: float) -> None:
    raise AssertionError("nothing was unavailable")


def local_place(root: Path, wrap: Callable[[Backend], Backend]) -> Place:
    """Return a backend over a folder, with raw access to the files."""

    def get(key: str) -> bytes | None:
        path = root / key
        return path.read_bytes() if path.is_file() else None

    def put(key: str, value: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(value)

    def keys() -> set[str]:
        files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith("."))
        return {path.relative_to(root).as_posix() for path in files}

    return Place(wrap(LocalBackend(root)), get, put, keys)


def memory_place(store: MemoryBackend, wrap: Callable[[Backend], Backend]) -> Place:
    """Return a backend over a dict, with raw access to it."""
    values = store._values
    return Place(wrap(store), values.get, values.__setitem__, lambda: set(values))


def bucket_place(scheme: str, root: Path) -> Place:
    """Return a backend over a part of a bucket of a server, with raw access by another client."""
    import obstore
    from obstore.store import AzureStore, GCSStore, S3Store

    server = SERVERS[scheme]()
    prefix = server.new_prefix()
    client: Any = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[scheme]
    raw = client(server.bucket, prefix=prefix, config=server.keys(), client_options={"allow_http": True})

    def get(key: str) -> bytes | None:
        try:
            return bytes(obstore.get(raw, key).bytes())
        except FileNotFoundError:
            return None

    def put(key: str, value: bytes) -> None:
        obstore.put(raw, key, value)

    def keys() -> set[str]:
        return {each["path"] for page in obstore.list(raw) for each in page}

    root.mkdir(parents=True, exist_ok=True)
    address = BucketAddress(scheme, server.bucket, prefix)
    return Place(open_bucket(address, server.keys(), spool=root), get, put, keys)


def object_memory_place() -> Place:
    """Return a backend over the memory of an object store's client, with raw access to it."""
    import obstore
    from obstore.store import MemoryStore

    from tether.storage.objectclient import Stores
    from tether.storage.objectstore import ObjectBackend

    store = MemoryStore()

    def get(key: str) -> bytes | None:
        try:
            return bytes(obstore.get(store, f"below/{key}").bytes())
        except FileNotFoundError:
            return None

    def put(key: str, value: bytes) -> None:
        obstore.put(store, f"below/{key}", value)

    def keys() -> set[str]:
        return {each["path"].removeprefix("below/") for page in obstore.list(store) for each in page}

    backend = ObjectBackend(Stores("memory://", store, store)).below("below")
    return Place(backend, get, put, keys)


def placed_place(root: Path) -> Place:
    """Return the part of a repository in the bucket of a hub, whose packs may have names in others."""
    from tests.support.tables import lay_database

    from tether.hub.database.engine import Database
    from tether.hub.placed import Placed

    found = object_memory_place()
    bucket = cast(Any, found.backend)
    root.mkdir(parents=True, exist_ok=True)
    lay_database(root / "hub.db")
    database = Database(f"sqlite:///{root / 'hub.db'}")
    repository = new_id()
    return Place(
        _Closing(Placed(bucket, repository, database, lambda: 1), database.close),
        lambda key: found.get(f"{repository}/{key}"),
        lambda key, value: found.put(f"{repository}/{key}", value),
        lambda: {key.removeprefix(f"{repository}/") for key in found.keys()},  # noqa: SIM118 - no dict
    )


class _Closing(Wrapper):
    """Closes something else too."""

    def __init__(self, inner: Backend, close: Callable[[], None]) -> None:
        super().__init__(inner)
        self._close = close

    def close(self) -> None:
        """Close both."""
        super().close()
        self._close()


def _same(backend: Backend) -> Backend:
    return backend


KINDS: dict[str, Callable[[Path], Place]] = {
    "local": lambda root: local_place(root, _same),
    "memory": lambda _: memory_place(MemoryBackend(), _same),
    "object memory": lambda _: object_memory_place(),
    "placed": placed_place,
    "s3": lambda root: bucket_place("s3", root),
    "cached memory": lambda _: memory_place(
        MemoryBackend(), lambda inner: Cached(inner, ("a", "f", "packs", "quarantine"), Kept(10_000))
    ),
    "lossy": lambda _: memory_place(LossyBackend(), _same),
    "wrapped local": lambda root: local_place(root, lambda inner: Retry(Wrapper(inner), _never)),
    "wrapped memory": lambda _: memory_place(MemoryBackend(), Faults),
    "traced local": lambda root: local_place(root, lambda inner: Traced(inner, UNTRACED, "folder")),
}

BUCKETS: dict[str, Callable[[Path], Place]] = {
    "gs": lambda root: bucket_place("gs", root),
    "az": lambda root: bucket_place("az", root),
}
"""Further kinds, for the tests that are marked `every_bucket`: most of how they work is that of S3."""
