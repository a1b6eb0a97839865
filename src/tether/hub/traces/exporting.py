"""Sends spans to the collector, from a thread of its own: nobody waits for it, and it may be away."""

import logging
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from tether.hub.settings import HubSettings
from tether.hub.traces.sampling import Share
from tether.hub.traces.tracer import HubTracer

CLOSING_S = 3.0
"""How long a hub that ends waits until what it still has was sent."""
SERVICE = "tether-hub"
_PATH = "/v1/traces"
_LONGEST_REASON = 200
_logger = logging.getLogger("tether.hub")


@contextmanager
def sending(settings: HubSettings) -> Iterator[HubTracer]:
    """Yield a tracer whose spans go to the collector of the settings.

    At the end what is left is sent, for `CLOSING_S` at most. The variables `OTEL_...` are read by
    OpenTelemetry itself.
    """
    exporter = OTLPSpanExporter(address_of(settings.traces))  # it follows no redirects
    sampler = Share(settings.traces_sample, random.random, follow=settings.traces_follow)
    provider = TracerProvider(sampler, _resource(), shutdown_on_exit=False)
    with _reasons() as reasons:
        provider.add_span_processor(BatchSpanProcessor(Told(exporter, reasons)))
        try:
            yield HubTracer(provider.get_tracer("tether.hub"))
        finally:
            # It waits for a collector that hangs for longer than we do; such a thread ends with the process.
            closing = threading.Thread(target=provider.shutdown, name="traces-end", daemon=True)
            closing.start()
            closing.join(CLOSING_S)


def address_of(collector: str) -> str:
    """Return where spans are sent to: the address of the collector, and the path of traces if it lacks."""
    base = collector.rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH


def _resource() -> Resource:
    """Return what all spans say of this process: what variables say, or else the name of the service."""
    found = Resource.create()
    if str(found.attributes["service.name"]).startswith("unknown_service"):
        return found.merge(Resource({"service.name": SERVICE}))
    return found


class Told(SpanExporter):
    """Writes to the log when the collector no longer takes spans, and when it does again.

    Args:
        inner: Sends them.
        reasons: Hears what `inner` says of it.
    """

    def __init__(self, inner: SpanExporter, reasons: "Reasons") -> None:
        self._inner, self._reasons, self._good = inner, reasons, True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send some spans; those that are not taken are lost."""
        result = self._inner.export(spans)
        good = result is SpanExportResult.SUCCESS
        if self._good and not good:
            _logger.warning("traces are lost, the collector does not take them: %s", self._reasons.last)
        if good and not self._good:
            _logger.warning("the collector takes traces again")
        self._good = good
        return result

    def shutdown(self) -> None:
        """End it."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Return at once: nothing waits here."""
        return self._inner.force_flush(timeout_millis)


class Reasons(logging.Handler):
    """Keeps the last thing that the packages of OpenTelemetry wanted to say, for one line in our log."""

    last = "no reason given"

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.last = " ".join(record.getMessage().split())[:_LONGEST_REASON]


@contextmanager
def _reasons() -> Iterator[Reasons]:
    """Hear what the packages of OpenTelemetry say: they repeat it for every batch, with tracebacks."""
    logger, handler = logging.getLogger("opentelemetry"), Reasons(logging.WARNING)
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.propagate = before
