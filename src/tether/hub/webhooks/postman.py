"""The threads of a hub that send what webhooks are to be told."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tether.errors import TetherError
from tether.hub.database.webhooks import Delivery
from tether.hub.hub import Hub
from tether.hub.webhooks.addresses import parse_networks
from tether.hub.webhooks.deliveries import claim, finish
from tether.hub.webhooks.sending import Outcome, Sender, signed

THREADS = 4
EVERY_S, AFTER_FAILURE_S = 1.0, 10.0
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
    with hub.tracer.job("deliver webhook", delivery=delivery.id, attempt=delivery.attempts) as span:
        outcome = _send(hub, sender, delivery)
        span.note(delivered=outcome.good, status=outcome.status or 0)
    if not outcome.good:
        _logger.info("delivery %s of a webhook failed, attempt %d", delivery.id, delivery.attempts)
    return True


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
    stop, sender = threading.Event(), sender_of(hub, monotonic)

    def work() -> None:
        pause_s = 0.0
        while not stop.wait(pause_s):
            try:
                pause_s = 0.0 if send_one(hub, sender) else EVERY_S
            except TetherError as error:
                _logger.warning("webhooks wait: %s", error)
                pause_s = AFTER_FAILURE_S
            except Exception:
                _logger.exception("sending webhooks failed")
                pause_s = AFTER_FAILURE_S

    threads = [threading.Thread(target=work, name=f"postman-{number}") for number in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
