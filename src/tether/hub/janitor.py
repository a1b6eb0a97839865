"""What a hub does from time to time while it serves: purge what was deleted, count, collect garbage."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tether.hub.counting import recount
from tether.hub.database.models import RepositoryRow
from tether.hub.hub import Hub
from tether.hub.keeping import purge
from tether.hub.places import remove_ended
from tether.hub.upkeep import chosen, collect
from tether.hub.webhooks.deliveries import forget_old
from tether.hub.workspaces import remove_expired

EVERY_S = 3600.0
STAMP = "gc-last"
"""The file in the folder of the hub with the time of the last run, which all hubs of the folder share."""
_logger = logging.getLogger("tether.hub")


class _Stopped(Exception):
    """The hub ends."""


class _Stoppable:
    """Progress that ends what it is told of, once the hub does; gc can be stopped at any point."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def start(self, label: str, total: int | None, unit: str) -> None:
        """Look whether to go on."""
        self.advance(0)

    def advance(self, amount: int) -> None:
        """Look whether to go on."""
        if self._stop.is_set():
            raise _Stopped

    def finish(self) -> None:
        """Do nothing."""


@contextmanager
def janitor(hub: Hub, every_s: float = EVERY_S) -> Iterator[None]:
    """Work at once and then every hour, or as often as gc is wanted, in a thread, until the block ends."""
    stop = threading.Event()
    pause_s = min(every_s, hub.settings.gc_every_s or every_s)

    def work() -> None:
        while True:
            _tried(partial(_purge, hub), "the purge of deleted repositories")
            _tried(partial(forget_old, hub), "forgetting deliveries of webhooks")
            _tried(partial(remove_expired, hub), "the removal of old workspaces")
            _tried(partial(remove_ended, hub), "the removal of places in the bucket")
            _tried(partial(recount, hub), "counting what repositories take")
            _tried(partial(_collect_if_due, hub, stop), "the garbage collection")
            if stop.wait(pause_s):
                return

    thread = threading.Thread(target=work, name="janitor")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _tried(work: Callable[[], object], what: str) -> None:
    """Work; what goes wrong is logged and tried again the next time."""
    try:
        work()
    except _Stopped:
        pass
    except Exception:
        _logger.exception("%s failed", what)


def _purge(hub: Hub) -> None:
    for address in purge(hub):
        _logger.info("purged %s", address)


def _collect_if_due(hub: Hub, stop: threading.Event) -> None:
    """Collect garbage in all repositories if the last run of any hub here is long enough ago."""
    every, stamp = hub.settings.gc_every_s * 1_000_000, hub.settings.root / STAMP
    now = hub.now()
    last = _last(stamp)
    if not every or (last is not None and now - last < every):
        return
    stamp.write_text(f"{now}\n")
    if last is None:  # a new hub: nothing is garbage yet
        return
    for row in chosen(hub, ()):
        if stop.is_set():
            return
        _tried(partial(_collect, hub, row, stop), f"the garbage collection of {row.full_name}")


def _collect(hub: Hub, row: RepositoryRow, stop: threading.Event) -> None:
    counts = collect(hub, row, _Stoppable(stop), lambda _: not stop.is_set())
    _logger.info("garbage collection of %s freed %d bytes", row.full_name, counts.freed)


def _last(stamp: Path) -> int | None:
    with suppress(FileNotFoundError, ValueError):
        return int(stamp.read_text())
    return None
