"""What a backend over a bucket holds in memory: nothing of what was sent."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import LocalStore

from tether.storage.objectclient import Stores
from tether.storage.objectstore import ObjectBackend


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Let cycles of references stay."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
def test_what_was_sent_is_given_back_at_once(tmp_path: Path) -> None:
    """Packs are mapped while they are sent: a push of many must not hold them all."""
    store = LocalStore(tmp_path)
    backend = ObjectBackend(Stores("file://", store, store))
    data = memoryview(bytes(1000))
    gone = weakref.ref(data)

    backend.put("packs/a", data)
    del data

    assert gone() is None
    assert backend.size("packs/a") == 1000
