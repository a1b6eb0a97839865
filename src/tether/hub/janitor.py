"""What a hub does from time to time while it serves: remove for good what was deleted long ago, and count."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tether.hub.counting import recount
from tether.hub.hub import Hub
from tether.hub.keeping import purge

EVERY_S = 3600.0
_logger = logging.getLogger("tether.hub")


@contextmanager
def janitor(hub: Hub, every_s: float = EVERY_S) -> Iterator[None]:
    """Purge and count at once and then every hour, in a thread of its own, until the block ends."""
    stop = threading.Event()

    def work() -> None:
        while True:
            _purge(hub)
            _recount(hub)
            if stop.wait(every_s):
                return

    thread = threading.Thread(target=work, name="janitor")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _purge(hub: Hub) -> None:
    """Purge once; what goes wrong is logged and tried again the next time."""
    try:
        for address in purge(hub):
            _logger.info("purged %s", address)
    except Exception:
        _logger.exception("the purge of deleted repositories failed")


def _recount(hub: Hub) -> None:
    """Count once; as for the purge."""
    try:
        recount(hub)
    except Exception:
        _logger.exception("counting what repositories take failed")
