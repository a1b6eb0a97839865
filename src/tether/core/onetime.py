"""Work of a name that one thread does while others who want the same wait for it."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from threading import Lock


class OneAtATime:
    """Locks by name, there only while somebody has or wants them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._held: dict[Hashable, tuple[Lock, int]] = {}

    @contextmanager
    def of(self, name: Hashable) -> Iterator[None]:
        """Let one thread at a time into the blocks of a name."""
        with self._lock:
            lock, users = self._held.get(name, (Lock(), 0))
            self._held[name] = lock, users + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                users = self._held[name][1] - 1
                if users:
                    self._held[name] = lock, users
                else:
                    del self._held[name]
