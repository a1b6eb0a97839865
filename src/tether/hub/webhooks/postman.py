"""The threads of a hub that send what webhooks are to be told: one looks for what is due, some send."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tether.errors import TetherError
from tether.hub.database.bells import DELIVERIES, LOOK_S, Bell
from tether.hub.database.webhooks import Delivery
from tether.hub.hub import Hub
from tether.hub.webhooks.addresses import parse_networks
from tether.hub.webhooks.deliveries import claim, finish, next_due
from tether.hub.webhooks.sending import Outcome, Sender, signed

THREADS = 4
AFTER_FAILURE_S = 10.0
_BUSY_S = 1.0
"""How long to wait while something is due that nobody may send yet, as others go to the same webhook."""
_logger = logging.getLogger("tether.hub")


def sender_of(hub: Hub, monotonic: Callable[[], float]) -> Sender:
    """Return what sends as the settings of a hub say."""
    settings = hub.settings
    return Sender(monotonic, settings.webhook_timeout_s, parse_networks(settings.webhook_networks))


def send_one(hub: Hub, sender: Sender) -> bool:
    """Send one delivery that is due; say whether there was one.

    Raises:
        Unavailable: The database does not answer.
    """
    delivery = claim(hub)
    if delivery is None:
        return False
    _send_claimed(hub, sender, delivery)
    return True


def _send_claimed(hub: Hub, sender: Sender, delivery: Delivery) -> None:
    with hub.tracer.job("deliver webhook", delivery=delivery.id, attempt=delivery.attempts) as span:
        outcome = _send(hub, sender, delivery)
        span.note(delivered=outcome.good, status=outcome.status or 0)
    if not outcome.good:
        _logger.info("delivery %s of a webhook failed, attempt %d", delivery.id, delivery.attempts)


def _send(hub: Hub, sender: Sender, delivery: Delivery) -> Outcome:
    webhook, body = delivery.webhook, delivery.body.encode()
    began = sender.monotonic()
    headers = signed(webhook.secret, hub.now() // 1_000_000, delivery.event, delivery.id, body)
    with hub.tracer.span("send webhook", bytes=len(body)):
        outcome = sender.send(webhook.url, headers, body)
    finish(hub, delivery, outcome, int((sender.monotonic() - began) * 1_000_000))
    return outcome


@contextmanager
def postman(hub: Hub, monotonic: Callable[[], float]) -> Iterator[None]:
    """Send what is due, in threads, until the block ends; an attempt under way ends first."""
    with hub.database.bells.heard(DELIVERIES) as bell, ThreadPoolExecutor(THREADS, "postman") as pool:
        dispatcher = _Dispatcher(hub, sender_of(hub, monotonic), pool, bell)
        thread = threading.Thread(target=dispatcher.run, name="postman")
        thread.start()
        try:
            yield
        finally:
            dispatcher.stop()
            thread.join()


class _Dispatcher:
    """Claims what is due as long as a thread is free to send it, and sleeps until something may be."""

    def __init__(self, hub: Hub, sender: Sender, pool: ThreadPoolExecutor, bell: Bell) -> None:
        self._hub, self._sender, self._pool, self._bell = hub, sender, pool, bell
        self._free, self._ended = threading.Semaphore(THREADS), threading.Event()

    def stop(self) -> None:
        """Let `run` end."""
        self._ended.set()
        self._bell.ring()

    def run(self) -> None:
        """Work until told to stop; what goes wrong is logged and tried again."""
        while True:
            self._bell.clear()
            if self._ended.is_set():
                return
            pause_s = self._guarded(self._look)
            if pause_s:
                self._bell.wait(pause_s)

    def _look(self) -> float:
        """Give one delivery to a thread; return how long to wait until it is worth looking again."""
        if not self._free.acquire(blocking=False):
            return LOOK_S  # whoever is free first rings
        delivery = None
        try:
            delivery = claim(self._hub)
            if delivery is None:
                return self._until_next()
            self._pool.submit(self._work, delivery)
        finally:
            if delivery is None:
                self._free.release()
        return 0.0

    def _until_next(self) -> float:
        due, now = next_due(self._hub), self._hub.now()
        if due is None:
            return LOOK_S
        return min((due - now) / 1_000_000, LOOK_S) if due > now else _BUSY_S

    def _work(self, delivery: Delivery) -> None:
        def send() -> float:
            _send_claimed(self._hub, self._sender, delivery)
            return 0.0

        self._guarded(send)
        self._free.release()
        self._bell.ring()

    def _guarded(self, work: Callable[[], float]) -> float:
        try:
            return work()
        except TetherError as error:
            _logger.warning("webhooks wait: %s", error)
        except Exception:
            _logger.exception("sending webhooks failed")
        return AFTER_FAILURE_S
