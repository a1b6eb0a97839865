"""Turns traces on where the operator of a hub wants some; otherwise no SDK of OpenTelemetry is loaded."""

from collections.abc import Iterator
from contextlib import contextmanager

from tether.core.tracing import UNTRACED, Tracer
from tether.errors import Unsupported
from tether.hub.settings import HubSettings


@contextmanager
def tracing(settings: HubSettings) -> Iterator[Tracer]:
    """Yield what the hub tells its work to; at the end what is left is sent, in a time that is bounded.

    Raises:
        Unsupported: Traces are wanted, and the packages for them are not installed.
    """
    if not settings.traces:
        yield UNTRACED
        return
    try:
        from tether.hub.traces.exporting import sending
    except ModuleNotFoundError:
        raise Unsupported(
            "traces need packages that are not installed: opentelemetry-sdk and its OTLP exporter",
            hint="run: pip install 'tether[hub,telemetry]'",
        ) from None
    with sending(settings) as tracer:
        yield tracer
