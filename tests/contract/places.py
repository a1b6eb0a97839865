"""The backends under the contract, each with a way around it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.faults import Faults, LossyBackend

from tether.storage.backend import Backend
from tether.storage.local import LocalBackend
from tether.storage.memory import MemoryBackend
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


def _same(backend: Backend) -> Backend:
    return backend


KINDS: dict[str, Callable[[Path], Place]] = {
    "local": lambda root: local_place(root, _same),
    "memory": lambda _: memory_place(MemoryBackend(), _same),
    "lossy": lambda _: memory_place(LossyBackend(), _same),
    "wrapped local": lambda root: local_place(root, lambda inner: Retry(Wrapper(inner), _never)),
    "wrapped memory": lambda _: memory_place(MemoryBackend(), Faults),
}
